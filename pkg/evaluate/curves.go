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

// curves are what was seen of every watched run while it was trained (digest §4.5), on the curves' images: bits/dim on its own set, and the AUROC
// of the ratio to the general model, percent, against each outlier role and on average, with 95 % intervals over images. A step at which a run
// was not looked at is a gap.
func (v *Evaluation) curves(ctx context.Context) ([]result.CurvePoint, error) {
	var rows []result.CurvePoint
	var problems []error
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
			problems = append(problems, fmt.Errorf("curve of %s: %w", c.Name, err))
		}
		rows = append(rows, of...)
	}
	return rows, errors.Join(problems...)
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
	steps, err := run.CurveSteps(in)
	if err != nil {
		return nil, err
	}
	perEpoch := float64(imageset.BatchesPerEpoch(run.Info.Spec.TrainImages, run.Info.Spec.Train.Batch))
	var rows []result.CurvePoint
	for _, step := range steps {
		point := result.CurvePoint{Configuration: c.Name, Seed: seed, Step: step, Epoch: float64(step) / perEpoch, Images: v.schedule.Size.CurveImages}
		of, err := v.curvePoint(ctx, run, c.Set, seed, point)
		if errors.Is(err, plan.ErrAbsent) {
			continue
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, of...)
	}
	return rows, nil
}

// curvePoint is what was seen of a run at a step. All AUROCs are of the same images, so their mean is resampled with them.
func (v *Evaluation) curvePoint(ctx context.Context, run *runs.Run, inRole string, seed uint64, point result.CurvePoint) ([]result.CurvePoint, error) {
	ratio := func(role string) (own, difference []float64, err error) {
		set, err := v.schedule.Roles.Need(role)
		if err != nil {
			return nil, nil, err
		}
		seen, err := run.CurveScores(set, point.Step)
		if err != nil {
			return nil, nil, err
		}
		if own, err = seen.Column(likelihood, nil); err != nil {
			return nil, nil, err
		}
		own, _ = metric.ReplaceNonFinite(own)
		general, err := v.schedule.Run(generalGlow, seed)
		if err != nil {
			return nil, nil, err
		}
		table, err := v.engine.Scores(ctx, general, set, v.schedule.Size.CurveImages, density.Noise{Sample: true, Seed: seed})
		if err != nil {
			return nil, nil, err
		}
		base, err := table.Column(likelihood, nil)
		if err != nil {
			return nil, nil, err
		}
		base, _ = metric.ReplaceNonFinite(base)
		difference, err = score.Ratio(own, base)
		return own, difference, err
	}
	own, in, err := ratio(inRole)
	if err != nil {
		return nil, err
	}
	bits := make([]float64, len(own))
	for i, l := range own {
		if bits[i], err = v.BitsPerDim(inRole, l); err != nil {
			return nil, err
		}
	}
	row := func(name, role string, value metric.Interval) result.CurvePoint {
		p := point
		p.Metric, p.Role, p.Value, p.Low, p.High = name, role, value.Value, value.Low, value.High
		return p
	}
	rows := []result.CurvePoint{row(result.BitsPerDim, inRole, metric.MeanInterval(bits))}
	populations := []metric.Population{{Name: inRole, Images: len(in)}}
	var areas []func() metric.Statistic
	for _, role := range v.schedule.Roles.Outliers(inRole) {
		_, out, err := ratio(role)
		if err != nil {
			return nil, err
		}
		area, err := metric.AUROC(in, out)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row(result.AUROCRatio, role, percent(area)))
		newArea, err := metric.NewAUROC(in, out)
		if err != nil {
			return nil, err
		}
		areas, populations = append(areas, newArea), append(populations, metric.Population{Name: role, Images: len(out)})
	}
	mean, err := metric.Bootstrap(populations, bootstrapResamples, seed, func() metric.Statistic {
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
	return append(rows, row(result.AUROCRatio, "mean", percent(mean.Interval()))), nil
}
