package claim

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"strconv"
	"strings"

	"strata/pkg/metric"
	"strata/pkg/plan"
)

// The language of claims.yaml. Expressions are Go's: numbers, + - * /, calls. A name is a role (in, smooth, grey_in), a
// configuration with _ for each - (glow_in_from_general), or a variable of each and pairs. In quotation marks a name may be anything.
//
// Scores, one number an image:
//
//	raw(c)            ln p under a configuration's run, nats
//	last(c)           the contribution of its last scale; early(c) that of all scales before
//	ratio(c, g)       ln p less that under the general model g; ratio_last(c, g) the same of the last scale
//	png(c)            ln p with PNG as the general model (Table 1): the score complexity(c)
//	NAME(c)           a score of package score (score.All) by its name; NAME(c, g) one that compares with a general model
//	odds(c)           a classifier's log-odds; positive(s) is 100 where a score is above 0, else 0
//	image(name)       what needs no model: total_variation, variance, png_bytes; pseudo(role) is the pixel-difference pseudo-likelihood
//	made(name)        what is known of images that strata made, of the roles fourier, mixed and climbed
//
// Statistics of images:
//
//	auroc(s, in, out)        percent
//	spearman(a, b, role...)  over the images of the roles together
//	mean(s, role...)         the mean over roles of the mean over images
//	span(s, role...)         the range from the 1st to the 99th percentile
//	bits(c, role)            mean bits/dim, with one noise sample
//	top(s, n, of, role)      the mean of another score over the n images (at most a tenth) that s likes best
//	peak(role)               height of the pixel-difference density; off_centre(role) how many bins its mode is from 0
//
// Of several:
//
//	each(x, list, e)         e for each x of a list; pairs(a, b, list, e) for each pair
//	average, least, largest  of the quantities in their arguments; least and largest only in shows (see extreme)
//	over_seeds(e)            the standard deviation of e over seeds
//	at(c, share)             a configuration as it was at a share of its steps, on the learning curves' images; at(c, 1) at their end;
//	                         at(c, share, d) at that share of the steps of d
//
// Names: trained_on(r) is glow_R, glow_tuned_on(r) and pixelcnn_tuned_on(r) are glow_R_from_general and pixelcnn_R_from_general.
//
// Lists: outliers(in) the roles against which a role is held that have sets; have(a, b, ...) those of some roles that have;
// independent() the Glows trained from scratch; but(list, x) a list without one; shares(a, b) the points of the curves from a to b.

// value is what an expression is: quantities, a score, names, or a configuration at a moment.
type value any

// quantities are numbers with their resamples, one for a plain expression, several for each and pairs.
type quantities []quantity

type quantity struct {
	metric.Resampled
	text string
	// hidden is how far a value may lie from the truth though no resample moves it: sets that are perfectly apart are so in every resample.
	// 0 where that cannot be.
	hidden float64
	// percent says that it is an AUROC itself, which lies within 0 and 100; what is computed of AUROCs need not.
	percent bool
}

// bounded is an interval that no resample has moved, made as wide as the number of images leaves open, and one of an AUROC cut to
// what that can be: Student's of a few seeds is wider.
func (q quantity) bounded(of metric.Interval) metric.Interval {
	if of.Low == of.High {
		of.Low, of.High = of.Low-q.hidden, of.High+q.hidden
	}
	if q.percent {
		of.Low, of.High = max(0, of.Low), min(100, of.High)
	}
	return of
}

// scoring gives the images of a role one number each.
type scoring struct {
	text string
	of   func(role string) (perImage, error)
}

// perImage are one number an image of a population, which is "" for one number of a whole set.
type perImage struct {
	population string
	values     []float64
}

type names []string

type moment struct {
	configuration string
	share         float64
}

// evaluator computes expressions for one seed.
type evaluator struct {
	judge   *Judge
	ctx     context.Context
	seed    uint64
	pearson bool

	// used are the populations, and roles and configurations in the order in which they were met.
	used                  map[string]bool
	counted               int
	roles, configurations []string
}

func (e *evaluator) images() int { return e.counted }

// decided is a quantity over all seeds.
type decided struct {
	text     string
	interval metric.Interval
	seeds    int
}

