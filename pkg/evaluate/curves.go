package evaluate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"strata/pkg/imageset"
	"strata/pkg/metric"
)

// curveRows are curves.csv: what was seen of every watched run, of every seed, on the curves' images: bits_per_dim on its own set, and
// auroc_ratio, percent, of the ratio to the general model (R01) against each outlier role and their mean, with 95 % intervals.
func (v *Evaluation) curveRows(ctx context.Context) ([][]string, error) {
	rows := [][]string{{"configuration", "seed", "step", "epoch", "metric", "role", "value", "low", "high", "images"}}
	for _, scheduled := range v.schedule.Runs {
		c := scheduled.Configuration
		if c.Model != "glow" || len(scheduled.request.Watch) == 0 || c.Set == "general" {
			continue
		}
		run, err := v.schedule.Run(c.ID, scheduled.Seed)
		if err != nil {
			continue
		}
		perEpoch := imageset.BatchesPerEpoch(run.Info.Spec.TrainImages, run.Info.Spec.Train.Batch)
		points, err := v.curve(ctx, c.ID, scheduled.Seed, c.Set)
		if errors.Is(err, errNotWatched) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("curve of %s: %w", c.ID, err)
		}
		for _, p := range points {
			add := func(name, role string, value metric.Interval) {
				rows = append(rows, []string{c.ID, strconv.FormatUint(scheduled.Seed, 10), strconv.Itoa(p.step), number(float64(p.step) / float64(perEpoch)), name, role,
					number(value.Value), number(value.Low), number(value.High), strconv.Itoa(v.schedule.Size.CurveImages)})
			}
			add("bits_per_dim", c.Set, metric.Interval{Value: p.bits, Low: p.bits - p.bitsHalf, High: p.bits + p.bitsHalf})
			for _, role := range v.outliers(c.Set) {
				add("auroc_ratio", role, p.areas[role])
			}
			add("auroc_ratio", "mean", p.auroc)
		}
	}
	return rows, nil
}
