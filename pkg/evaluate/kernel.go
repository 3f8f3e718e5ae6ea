package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"strata/pkg/fourier"
	"strata/pkg/imageset/resample"
	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"
)

// kernelGlow is the Glow whose ratios kernel.csv has. It is from scratch: one that is finetuned would be another for
// every general model.
const kernelGlow = "glow-in"

// generalSets are the roles of the general set by the kernels that it is made small by, with the Glow of each.
var generalSets = []struct{ role, glow string }{
	{"general_box", "glow-general-box"}, {"general_bicubic", "glow-general-bicubic"},
	{"general_bilinear", "glow-general-bilinear"}, {"general", generalGlow}}

// kernelRoles are the sets beside them, and kernelOutliers those of them that in is held against.
var (
	kernelRoles    = []string{"in", "near", "smooth", "far", "faces"}
	kernelOutliers = kernelRoles[1:]
)

// writeKernel writes kernel.csv where a Glow of another kernel is trained. Where none is, an older evaluation's is
// removed: it would be of runs that this one does not know.
func (v *Evaluation) writeKernel(ctx context.Context, folder string) error {
	rows, err := v.kernels(ctx)
	if len(rows) > 0 {
		return errors.Join(err, result.Write(folder, rows))
	}
	older := filepath.Join(folder, result.FileOf[result.KernelValue]())
	return errors.Join(err, result.NotWritten(ignoreMissing(os.Remove(older))))
}

// triedKernels says whether a Glow of a general set by another kernel is trained.
func (v *Evaluation) triedKernels() bool {
	for _, general := range generalSets {
		for _, seed := range v.schedule.Seeds {
			if _, err := v.schedule.Run(general.glow, seed); err == nil && general.glow != generalGlow {
				return true
			}
		}
	}
	return false
}

// ofKernels are the columns of runs that kernel.csv is computed from.
func (v *Evaluation) ofKernels() (all []score.Column) {
	if !v.triedKernels() {
		return nil // faces would be scored by Glows for nothing
	}
	for _, role := range v.schedule.Roles.Have(kernelRoles...) {
		for _, seed := range v.schedule.Seeds {
			of := score.Column{Configuration: kernelGlow, Seed: seed, Role: role, Name: likelihood}
			all = append(all, of)
			for _, general := range generalSets {
				of.Configuration = general.glow
				all = append(all, of)
			}
		}
	}
	return all
}

// kernels are, of the general set by each kernel and of the sets beside it, how fine luma and chroma are, which needs no
// model; and how well the likelihood of in's Glow and its ratio to each general Glow tell in from outliers. Runs that
// are not there leave rows out.
func (v *Evaluation) kernels(ctx context.Context) ([]result.KernelValue, error) {
	if !v.triedKernels() {
		return nil, nil
	}
	var rows []result.KernelValue
	var problems plan.Problems
	try := func(about string, measured []result.KernelValue, err error) {
		rows = append(rows, measured...)
		if !errors.Is(err, plan.ErrAbsent) {
			problems.Add(about, err)
		}
	}
	kernels := map[string]string{}
	for _, general := range generalSets {
		kernel, err := v.kernelOf(general.role)
		if err == nil {
			kernels[general.glow] = kernel
			rows, err := v.finenessRows(general.role, kernel)
			try(general.role, rows, err)
		}
	}
	for _, role := range v.schedule.Roles.Have(kernelRoles...) {
		rows, err := v.finenessRows(role, "")
		try(role, rows, err)
	}
	for _, role := range v.schedule.Roles.Have(kernelOutliers...) {
		rows, err := v.kernelAUROC(ctx, role, "", result.KernelValue{Metric: result.AUROCRaw})
		try(role, rows, err)
		for _, general := range generalSets {
			if kernel := kernels[general.glow]; kernel != "" {
				row := result.KernelValue{Metric: result.AUROCRatio, Kernel: kernel}
				rows, err := v.kernelAUROC(ctx, role, general.glow, row)
				try(role+" by "+kernel, rows, err)
			}
		}
	}
	return rows, problems.Err()
}

