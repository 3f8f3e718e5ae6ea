package evaluate

import (
	"context"
	"fmt"
	"slices"

	"strata/pkg/density"
	"strata/pkg/metric"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/score"
)

// ScoreSets scores the test images of sets by a run, the first set as in-distribution (role "in") and the others as
// outliers ("out"), at most images of each, 0 for all. Columns, in nats, higher is more in-distribution:
// log_likelihood, c1, c2, ... (each scale), png_bytes, the scores of score.All, complexity first, and with a general
// run: general, those that compare with it, ratio first, and ratio_c1, .... Non-finite likelihoods become
// metric.NonFiniteScore before any difference is taken, and are counted on Out; sets with unlike histories are warned
// of.
func ScoreSets(ctx context.Context, e *runs.Engine, run, general *runs.Run, sets []string, images int,
	noise density.Noise) (*result.Scores, error) {
	var all *result.Scores
	for i, set := range sets {
		role := "out"
		if i == 0 {
			role = "in"
		}
		table, err := scoreSet(ctx, e, run, general, set, images, noise)
		if err != nil {
			return nil, err
		}
		for j := range table.Rows {
			table.Rows[j].Role = role
		}
		if all == nil {
			all = table
		} else {
			all.Rows = append(all.Rows, table.Rows...)
		}
	}
	return all, nil
}

// scoreSet makes all columns for the images of one set.
func scoreSet(ctx context.Context, e *runs.Engine, run, general *runs.Run, set string, images int,
	noise density.Noise) (*result.Scores, error) {
	own, err := e.Scores(ctx, run, set, images, noise)
	if err != nil {
		return nil, err
	}
	table := &result.Scores{}
	for _, row := range own.Rows {
		table.Rows = append(table.Rows, result.ScoreRow{Set: row.Set, Index: row.Index})
	}
	clean := func(of *result.Scores, column, model string) ([]float64, error) {
		values, err := of.Column(column, nil)
		if err != nil {
			return nil, err
		}
		cleaned, replaced := metric.ReplaceNonFinite(values)
		if replaced > 0 {
			fmt.Fprintf(e.Out, "%s, %s of %s: %d values not finite, replaced by %d\n", set, column, model, replaced, metric.NonFiniteScore)
		}
		return cleaned, nil
	}
	add := func(name string, values []float64, err error) error {
		if err != nil {
			return err
		}
		return table.AddColumn(name, values)
	}
	for _, column := range own.Columns {
		values, err := clean(own, column, run.Info.ID)
		if err := add(column, values, err); err != nil {
			return nil, err
		}
	}
	pictures, err := e.TestImages(set, images)
	if err != nil {
		return nil, err
	}
	sizes, err := score.OfImages(pictures, score.PNGColumn)
	if err := add(score.PNGColumn, sizes, err); err != nil {
		return nil, err
	}
	// columnsOf are those of a score table, and what is known of the images.
	columnsOf := func(of *result.Scores) score.Columns {
		return func(name string) ([]float64, error) {
			if score.OfModel(name) || slices.Contains(of.Columns, name) {
				return of.Column(name, nil)
			}
			return score.OfImages(pictures, name)
		}
	}
	derive := func(compared bool, theirs score.Columns) error {
		for _, d := range score.All() {
			if d.General != compared {
				continue
			}
			values, err := d.Of(columnsOf(table), theirs)
			if err := add(d.Name, values, err); err != nil {
				return fmt.Errorf("score %s of %s: %w", d.Name, set, err)
			}
		}
		return nil
	}
	if err := derive(false, nil); err != nil || general == nil {
		return table, err
	}
	theirs, err := e.Scores(ctx, general, set, images, noise)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(theirs.Columns, own.Columns) {
		return nil, fmt.Errorf("runs %s and %s have different scales: no ratio", run.Info.ID, general.Info.ID)
	}
	cleaned := &result.Scores{Rows: make([]result.ScoreRow, len(theirs.Rows))}
	for _, column := range theirs.Columns {
		values, err := clean(theirs, column, general.Info.ID)
		if err != nil {
			return nil, err
		}
		if err := cleaned.AddColumn(column, values); err != nil {
			return nil, err
		}
	}
	likelihoods, err := cleaned.Column(score.LogLikelihood, nil)
	if err := add("general", likelihoods, err); err != nil {
		return nil, err
	}
	if err := derive(true, columnsOf(cleaned)); err != nil {
		return nil, err
	}
	for _, column := range own.Columns {
		if column == score.LogLikelihood {
			continue // its ratio is one of the derived scores
		}
		a, err := table.Column(column, nil)
		if err != nil {
			return nil, err
		}
		b, err := cleaned.Column(column, nil)
		if err != nil {
			return nil, err
		}
		ratio, err := score.Ratio(a, b)
		if err := add("ratio_"+column, ratio, err); err != nil {
			return nil, err
		}
	}
	return table, nil
}
