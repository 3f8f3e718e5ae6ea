package claim

import (
	"fmt"
	"go/ast"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/score"
)

// likelihood is the column of ln p.
const likelihood = score.LogLikelihood

type function func(e *evaluator, call *ast.CallExpr, in scope) (value, error)

// functions are what expressions can call, beside the scores of package score; the comment in expression.go says what
// each is.
var functions map[string]function

func init() { // they call each other
	functions = map[string]function{
		"raw": likelihoodOf(func(e *evaluator, m moment, role string) (perImage, error) { return e.perImage(m, role, likelihood) }),
		"last": likelihoodOf(func(e *evaluator, m moment, role string) (perImage, error) {
			return e.perImage(m, role, lastScale(e))
		}),
		"early": likelihoodOf(func(e *evaluator, m moment, role string) (perImage, error) {
			return e.less(m, m, role, likelihood, lastScale(e))
		}),
		"odds":       likelihoodOf(func(e *evaluator, m moment, role string) (perImage, error) { return e.perImage(m, role, "log_odds") }),
		"ratio_last": ratioLast,
		"png":        complexity,
		"image":      imageScore, "pseudo": pseudo, "made": imageScore, "positive": positive,
		"auroc": auroc, "spearman": spearman, "mean": mean, "span": span, "bits": bits, "top": top, "peak": peak, "off_centre": offCentre,
		"each": each, "pairs": pairs, "average": average, "least": extreme(math.Min), "largest": extreme(math.Max),
		"trained_on": named("glow_%s"), "glow_tuned_on": named("glow_%s_from_general"), "pixelcnn_tuned_on": named("pixelcnn_%s_from_general"),
		"at": at, "shares": shares, "outliers": outliers, "have": have, "independent": independent, "but": but,
	}
}

func lastScale(e *evaluator) string { return "c" + strconv.Itoa(e.judge.numbers.LastScale()) }

// perImage are the values of a role's images under a configuration, with what is not finite replaced (digest §6).
func (e *evaluator) perImage(m moment, role, name string) (perImage, error) {
	return e.fetch(score.Column{Configuration: m.configuration, Seed: e.seed, Role: role, Name: name, At: m.share})
}

func (e *evaluator) fetch(of score.Column) (perImage, error) {
	e.note(of)
	if of.At == 0 {
		of.At, of.Of = e.judge.at, e.judge.kind
	}
	key := fmt.Sprint(of)
	if known, ok := e.judge.columns[key]; ok {
		return e.count(known)
	}
	population, values, err := e.judge.numbers.Values(e.ctx, of)
	if err != nil {
		return perImage{}, err
	}
	c := perImage{population: population, values: values}
	e.judge.columns[key] = c
	return e.count(c)
}

// note remembers what a claim rests on.
func (e *evaluator) note(of score.Column) {
	if !slices.Contains(e.roles, of.Role) {
		e.roles = append(e.roles, of.Role)
	}
	if of.Configuration != "" && !slices.Contains(e.configurations, of.Configuration) {
		e.configurations = append(e.configurations, of.Configuration)
	}
}

// count adds a population's images to those of the claim, once.
func (e *evaluator) count(c perImage) (perImage, error) {
	if c.population == "" { // one number of a whole set
		return c, nil
	}
	if known, ok := e.judge.images[c.population]; ok && known != len(c.values) {
		return c, fmt.Errorf("the images of %s are %d here and %d elsewhere: what is of other images cannot be compared", c.population, len(c.values), known)
	}
	e.judge.images[c.population] = len(c.values)
	if !e.used[c.population] {
		e.used[c.population] = true
		e.counted += len(c.values)
	}
	return c, nil
}

// less is a column of a less one of b.
func (e *evaluator) less(a, b moment, role, of, other string) (perImage, error) {
	own, err := e.perImage(a, role, of)
	if err != nil {
		return perImage{}, err
	}
	general, err := e.perImage(b, role, other)
	if err != nil {
		return perImage{}, err
	}
	if own.population != general.population {
		return perImage{}, fmt.Errorf("the images of %s and of %s are not the same", own.population, general.population)
	}
	values, err := score.Ratio(own.values, general.values)
	return perImage{own.population, values}, err
}

// likelihoodOf is a score of one configuration.
func likelihoodOf(of func(e *evaluator, m moment, role string) (perImage, error)) function {
	return func(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
		if err := arguments(call, 1, 1); err != nil {
			return nil, err
		}
		m, err := e.configuration(call.Args[0], in)
		return scoring{text(call, in), func(role string) (perImage, error) { return of(e, m, role) }}, err
	}
}

