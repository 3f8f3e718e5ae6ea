package figure

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode"

	"strata/pkg/result"
)

// Sentence says to somebody who does not know the claim's number what became of it: what was measured here with its
// 95 % interval, what the paper has, the verdict, and what the claim asks for, since the value alone seldom says why.
//
//	Here the least Spearman ρ of 3 models is 0.79 [0.75, 0.84]; the paper has more than 0.83: the claim does not hold.
//	What is asked: ρ > 0.83 on in ∪ smooth, under each of three Glows.
func Sentence(c result.Claim) string {
	if c.Verdict == result.NotMeasured || math.IsNaN(c.Value) {
		return "Not measured here: these results lack a run or a set that it needs."
	}
	measured, unit := c.Measured, ""
	if at := strings.LastIndex(measured, ", "); at >= 0 && units[measured[at+2:]] {
		measured, unit = measured[:at], " "+measured[at+2:]
	}
	if !strings.HasPrefix(measured, "what ") {
		measured = "the " + measured
	}
	value, interval := Rounded(c)
	return fmt.Sprintf("Here %s is %s%s %s; the paper %s: %s. What is asked: %s.", measured, value, unit, interval,
		paperHas(c.Paper), verdictWords[c.Verdict], c.Predicate)
}

// units are what a claim's measured value can end with, after a comma.
var units = map[string]bool{"%": true, "points": true, "nats": true}

var verdictWords = map[result.Verdict]string{
	result.Holds:       "the claim holds",
	result.Open:        "the claim stays open, for the interval decides it neither way",
	result.DoesNotHold: "the claim does not hold",
}

// paperHas is what the paper has for a claim: numbers, or where it argues by a plot or by pictures, that.
func paperHas(paper string) string {
	switch {
	case strings.ContainsFunc(paper, unicode.IsDigit):
		said := comparisons.ReplaceAllStringFunc(paper, func(found string) string {
			before, word := "", "more than "
			if strings.HasPrefix(found, ", ") {
				before = ", "
			}
			if strings.Contains(found, "<") {
				word = "less than "
			}
			return before + word
		})
		return "has " + strings.Replace(said, "smaller than", "less than", 1)
	case paper == "shape":
		return "shows it by the shape of a plot"
	case paper == "pictures":
		return "shows it in pictures"
	}
	return "says \u201C" + paper + "\u201D"
}

// comparisons begin a value of the paper, "ρ > 0.83" or "< 0.05"; those between two values stay.
var comparisons = regexp.MustCompile(`(^|, )(\x{03C1} )?[<>] `)
