package evaluate

import (
	"context"
	"errors"
	"fmt"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/score"
)

// The general model of the ratios along the curves.
const generalGlow = "glow-general"

// curves are what was seen of every watched run while it was trained (digest §4.5), on the curves' images: bits/dim on
// its own set, and the AUROC of the ratio to the general model, percent, against each outlier role and on average, with
// 95 % intervals over images. A step at which a run was not looked at is a gap.
func (v *Evaluation) curves(ctx context.Context) ([]result.CurvePoint, error) {
	var rows []result.CurvePoint
	var problems plan.Problems
	for _, scheduled := range v.schedule.Runs {
		c := scheduled.Configuration
		if !c.Watched() || c.Set == "general" {
			continue
		}
		of, err := v.curve(ctx, c, scheduled.Seed)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && !errors.Is(err, plan.ErrAbsent):
			problems.Add(c.Name, err)
		}
		rows = append(rows, of...)
	}
	return rows, problems.Err()
}

// generalOnCurves is the general model as it is in the end, seen on the curves' images of a role with the noise of a seed.
func (v *Evaluation) generalOnCurves(seed uint64, role string) (l look, err error) {
	l = look{split: imageset.Test, images: v.schedule.Size.CurveImages, noise: density.Noise{Sample: true, Seed: seed}}
	if l.set, err = v.schedule.Roles.Need(role); err != nil {
		return l, err
	}
	l.run, err = v.schedule.Run(generalGlow, seed)
	return l, err
}

func (v *Evaluation) curve(ctx context.Context, c plan.Configuration, seed uint64) ([]result.CurvePoint, error) {
	run, err := v.schedule.Run(c.Name, seed)
	if err != nil {
		return nil, err
	}
	in, err := v.schedule.Roles.Need(c.Set)
	if err != nil {
		return nil, err
	}
	curve, err := v.engine.Curve(run, in, v.schedule.Size.CurveImages)
	if err != nil {
		return nil, err
	}
	steps, err := curve.Steps()
	if err != nil {
		return nil, err
	}
	perEpoch := float64(imageset.BatchesPerEpoch(run.Info.Spec.TrainImages, run.Info.Spec.Train.Batch))
	var rows []result.CurvePoint
	var problems plan.Problems
	for _, step := range steps {
		point := result.CurvePoint{Configuration: c.Name, Seed: seed, Step: step, Epoch: float64(step) / perEpoch}
		of, err := v.curvePoint(ctx, run, c.Set, seed, point)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			rows = append(rows, of...)
		case !errors.Is(err, plan.ErrAbsent):
			problems.Add(fmt.Sprintf("step %d", step), err)
		}
	}
	return rows, problems.Err()
}

// curvePoint is what was seen of a run at a step. All AUROCs are of the same images, so their mean is resampled with them.
func (v *Evaluation) curvePoint(ctx context.Context, run *runs.Run, inRole string, seed uint64,
	point result.CurvePoint) ([]result.CurvePoint, error) {
	row := func(name, role string, value metric.Interval, images int) result.CurvePoint {
		p := point
		p.Metric, p.Role, p.Value, p.Low, p.High, p.Images = name, role, value.Value, value.Low, value.High, images
		return p
	}
	seen := func(role string) ([]float64, error) {
		set, err := v.schedule.Roles.Need(role)
		if err != nil {
			return nil, err
		}
		s, err := v.scores(ctx, look{run: run, set: set, split: imageset.Test, step: point.Step})
		if err != nil {
			return nil, err
		}
		return s.columns[likelihood].values, nil
	}
	own, err := seen(inRole)
	if err != nil {
		return nil, err
	}
	bits, err := v.finiteBits(inRole, own)
	if err != nil {
		return nil, err
	}
	rows := []result.CurvePoint{row(result.BitsPerDim, inRole, metric.MeanInterval(bits), len(bits))}
	ratio := func(role string) ([]float64, error) {
		values, err := seen(role)
		if err != nil {
			return nil, err
		}
		l, err := v.generalOnCurves(seed, role)
		if err != nil {
			return nil, err
		}
		general, err := v.scores(ctx, l)
		if err != nil {
			return nil, err
		}
		return score.Ratio(values, general.columns[likelihood].values)
	}
	in, err := ratio(inRole)
	if errors.Is(err, plan.ErrAbsent) {
		return rows, nil // bits/dim need no general model
	}
	if err != nil {
		return rows, err
	}
	populations := []metric.Population{{Name: onCurves(inRole), Images: len(in)}}
	var areas []func() metric.Statistic
	for _, role := range v.schedule.Roles.Outliers(inRole) {
		out, err := ratio(role)
		if errors.Is(err, plan.ErrAbsent) {
			return rows, nil // a mean of the others would be another one
		}
		if err != nil {
			return rows, err
		}
		area, err := metric.AUROC(in, out)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row(result.AUROCRatio, role, percent(area), len(in)+len(out)))
		newArea, err := metric.NewAUROC(in, out)
		if err != nil {
			return nil, err
		}
		areas, populations = append(areas, newArea), append(populations, metric.Population{Name: onCurves(role), Images: len(out)})
	}
	mean, err := v.resampler.Bootstrap(populations, func() metric.Statistic {
		var each []metric.Statistic
		for _, newArea := range areas {
			each = append(each, newArea())
		}
		return func(counts [][]uint8) float64 {
			sum := 0.0
			for i, area := range each {
				sum += area([][]uint8{counts[0], counts[1+i]})
			}
			return sum / float64(len(each))
		}
	})
	if err != nil {
		return nil, err
	}
	images := 0
	for _, of := range populations {
		images += of.Images
	}
	return append(rows, row(result.AUROCRatio, "mean", percent(mean.Interval()), images)), nil
}