// ratioLast is the ratio of the last scale of two configurations.
func ratioLast(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	own, general, err := e.compared(call, in)
	return scoring{text(call, in), func(role string) (perImage, error) {
		return e.less(own, general, role, lastScale(e), lastScale(e))
	}}, err
}

// complexity is a configuration's score with PNG as the general model, under the paper's name png.
func complexity(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	of, _ := score.Find("complexity")
	return derived(of)(e, call, in)
}

// compared are a configuration and the general one of a call.
func (e *evaluator) compared(call *ast.CallExpr, in scope) (own, general moment, err error) {
	if err := arguments(call, 2, 2); err != nil {
		return own, general, err
	}
	if own, err = e.configuration(call.Args[0], in); err != nil {
		return own, general, err
	}
	general, err = e.configuration(call.Args[1], in)
	if own.share > 0 && general.share == 0 { // the general model in the end, on the curves' images
		general.share = 1
	}
	return own, general, err
}

// functionOf is what a name stands for: one of functions, or a score of package score.
func functionOf(name string) function {
	if f, ok := functions[name]; ok {
		return f
	}
	if d, ok := score.Find(name); ok {
		return derived(d)
	}
	return nil
}

// functionNames are all names that functionOf knows.
func functionNames() []string {
	all := slices.Collect(maps.Keys(functions))
	for _, d := range score.All() {
		all = append(all, d.Name)
	}
	slices.Sort(all)
	return all
}

// derived is a score of package score: of one configuration, or of one compared with a general one.
func derived(d score.Derived) function {
	return func(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
		var own, general moment
		var err error
		if d.General {
			own, general, err = e.compared(call, in)
		} else if err = arguments(call, 1, 1); err == nil {
			own, err = e.configuration(call.Args[0], in)
		}
		return scoring{text(call, in), func(role string) (perImage, error) { return e.derive(d, own, general, role) }}, err
	}
}

// derive computes a score of package score from columns that must be of the same images.
func (e *evaluator) derive(d score.Derived, own, general moment, role string) (perImage, error) {
	var of perImage
	columns := func(m moment) score.Columns {
		return func(name string) ([]float64, error) {
			from := m
			if !score.OfModel(name) {
				from.configuration = ""
			}
			c, err := e.perImage(from, role, name)
			if err == nil && of.population != "" && c.population != of.population {
				err = fmt.Errorf("the images of %s and of %s are not the same", of.population, c.population)
			}
			of.population = c.population
			return c.values, err
		}
	}
	var theirs score.Columns
	if d.General {
		theirs = columns(general)
	}
	var err error
	of.values, err = d.Of(columns(own), theirs)
	return of, err
}

// imageScore is what is known of images without a model, or of what strata made of them.
func imageScore(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 1, 1); err != nil {
		return nil, err
	}
	name, err := e.name(call.Args[0], in)
	return scoring{text(call, in), func(role string) (perImage, error) { return e.perImage(moment{}, role, name) }}, err
}

func pseudo(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 1, 1); err != nil {
		return nil, err
	}
	of, err := e.name(call.Args[0], in)
	return scoring{text(call, in), func(role string) (perImage, error) { return e.perImage(moment{}, role, "pseudo_"+of) }}, err
}

func positive(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 1, 1); err != nil {
		return nil, err
	}
	of, err := e.score(call.Args[0], in)
	return scoring{text(call, in), func(role string) (perImage, error) {
		c, err := of.of(role)
		if err != nil {
			return perImage{}, err
		}
		shares := make([]float64, len(c.values))
		for i, v := range c.values {
			if v > 0 {
				shares[i] = 100
			}
		}
		return perImage{c.population, shares}, nil
	}}, err
}

// statistic computes one over populations, or finds it computed.
func (e *evaluator) statistic(call *ast.CallExpr, in scope, columns []perImage,
	build func() (func() metric.Statistic, error)) (value, error) {
	said := text(call, in)
	key := fmt.Sprint(said, " seed ", e.seed)
	if name(call.Fun) == "spearman" { // of two scores it is the same either way round
		sides := []string{text(call.Args[0], in), text(call.Args[1], in)}
		slices.Sort(sides)
		key = fmt.Sprint("spearman ", sides, " seed ", e.seed, e.pearson)
	}
	for _, c := range columns {
		key += " " + c.population
	}
	if known, ok := e.judge.known[key]; ok {
		return quantities{{Resampled: known, text: said, hidden: hidden(call, columns)}}, nil
	}
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	newStatistic, err := build()
	if err != nil {
		return nil, err
	}
	var populations []metric.Population
	for _, c := range columns {
		populations = append(populations, metric.Population{Name: c.population, Images: len(c.values)})
	}
	r, err := e.judge.resampler.Bootstrap(populations, newStatistic)
	if err != nil {
		return nil, err
	}
	e.judge.known[key] = r
	return quantities{{Resampled: r, text: said, hidden: hidden(call, columns)}}, nil
}