// kernelOf is what the set of a role was made small by: as its recipe says, or "as it is".
func (v *Evaluation) kernelOf(role string) (string, error) {
	set, err := v.schedule.Roles.Need(role)
	if err != nil {
		return "", err
	}
	recipe, err := plan.Recipe(set)
	if err != nil || recipe.Side == 0 {
		return "as it is", err
	}
	kernel := cmp.Or(recipe.Kernel, resample.Bilinear)
	if chroma := cmp.Or(recipe.Chroma, kernel); chroma != kernel {
		return fmt.Sprintf("%s, chroma %s", kernel, chroma), nil
	}
	return string(kernel), nil
}

// finenessRows say how fine the luma and the chroma of a role's test images are.
func (v *Evaluation) finenessRows(role, kernel string) ([]result.KernelValue, error) {
	set, err := v.schedule.Roles.Need(role)
	if err != nil {
		return nil, err
	}
	test, err := v.engine.TestImages(set, v.schedule.Size.TestImages)
	if err != nil {
		return nil, err
	}
	images := fourier.LumaOf(test)
	var rows []result.KernelValue
	add := func(what string, frequency float64, value metric.Interval) {
		rows = append(rows, result.KernelValue{Metric: what, Kernel: kernel, Role: role, Set: set, Frequency: frequency,
			Value: value.Value, Low: value.Low, High: value.High, Images: len(images)})
	}
	steps, curved := make([]float64, len(images)), make([]float64, len(images))
	step := 0.
	for i, l := range images {
		steps[i] = l.Step
		step += l.Step / float64(len(images))
	}
	add(result.LumaStep, math.NaN(), metric.MeanInterval(steps))
	// A ratio of means and a logarithm of one are made linear around their value, so that the mean of the images' terms
	// is the value and their spread gives its interval.
	ratio := 0.
	for _, l := range images {
		ratio += l.Laplacian / float64(len(images)) / step
	}
	for i, l := range images {
		curved[i] = ratio + (l.Laplacian-ratio*l.Step)/step
	}
	if step > 0 {
		add(result.LumaLaplacian, math.NaN(), metric.MeanInterval(curved))
	}
	lumaPower := make([][6]float64, len(images))
	for i, l := range images {
		lumaPower[i] = l.Power
	}
	decibels := func(what string, powers [][6]float64) {
		for ring := range len(fourier.Rings) - 1 {
			mean := 0.
			for _, power := range powers {
				mean += power[ring] / float64(len(powers))
			}
			if mean < 1e-9 { // rounding
				continue // constant images, or grey ones: there is no decibel of nothing
			}
			terms := make([]float64, len(powers))
			for i, power := range powers {
				terms[i] = 10*math.Log10(mean) + 10/math.Ln10*(power[ring]/mean-1)
			}
			// The rings hold whole cycles: 1-2, 3-5, and so on.
			middle := (math.Ceil(fourier.Rings[ring]) + math.Ceil(fourier.Rings[ring+1]) - 1) / 2
			add(what, middle, metric.MeanInterval(terms))
		}
	}
	decibels(result.LumaPower, lumaPower)
	decibels(result.ChromaPower, fourier.ChromaOf(test))
	return rows, nil
}

// kernelAUROC completes a row about outliers, over the seeds whose runs are there.
func (v *Evaluation) kernelAUROC(ctx context.Context, role, general string,
	row result.KernelValue) ([]result.KernelValue, error) {
	of := source{in: kernelGlow, general: general, column: likelihood, inRole: "in", outRole: role}
	var values []metric.Interval
	var absent error
	for _, seed := range v.schedule.Seeds {
		m, err := v.measure(ctx, of, seed)
		if errors.Is(err, plan.ErrAbsent) {
			absent = err
			continue
		}
		if err != nil {
			return nil, err
		}
		values = append(values, m.value)
		row.Images = m.imagesIn + m.imagesOut
	}
	if len(values) == 0 {
		return nil, absent
	}
	over := overSeeds(values)
	row.Role, row.Set, row.Frequency, row.Seeds = role, v.schedule.Roles.Set(role), math.NaN(), len(values)
	row.Value, row.Low, row.High = over.Value, over.Low, over.High
	return []result.KernelValue{row}, nil
}

// overSeeds is the mean of AUROCs in percent, one a seed, with Student's interval cut to what an AUROC can be; of a
// single seed it is that over its images.
func overSeeds(seeds []metric.Interval) metric.Interval {
	if len(seeds) == 1 {
		return seeds[0]
	}
	var values []float64
	for _, s := range seeds {
		values = append(values, s.Value)
	}
	return withinPercent(metric.MeanInterval(values))
}
