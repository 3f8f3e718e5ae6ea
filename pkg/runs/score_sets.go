package runs

import (
	"context"
	"fmt"
	"slices"

	"strata/pkg/density"
	"strata/pkg/metric"
	"strata/pkg/result"
	"strata/pkg/score"
)

// ScoreSets scores the test images of sets by a run, the first set as in-distribution (role "in") and the others as outliers ("out"), at most
// images of each, 0 for all. Columns, in nats, higher is more in-distribution: log_likelihood, c1, c2, ... (each scale), png_bytes,
// complexity (log-ratio to PNG), and with a general run: general, ratio, ratio_c1, .... Non-finite likelihoods become
// metric.NonFiniteScore before any difference is taken, and are counted on Out; sets with unlike histories are warned of.
func (e *Engine) ScoreSets(ctx context.Context, run, general *Run, sets []string, images int, noise density.Noise) (*result.Scores, error) {
	var all *result.Scores
	for i, set := range sets {
		role := "out"
		if i == 0 {
			role = "in"
		}
		table, err := e.scoreSet(ctx, run, general, set, images, noise)
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
func (e *Engine) scoreSet(ctx context.Context, run, general *Run, set string, images int, noise density.Noise) (*result.Scores, error) {
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
	for _, column := range own.Columns {
		values, err := clean(own, column, run.Info.ID)
		if err != nil {
			return nil, err
		}
		if err := table.AddColumn(column, values); err != nil {
			return nil, err
		}
	}
	pictures, err := e.TestImages(set, images)
	if err != nil {
		return nil, err
	}
	sizes, err := score.PNGBytesOf(pictures)
	if err != nil {
		return nil, err
	}
	bytes := make([]float64, len(sizes))
	for i, s := range sizes {
		bytes[i] = float64(s)
	}
	raw, err := table.Column("log_likelihood", nil)
	if err != nil {
		return nil, err
	}
	complexity, err := score.ComplexityRatio(raw, sizes)
	if err != nil {
		return nil, err
	}
	if err := table.AddColumn("png_bytes", bytes); err != nil {
		return nil, err
	}
	if err := table.AddColumn("complexity", complexity); err != nil {
		return nil, err
	}
	if general == nil {
		return table, nil
	}
	theirs, err := e.Scores(ctx, general, set, images, noise)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(theirs.Columns, own.Columns) {
		return nil, fmt.Errorf("runs %s and %s have different scales: no ratio", run.Info.ID, general.Info.ID)
	}
	for _, column := range own.Columns {
		b, err := clean(theirs, column, general.Info.ID)
		if err != nil {
			return nil, err
		}
		name := "ratio_" + column
		if column == "log_likelihood" {
			name = "ratio"
			if err := table.AddColumn("general", b); err != nil {
				return nil, err
			}
		}
		a, err := table.Column(column, nil)
		if err != nil {
			return nil, err
		}
		ratio, err := score.Ratio(a, b)
		if err != nil {
			return nil, err
		}
		if err := table.AddColumn(name, ratio); err != nil {
			return nil, err
		}
	}
	return table, nil
}