// columnsOf are a score's values over roles, and all of them in one row.
func columnsOf(of scoring, roles names) (columns []perImage, all []float64, err error) {
	for _, role := range roles {
		c, err := of.of(role)
		if err != nil {
			return nil, nil, err
		}
		columns, all = append(columns, c), append(all, c.values...)
	}
	return columns, all, nil
}

func auroc(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 3, 3); err != nil {
		return nil, err
	}
	of, err := e.score(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	roles, err := e.rolesOf(call.Args[1:], in)
	if err != nil {
		return nil, err
	}
	columns, _, err := columnsOf(of, roles)
	if err != nil {
		return nil, err
	}
	if len(columns) != 2 {
		return nil, fmt.Errorf("an AUROC is of two roles, not %d", len(columns))
	}
	return e.statistic(call, in, columns, func() (func() metric.Statistic, error) {
		newArea, err := metric.NewAUROC(columns[0].values, columns[1].values)
		return func() metric.Statistic {
			area := newArea()
			return func(counts [][]uint8) float64 { return 100 * area(counts) }
		}, err
	})
}

func spearman(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 3, 9); err != nil {
		return nil, err
	}
	roles, err := e.rolesOf(call.Args[2:], in)
	if err != nil {
		return nil, err
	}
	var sides [2][]float64
	var columns []perImage
	for i := range sides {
		of, err := e.score(call.Args[i], in)
		if err != nil {
			return nil, err
		}
		if columns, sides[i], err = columnsOf(of, roles); err != nil {
			return nil, err
		}
	}
	return e.statistic(call, in, columns, func() (func() metric.Statistic, error) {
		if e.pearson {
			return metric.NewPearson(sides[0], sides[1])
		}
		return metric.NewSpearman(sides[0], sides[1])
	})
}

// mean is the mean over roles of the mean over their images.
func mean(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	return e.ofRoles(call, in, func(c perImage) func() metric.Statistic { return metric.NewMean(c.values) })
}

