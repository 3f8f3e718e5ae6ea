package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"strata/pkg/result"
)

// claimsOf are the claims that a figure or table is about, those first that it decides: those that name it in
// experiments/claims.yaml, and those of a section of the paper which it shows.
var claimsOf = map[string][]string{
	"fig1a": {"L1"}, "fig1b": {"L2"}, "fig1c": {"L3", "L4", "F1"},
	"fig2b": {"L8"}, "fig2c": {"D1"}, "fig2d": {"D2", "O1"},
	"fig3a": {"F5"}, "fig3b": {"F6"}, "fig3c": {"F2"}, "fig3d": {"F2"},
	"figS1": {"L5"}, "figS2": {"T1"}, "figS3": {"T1"}, "figS4": {"T2"}, "figS5": {"O4"}, "figS6": {"O2"},
	"figS7": {"Q1"}, "figS8": {"Q2"}, "table2": {"F3", "F4", "F7"},
	"tables/table1": {"D1", "D2", "D3", "D4", "D5", "D6"}, "tables/table2": {"F3", "F4", "F7"},
	"tables/table3": {"O1"}, "tables/table4": {"O3", "O4"}, "tables/tableS1": {"T3"}, "tables/tableS4": {"B1"},
	"fig1": {"L1", "L2", "L3", "L4", "F1"}, "fig2": {"L8", "D1", "D2", "O1"}, "fig3": {"F5", "F6", "F2"},
}

// figure is a drawing with its caption: what it shows, what is missing, what became of the claims that it is about, and
// what that was measured on: the sets of some roles, the size, the seeds, the network and the images.
func (r *Results) figure(name string, page drawing, shows string, missing []string, roles ...string) *Figure {
	claims := r.ClaimsOf(name)
	f := &Figure{Name: name, page: page, missing: missing,
		Shows: joined(append([]string{shows}, missing...)...), MeasuredOn: r.measuredOn(claims, roles)}
	f.Caption = joined(f.Shows, concluded(claims), f.MeasuredOn)
	return f
}

// measuredBy adds to a caption which images the numbers in the figure are of: the score file has one seed's, and at most so
// many a set (pkg/evaluate), where a claim may rest on more.
func (f *Figure) measuredBy(ofScores string) *Figure {
	if ofScores == "" {
		return f
	}
	said := "The numbers in the figure are of " + ofScores + "."
	f.ofScores = ofScores
	f.MeasuredOn, f.Caption = joined(f.MeasuredOn, said), joined(f.Caption, said)
	return f
}

// counted says how many images of each role the score file has: "2000 images a set, seed 1".
func (r *Results) counted(s *scores, roles ...string) string {
	fewest, most := math.MaxInt, 0
	for _, role := range s.present(roles...) {
		n := s.roles[role].images
		fewest, most = min(fewest, n), max(most, n)
	}
	if most == 0 {
		return ""
	}
	said := fmt.Sprintf("%d images a set", most)
	if fewest < most {
		said = fmt.Sprintf("%d to %s", fewest, said)
	}
	if len(r.manifest.Seeds) > 0 {
		said += fmt.Sprintf(", seed %d", r.manifest.Seeds[0])
	}
	return said
}

