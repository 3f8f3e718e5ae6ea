// Package claim judges the paper's claims. A claim is data (experiments/claims.yaml): its words, and conditions that compare quantities,
// written as expressions over scores (expression.go). One engine computes them all, on paired resamples of the same images and over
// seeds, and gives one of three verdicts: a claim holds, it does not, or it is open, because the 95 % interval of what is
// decided holds the threshold.
package claim

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"

	"strata/experiments"
	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"

	"github.com/goccy/go-yaml"
)

// Numbers is where the values come from that claims are judged by. An error that is plan.ErrAbsent says that something is not there, and
// leaves a claim not measured.
type Numbers interface {
	// Values are one number an image, with the population that the images are: two columns of one population are of the
	// same images. What is one number of a whole set is of no population, "".
	Values(ctx context.Context, of score.Column) (population string, values []float64, err error)
	// Has says whether a role has a set.
	Has(role string) bool
	// LastScale is the number of the Glows' scales.
	LastScale() int
	// BitsPerDim is 8 - log2 p(x)/D of images of a role's size.
	BitsPerDim(role string, logLikelihood float64) (float64, error)
	// Steps is how many steps a configuration's run of a seed makes.
	Steps(configuration string, seed uint64) (int, error)
	// Describe says in words what some roles and configurations are: sets, networks, and steps of the first seed's runs.
	Describe(roles, configurations []string) (sets, networks, steps string)
}

// Declared is a claim of experiments/claims.yaml.
type Declared struct {
	// Title is the claim in a few words, for figures.
	ID, Title, Where, Claim, Paper string
	// If are the conditions in words.
	If string
	// Measured says in words what Shows is, and Shows is the quantity that stands for the claim in tables, an expression.
	Measured, Shows string
	// Holds are the conditions; the claim holds if all do.
	Holds []string
	// Same, if not empty, are claims whose verdicts must be the same with Pearson's correlation in Spearman's place (L11).
	Same []string
	// OverSteps says that the claim is judged along the learning curves too, of runs "finetuned" or "from scratch".
	OverSteps string `yaml:"over_steps"`
	// Because says why these conditions stand for the claim's sentence, where that is not plain.
	Because string

	shows      ast.Expr
	conditions []*ast.BinaryExpr
}

// Declarations reads all claims and parses their expressions; a mistake in one is an error that names it.
func Declarations() ([]Declared, error) {
	text, err := experiments.Files.ReadFile("claims.yaml")
	if err != nil {
		return nil, err
	}
	all, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("experiments/claims.yaml: %w", err)
	}
	return all, nil
}

// Parse reads claims in the form of experiments/claims.yaml.
func Parse(text []byte) ([]Declared, error) {
	var all []Declared
	if err := yaml.UnmarshalWithOptions(text, &all, yaml.Strict()); err != nil {
		return nil, err
	}
	for i := range all {
		if err := all[i].parse(); err != nil {
			return nil, fmt.Errorf("claim %s: %w", all[i].ID, err)
		}
	}
	return all, nil
}

func (d *Declared) parse() error {
	if d.ID == "" || d.Title == "" || d.Claim == "" || d.If == "" || d.Shows == "" || len(d.Holds) == 0 && len(d.Same) == 0 {
		return errors.New("id, title, claim, if, shows, and holds or same are needed")
	}
	if !slices.Contains([]score.Kind{"", score.FromScratch, score.Finetuned}, score.Kind(d.OverSteps)) {
		return fmt.Errorf("over_steps is %q or %q, not %q", score.FromScratch, score.Finetuned, d.OverSteps)
	}
	var err error
	if d.shows, err = parser.ParseExpr(d.Shows); err != nil {
		return fmt.Errorf("%q: %w", d.Shows, err)
	}
	for _, text := range d.Holds {
		expression, err := parser.ParseExpr(text)
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		comparison, ok := expression.(*ast.BinaryExpr)
		if !ok || comparisons[comparison.Op] == nil {
			return fmt.Errorf("%q: a condition compares two quantities with >, <, >= or <=", text)
		}
		if call := extremeIn(comparison); call != "" {
			return fmt.Errorf("%q: the interval of %s is for showing and decides nothing: write a condition on each quantity, "+
				"each(x, list, e) or several conditions", text, call)
		}
		d.conditions = append(d.conditions, comparison)
	}
	return nil
}

// extremeIn is the name of the first function in an expression whose interval decides nothing: least or largest.
func extremeIn(x ast.Expr) (found string) {
	ast.Inspect(x, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && found == "" && (name(call.Fun) == "least" || name(call.Fun) == "largest") {
			found = name(call.Fun)
		}
		return found == ""
	})
	return found
}

var comparisons = map[token.Token]func(a, b float64) bool{
	token.GTR: func(a, b float64) bool { return a > b }, token.LSS: func(a, b float64) bool { return a < b },
	token.GEQ: func(a, b float64) bool { return a >= b }, token.LEQ: func(a, b float64) bool { return a <= b },
}

