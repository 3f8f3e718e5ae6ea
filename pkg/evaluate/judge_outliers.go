package evaluate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"strata/pkg/metric"
)

// Claims of §5.3, §5.4 and S9: outliers, labels and the discriminative baseline.

func judgeO1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{holds: true, runs: []string{"R11", "R13", "R06", "R01"}, roles: append([]string{"in"}, v.outliers("in")...)}
	var notes []string
	for _, kind := range []source{{column: likelihood}, {column: v.last()}, {column: likelihood, general: "R01"}} {
		name := kind.column
		if kind.general != "" {
			name = "ratio"
		}
		means := map[string]metric.Interval{}
		for _, id := range []string{"R06", "R13", "R11"} {
			kind.in = id
			var err error
			if means[id], f.images, err = v.meanArea(ctx, seed, kind); err != nil {
				return f, err
			}
		}
		f.holds = f.holds && means["R11"].Value > means["R06"].Value && means["R11"].Value > means["R13"].Value
		notes = append(notes, fmt.Sprintf("%s: none %.1f, margin %.1f, outlier loss %.1f", name, means["R06"].Value, means["R13"].Value, means["R11"].Value))
		if name == "ratio" {
			f.measured, f.value = "mean AUROC of the ratio with the outlier loss, %", means["R11"]
		}
	}
	f.note = strings.Join(notes, "; ")
	return f, nil
}

func judgeO3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	diff, _, err := v.meanArea(ctx, seed, source{in: "R11", general: "R01"})
	if err != nil {
		return finding{}, err
	}
	dagger, n, err := v.meanArea(ctx, seed, source{in: "R11", general: "R16"})
	return finding{measured: "mean AUROC of Diff†, %", value: dagger, holds: dagger.Value >= diff.Value, runs: []string{"R11", "R16", "R01"},
		roles: append([]string{"in"}, v.outliers("in")...), images: n, note: fmt.Sprintf("Diff %.1f", diff.Value)}, err
}

func judgeO4(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "AUROC of the supervised " + v.last() + " on near, %", runs: []string{"R14", "R11"}, roles: []string{"in", "near"}}
	without, _, err := v.area(ctx, seed, source{in: "R11", outRole: "near", column: v.last()})
	if err != nil {
		return f, err
	}
	with, n, err := v.area(ctx, seed, source{in: "R14", outRole: "near", column: v.last()})
	f.value, f.images, f.holds, f.note = with, n, with.Value >= without.Value, fmt.Sprintf("unsupervised %.1f", without.Value)
	return f, err
}

func judgeO2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	drop := func(id string) (float64, curvePoint, error) {
		points, err := v.curve(ctx, id, seed, "in")
		if err != nil {
			return 0, curvePoint{}, err
		}
		best := slices.MaxFunc(points, func(a, b curvePoint) int { return byValue(a.auroc, b.auroc) })
		return best.auroc.Value - points[len(points)-1].auroc.Value, points[len(points)-1], nil
	}
	margin, last, err := drop("R13")
	if err != nil {
		return finding{}, err
	}
	outlier, _, err := drop("R11")
	half := (last.auroc.High - last.auroc.Low) / 2
	return finding{measured: "loss of AUROC from the best point to the end with margin, points", value: metric.Interval{Value: margin, Low: margin - half, High: margin + half},
		holds: margin > outlier, runs: []string{"R13", "R11"}, roles: append([]string{"in"}, v.outliers("in")...), images: last.images,
		note: fmt.Sprintf("with the outlier loss %.1f; the interval is that of the last point", outlier)}, err
}

func judgeB1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "AUROC of the classifier on near, %", runs: []string{"R32", "R11", "R16"}, roles: []string{"in", "near", "smooth"}}
	var area [4]metric.Interval
	for i, s := range []source{{in: "R32", column: "log_odds", outRole: "near"}, {in: "R11", general: "R16", outRole: "near"},
		{in: "R32", column: "log_odds", outRole: "smooth"}, {in: "R11", general: "R16", outRole: "smooth"}} {
		var err error
		if area[i], f.images, err = v.area(ctx, seed, s); err != nil {
			return f, err
		}
	}
	f.value, f.holds = area[0], area[0].Value > area[1].Value && area[2].Value < area[3].Value
	f.note = fmt.Sprintf("Diff† %.1f; on smooth: classifier %.1f, Diff† %.1f", area[1].Value, area[2].Value, area[3].Value)
	return f, nil
}
