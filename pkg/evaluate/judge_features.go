package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Claims of §4: the hierarchy of features.

func judgeF1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	full, _, err := v.correlations(ctx, seed, likelihood)
	if err != nil {
		return finding{}, err
	}
	last, n, err := v.correlations(ctx, seed, v.last())
	if err != nil {
		return finding{}, err
	}
	a, b := meanInterval(last), meanInterval(full)
	return finding{measured: "mean Spearman ρ of " + v.last() + " over pairs", value: a, holds: a.Value < b.Value-0.2, runs: v.independent(), roles: whole, images: n,
		note: fmt.Sprintf("full likelihood %.3f", b.Value)}, nil
}

// judgeF2 compares the first scales together with the last one, between the Glows trained from scratch on in and on smooth, as F1 does.
func judgeF2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	a, err := v.part(ctx, "R03", seed, "c1+c2", whole)
	if err != nil {
		return finding{}, err
	}
	b, err := v.part(ctx, "R02", seed, "c1+c2", whole)
	if err != nil {
		return finding{}, err
	}
	early, err := v.correlate(a, b, bootstrapResamples, seed)
	if err != nil {
		return finding{}, err
	}
	late, n, err := v.correlation(ctx, "R03", "R02", seed, v.last())
	if err != nil {
		return finding{}, err
	}
	last, err := v.both(ctx, "R03", seed, v.last())
	if err != nil {
		return finding{}, err
	}
	ratio := spread(a) / spread(last)
	return finding{measured: "Spearman ρ of c1+c2 between the Glows of in and smooth", value: early, holds: ratio > 2 && early.Value > late.Value,
		runs: []string{"R03", "R02"}, roles: whole, images: n, note: fmt.Sprintf("%s %.3f; range of c1+c2 is %.1f times that of %s (1st to 99th percentile)", v.last(), late.Value, ratio, v.last())}, nil
}

// spread is the range from the first to the last hundredth.
func spread(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := func(p float64) float64 { return sorted[int(p*float64(len(sorted)-1))] }
	return at(0.99) - at(0.01)
}

func judgeF3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	raw, _, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth"})
	if err != nil {
		return finding{}, err
	}
	last, n, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth", column: v.last()})
	return finding{measured: "AUROC of " + v.last() + ", %", value: last, holds: last.Value > raw.Value+20, runs: []string{"R06"}, roles: whole, images: n,
		note: fmt.Sprintf("full likelihood %.1f", raw.Value)}, err
}

func judgeF4(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	last, _, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth", column: v.last()})
	if err != nil {
		return finding{}, err
	}
	ratio, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: "smooth", column: v.last()})
	return finding{measured: "AUROC of the ratio of " + v.last() + ", %", value: ratio, holds: ratio.Value <= last.Value, runs: []string{"R06", "R01"}, roles: whole, images: n,
		note: fmt.Sprintf("%s alone %.1f", v.last(), last.Value)}, err
}

func judgeF7(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{holds: true, runs: []string{"R06"}, roles: append([]string{"in"}, v.outliers("in")...)}
	least := math.Inf(1)
	var notes []string
	for _, role := range v.outliers("in") {
		raw, _, err := v.area(ctx, seed, source{in: "R06", outRole: role})
		if err != nil {
			return f, err
		}
		last, n, err := v.area(ctx, seed, source{in: "R06", outRole: role, column: v.last()})
		if err != nil {
			return f, err
		}
		f.holds = f.holds && last.Value > raw.Value
		notes = append(notes, fmt.Sprintf("%s %.1f against %.1f", role, last.Value, raw.Value))
		if last.Value-raw.Value < least {
			least, f.value, f.images = last.Value-raw.Value, last, n
			f.measured = fmt.Sprintf("AUROC of %s, %%, where it gains least (%s)", v.last(), role)
		}
	}
	f.note = strings.Join(notes, "; ")
	return f, nil
}
