package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/density"
	"strata/pkg/ledger"
	"strata/pkg/metric"
	"strata/pkg/paper"
	"strata/pkg/pixeldiff"
	"strata/pkg/score"
	"strata/pkg/train"

	"gonum.org/v1/gonum/stat/distuv"
)

// paperRoles are the roles of the sets that the paper's tables name.
var paperRoles = map[string]string{"CIFAR10": "in", "CIFAR100": "near", "SVHN": "smooth", "LSUN": "far", "CelebA": "faces", "Tiny-Imagenet": "further"}

// source says which configuration and which of its scores a cell of the paper is about: AUROC of Score under In, less that
// under General where there is one, and for "bpd" the mean bits/dim of In.
type source struct {
	in, general string // configurations; general may be "PNG" or ""
	column      string // log_likelihood, c1, c2, c3, log_odds or bpd
	inRole      string
	outRole     string
}

// sourceOf reads a cell of the paper; a cell that the paper quotes, or a mean, has no source here.
func sourceOf(all plan.Configurations, c paper.Cell) (source, error) {
	if by := c.ReportedBy(); by != "" {
		return source{}, fmt.Errorf("quoted by the paper from %s", by)
	}
	if c.In == "Mean" || c.Out == "Mean" {
		return source{}, errors.New("a mean of the cells above")
	}
	s := source{inRole: paperRoles[c.In], outRole: paperRoles[c.Out]}
	if s.inRole == "" || s.outRole == "" && c.Out != "" {
		return source{}, fmt.Errorf("no role is declared for %s against %s", c.In, c.Out)
	}
	model := map[string]string{"Glow": "glow", "PCNN": "pixelcnn", "WRN-28-10": "classifier"}[c.InModel()]
	loss := map[string]string{"none": "", "outlier_eq2": "outlier", "margin": "margin", "binary_cross_entropy_vs_Tiny": ""}[c.Loss]
	scratch := c.Option("init") == "scratch" || model == "classifier"
	find := func(what string, fits func(plan.Configuration) bool) (string, error) {
		i := slices.IndexFunc(all, func(d plan.Configuration) bool { return !d.Optional && fits(d) })
		if i < 0 {
			return "", fmt.Errorf("no configuration trains %s", what)
		}
		return all[i].ID, nil
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
			return d.Model == model && d.Set == s.inRole && string(d.Loss) == loss && d.Labels == c.Supervised() && (d.Parent == "") == scratch
		})
		// of finetuned ones the paper means those from the general model; they are declared first
	}
	if err != nil {
		return source{}, err
	}
	scale, ok := map[string]string{"16x16": "c1", "8x8": "c2", "4x4": "c3", "full": "log_likelihood", "": "log_likelihood"}[strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(c.Score, "raw"), "diff"), "_")]
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

// Evaluation computes the paper's numbers from the finished runs of a schedule.
type Evaluation struct {
	engine         *Engine
	schedule       *Schedule
	configurations plan.Configurations // all, not only the scheduled ones
	// NonFinite counts the log-likelihoods that were replaced (digest §6), by run.
	NonFinite map[string]int
	columns   map[string][]float64
	baselines map[string][]float64
	// densities are those of the pixel differences of training sets, by set.
	densities map[string]*pixeldiff.Density
	// moment, if not 0, is a point of the learning curves, 1 to CurvePoints: the numbers are then those of that moment (moments.go).
	moment moment
	// correlate is Spearman's correlation, as in the paper; its footnote 3 asks for Pearson's too.
	correlate func(x, y []float64, resamples int, seed uint64) (metric.Interval, error)
}

// Evaluate prepares the numbers of a schedule's runs.
func (e *Engine) Evaluate(s *Schedule) (*Evaluation, error) {
	all, err := plan.LoadConfigurations()
	if err != nil {
		return nil, err
	}
	return &Evaluation{engine: e, schedule: s, configurations: all, NonFinite: map[string]int{}, columns: map[string][]float64{}, baselines: map[string][]float64{}, densities: map[string]*pixeldiff.Density{},
		correlate: metric.SpearmanInterval}, nil
}

// set is the set of a role.
func (v *Evaluation) set(role string) (string, error) {
	if name := v.schedule.Roles.Set(role); name != "" {
		return name, nil
	}
	return "", fmt.Errorf("no set plays the role %s in family %s", role, v.schedule.Roles.Family)
}

// scores are a column of the test images of a role under a configuration, with what is not finite replaced.
func (v *Evaluation) scores(ctx context.Context, id string, seed uint64, role, column string) ([]float64, error) {
	name, err := v.set(role)
	if err != nil {
		return nil, err
	}
	return v.scoresOf(ctx, id, seed, name, column, density.Noise{})
}

