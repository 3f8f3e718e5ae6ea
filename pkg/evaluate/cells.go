package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"
	"strata/pkg/train"
)

// paperRoles are the roles of the sets that the paper's tables name.
var paperRoles = map[string]string{"CIFAR10": "in", "CIFAR100": "near", "SVHN": "smooth", "LSUN": "far", "CelebA": "faces",
	"Tiny-Imagenet": "further"}

// source says which configuration and which of its scores a cell of the paper is about: AUROC of Score under In, less that
// under General where there is one, and for "bpd" the mean bits/dim of In.
type source struct {
	in, general string // configurations; general may be "PNG" or ""
	column      string // log_likelihood, c1, c2, c3, log_odds or bpd
	inRole      string
	outRole     string
}

// sourceOf reads a cell of the paper; a cell that the paper quotes, or a mean, has no source here.
func sourceOf(all plan.Configurations, c result.PaperCell) (source, error) {
	if by := c.ReportedBy(); by != "" {
		return source{}, plan.Absent("quoted by the paper from %s", by)
	}
	if c.In == "Mean" || c.Out == "Mean" {
		return source{}, plan.Absent("a mean of the cells above")
	}
	s := source{inRole: paperRoles[c.In], outRole: paperRoles[c.Out]}
	if s.inRole == "" || s.outRole == "" && c.Out != "" {
		return source{}, plan.Absent("no role is declared for %s against %s", c.In, c.Out)
	}
	model := map[string]string{"Glow": "glow", "PCNN": "pixelcnn", "WRN-28-10": "classifier"}[c.InModel()]
	loss := map[string]string{"none": "", "outlier_eq2": "outlier", "margin": "margin", "binary_cross_entropy_vs_Tiny": ""}[c.Loss]
	scratch := c.Option("init") == "scratch" || model == "classifier"
	find := func(what string, fits func(plan.Configuration) bool) (string, error) {
		i := slices.IndexFunc(all, func(d plan.Configuration) bool { return !d.Optional && fits(d) })
		if i < 0 {
			return "", fmt.Errorf("no configuration trains %s", what)
		}
		return all[i].Name, nil
	}
	general := func(model string) (string, error) {
		return find("the general "+model, func(d plan.Configuration) bool {
			return d.Model == model && d.Set == "general" && d.Loss == "" && d.Parent == ""
		})
	}
	var err error
	if c.Option("trained_on") == "Tiny" {
		s.in, err = general(model)
	} else {
		s.in, err = find(fmt.Sprintf("%s on %s with loss %q", model, s.inRole, loss), func(d plan.Configuration) bool {
			return d.Model == model && d.Set == s.inRole && string(d.Loss) == loss && d.Labels == c.Supervised() &&
				(d.Parent == "") == scratch
		})
		// of finetuned ones the paper means those from the general model; they are declared first
	}
	if err != nil {
		return source{}, err
	}
	scale, ok := map[string]string{"16x16": "c1", "8x8": "c2", "4x4": "c3", "full": "log_likelihood",
		"": "log_likelihood"}[strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(c.Score, "raw"), "diff"), "_")]
	switch {
	case c.Score == "p_indist":
		s.column = "log_odds"
	case strings.HasPrefix(c.Score, "bpd"):
		s.column = "bpd"
	case ok:
		s.column = scale
	default:
		return source{}, fmt.Errorf("no score %q", c.Score)
	}
	switch c.General {
	case "none", "":
	case "PNG":
		s.general = "PNG"
	case "Tiny-Glow":
		s.general, err = general("glow")
	case "Tiny-PCNN":
		s.general, err = general("pixelcnn")
	case "Tiny-Glow-with-outlier-loss":
		s.general, err = find("the general model with outliers of "+s.inRole, func(d plan.Configuration) bool {
			return d.Model == "glow" && d.Set == "general" && d.Loss == train.Eq2 && d.Outliers == s.inRole
		})
	default:
		err = fmt.Errorf("no general model %q", c.General)
	}
	return s, err
}

// Cells are the paper's table cells with what was measured here, then the trivial baselines of every pair of sets, and what each
// seed gave for each cell. An error is told after all cells.
func (v *Evaluation) Cells(ctx context.Context) ([]result.Cell, []result.SeedValue, error) {
	all, err := result.PaperCells()
	if err != nil {
		return nil, nil, err
	}
	var cells []result.Cell
	var seeds []result.SeedValue
	var problems plan.Problems
	for _, c := range all {
		cell, bySeed, err := v.cell(ctx, c)
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case errors.Is(err, plan.ErrAbsent):
			cell = result.Unmeasured(c, v.schedule.Size.Name, err.Error())
		case err != nil:
			cell = result.Unmeasured(c, v.schedule.Size.Name, brokenNote)
			problems.Add(fmt.Sprintf("table %s, %s against %s", c.Table, c.In, c.Out), err)
		}
		cells, seeds = append(cells, cell), append(seeds, bySeed...)
	}
	return append(cells, v.baselineCells(&problems)...), seeds, problems.Err()
}

