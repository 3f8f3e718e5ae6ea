package result

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/experiments"

	"github.com/goccy/go-yaml"
)

// Claim is one of the paper's claims with what was measured here, whatever its verdict is: a row of claims.csv.
type Claim struct {
	// ID is that of experiments/claims.yaml, "D1".
	ID string `csv:"id"`
	// Title is the claim in a few words, of what is declared: no file has it.
	Title string `csv:"-"`
	Where string `csv:"where"`
	Text  string `csv:"claim"`
	Paper string `csv:"paper"`
	// Measured says what Value is; Low and High are its 95 % interval.
	Measured  string  `csv:"measured"`
	Value     float64 `csv:"value"`
	Low       float64 `csv:"low"`
	High      float64 `csv:"high"`
	Predicate string  `csv:"predicate"`
	Verdict   Verdict `csv:"verdict"`
	// Data, Size, Network and Steps say what it was measured on; Seeds is how many seeds it rests on, Images how many
	// images.
	Data    string `csv:"data"`
	Size    string `csv:"size"`
	Network string `csv:"network"`
	Steps   string `csv:"steps"`
	Seeds   int    `csv:"seeds"`
	Images  int    `csv:"images"`
	// Note is what else was seen, what was tried, or why nothing was measured.
	Note string `csv:"note"`
}

// FileName implements Row.
func (Claim) FileName() string { return "claims.csv" }

// Verdict is what became of a claim.
type Verdict string

// The verdicts. A claim is open where the interval of what decides it holds the threshold: neither side can be told.
const (
	Holds       Verdict = "holds"
	Open        Verdict = "open"
	DoesNotHold Verdict = "does not hold"
	NotMeasured Verdict = "not measured"
)

// UnmarshalText implements encoding.TextUnmarshaler: any other word is an error.
func (v *Verdict) UnmarshalText(text []byte) error {
	*v = Verdict(text)
	if !slices.Contains([]Verdict{Holds, Open, DoesNotHold, NotMeasured}, *v) {
		return fmt.Errorf("%q is no verdict", text)
	}
	return nil
}

// Condition is one of the comparisons that a claim rests on: a row of conditions.csv. Most claims have one, some
// several.
type Condition struct {
	// ID is the claim's.
	ID string `csv:"id"`
	// Condition says what Value is; Low and High are its 95 % interval.
	Condition string  `csv:"condition"`
	Value     float64 `csv:"value"`
	Low       float64 `csv:"low"`
	High      float64 `csv:"high"`
	// Comparison is how Value must stand to Bound, ">"; Bound is 0 for differences.
	Comparison string  `csv:"comparison"`
	Bound      float64 `csv:"bound"`
	Verdict    Verdict `csv:"verdict"`
	// Seeds is how many seeds it rests on.
	Seeds int `csv:"seeds"`
}

// FileName implements Row.
func (Condition) FileName() string { return "conditions.csv" }

// HeldBy is how far a value lies on the side of the bound where the condition holds.
func (c Condition) HeldBy(value float64) float64 {
	if strings.HasPrefix(c.Comparison, "<") {
		return c.Bound - value
	}
	return value - c.Bound
}

// margin is how far the condition is on the side where it holds, in halves of its interval.
func (c Condition) margin() float64 { return c.HeldBy(c.Value) / max((c.High-c.Low)/2, 1e-9) }

// Deciding is the place of the condition that decides the verdict of a claim: of its conditions with that verdict, the
// one nearest to its threshold, or furthest beyond it where it does not hold, in widths of its interval. -1 where there
// is none.
func Deciding(conditions []Condition, id string, verdict Verdict) int {
	worst := -1
	for i, c := range conditions {
		if c.ID == id && c.Verdict == verdict && (worst < 0 || c.margin() < conditions[worst].margin()) {
			worst = i
		}
	}
	return worst
}

// ClaimAtStep is a claim as it was at a step of its runs, on the images of the learning curves: a row of
// claims_over_steps.csv. Together they say which claims turn with more training.
type ClaimAtStep struct {
	ID       string `csv:"id"`
	Measured string `csv:"measured"`
	// Steps is the step of Run, the first of the claim's configurations; its other runs of the same kind are as far.
	Steps   int     `csv:"steps"`
	Run     string  `csv:"run"`
	Value   float64 `csv:"value"`
	Low     float64 `csv:"low"`
	High    float64 `csv:"high"`
	Verdict Verdict `csv:"verdict"`
	Images  int     `csv:"images"`
	Note    string  `csv:"note"`
	// Comparison is how Value must stand to Bound where the condition that decides is to hold, ">". Bound is a number or,
	// where that condition compares Value with another quantity, that quantity at this step with the margin. Comparison is
	// "" where the condition is about other quantities than Value, and in tables of before there were these columns.
	Comparison string  `csv:"comparison"`
	Bound      float64 `csv:"bound"`
}

// FileName implements Row.
func (ClaimAtStep) FileName() string { return "claims_over_steps.csv" }

// gained: Comparison and Bound.
func (ClaimAtStep) gained() int { return 2 }

// check: a claim that was not measured at a step has no row for it, and what is compared is compared with a number.
func (ClaimAtStep) check(rows []ClaimAtStep) *problem {
	for i, r := range rows {
		switch {
		case r.Verdict == NotMeasured:
			return &problem{i, "verdict", fmt.Sprintf("%q is none at a step", r.Verdict)}
		case !slices.Contains([]string{"", ">", "<", ">=", "<="}, r.Comparison):
			return &problem{i, "comparison", fmt.Sprintf("%q is none of > < >= <=", r.Comparison)}
		case r.Comparison != "" && !(math.Abs(r.Bound) <= largest):
			return &problem{i, "bound", fmt.Sprintf("%v is not within \u00B1%v", r.Bound, largest)}
		}
	}
	return nil
}

// ReadClaims are a folder's claims, each with the paper's value in the words in which it is declared now: a file that was
// written before these were mended has others, for the same number.
func ReadClaims(folder string) ([]Claim, error) {
	claims, err := Read[Claim](folder)
	if err != nil {
		return nil, err
	}
	declared, err := DeclaredClaims()
	if err != nil {
		return nil, err
	}
	for i, c := range claims {
		if at := slices.IndexFunc(declared, func(d Claim) bool { return d.ID == c.ID }); at >= 0 && declared[at].Paper != "" {
			claims[i].Paper = declared[at].Paper
		}
	}
	return claims, nil
}

// ClaimTitles are the declared claims in a few words, by their ids.
func ClaimTitles() (map[string]string, error) {
	declared, err := DeclaredClaims()
	titles := map[string]string{}
	for _, d := range declared {
		titles[d.ID] = d.Title
	}
	return titles, err
}

// DeclaredClaims are all of the paper's claims (experiments/claims.yaml) in words, not measured. The expressions that decide
// them are pkg/claim's to read.
func DeclaredClaims() ([]Claim, error) {
	text, err := experiments.Files.ReadFile("claims.yaml")
	if err != nil {
		return nil, err
	}
	var rows []struct{ ID, Title, Where, Claim, Paper, If, Measured string }
	if err := yaml.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("experiments/claims.yaml: %w", err)
	}
	var claims []Claim
	nan := math.NaN()
	for _, r := range rows {
		claims = append(claims, Claim{ID: r.ID, Title: r.Title, Where: r.Where, Text: r.Claim, Paper: r.Paper, Measured: r.Measured,
			Predicate: r.If, Verdict: NotMeasured, Value: nan, Low: nan, High: nan})
	}
	return claims, nil
}