// overSeeds computes an expression for every seed whose runs are there.
func (e *evaluator) overSeeds(x ast.Expr) ([]decided, error) {
	if call, ok := x.(*ast.CallExpr); ok && name(call.Fun) == "over_seeds" {
		return e.spread(call)
	}
	var seeds []quantities
	var absent error
	for _, seed := range e.judge.seeds {
		e.seed = seed
		of, err := e.quantities(x, nil)
		if isAbsent(err) {
			absent = err
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(seeds) > 0 && len(of) != len(seeds[0]) {
			return nil, fmt.Errorf("%s: %d quantities with seed %d, %d with the first", text(x, nil), len(of), seed, len(seeds[0]))
		}
		seeds = append(seeds, of)
	}
	if len(seeds) == 0 {
		return nil, absent
	}
	var all []decided
	for i := range seeds[0] {
		var over []metric.Resampled
		for _, of := range seeds {
			over = append(over, of[i].Resampled)
		}
		all = append(all, decided{seeds[0][i].text, seeds[0][i].bounded(metric.MeanOverSeeds(over)), len(over)})
	}
	return all, nil
}

// leastSeeds is how many seeds a standard deviation over seeds needs.
const leastSeeds = 3

// spread is over_seeds: the largest standard deviation where there are several quantities.
func (e *evaluator) spread(call *ast.CallExpr) ([]decided, error) {
	if err := arguments(call, 1, 1); err != nil {
		return nil, err
	}
	var values [][]float64
	var texts []string
	for _, seed := range e.judge.seeds {
		e.seed = seed
		of, err := e.quantities(call.Args[0], nil)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		values, texts = append(values, nil), nil
		for _, q := range of {
			values[len(values)-1] = append(values[len(values)-1], q.Value)
			texts = append(texts, q.text)
		}
	}
	if len(values) < leastSeeds {
		return nil, plan.Absent("three seeds are needed: --seeds 3")
	}
	var all []decided
	for i := range texts {
		var over []float64
		for _, of := range values {
			over = append(over, of[i])
		}
		all = append(all, decided{"over_seeds(" + texts[i] + ")", metric.SpreadOverSeeds(over), len(over)})
	}
	return all, nil
}

type scope map[string]value

func (s scope) with(name string, v value) scope {
	inner := maps.Clone(s)
	if inner == nil {
		inner = scope{}
	}
	inner[name] = v
	return inner
}

// value computes an expression.
func (e *evaluator) value(x ast.Expr, in scope) (value, error) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return e.value(x.X, in)
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			plain, err := strconv.Unquote(x.Value)
			return names{plain}, err
		}
		number, err := strconv.ParseFloat(x.Value, 64)
		return quantities{{Resampled: metric.Resampled{Value: number}, text: x.Value}}, err
	case *ast.UnaryExpr:
		if x.Op == token.SUB {
			return e.value(&ast.BinaryExpr{X: &ast.BasicLit{Kind: token.INT, Value: "0"}, Op: token.SUB, Y: x.X}, in)
		}
	case *ast.Ident:
		if v, ok := in[x.Name]; ok {
			return v, nil
		}
		return names{x.Name}, nil
	case *ast.BinaryExpr:
		a, err := e.quantities(x.X, in)
		if err != nil {
			return nil, err
		}
		b, err := e.quantities(x.Y, in)
		if err != nil {
			return nil, err
		}
		return elementwise(a, b, x.Op)
	case *ast.CallExpr:
		call := functionOf(name(x.Fun))
		if call == nil {
			return nil, fmt.Errorf("nothing is called %q: choose of %s", name(x.Fun), strings.Join(functionNames(), ", "))
		}
		v, err := call(e, x, in)
		if err != nil && !isAbsent(err) {
			return nil, fmt.Errorf("%s: %w", text(x, in), err)
		}
		return v, err
	}
	return nil, fmt.Errorf("%q is no expression of claims.yaml", text(x, in))
}

func name(x ast.Expr) string {
	if ident, ok := x.(*ast.Ident); ok {
		return ident.Name
	}
	return ""
}

// number is a literal.
func number(x ast.Expr) (float64, bool) {
	literal, ok := x.(*ast.BasicLit)
	if !ok || literal.Kind == token.STRING {
		return 0, false
	}
	v, err := strconv.ParseFloat(literal.Value, 64)
	return v, err == nil
}