func (v *Evaluation) scoresOf(ctx context.Context, id string, seed uint64, set, column string, noise density.Noise) ([]float64, error) {
	run, err := v.schedule.Run(id, seed)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(run.Info.ID, "/", set, "/", column, noise)
	if values, ok := v.columns[key]; ok {
		return values, nil
	}
	table, err := v.tableOf(ctx, run, set, noise)
	if err != nil {
		return nil, err
	}
	values, err := table.Column(column, nil)
	if err != nil {
		return nil, err
	}
	clean, replaced := metric.ReplaceNonFinite(values)
	v.NonFinite[run.Info.ID] += replaced
	v.columns[key] = clean
	return clean, nil
}

// images are values of the test images of a role that need no model: a trivial baseline by name.
func (v *Evaluation) images(role, name string) ([]float64, error) {
	set, err := v.set(role)
	if err != nil {
		return nil, err
	}
	key := set + "/" + name
	if values, ok := v.baselines[key]; ok {
		return values, nil
	}
	test, err := v.engine.TestImages(set, v.schedule.Size.TestImages)
	if err != nil {
		return nil, err
	}
	if name == "png_bytes" {
		sizes, err := score.PNGBytesOf(test)
		if err != nil {
			return nil, err
		}
		for _, size := range sizes {
			v.baselines[key] = append(v.baselines[key], float64(size))
		}
		return v.baselines[key], nil
	}
	for _, b := range score.Baselines() {
		if b.Name == name {
			v.baselines[key], err = b.Of(test)
			return v.baselines[key], err
		}
	}
	return nil, fmt.Errorf("no baseline %q", name)
}

// score is what a source gives the images of a role, higher for in-distribution.
func (v *Evaluation) score(ctx context.Context, s source, seed uint64, role string) ([]float64, error) {
	own, err := v.scores(ctx, s.in, seed, role, s.column)
	if err != nil || s.general == "" {
		return own, err
	}
	if s.general == "PNG" {
		sizes, err := v.images(role, "png_bytes")
		if err != nil {
			return nil, err
		}
		bytes := make([]int, len(sizes))
		for i, size := range sizes {
			bytes[i] = int(size)
		}
		return score.ComplexityRatio(own, bytes)
	}
	general, err := v.scores(ctx, s.general, seed, role, s.column)
	if err != nil {
		return nil, err
	}
	return score.Ratio(own, general)
}

// auroc is that of a source, 0 to 1, with DeLong's interval.
func (v *Evaluation) auroc(ctx context.Context, s source, seed uint64) (value metric.Interval, imagesIn, imagesOut int, err error) {
	in, err := v.score(ctx, s, seed, s.inRole)
	if err != nil {
		return value, 0, 0, err
	}
	out, err := v.score(ctx, s, seed, s.outRole)
	if err != nil {
		return value, 0, 0, err
	}
	value, err = metric.AUROC(in, out)
	return value, len(in), len(out), err
}

// bitsPerDim is the mean over the test images of a role, with one noise sample (Table S1), and the interval of that mean.
func (v *Evaluation) bitsPerDim(ctx context.Context, id string, seed uint64, role string) (metric.Interval, int, error) {
	name, err := v.set(role)
	if err != nil {
		return metric.Interval{}, 0, err
	}
	values, err := v.scoresOf(ctx, id, seed, name, "log_likelihood", density.Noise{Sample: true, Seed: seed})
	if err != nil {
		return metric.Interval{}, 0, err
	}
	set, err := v.engine.Set(name, "test")
	if err != nil {
		return metric.Interval{}, 0, err
	}
	bits := make([]float64, len(values))
	for i, l := range values {
		bits[i] = density.BitsPerDim(l, set.ImageSize())
	}
	mean, std := metric.OverSeeds(bits)
	half := 1.96 * std / math.Sqrt(float64(len(bits)))
	return metric.Interval{Value: mean, Low: mean - half, High: mean + half}, len(bits), nil
}

// Cells are the paper's table cells with what was measured here, then the trivial baselines of every pair of sets.
func (v *Evaluation) Cells(ctx context.Context) ([]ledger.Cell, error) {
	all, err := paper.Cells()
	if err != nil {
		return nil, err
	}
	var cells []ledger.Cell
	for _, c := range all {
		cell := v.cell(ctx, c)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		cells = append(cells, cell)
	}
	return append(cells, v.baselineCells()...), nil
}

func unmeasured(c paper.Cell, size plan.Size, note string) ledger.Cell {
	nan := math.NaN()
	return ledger.Cell{Cell: c, Measured: nan, Low: nan, High: nan, StdSeeds: nan, Size: size.Name, Note: note}
}

