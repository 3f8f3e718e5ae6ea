package experiment

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"strata/pkg/ledger"
)

// ResultsFolder is where the numbers of a schedule go below the figures folder: results/shapes_in-demo.
func (s *Schedule) ResultsFolder(figures string) string {
	return filepath.Join(figures, "results", safeName(s.Roles.Set("in"))+"-"+s.Size.Name)
}

// Write computes the numbers of all runs that are done and saves cells, claims, claims over steps and the runs' provenance in folder.
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
	if err := writeCSV(filepath.Join(folder, "runs.csv"), v.runRows()); err != nil {
		return nil, nil, err
	}
	if err := v.engine.WriteSubsets(folder, ""); err != nil {
		return nil, nil, err
	}
	return cells, claims, ledger.Write(folder, claims) // last: a folder with a ledger is complete
}

// runRows say of every configuration and seed what it was, or why it is not there.
func (v *Evaluation) runRows() [][]string {
	rows := [][]string{{"configuration", "seed", "id", "network", "set", "set_hash", "train_images", "steps", "batch", "rate", "loss", "outliers", "general", "parent",
		"last_value", "dropped_images", "skipped_updates", "replaced_log_likelihoods", "backend", "lowering", "toolchain", "code_version", "seconds", "finished", "stands_for", "unstated", "problem"}}
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
			strconv.Itoa(info.Counts.Dropped), strconv.Itoa(info.Counts.Skipped), strconv.Itoa(v.NonFinite[info.ID]), info.Backend, info.Lowering, info.Toolchain,
			strconv.Itoa(s.CodeVersion), strconv.Itoa(int(info.Seconds)), info.Finished.Format("2006-01-02 15:04"), StandsFor(s.Set)})
		rows = append(rows, row)
	}
	return rows
}
