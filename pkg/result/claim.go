package result

import (
	"fmt"
	"math"
	"slices"

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
}

// FileName implements Row.
func (ClaimAtStep) FileName() string { return "claims_over_steps.csv" }

// check: a claim that was not measured at a step has no row for it.
func (ClaimAtStep) check(rows []ClaimAtStep) *problem {
	for i, r := range rows {
		if r.Verdict == NotMeasured {
			return &problem{i, "verdict", fmt.Sprintf("%q is none at a step", r.Verdict)}
		}
	}
	return nil
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