// brokenNote stands where an error kept something from being measured. The error itself may name folders, and is printed, not kept.
const brokenNote = "an error kept it from being measured; strata reproduce says which"

// cell measures a cell of the paper with every seed whose runs are there.
func (v *Evaluation) cell(ctx context.Context, c result.PaperCell) (result.Cell, []result.SeedValue, error) {
	cell := result.Unmeasured(c, v.schedule.Size.Name, "")
	s, err := sourceOf(v.configurations, c)
	if err != nil {
		return cell, nil, err
	}
	var bySeed []result.SeedValue
	var values []float64
	var absent error
	for _, seed := range v.schedule.Seeds {
		m, err := v.measure(ctx, s, seed)
		if errors.Is(err, plan.ErrAbsent) {
			absent = err
			continue
		}
		if err != nil {
			return cell, nil, err
		}
		values = append(values, m.value.Value)
		bySeed = append(bySeed, result.SeedValue{Place: c.Place, Seed: seed, Value: m.value.Value, Low: m.value.Low, High: m.value.High})
		cell.Measured, cell.Low, cell.High = m.value.Value, m.value.Low, m.value.High
		cell.ImagesIn, cell.ImagesOut = m.imagesIn, m.imagesOut
		cell.NonFinite += m.replaced
		for _, name := range []string{s.in, s.general} {
			if name == "" || name == "PNG" {
				continue
			}
			run, err := v.schedule.Run(name, seed)
			if err != nil {
				return cell, nil, err
			}
			cell.Runs = append(cell.Runs, run.Info.ID)
			if name == s.general {
				cell.GeneralSet = run.Info.Spec.Set
			} else {
				cell.Network, cell.Steps = run.Info.Spec.Network(), v.steps(name, seed)
			}
		}
	}
	if len(values) == 0 {
		return cell, nil, absent
	}
	cell.Seeds = len(values)
	if len(values) > 1 {
		over := metric.MeanInterval(values)
		_, cell.StdSeeds = metric.OverSeeds(values)
		if s.column != "bpd" {
			over = withinPercent(over)
		}
		cell.Measured, cell.Low, cell.High = over.Value, over.Low, over.High
	}
	cell.InSet, cell.OutSet = v.schedule.Roles.Set(s.inRole), v.schedule.Roles.Set(s.outRole)
	cell.StandsFor = v.standsFor(s, cell)
	return cell, bySeed, nil
}

// standsFor says which sets of a cell play the roles of which of the paper's.
func (v *Evaluation) standsFor(s source, cell result.Cell) string {
	sets := []string{cell.InSet, cell.OutSet, cell.GeneralSet}
	if c, ok := v.configurations.Find(s.in); ok && cell.GeneralSet == "" && (c.Set == "general" || c.Parent != "" ||
		c.Outliers == "general") {
		sets = append(sets, v.schedule.Roles.Set("general")) // trained on it on the way
	}
	var stands []string
	for _, set := range sets {
		if of := plan.StandsFor(set); of != "" && !slices.Contains(stands, set+" for "+of) {
			stands = append(stands, set+" for "+of)
		}
	}
	return strings.Join(stands, "; ")
}

// ofCells are the columns that the cells are computed from.
func (v *Evaluation) ofCells() (all []score.Column) {
	cells, err := result.PaperCells()
	if err != nil {
		return nil // Cells tells it
	}
	for _, c := range cells {
		s, err := sourceOf(v.configurations, c)
		if err != nil {
			continue
		}
		for _, of := range []score.Column{{Role: s.inRole, Name: s.column}, {Role: s.outRole, Name: s.column}} {
			if s.column == "bpd" {
				of.Name, of.Noise = likelihood, true
			}
			for _, of.Seed = range v.schedule.Seeds {
				for _, of.Configuration = range []string{s.in, s.general} {
					all = append(all, of)
				}
			}
		}
	}
	return all
}

// measured is what a seed gives for a source.
type measured struct {
	value               metric.Interval
	imagesIn, imagesOut int
	// replaced is how many log-likelihoods that it was computed from were not finite.
	replaced int
}

// measure is an AUROC in percent with DeLong's interval, or mean bits/dim with one noise sample (Table S1).
func (v *Evaluation) measure(ctx context.Context, s source, seed uint64) (measured, error) {
	if s.column == "bpd" {
		return v.bitsPerDim(ctx, s.in, seed, s.inRole)
	}
	in, replacedIn, err := v.score(ctx, s, seed, s.inRole)
	if err != nil {
		return measured{}, err
	}
	out, replacedOut, err := v.score(ctx, s, seed, s.outRole)
	if err != nil {
		return measured{}, err
	}
	area, err := metric.AUROC(in, out)
	return measured{percent(area), len(in), len(out), replacedIn + replacedOut}, err
}