// elementwise combines quantities one by one; a single one goes with each of several.
func elementwise(a, b quantities, op token.Token) (quantities, error) {
	operate := map[token.Token]func(a, b float64) float64{
		token.ADD: func(a, b float64) float64 { return a + b }, token.SUB: func(a, b float64) float64 { return a - b },
		token.MUL: func(a, b float64) float64 { return a * b }, token.QUO: func(a, b float64) float64 { return a / b },
	}[op]
	if operate == nil {
		return nil, fmt.Errorf("%s is none of + - * /", op)
	}
	n := max(len(a), len(b))
	if len(a) != n && len(a) != 1 || len(b) != n && len(b) != 1 {
		return nil, fmt.Errorf("%d and %d quantities cannot be combined", len(a), len(b))
	}
	var all quantities
	for i := range n {
		x, y := a[min(i, len(a)-1)], b[min(i, len(b)-1)]
		all = append(all, quantity{Resampled: combine(operate, x.Resampled, y.Resampled), text: x.text + " " + op.String() + " " + y.text,
			hidden: max(x.hidden, y.hidden)})
	}
	return all, nil
}

// combine takes quantities resample by resample.
func combine(operate func(a, b float64) float64, a, b metric.Resampled) metric.Resampled {
	r := metric.Resampled{Value: operate(a.Value, b.Value)}
	for i := range max(len(a.Resamples), len(b.Resamples)) {
		x, y := a.Value, b.Value
		if a.Resamples != nil {
			x = a.Resamples[i]
		}
		if b.Resamples != nil {
			y = b.Resamples[i]
		}
		r.Resamples = append(r.Resamples, operate(x, y))
	}
	return r
}

// quantities computes an expression that must be numbers.
func (e *evaluator) quantities(x ast.Expr, in scope) (quantities, error) {
	v, err := e.value(x, in)
	if err != nil {
		return nil, err
	}
	of, ok := v.(quantities)
	if !ok {
		return nil, fmt.Errorf("%s is no number", text(x, in))
	}
	return of, nil
}

func (e *evaluator) score(x ast.Expr, in scope) (scoring, error) {
	v, err := e.value(x, in)
	if err != nil {
		return scoring{}, err
	}
	of, ok := v.(scoring)
	if !ok {
		return scoring{}, fmt.Errorf("%s is no score", text(x, in))
	}
	return of, nil
}

// names computes an expression that must be one or more names.
func (e *evaluator) names(x ast.Expr, in scope) (names, error) {
	v, err := e.value(x, in)
	if err != nil {
		return nil, err
	}
	of, ok := v.(names)
	if !ok {
		return nil, fmt.Errorf("%s is no name", text(x, in))
	}
	return of, nil
}

func (e *evaluator) name(x ast.Expr, in scope) (string, error) {
	all, err := e.names(x, in)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%s is %d names, not one", text(x, in), len(all))
	}
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// configuration is a name, with - in the place of _, perhaps at a moment.
func (e *evaluator) configuration(x ast.Expr, in scope) (moment, error) {
	v, err := e.value(x, in)
	if err != nil {
		return moment{}, err
	}
	switch v := v.(type) {
	case moment:
		return v, nil
	case names:
		if len(v) == 1 {
			return moment{configuration: strings.ReplaceAll(v[0], "_", "-")}, nil
		}
	}
	return moment{}, fmt.Errorf("%s is no configuration", text(x, in))
}

// rolesOf are the names of some arguments together, each a role.
func (e *evaluator) rolesOf(arguments []ast.Expr, in scope) (names, error) {
	var all names
	for _, x := range arguments {
		of, err := e.names(x, in)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

func arguments(call *ast.CallExpr, least, most int) error {
	if n := len(call.Args); n < least || n > most {
		return fmt.Errorf("%s wants %d to %d arguments, not %d", name(call.Fun), least, most, n)
	}
	return nil
}

// text is an expression as a person reads it, variables replaced by what they stand for.
func text(x ast.Expr, in scope) string {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return "(" + text(x.X, in) + ")"
	case *ast.BasicLit:
		return x.Value
	case *ast.UnaryExpr:
		return x.Op.String() + text(x.X, in)
	case *ast.Ident:
		switch v := in[x.Name].(type) {
		case names:
			return strings.Join(v, " ")
		case quantities:
			return v[0].text
		}
		return x.Name
	case *ast.BinaryExpr:
		return text(x.X, in) + " " + x.Op.String() + " " + text(x.Y, in)
	case *ast.CallExpr:
		var parts []string
		for _, a := range x.Args {
			parts = append(parts, text(a, in))
		}
		return name(x.Fun) + "(" + strings.Join(parts, ", ") + ")"
	}
	return fmt.Sprintf("%T", x)
}
