// Package reproduce walks the whole street once: runs that are trained become numbers, numbers become verdicts on the
// paper's claims, and all of it a folder of results from which figures, report and notebooks are drawn.
package reproduce

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"time"

	"strata/pkg/claim"
	"strata/pkg/evaluate"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
)

// EarlierSeeds are those of which a folder has results. Whoever computes them anew without these seeds loses them, so
// a folder that cannot be read is an error.
func EarlierSeeds(folder string) ([]uint64, error) {
	rows, err := result.Read[result.Run](folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("there are results already, and of which seeds cannot be read: %w", err)
	}
	var seeds []uint64
	for _, row := range rows {
		if row.ID != "" && !slices.Contains(seeds, row.Seed) {
			seeds = append(seeds, row.Seed)
		}
	}
	return seeds, nil
}

// memoryLimit is from how much memory on Go's collector works harder. Most of what is live at the paper's size are
// images, columns and resamples, up to 800 MiB; left alone, as much garbage would lie beside them. What is live may be
// more: then it is collected more often, which is cheap, for these hold no pointers.
const memoryLimit = 1280 << 20

// Results computes what the finished runs of a schedule say and writes it to a folder of results, which is complete
// when its manifest is there. What is not trained leaves gaps; what is wrong is told after everything else is
// written, and the folder is complete all the same, with notes where numbers should be. Only a stop, or a file of it
// that cannot be written, leaves it incomplete.
func Results(ctx context.Context, engine *runs.Engine, schedule *runs.Schedule, folder string) ([]result.Cell, []result.Claim, error) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(min(memoryLimit, debug.SetMemoryLimit(-1))))
	if err := result.Begin(folder); err != nil {
		return nil, nil, err
	}
	evaluation, err := evaluate.New(engine, schedule)
	if err != nil {
		return nil, nil, err
	}
	judge, err := claim.NewJudge(evaluation, schedule.Seeds)
	if err != nil {
		return nil, nil, err
	}
	asked, err := judge.Asked(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := evaluation.Score(ctx, asked); err != nil {
		return nil, nil, err
	}
	var problems []error
	cells, err := evaluation.Write(ctx, folder)
	problems = append(problems, err)
	claims, conditions, err := judge.All(ctx, schedule.Size.Name)
	problems = append(problems, err)
	overSteps, err := judge.OverSteps(ctx, schedule.Size.CurvePoints, evaluation.Step)
	problems = append(problems, err)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	problems = append(problems, result.Write(folder, overSteps), result.Write(folder, conditions), result.Write(folder, claims))
	if err := errors.Join(problems...); errors.Is(err, result.ErrNotWritten) {
		return cells, claims, err
	}
	standsFor := map[string]string{}
	for _, set := range schedule.Roles.Sets {
		if of := plan.StandsFor(set); of != "" {
			standsFor[set] = of
		}
	}
	manifest := result.Manifest{Family: schedule.Roles.Family, Size: schedule.Size.Name, Seeds: slices.Clone(schedule.Seeds),
		Roles: schedule.Roles.Sets, StandsFor: standsFor, When: finished(schedule), CodeVersion: runs.CodeVersion}
	return cells, claims, errors.Join(append(problems, result.WriteManifest(folder, manifest))...)
}

// finished is when the last of the runs was, that the results are of: the same runs give the same files.
func finished(schedule *runs.Schedule) time.Time {
	var last time.Time
	for _, seed := range schedule.Seeds {
		for _, scheduled := range schedule.Runs {
			if run, err := schedule.Run(scheduled.Configuration.Name, seed); err == nil && run.Info.Finished.After(last) {
				last = run.Info.Finished
			}
		}
	}
	return last.Truncate(time.Second)
}
