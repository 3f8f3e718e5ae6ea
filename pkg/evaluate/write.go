package evaluate

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
)

// ResultsFolder is where the numbers of a schedule go below the figures folder: results/procedural-quick. Where single
// roles were chosen it is called by the sets in and general: results/svhn-tiny-demo.
func ResultsFolder(s *runs.Schedule, figures string) string {
	name := opened.SafeName(s.Roles.Family)
	if s.Roles.Family == plan.Chosen {
		name = opened.SafeName(s.Roles.Set("in")) + "-" + opened.SafeName(s.Roles.Set("general"))
	}
	return filepath.Join(figures, "results", name+"-"+s.Size.Name)
}

// Write computes the numbers of all runs that are done and saves them in folder: cells, what the figures are drawn from, and the runs'
// provenance. Runs and roles that are not there leave columns, rows and pictures out. What is wrong is an error, after all else is written.
func (v *Evaluation) Write(ctx context.Context, folder string) ([]result.Cell, error) {
	var problems plan.Problems
	cells, seeds, err := v.Cells(ctx)
	problems.Add("cells", err)
	problems.Add("cells", result.Write(folder, cells))
	problems.Add("cells by seed", result.Write(folder, seeds))
	for _, part := range []struct {
		what  string
		write func() error
	}{
		{"pictures", func() error { return v.pictures.Write(ctx, folder) }}, // first: they hold the most in memory until they are drawn
		{"scores", func() error { return v.writeScores(ctx, folder) }},
		{"pixel differences", func() error { return v.WritePixelDifferences(folder) }},
		{"correlations", func() error { return save(folder, func() ([]result.Correlation, error) { return v.correlations(ctx) }) }},
		{"curves", func() error { return save(folder, func() ([]result.CurvePoint, error) { return v.curves(ctx) }) }},
		{"kernel", func() error { return v.writeKernel(ctx, folder) }},
		{"runs", func() error { return save(folder, v.runs) }},
		{"subsets", func() error { return result.NotWritten(v.engine.WriteSubsets(folder, "")) }},
	} {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		problems.Add(part.what, part.write())
	}
	v.tables = nil // claims ask for other tables, and keep resamples of their own
	v.resampler.Forget()
	return cells, problems.Err()
}

// save writes the rows of a table, as far as there are some, and says what kept others from being there.
func save[T result.Row](folder string, compute func() ([]T, error)) error {
	rows, err := compute()
	return errors.Join(err, result.Write(folder, rows))
}

// runs say of every configuration and seed what it was, or why it is not there.
func (v *Evaluation) runs() ([]result.Run, error) {
	var rows []result.Run
	for _, scheduled := range v.schedule.Runs {
		c := scheduled.Configuration
		row := result.Run{Configuration: c.Name, Seed: scheduled.Seed, Unstated: c.Unstated}
		run, err := v.schedule.Run(c.Name, scheduled.Seed)
		if err != nil {
			row.Problem = brokenNote
			if errors.Is(err, plan.ErrAbsent) {
				row.Problem = err.Error()
			}
			rows = append(rows, row)
			continue
		}
		info, s := run.Info, run.Info.Spec
		row.ID, row.Network, row.Set, row.SetHash = info.ID, s.Network(), s.Set, s.SetHash[:16]
		row.TrainImages, row.Steps, row.Batch, row.Rate = s.TrainImages, s.Train.Steps, s.Train.Batch, s.Train.Optimiser.Rate
		row.Loss, row.Outliers, row.General, row.Parent = string(s.Train.Loss.Outliers), s.Outliers, s.General, s.Parent
		row.LastValue, row.Dropped, row.Skipped = info.LastValue, info.Counts.Dropped, info.Counts.Skipped
		for _, images := range v.replaced[info.ID] {
			row.Replaced += images
		}
		row.Backend, row.Lowering, row.Toolchain, row.Precision = info.Where(), info.Lowering, info.Toolchain, info.Precision
		row.CodeVersion, row.Seconds, row.Finished, row.StandsFor = s.CodeVersion, int(info.Seconds), info.Finished, plan.StandsFor(s.Set)
		rows = append(rows, row)
	}
	return rows, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