// verdict compares an interval with a bound: open where the bound lies within.
func verdict(of metric.Interval, comparison token.Token, bound float64) result.Verdict {
	compare := comparisons[comparison]
	low, high := compare(of.Low, bound), compare(of.High, bound)
	switch {
	case low && high:
		return result.Holds
	case low || high:
		return result.Open
	}
	return result.DoesNotHold
}

// together is the verdict on a claim whose conditions have some verdicts.
func together(conditions []result.Condition) result.Verdict {
	all := result.Holds
	for _, c := range conditions {
		switch c.Verdict {
		case result.DoesNotHold:
			return result.DoesNotHold
		case result.Open:
			all = result.Open
		}
	}
	return all
}

// Judged is what became of a claim.
type Judged struct {
	Verdict    result.Verdict
	Measured   string
	Value      metric.Interval
	Conditions []result.Condition
	// Seeds, Images, Roles and Configurations say what it rests on.
	Seeds          int
	Images         int
	Roles          []string
	Configurations []string
	Note           string
	// against is what each of Conditions holds Value against.
	against []threshold
}

// Judge judges claims by some numbers and seeds. It keeps what it has computed: claims share quantities.
type Judge struct {
	numbers Numbers
	seeds   []uint64
	all     []Declared
	rows    []result.Claim // the claims in words, in the same order
	known   map[string]metric.Resampled
	columns map[string]perImage
	images  map[string]int // of each population
	// resampler is shared by all judges of the same numbers: images are the same at every step.
	resampler *metric.Resampler
	// at, if above 0, is the share of their steps at which the runs of a kind are looked at.
	at   float64
	kind score.Kind
}

// NewJudge reads the declared claims. A seed whose runs are not there is left out of what needs them; one is needed at least, and three for a
// spread over seeds.
func NewJudge(numbers Numbers, seeds []uint64) (*Judge, error) {
	all, err := Declarations()
	if err != nil {
		return nil, err
	}
	if err := Check(all); err != nil {
		return nil, fmt.Errorf("experiments/claims.yaml: %w", err)
	}
	rows, err := result.DeclaredClaims()
	if err != nil {
		return nil, err
	}
	resampler, err := metric.NewResampler(metric.Resamples, metric.ResampleSeed)
	j := &Judge{numbers: numbers, seeds: seeds, all: all, rows: rows, resampler: resampler}
	return j.afresh(), err
}

// afresh is a judge of the same claims by the same numbers that has computed nothing yet.
func (j *Judge) afresh() *Judge {
	return &Judge{numbers: j.numbers, seeds: j.seeds, all: j.all, rows: j.rows, resampler: j.resampler,
		known: map[string]metric.Resampled{}, columns: map[string]perImage{}, images: map[string]int{}}
}

// Claims are all declared claims.
func (j *Judge) Claims() []Declared { return j.all }

// At is a judge by the first seed's runs of one kind as they were at a share of their steps, and all others as they are in the end, on the
// learning curves' images.
func (j *Judge) At(share float64, kind score.Kind) *Judge {
	then := j.afresh()
	then.seeds, then.at, then.kind = j.seeds[:1], share, kind
	return then
}

// Judge judges a claim, one of Claims or of Parse. What is not there is plan.ErrAbsent.
func (j *Judge) Judge(ctx context.Context, d Declared) (Judged, error) {
	return j.judgeBy(ctx, d, false)
}

func (j *Judge) judgeBy(ctx context.Context, d Declared, pearson bool) (Judged, error) {
	e := &evaluator{judge: j, ctx: ctx, pearson: pearson, used: map[string]bool{}}
	var judged Judged
	shown, err := e.overSeeds(d.shows)
	if err != nil {
		return judged, err
	}
	if len(shown) != 1 {
		return judged, fmt.Errorf("claim %s: %q is %d quantities, not one", d.ID, d.Shows, len(shown))
	}
	judged.Measured, judged.Value, judged.Seeds = d.Measured, shown[0].interval, shown[0].seeds
	for _, c := range d.conditions {
		difference := &ast.BinaryExpr{X: c.X, Op: token.SUB, Y: c.Y}
		bound := 0.0
		if literal, ok := number(c.Y); ok {
			bound = literal
			difference = nil
		}
		decided := ast.Expr(difference)
		if difference == nil {
			decided = c.X
		}
		values, err := e.overSeeds(decided)
		if err != nil {
			return judged, err
		}
		where := positionOf(d.shows, decided)
		for _, v := range values {
			condition := result.Condition{ID: d.ID, Condition: v.text, Value: v.interval.Value, Low: v.interval.Low,
				High: v.interval.High, Comparison: c.Op.String(), Bound: bound, Verdict: verdict(v.interval, c.Op, bound),
				Seeds: v.seeds}
			judged.Conditions = append(judged.Conditions, condition)
			judged.against = append(judged.against, where.threshold(judged.Value.Value, condition))
			judged.Seeds = min(judged.Seeds, v.seeds)
		}
	}
	judged.Verdict = together(judged.Conditions)
	judged.Images = e.images()
	judged.Roles, judged.Configurations = e.roles, e.configurations
	judged.Note = note(judged.Conditions, judged.Seeds)
	if len(d.Same) > 0 {
		return judged, j.same(ctx, d, &judged)
	}
	return judged, nil
}

