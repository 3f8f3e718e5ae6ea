package evaluate

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"strata/pkg/ledger"

	"github.com/google/renameio/v2"
)

// ResultsFolder is where the numbers of a schedule go below the figures folder: results/shapes_in-demo.
func (s *Schedule) ResultsFolder(figures string) string {
	return filepath.Join(figures, "results", safeName(s.Roles.Set("in"))+"-"+s.Size.Name)
}

// Write computes the numbers of all runs that are done and saves them in folder: cells, claims, claims over steps,
// what the figures are drawn from, and the runs' provenance.
func (v *Evaluation) Write(ctx context.Context, folder string) ([]ledger.Cell, []ledger.Claim, error) {
	cells, err := v.Cells(ctx)
	if err != nil {
		return nil, nil, err
	}
	claims, err := v.Claims(ctx)
	if err != nil {
		return nil, nil, err
	}
	moments, err := v.Moments(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, nil, err
	}
	if err := ledger.WriteCells(folder, cells); err != nil {
		return nil, nil, err
	}
	if err := ledger.WriteMoments(folder, moments); err != nil {
		return nil, nil, err
	}
	if err := ledger.WriteSeeds(folder, cells); err != nil {
		return nil, nil, err
	}
	if err := v.writeForFigures(ctx, folder); err != nil {
		return nil, nil, err
	}
	if err := writeCSV(filepath.Join(folder, "runs.csv"), v.runRows()); err != nil {
		return nil, nil, err
	}
	if err := v.engine.WriteSubsets(folder, ""); err != nil {
		return nil, nil, err
	}
	return cells, claims, ledger.Write(folder, claims) // last: a folder with a ledger is complete
}

// writeForFigures saves what the figures are drawn from beside cells and claims: the scores of single images, pixel differences,
// correlations, curves and pictures. Runs and roles that are not there leave columns, rows and pictures out.
func (v *Evaluation) writeForFigures(ctx context.Context, folder string) error {
	if err := v.writeScores(ctx, folder); err != nil {
		return err
	}
	for _, table := range []struct {
		file string
		rows func() ([][]string, error)
	}{
		{"pixel_differences.csv", v.differenceRows},
		{"correlations.csv", func() ([][]string, error) { return v.correlationRows(ctx) }},
		{"curves.csv", func() ([][]string, error) { return v.curveRows(ctx) }},
	} {
		rows, err := table.rows()
		if err != nil {
			return fmt.Errorf("%s: %w", table.file, err)
		}
		if err := writeCSV(filepath.Join(folder, table.file), rows); err != nil {
			return err
		}
	}
	return v.writePictures(ctx, filepath.Join(folder, "pictures"))
}

// runRows say of every configuration and seed what it was, or why it is not there.
func (v *Evaluation) runRows() [][]string {
	rows := [][]string{{"configuration", "seed", "id", "network", "set", "set_hash", "train_images", "steps", "batch", "rate", "loss", "outliers", "general", "parent",
		"last_value", "dropped_images", "skipped_updates", "replaced_log_likelihoods", "backend", "lowering", "toolchain", "code_version", "seconds", "finished", "stands_for", "unstated", "problem", "precision"}}
	for _, scheduled := range v.schedule.Runs {
		c := scheduled.Configuration
		row := make([]string, len(rows[0]))
		row[0], row[1], row[25] = c.ID, strconv.FormatUint(scheduled.Seed, 10), c.Unstated
		run, err := v.schedule.Run(c.ID, scheduled.Seed)
		if err != nil {
			row[26] = err.Error()
			rows = append(rows, row)
			continue
		}
		info, s := run.Info, run.Info.Spec
		copy(row[2:], []string{info.ID, s.Network(), s.Set, s.SetHash[:16], strconv.Itoa(s.TrainImages), strconv.Itoa(s.Train.Steps), strconv.Itoa(s.Train.Batch),
			number(s.Train.Optimiser.Rate), string(s.Train.Loss.Outliers), s.Outliers, s.General, s.Parent, number(info.LastValue),
			strconv.Itoa(info.Counts.Dropped), strconv.Itoa(info.Counts.Skipped), strconv.Itoa(v.NonFinite[info.ID]), info.Where(), info.Lowering, info.Toolchain,
			strconv.Itoa(s.CodeVersion), strconv.Itoa(int(info.Seconds)), info.Finished.Format("2006-01-02 15:04"), plan.StandsFor(s.Set)})
		row[27] = info.Precision
		rows = append(rows, row)
	}
	return rows
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func writeCSV(path string, rows [][]string) error {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer file.Cleanup()
	if err := csv.NewWriter(file).WriteAll(rows); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return file.CloseAtomicallyReplace()
}