func (v *Evaluation) cell(ctx context.Context, c paper.Cell) ledger.Cell {
	cell := unmeasured(c, v.schedule.Size, "")
	fail := func(err error) ledger.Cell {
		return unmeasured(c, v.schedule.Size, err.Error())
	}
	s, err := sourceOf(v.configurations, c)
	if err != nil {
		return fail(err)
	}
	var values []float64
	var one metric.Interval
	for _, seed := range v.schedule.Seeds {
		v.measure(ctx, s, seed, &cell, func(of metric.Interval) {
			one = of
			values = append(values, of.Value)
			cell.BySeed = append(cell.BySeed, ledger.SeedValue{Seed: seed, Value: of.Value, Low: of.Low, High: of.High})
		}, &err)
	}
	if len(values) == 0 {
		return fail(err)
	}
	cell.Seeds = len(values)
	cell.Measured, cell.Low, cell.High = one.Value, one.Low, one.High
	if len(values) > 1 {
		cell.Measured, cell.StdSeeds = metric.OverSeeds(values)
		half := distuv.StudentsT{Sigma: 1, Nu: float64(len(values) - 1)}.Quantile(0.975) * cell.StdSeeds / math.Sqrt(float64(len(values)))
		cell.Low, cell.High = cell.Measured-half, cell.Measured+half
		if s.column != "bpd" { // Student's interval of few seeds is wider than what an AUROC can be
			cell.Low, cell.High = max(0, cell.Low), min(100, cell.High)
		}
	}
	cell.InSet = v.schedule.Roles.Set(s.inRole)
	cell.OutSet = v.schedule.Roles.Set(s.outRole)
	var stands []string
	sets := []string{cell.InSet, cell.OutSet, cell.GeneralSet}
	if i := slices.IndexFunc(v.configurations, func(c plan.Configuration) bool { return c.ID == s.in }); cell.GeneralSet == "" && i >= 0 {
		if c := v.configurations[i]; c.Set == "general" || c.Parent != "" || c.Outliers == "general" { // trained on it on the way
			sets = append(sets, v.schedule.Roles.Set("general"))
		}
	}
	for _, set := range sets {
		stand := set + " for " + plan.StandsFor(set)
		if plan.StandsFor(set) != "" && !slices.Contains(stands, stand) {
			stands = append(stands, stand)
		}
	}
	cell.StandsFor = strings.Join(stands, "; ")
	return cell
}

// measure adds what a seed gives to a cell, or says in failed why it gives nothing.
func (v *Evaluation) measure(ctx context.Context, s source, seed uint64, cell *ledger.Cell, add func(metric.Interval), failed *error) {
	var value metric.Interval
	var in, out int
	var err error
	if s.column == "bpd" {
		value, in, err = v.bitsPerDim(ctx, s.in, seed, s.inRole)
	} else {
		value, in, out, err = v.auroc(ctx, s, seed)
		value = percent(value)
	}
	if err != nil {
		*failed = err
		return
	}
	add(value)
	cell.ImagesIn, cell.ImagesOut = in, out
	for _, id := range []string{s.in, s.general} {
		run, err := v.schedule.Run(id, seed)
		if err != nil {
			continue // no general model, or PNG
		}
		cell.Runs = append(cell.Runs, run.Info.ID)
		cell.NonFinite += v.NonFinite[run.Info.ID]
		if id == s.general {
			cell.GeneralSet = run.Info.Spec.Set
		} else {
			cell.Network, cell.Steps = run.Info.Spec.Network(), v.steps(run, seed)
		}
	}
}

// steps are those of a run and of the runs that it was finetuned from: "500 after 1000".
func (v *Evaluation) steps(run *Run, seed uint64) string {
	text := strconv.Itoa(run.Info.Spec.Train.Steps)
	for _, other := range v.schedule.Runs {
		if other.Run != nil && run.Info.Spec.Parent != "" && other.Run.Info.ID == run.Info.Spec.Parent {
			return text + " after " + v.steps(other.Run, seed)
		}
	}
	return text
}

// baselineCells tell every pair of the tables' sets apart by what needs no model: a score that does no better has a confound.
func (v *Evaluation) baselineCells() []ledger.Cell {
	var cells []ledger.Cell
	names := []string{"CIFAR10", "CIFAR100", "SVHN", "LSUN", "CelebA", "Tiny-Imagenet"}
	for _, in := range names[:3] {
		for _, out := range names {
			if in == out {
				continue
			}
			for _, b := range score.Baselines() {
				c := paper.Cell{Table: "baselines", In: in, Out: out, Score: b.Name, Value: math.NaN(), Std: math.NaN()}
				cell := unmeasured(c, v.schedule.Size, "")
				inValues, err := v.images(paperRoles[in], b.Name)
				if err != nil {
					cell.Note = err.Error()
					cells = append(cells, cell)
					continue
				}
				outValues, err := v.images(paperRoles[out], b.Name)
				var area metric.Interval
				if err == nil {
					area, err = metric.AUROC(inValues, outValues)
				}
				if err != nil {
					cell.Note = err.Error()
				} else {
					area = percent(area)
					cell.Measured, cell.Low, cell.High = area.Value, area.Low, area.High
					cell.ImagesIn, cell.ImagesOut = len(inValues), len(outValues)
					cell.InSet, cell.OutSet = v.schedule.Roles.Set(paperRoles[in]), v.schedule.Roles.Set(paperRoles[out])
				}
				cells = append(cells, cell)
			}
		}
	}
	return cells
}