// same judges claims again with Pearson's correlation: the claim holds if no verdict turns from holds to does not hold or back, and is
// open if one becomes open or stops being it.
func (j *Judge) same(ctx context.Context, d Declared, judged *Judged) error {
	judged.Verdict = result.Holds
	var differ []string
	for _, id := range d.Same {
		i := slices.IndexFunc(j.all, func(c Declared) bool { return c.ID == id })
		if i < 0 {
			return fmt.Errorf("claim %s: there is no claim %s", d.ID, id)
		}
		ranks, err := j.judgeBy(ctx, j.all[i], false)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		linear, err := j.judgeBy(ctx, j.all[i], true)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if ranks.Verdict == linear.Verdict {
			continue
		}
		differ = append(differ, fmt.Sprintf("%s %s by Spearman's, %s by Pearson's", id, ranks.Verdict, linear.Verdict))
		switch {
		case ranks.Verdict != result.Open && linear.Verdict != result.Open:
			judged.Verdict = result.DoesNotHold
		case judged.Verdict == result.Holds:
			judged.Verdict = result.Open
		}
	}
	judged.Note = "the same verdicts"
	if len(differ) > 0 {
		judged.Note = strings.Join(differ, "; ")
	}
	if judged.Seeds == 1 {
		judged.Note += "; " + oneSeed
	}
	return nil
}

// note lists what was decided, with intervals, in the order of the conditions; conditions.csv says what each is.
func note(conditions []result.Condition, seeds int) string {
	var parts []string
	for _, c := range conditions {
		parts = append(parts, fmt.Sprintf("%.4g [%.4g, %.4g] %s %g %s", c.Value, c.Low, c.High, c.Comparison, c.Bound, says[c.Verdict]))
	}
	if seeds == 1 {
		parts = append(parts, oneSeed)
	}
	return strings.Join(parts, "; ")
}

// oneSeed is said of what one run alone says.
const oneSeed = "one seed: intervals over images alone"

var says = map[result.Verdict]string{result.Holds: "holds", result.Open: "is open", result.DoesNotHold: "does not hold"}

// isAbsent says whether an error only says that something is not there.
func isAbsent(err error) bool { return errors.Is(err, plan.ErrAbsent) }

// Check says what claims name that there is not: functions, roles, configurations, variables.
func Check(all []Declared) error {
	configurations, err := plan.LoadConfigurations()
	if err != nil {
		return err
	}
	known := map[string]bool{"fourier": true, "mixed": true, "climbed": true}
	for _, role := range append(plan.RoleNames(), plan.OtherRoles()...) {
		known[role] = true
	}
	for _, c := range configurations {
		known[strings.ReplaceAll(c.Name, "-", "_")] = true
	}
	for _, d := range all {
		expressions := []ast.Expr{d.shows}
		for _, c := range d.conditions {
			expressions = append(expressions, c.X, c.Y)
		}
		for _, x := range expressions {
			if err := check(x, known); err != nil {
				return fmt.Errorf("claim %s: %q: %w", d.ID, text(x, nil), err)
			}
		}
	}
	return nil
}

// check walks an expression; known are the names that stand for something in it.
func check(x ast.Expr, known map[string]bool) error {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return check(x.X, known)
	case *ast.UnaryExpr:
		return check(x.X, known)
	case *ast.BinaryExpr:
		return errors.Join(check(x.X, known), check(x.Y, known))
	case *ast.Ident:
		if !known[x.Name] {
			return fmt.Errorf("nothing is called %q", x.Name)
		}
	case *ast.CallExpr:
		of := name(x.Fun)
		if functionOf(of) == nil && of != "over_seeds" {
			return fmt.Errorf("nothing is called %q: choose of %s", of, strings.Join(functionNames(), ", "))
		}
		variables := map[string]int{"each": 1, "pairs": 2}[of]
		inner := known
		if variables > 0 {
			inner = maps.Clone(known)
			for _, v := range x.Args[:min(variables, len(x.Args))] {
				inner[name(v)] = true
			}
		}
		for i, a := range x.Args {
			if of == "image" || of == "made" || i < variables {
				continue // their names are the evaluation's to know
			}
			if err := check(a, inner); err != nil {
				return err
			}
		}
	}
	return nil
}