// ofRoles is the mean over roles of a statistic of the images of each.
func (e *evaluator) ofRoles(call *ast.CallExpr, in scope, of func(perImage) func() metric.Statistic) (value, error) {
	if err := arguments(call, 2, 9); err != nil {
		return nil, err
	}
	s, err := e.score(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	roles, err := e.rolesOf(call.Args[1:], in)
	if err != nil {
		return nil, err
	}
	columns, _, err := columnsOf(s, roles)
	if err != nil {
		return nil, err
	}
	for _, c := range columns {
		if err := allFinite(c, text(call, in)); err != nil {
			return nil, err
		}
	}
	return e.statistic(call, in, columns, func() (func() metric.Statistic, error) {
		return func() metric.Statistic {
			var each []metric.Statistic
			for _, c := range columns {
				each = append(each, of(c)())
			}
			return func(counts [][]uint8) float64 {
				sum := 0.0
				for i, statistic := range each {
					sum += statistic(counts[i : i+1])
				}
				return sum / float64(len(each))
			}
		}, nil
	})
}

func span(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 2, 9); err != nil {
		return nil, err
	}
	of, err := e.score(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	roles, err := e.rolesOf(call.Args[1:], in)
	if err != nil {
		return nil, err
	}
	columns, all, err := columnsOf(of, roles)
	if err != nil {
		return nil, err
	}
	return e.statistic(call, in, columns, func() (func() metric.Statistic, error) { return metric.NewSpan(all), nil })
}

func bits(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 2, 2); err != nil {
		return nil, err
	}
	m, err := e.configuration(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	role, err := e.name(call.Args[1], in)
	if err != nil {
		return nil, err
	}
	c, err := e.fetch(score.Column{Configuration: m.configuration, Seed: e.seed, Role: role, Name: likelihood, At: m.share, Noise: true})
	if err != nil {
		return nil, err
	}
	if err := allFinite(c, text(call, in)); err != nil {
		return nil, err
	}
	values := make([]float64, len(c.values))
	for i, l := range c.values {
		if values[i], err = e.judge.numbers.BitsPerDim(role, l); err != nil {
			return nil, err
		}
	}
	return e.statistic(call, in, []perImage{c}, func() (func() metric.Statistic, error) { return metric.NewMean(values), nil })
}

func top(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 4, 4); err != nil {
		return nil, err
	}
	by, err := e.score(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	most, ok := number(call.Args[1])
	if !ok {
		return nil, fmt.Errorf("%s is no number of images", text(call.Args[1], in))
	}
	of, err := e.score(call.Args[2], in)
	if err != nil {
		return nil, err
	}
	role, err := e.name(call.Args[3], in)
	if err != nil {
		return nil, err
	}
	liked, err := by.of(role)
	if err != nil {
		return nil, err
	}
	c, err := of.of(role)
	if err != nil {
		return nil, err
	}
	n := min(int(most), len(c.values)/10)
	if n == 0 {
		return nil, fmt.Errorf("ten images are needed, and %s has %d", role, len(c.values))
	}
	return e.statistic(call, in, []perImage{liked}, func() (func() metric.Statistic, error) {
		return metric.NewTop(liked.values, c.values, n), nil
	})
}

// peak is the height of the pixel-difference density of a role's training images at its mode, from the share of each image's differences there.
func peak(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	return e.ofImages(call, in, "peak")
}

// offCentre is how far the mode lies from 0, in bins; no interval.
func offCentre(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 1, 1); err != nil {
		return nil, err
	}
	role, err := e.name(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	c, err := e.perImage(moment{}, role, "off_centre")
	if err != nil {
		return nil, err
	}
	return quantities{{Resampled: metric.Resampled{Value: c.values[0]}, text: text(call, in)}}, nil
}

func (e *evaluator) ofImages(call *ast.CallExpr, in scope, name string) (value, error) {
	if err := arguments(call, 1, 1); err != nil {
		return nil, err
	}
	role, err := e.name(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	c, err := e.perImage(moment{}, role, name)
	if err != nil {
		return nil, err
	}
	return e.statistic(call, in, []perImage{c}, func() (func() metric.Statistic, error) { return metric.NewMean(c.values), nil })
}

func each(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 3, 3); err != nil {
		return nil, err
	}
	list, err := e.value(call.Args[1], in)
	if err != nil {
		return nil, err
	}
	var all quantities
	for _, item := range items(list) {
		of, err := e.quantities(call.Args[2], in.with(name(call.Args[0]), item))
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	if len(all) == 0 {
		return nil, plan.Absent("no role or run for %s", text(call.Args[1], in))
	}
	return all, nil
}

func items(list value) []value {
	var all []value
	switch list := list.(type) {
	case names:
		for _, n := range list {
			all = append(all, names{n})
		}
	case quantities:
		for _, q := range list {
			all = append(all, quantities{q})
		}
	}
	return all
}

func pairs(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 4, 4); err != nil {
		return nil, err
	}
	list, err := e.names(call.Args[2], in)
	if err != nil {
		return nil, err
	}
	var all quantities
	for i, a := range list {
		for _, b := range list[i+1:] {
			of, err := e.quantities(call.Args[3], in.with(name(call.Args[0]), names{a}).with(name(call.Args[1]), names{b}))
			if err != nil {
				return nil, err
			}
			all = append(all, of...)
		}
	}
	if len(all) == 0 {
		return nil, plan.Absent("no pair of runs for %s", text(call.Args[2], in))
	}
	return all, nil
}

// several are the quantities of all arguments.
func (e *evaluator) several(call *ast.CallExpr, in scope) (quantities, error) {
	var all quantities
	for _, x := range call.Args {
		of, err := e.quantities(x, in)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s of nothing", name(call.Fun))
	}
	return all, nil
}

func average(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	all, err := e.several(call, in)
	if err != nil {
		return nil, err
	}
	sum := metric.Resampled{}
	for _, q := range all {
		sum = combine(func(a, b float64) float64 { return a + b }, sum, q.Resampled)
	}
	n := metric.Resampled{Value: float64(len(all))}
	return quantities{{combine(func(a, b float64) float64 { return a / b }, sum, n), text(call, in), most(all)}}, nil
}

// extreme is the least or the largest of some quantities, over resamples that of theirs. Its value and interval are of
// what the images at hand gave, for tables and figures. Where one quantity is clearly the least, the interval is that
// quantity's. Where several are about as small, the least of them is so by its noise too: it lies below the least of the
// true ones, and that of a resample lies lower still, so the whole interval may lie below the truth (above, of the
// largest). So no condition may have one (parse): a condition is on each quantity, with the quantity's own interval.
func extreme(of func(a, b float64) float64) function {
	return func(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
		all, err := e.several(call, in)
		if err != nil {
			return nil, err
		}
		r := all[0].Resampled
		for _, q := range all[1:] {
			r = combine(of, r, q.Resampled)
		}
		return quantities{{r, text(call, in), most(all)}}, nil
	}
}

func at(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 2, 3); err != nil {
		return nil, err
	}
	m, err := e.configuration(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	share, err := e.quantities(call.Args[1], in)
	if err != nil {
		return nil, err
	}
	if len(share) != 1 || share[0].Value <= 0 || share[0].Value > 1 {
		return nil, fmt.Errorf("%s is no share of a run's steps, above 0 and at most 1", text(call.Args[1], in))
	}
	m.share = share[0].Value
	if len(call.Args) == 3 { // of the steps of another run
		other, err := e.configuration(call.Args[2], in)
		if err != nil {
			return nil, err
		}
		own, err := e.judge.numbers.Steps(m.configuration, e.seed)
		if err != nil {
			return nil, err
		}
		theirs, err := e.judge.numbers.Steps(other.configuration, e.seed)
		if err != nil {
			return nil, err
		}
		m.share = min(1, m.share*float64(theirs)/float64(own))
	}
	return m, nil
}

// curveShares are the points of a learning curve that expressions speak of, whatever number a size has.
const curveShares = 10

func shares(_ *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 2, 2); err != nil {
		return nil, err
	}
	from, ok := number(call.Args[0])
	to, alsoOK := number(call.Args[1])
	if !ok || !alsoOK {
		return nil, fmt.Errorf("%s wants two numbers", text(call, in))
	}
	var all quantities
	for i := 1; i <= curveShares; i++ {
		if share := float64(i) / curveShares; share >= from-1e-9 && share <= to+1e-9 {
			all = append(all, quantity{Resampled: metric.Resampled{Value: share}, text: strconv.FormatFloat(share, 'g', 3, 64)})
		}
	}
	return all, nil
}