// joined are sentences with a space between; what is empty is none.
func joined(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// ClaimsOf are the claims that a figure ("fig1b") or a table ("tables/table1") is about, with what became of them; none
// where the results have no claims yet. A damaged file of claims is the scorecard's to refuse.
func (r *Results) ClaimsOf(name string) (of []result.Claim) {
	claims, err := r.claims()
	if err != nil {
		return nil
	}
	for _, id := range claimsOf[name] {
		if i := slices.IndexFunc(claims, func(c result.Claim) bool { return c.ID == id }); i >= 0 {
			of = append(of, claims[i])
		}
	}
	return of
}

// concluded is what a caption says of claims: "L2 does not hold (here ρ 0.79, paper ρ > 0.83)."
func concluded(claims []result.Claim) string {
	var said []string
	for _, c := range claims {
		if c.Verdict == result.NotMeasured {
			said = append(said, c.ID+" is not measured")
			continue
		}
		verdict := string(c.Verdict)
		if c.Verdict == result.Open {
			verdict = "is open"
		}
		values := "here " + hereOf(c)
		if strings.ContainsFunc(c.Paper, unicode.IsDigit) { // others are pictures, shapes, orders
			values += ", paper " + c.Paper
		}
		said = append(said, fmt.Sprintf("%s %s (%s)", c.ID, verdict, values))
	}
	if len(said) == 0 {
		return ""
	}
	return strings.Join(said, "; ") + "."
}

// setsSentence is how the last sentence of a caption begins, which says what was measured on what.
const setsSentence = "Sets: "

// measuredOn says which sets play roles, with those of the paper that they stand for, and on which network and how many
// images the claims rest that were measured; "" where the folder is not complete.
func (r *Results) measuredOn(claims []result.Claim, roles []string) string {
	var pairs []string
	for _, role := range roles {
		set := r.manifest.Roles[role]
		if set == "" {
			continue
		}
		pair := role + " " + set
		if role == set {
			pair = role
		}
		if paper := r.manifest.StandsFor[set]; paper != "" && paper != set {
			pair += " (for " + paper + ")"
		}
		pairs = append(pairs, pair)
	}
	if len(pairs) == 0 {
		return ""
	}
	said := setsSentence + strings.Join(pairs, ", ") + "; size " + r.manifest.Size
	if n := len(r.manifest.Seeds); n == 1 {
		said += ", one seed"
	} else {
		said += fmt.Sprintf(", %d seeds", n)
	}
	network, fewest, most := "", math.MaxInt, 0
	for _, c := range claims {
		if c.Verdict != result.NotMeasured {
			network, fewest, most = cmp.Or(network, c.Network), min(fewest, c.Images), max(most, c.Images)
		}
	}
	if network != "" {
		said += ", " + network
	}
	switch {
	case fewest < most:
		said += fmt.Sprintf(", %d to %d images a claim", fewest, most)
	case most > 0:
		said += fmt.Sprintf(", %d images", most)
	}
	return said + "."
}

// tableRoles are the roles of the paper's tables that some set plays.
var tableRoles = []string{roleIn, roleNear, roleSmooth, roleGeneral, roleFar, roleFaces, roleFurther}

// hereOf is what was measured for a claim, with its unit.
func hereOf(c result.Claim) string {
	value, _ := Rounded(c)
	return withUnit(c, value)
}

// Here is what was measured for a claim, with its unit and its interval; "" where nothing was.
func Here(c result.Claim) string {
	if c.Verdict == result.NotMeasured || math.IsNaN(c.Value) {
		return ""
	}
	value, interval := Rounded(c)
	return withUnit(c, value+" "+interval)
}

// Rounded is what was measured for a claim, "0.79", and its interval, "[0.75, 0.84]", in as many digits as tell.
func Rounded(c result.Claim) (value, interval string) {
	digits := claimDigits(c)
	said := strings.NewReplacer("-", "\u2212")
	return said.Replace(fmt.Sprintf("%.*f", digits, c.Value)),
		said.Replace(fmt.Sprintf("[%.*f, %.*f]", digits, c.Low, digits, c.High))
}

// claimDigits is how many digits tell a claim's value from the nearer end of its interval, at most three: a standard deviation over three
// seeds, 1.1 [0.6, 6.9], has a far one.
func claimDigits(c result.Claim) int {
	near, far := c.Value-c.Low, c.High-c.Value
	if near > far {
		near, far = far, near
	}
	third := near / 3
	if !(near > 0) { // an end that it cannot pass
		third = far / 3
	}
	if !(third > 0) {
		return 1
	}
	return min(max(-int(math.Floor(math.Log10(third))), 0), 3)
}

// withUnit adds the unit that what is measured ends with, after a comma, or begins with.
func withUnit(c result.Claim, said string) string {
	if at := strings.LastIndex(c.Measured, ", "); at >= 0 && units[c.Measured[at+2:]] {
		return said + " " + c.Measured[at+2:]
	}
	switch {
	case strings.Contains(c.Measured, "Spearman"):
		return "\u03C1 " + said
	case strings.HasPrefix(c.Measured, "bits/dim"):
		return said + " bits/dim"
	}
	return said
}