// score is what a source gives the images of a role, higher for in-distribution, and how many log-likelihoods were replaced for it.
func (v *Evaluation) score(ctx context.Context, s source, seed uint64, role string) ([]float64, int, error) {
	own, err := v.column(ctx, score.Column{Configuration: s.in, Seed: seed, Role: role, Name: s.column})
	if err != nil || s.general == "" {
		return own.values, own.replaced, err
	}
	if s.general == "PNG" {
		sizes, err := v.ofImages(role, "png_bytes", v.schedule.Size.TestImages)
		if err != nil {
			return nil, 0, err
		}
		whole := make([]int, len(sizes))
		for i, size := range sizes {
			whole[i] = int(size)
		}
		values, err := score.ComplexityRatio(own.values, whole)
		return values, own.replaced, err
	}
	general, err := v.column(ctx, score.Column{Configuration: s.general, Seed: seed, Role: role, Name: s.column})
	if err != nil {
		return nil, 0, err
	}
	values, err := score.Ratio(own.values, general.values)
	return values, own.replaced + general.replaced, err
}

func (v *Evaluation) bitsPerDim(ctx context.Context, configuration string, seed uint64, role string) (measured, error) {
	c, err := v.column(ctx, score.Column{Configuration: configuration, Seed: seed, Role: role, Name: likelihood, Noise: true})
	if err != nil {
		return measured{}, err
	}
	bits, err := v.finiteBits(role, c.values)
	if err != nil {
		return measured{}, err
	}
	return measured{value: metric.MeanInterval(bits), imagesIn: len(bits), replaced: c.replaced}, nil
}

// finiteBits are the bits/dim of those images whose log-likelihood is finite: what stands for the others (digest §6) is
// for ranking, not for means.
func (v *Evaluation) finiteBits(role string, logLikelihoods []float64) ([]float64, error) {
	var bits []float64
	for _, l := range logLikelihoods {
		if l == metric.NonFiniteScore {
			continue
		}
		b, err := v.BitsPerDim(role, l)
		if err != nil {
			return nil, err
		}
		bits = append(bits, b)
	}
	if len(bits) == 0 {
		return nil, plan.Absent("no log-likelihood on %s is finite", role)
	}
	return bits, nil
}

// withinPercent is Student's interval of a few seeds' AUROCs in percent, which is wider than what an AUROC can be, cut to that.
func withinPercent(v metric.Interval) metric.Interval {
	return metric.Interval{Value: v.Value, Low: max(0, v.Low), High: min(100, v.High)}
}

func percent(v metric.Interval) metric.Interval {
	return metric.Interval{Value: 100 * v.Value, Low: 100 * v.Low, High: 100 * v.High}
}

// baselineCells tell every pair of the tables' sets apart by what needs no model: a score that does no better has a confound.
func (v *Evaluation) baselineCells(problems *plan.Problems) []result.Cell {
	var cells []result.Cell
	names := []string{"CIFAR10", "CIFAR100", "SVHN", "LSUN", "CelebA", "Tiny-Imagenet"}
	for _, in := range names[:3] {
		for _, out := range names {
			if in == out {
				continue
			}
			for _, b := range score.Baselines() {
				c := result.PaperCell{Place: result.Place{Table: "baselines", In: in, Out: out, Score: b.Name},
					Value: math.NaN(), Std: math.NaN()}
				cell := result.Unmeasured(c, v.schedule.Size.Name, "")
				m, err := v.baseline(b.Name, paperRoles[in], paperRoles[out])
				switch {
				case errors.Is(err, plan.ErrAbsent):
					cell.Note = err.Error()
				case err != nil:
					cell.Note = brokenNote
					problems.Add(fmt.Sprintf("baseline %s, %s against %s", b.Name, in, out), err)
				default:
					cell.Measured, cell.Low, cell.High = m.value.Value, m.value.Low, m.value.High
					cell.ImagesIn, cell.ImagesOut = m.imagesIn, m.imagesOut
					cell.InSet, cell.OutSet = v.schedule.Roles.Set(paperRoles[in]), v.schedule.Roles.Set(paperRoles[out])
				}
				cells = append(cells, cell)
			}
		}
	}
	return cells
}

func (v *Evaluation) baseline(name, inRole, outRole string) (measured, error) {
	in, err := v.ofImages(inRole, name, v.schedule.Size.TestImages)
	if err != nil {
		return measured{}, err
	}
	out, err := v.ofImages(outRole, name, v.schedule.Size.TestImages)
	if err != nil {
		return measured{}, err
	}
	area, err := metric.AUROC(in, out)
	return measured{value: percent(area), imagesIn: len(in), imagesOut: len(out)}, err
}