func outliers(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 1, 1); err != nil {
		return nil, err
	}
	role, err := e.name(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	all := e.have("smooth", "in", "near", "far")
	return names(slices.DeleteFunc(all, func(other string) bool { return other == role })), nil
}

func (e *evaluator) have(roles ...string) names {
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return !e.judge.numbers.Has(role) })
}

func have(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	roles, err := e.rolesOf(call.Args, in)
	return e.have(roles...), err
}

// independent are the convolutional Glows that were trained from scratch, as far as there are sets for them.
func independent(e *evaluator, _ *ast.CallExpr, _ scope) (value, error) {
	all := names{}
	for _, role := range e.have("general", "smooth", "in", "near") {
		all = append(all, "glow_"+role)
	}
	return all, nil
}

func but(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
	if err := arguments(call, 2, 2); err != nil {
		return nil, err
	}
	list, err := e.names(call.Args[0], in)
	if err != nil {
		return nil, err
	}
	without, err := e.name(call.Args[1], in)
	return names(slices.DeleteFunc(slices.Clone(list), func(n string) bool { return strings.ReplaceAll(n, "-", "_") == without })), err
}

// named is the configuration whose name is made of a role's.
func named(format string) function {
	return func(e *evaluator, call *ast.CallExpr, in scope) (value, error) {
		if err := arguments(call, 1, 1); err != nil {
			return nil, err
		}
		role, err := e.name(call.Args[0], in)
		return names{fmt.Sprintf(format, role)}, err
	}
}

// allFinite refuses a mean of likelihoods of which some were not finite: the -3,000,000 nats that stand for them (digest §6) are for ranking, and
// one in a thousand would move a mean by thousands.
func allFinite(c perImage, what string) error {
	replaced := 0
	for _, v := range c.values {
		if v == metric.NonFiniteScore {
			replaced++
		}
	}
	if replaced > 0 {
		return plan.Absent("%s: %d of %d likelihoods are not finite, and a mean of the others would be of other images", what, replaced, len(c.values))
	}
	return nil
}

// hidden is how many points of AUROC, or of a share of images, a value may be off that no resample moves: where n images all say the same, a
// share of 1 - 0.025^(1/n) may say otherwise (the exact binomial interval, as metric.AUROC has it).
func hidden(call *ast.CallExpr, columns []perImage) float64 {
	if of := name(call.Fun); of != "auroc" && of != "top" {
		return 0
	}
	n := math.MaxInt
	for _, c := range columns {
		n = min(n, len(c.values))
	}
	return 100 * (1 - math.Pow(0.025, 1/float64(n)))
}

// most is the largest that hides in some quantities.
func most(all quantities) float64 {
	largest := 0.0
	for _, q := range all {
		largest = max(largest, q.hidden)
	}
	return largest
}
