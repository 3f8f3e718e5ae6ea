package figure

import (
	"math"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSentence(t *testing.T) {
	for want, c := range map[string]result.Claim{
		"Here the least Spearman ρ of 3 models is 0.79 [0.75, 0.84]; the paper has more than 0.83: the claim does not hold. " +
			"What is asked: ρ > 0.83 under each.": {Predicate: "ρ > 0.83 under each",
			Measured: "least Spearman ρ of 3 models", Paper: "ρ > 0.83", Value: 0.79, Low: 0.75, High: 0.84,
			Verdict: result.DoesNotHold},
		"Here the AUROC of ln p is 0.15 % [0.08, 0.24]; the paper has 8.8: the claim holds. What is asked: few.": {
			Predicate: "few",
			Measured:  "AUROC of ln p, %", Paper: "8.8", Value: 0.1541, Low: 0.0815, High: 0.2376,
			Verdict: result.Holds},
		"Here what the last scale gains is −3.2 points [−4.2, −2.2]; the paper has 92.9, 60.0 vs 8.8, 51.7: " +
			"the claim does not hold. What is asked: more.": {Predicate: "more", Measured: "what the last scale gains, points",
			Paper: "92.9, 60.0 vs 8.8, 51.7", Value: -3.1877, Low: -4.164, High: -2.237, Verdict: result.DoesNotHold},
		"Here the peak of smooth / highest peak of in, general is 1.532 [1.505, 1.560]; the paper shows it by the shape of a " +
			"plot: the claim holds. What is asked: peaks.": {Predicate: "peaks", Measured: "peak of smooth / highest peak of in, general",
			Paper: "shape", Value: 1.532, Low: 1.505, High: 1.5596, Verdict: result.Holds},
		"Here the AUROC is 58.8 % [57.1, 60.5]; the paper has 53.3 < 59.2 < 68.3: the claim stays open, for the " +
			"interval decides it neither way. What is asked: order.": {Predicate: "order", Measured: "AUROC, %",
			Paper: "53.3 < 59.2 < 68.3", Value: 58.79, Low: 57.1, High: 60.55, Verdict: result.Open},
		"Not measured here: these results lack a run or a set that it needs.": {Measured: "AUROC, %", Paper: "8.8",
			Value: math.NaN(), Verdict: result.NotMeasured},
	} {
		assert.Equal(t, want, Sentence(c))
	}
}

func TestPaperHas(t *testing.T) {
	for paper, want := range map[string]string{
		"> 0.8, < 0.05":   "has more than 0.8, less than 0.05",
		"< 20 %":          "has less than 20 %",
		"smaller than L3": "has less than L3",
		"pictures":        "shows it in pictures",
		"highest":         "says “highest”",
	} {
		assert.Equal(t, want, paperHas(paper))
	}
	declared, err := result.DeclaredClaims()
	require.NoError(t, err)
	for _, c := range declared { // a comparison that is not in words reads as a sign out of place
		assert.NotRegexp(t, `^[<>]|, [<>]`, paperHas(c.Paper), c.ID)
	}
}
