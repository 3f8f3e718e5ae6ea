package result

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"strata/experiments"

	"github.com/stretchr/testify/require"
)

func TestDeclaredClaims(t *testing.T) {
	claims, err := DeclaredClaims()
	require.NoError(t, err)
	require.NotEmpty(t, claims)
	seen := map[string]bool{}
	for _, c := range claims {
		require.False(t, seen[c.ID], c.ID)
		seen[c.ID] = true
		require.NotEmpty(t, c.Where, c.ID)
		require.NotEmpty(t, c.Text, c.ID)
		require.NotEmpty(t, c.Paper, c.ID)
		require.NotEmpty(t, c.Predicate, c.ID)
		require.Equal(t, NotMeasured, c.Verdict)
		require.NotEqual(t, c.Value, c.Value, "nothing was measured")
	}
}

func TestCheckBands(t *testing.T) {
	claim := func() []Claim {
		return []Claim{{ID: "L1", Measured: "ratio", Value: 1.5, Low: 1.4, High: 1.6, Verdict: Holds,
			Data: "leaves, shapes, digits", Size: "demo"}}
	}
	checked, err := CheckBands(claim())
	require.NoError(t, err)
	require.NotEmpty(t, checked)
	outside := claim()
	outside[0].Value, outside[0].Low, outside[0].High = 0.9, 0.8, 1
	_, err = CheckBands(outside)
	require.ErrorContains(t, err, "outside of its band: L1")
	outside[0].Verdict = NotMeasured
	_, err = CheckBands(outside)
	require.ErrorIs(t, err, ErrNoBand)
	unlikely := claim()
	unlikely[0].Low = 1.55
	_, err = CheckBands(unlikely)
	require.ErrorContains(t, err, "not within its interval")
	_, err = CheckBands(nil)
	require.Error(t, err)
}

// What does not hold has a reason or says that there is none; the reasons are of claims that there are.
func TestReasons(t *testing.T) {
	reasons, err := Reasons([]Claim{
		{ID: "D5", Verdict: DoesNotHold, Data: "shapes_in, digits", Size: "demo"},
		{ID: "D5", Verdict: DoesNotHold, Data: "mine", Size: "demo"},
		{ID: "D5", Verdict: DoesNotHold, Data: "shapes_in", Size: "smoke"},
		{ID: "D1", Verdict: Holds},
		{ID: "D2", Verdict: Open, Data: "shapes_in"},
		{ID: "B1", Verdict: DoesNotHold, Data: "mine", Size: "demo"},
		{ID: "D1", Verdict: DoesNotHold, Data: "mine", Size: "demo"},
		{ID: "F3", Verdict: DoesNotHold, Data: "cifar10, svhn", Size: "demo"},
		{ID: "F3", Verdict: DoesNotHold, Data: "cifar10, svhn", Size: "paper"}})
	require.NoError(t, err)
	require.Len(t, reasons, 5)
	require.Contains(t, reasons[0].Why, "It rises with every step")
	require.Contains(t, reasons[1].Why, "No reason is recorded")
	require.Equal(t, "D5, D1, F3", reasons[1].Claims(),
		"what has one reason has it once, and what was so at one size need not be at another")
	require.Contains(t, reasons[2].Why, "Size smoke")
	require.Contains(t, reasons[3].Why, "After a few hundred steps")
	require.Contains(t, reasons[4].Why, "At K 4, hidden 64")
	claims, err := DeclaredClaims()
	require.NoError(t, err)
	text, err := experiments.Files.ReadFile("reasons.yaml")
	require.NoError(t, err)
	for _, id := range regexp.MustCompile(`[A-Z]\d+(?:, |\])`).FindAllString(string(text), -1) {
		id = strings.TrimRight(id, ", ]")
		require.True(t, slices.ContainsFunc(claims, func(c Claim) bool { return c.ID == id }), id)
	}
}

// What decides is the condition with the claim's verdict that lies nearest to its threshold, in its interval's widths.
func TestDecidingIsTheWeakest(t *testing.T) {
	conditions := []Condition{
		{ID: "X", Condition: "far", Value: 90, Low: 89, High: 91, Comparison: ">", Bound: 50, Verdict: Holds},
		{ID: "X", Condition: "near", Value: 40, Low: 39, High: 41, Comparison: "<", Bound: 45, Verdict: Holds},
		{ID: "X", Condition: "fails", Value: 40, Low: 39, High: 41, Comparison: ">", Bound: 45, Verdict: DoesNotHold},
		{ID: "Y", Condition: "other", Value: 1, Low: 1, High: 1, Comparison: ">", Bound: 1, Verdict: Holds}}
	require.Equal(t, 1, Deciding(conditions, "X", Holds))
	require.Equal(t, 2, Deciding(conditions, "X", DoesNotHold))
	require.Equal(t, -1, Deciding(conditions, "Z", Holds))
	require.Positive(t, conditions[1].HeldBy(40), "below its threshold, as < wants")
}
