package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/density"
	"strata/pkg/metric"
	"strata/pkg/score"
)

// Claims of S5 and S7.3: learning curves and seeds.

// curvePoint is what was seen of a run at a step.
type curvePoint struct {
	step int
	// areas are the AUROCs of the ratio to the general model by outlier role, auroc their mean, percent
	areas    map[string]metric.Interval
	auroc    metric.Interval
	bits     float64 // on in
	bitsHalf float64
	images   int
}

// errNotWatched says that a run has no curve.
var errNotWatched = errors.New("was trained without looking at its scores")

// curve is the ratio's AUROC and bits/dim over the steps of a run trained on a role, as it was watched (digest §4.5).
func (v *Evaluation) curve(ctx context.Context, id string, seed uint64, inRole string) ([]curvePoint, error) {
	run, err := v.schedule.Run(id, seed)
	if err != nil {
		return nil, err
	}
	generalRun, err := v.schedule.Run("R01", seed)
	if err != nil {
		return nil, err
	}
	in, err := v.set(inRole)
	if err != nil {
		return nil, err
	}
	files, _ := filepath.Glob(watchFile(run, in, 0)[:len(watchFile(run, in, 0))-len("00000000.csv")] + "*.csv")
	if len(files) == 0 {
		return nil, fmt.Errorf("%s %w: remove the run to train it again", id, errNotWatched)
	}
	slices.Sort(files)
	images := v.schedule.Size.CurveImages
	general := func(set string) ([]float64, error) {
		table, err := v.engine.Scores(ctx, generalRun, set, images, density.Noise{Sample: true, Seed: seed})
		if err != nil {
			return nil, err
		}
		return table.Column(likelihood, nil)
	}
	watched := func(set string, step int) ([]float64, error) {
		table, err := score.Read(watchFile(run, set, step))
		if err != nil {
			return nil, err
		}
		return table.Column(likelihood, nil)
	}
	set, err := v.engine.Set(in, "test")
	if err != nil {
		return nil, err
	}
	var points []curvePoint
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		step, err := strconv.Atoi(name[len(name)-8:])
		if err != nil {
			return nil, fmt.Errorf("%s: no step in its name", file)
		}
		ratio := map[string][]float64{}
		for _, role := range append([]string{inRole}, v.outliers(inRole)...) {
			name := v.schedule.Roles.Set(role)
			own, err := watched(name, step)
			if err != nil {
				return nil, err
			}
			base, err := general(name)
			if err != nil {
				return nil, err
			}
			own, _ = metric.ReplaceNonFinite(own)
			base, _ = metric.ReplaceNonFinite(base)
			if ratio[role], err = score.Ratio(own, base); err != nil {
				return nil, err
			}
			if role == inRole {
				bits := make([]float64, len(own))
				for i, l := range own {
					bits[i] = density.BitsPerDim(l, set.ImageSize())
				}
				mean, std := metric.OverSeeds(bits)
				points = append(points, curvePoint{step: step, bits: mean, bitsHalf: 1.96 * std / math.Sqrt(float64(len(bits)))})
			}
		}
		var all []metric.Interval
		last := &points[len(points)-1]
		last.areas = map[string]metric.Interval{}
		for _, role := range v.outliers(inRole) {
			area, err := metric.AUROC(ratio[inRole], ratio[role])
			if err != nil {
				return nil, err
			}
			last.areas[role] = percent(area)
			all = append(all, last.areas[role])
			last.images += len(ratio[role])
		}
		last.auroc = meanInterval(all)
	}
	return points, nil
}

func judgeT1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	scratch, err := v.curve(ctx, "R03", seed, "in")
	if err != nil {
		return finding{}, err
	}
	tuned, err := v.curve(ctx, "R06", seed, "in")
	if err != nil {
		return finding{}, err
	}
	final := scratch[len(scratch)-1]
	f := finding{measured: "share of the scratch run's steps after which finetuning has passed its bits/dim, %", runs: []string{"R03", "R06"}, roles: []string{"in"}, images: v.schedule.Size.CurveImages}
	crossing := math.NaN()
	for _, p := range tuned {
		if p.bits < final.bits {
			crossing = 100 * float64(p.step) / float64(final.step)
			break
		}
	}
	f.note = fmt.Sprintf("bits/dim: scratch at its end %.3f ± %.3f, finetuned from %.3f to %.3f; seen every %d steps", final.bits, final.bitsHalf, tuned[0].bits, tuned[len(tuned)-1].bits, tuned[0].step)
	if math.IsNaN(crossing) {
		f.value = metric.Interval{Value: 100, Low: 100, High: 100}
		f.note = "never passed; " + f.note
		return f, nil
	}
	every := 100 * float64(tuned[0].step) / float64(final.step)
	f.value = metric.Interval{Value: crossing, Low: crossing - every, High: crossing}
	f.holds = crossing < 50
	return f, nil
}

func judgeT2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	general, _, err := v.meanArea(ctx, seed, source{in: "R06", general: "R01"})
	if err != nil {
		return finding{}, err
	}
	own, n, err := v.meanArea(ctx, seed, source{in: "R09", general: "R01"})
	half := math.Hypot(general.High-general.Value, own.High-own.Value)
	d := general.Value - own.Value
	return finding{measured: "AUROC of the ratio, from the general start less from its own, points", value: metric.Interval{Value: d, Low: d - half, High: d + half},
		holds: d > 0, runs: []string{"R06", "R09", "R01"}, roles: append([]string{"in"}, v.outliers("in")...), images: n}, err
}

func judgeT3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	general, n, err := v.bitsPerDim(ctx, "R01", seed, "in")
	if err != nil {
		return finding{}, err
	}
	own, _, err := v.bitsPerDim(ctx, "R06", seed, "in")
	return finding{measured: "bits/dim of the general model on in", value: general, holds: general.Value < 1.1*own.Value, runs: []string{"R01", "R06"}, roles: []string{"in"}, images: n,
		note: fmt.Sprintf("in-distribution model %.3f", own.Value)}, err
}

func judgeV1(ctx context.Context, v *Evaluation, _ uint64) (finding, error) {
	if len(v.schedule.Seeds) < 3 {
		return finding{}, errors.New("three seeds are needed: --seeds 3")
	}
	largest := finding{holds: true, runs: []string{"R06", "R01"}, roles: append([]string{"in"}, v.outliers("in")...)}
	for _, role := range v.outliers("in") {
		var values []float64
		for _, seed := range v.schedule.Seeds {
			area, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: role})
			if err != nil {
				return finding{}, err
			}
			values, largest.images = append(values, area.Value), n
		}
		_, std := metric.OverSeeds(values)
		largest.holds = largest.holds && std <= 3
		if std > largest.value.Value {
			// the interval of a standard deviation of n normal values is wide: say so by the range of the values
			largest.value = metric.Interval{Value: std, Low: 0, High: (slices.Max(values) - slices.Min(values))}
			largest.measured = "largest standard deviation over seeds of the ratio's AUROC, points (" + role + ")"
		}
	}
	return largest, nil
}
