package figure

import (
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// TestScorecardSaysTheVerdicts draws four claims, one of each verdict.
func TestScorecardSaysTheVerdicts(t *testing.T) {
	folder := t.TempDir()
	claims := []result.Claim{{ID: "L1", Verdict: result.Holds, Value: 1.5, Low: 1.4, High: 1.6, Seeds: 1},
		{ID: "D2", Verdict: result.Open, Value: 71, Low: 69, High: 73, Seeds: 1, Measured: "AUROC of the ratio, %"},
		{ID: "F3", Verdict: result.DoesNotHold, Value: 3, Low: 2, High: 4, Seeds: 1}, {ID: "V1", Verdict: result.NotMeasured}}
	require.NoError(t, result.Write(folder, claims))
	require.NoError(t, result.Write(folder, []result.Condition{{ID: "D2", Condition: "auroc(...)", Value: 71, Low: 69, High: 73,
		Comparison: ">", Bound: 70, Verdict: result.Open, Seeds: 1}}))
	r, err := Open(folder)
	require.NoError(t, err)
	f, err := Scorecard(r)
	require.NoError(t, err)
	require.Contains(t, f.Caption, "The paper's 4 claims here: 1 hold, 1 open, 1 do not hold, 1 not measured.")
	require.Contains(t, f.Caption, "One seed")
	card := f.page.(*scorecard)
	require.Len(t, card.parts, 4)
	require.Equal(t, "71.0 [69.0, 73.0] %", Here(card.parts[1].rows[0].claim))
	require.Equal(t, "The ratio to the general Glow repairs it", card.parts[1].rows[0].title)
	_, err = f.Save(t.TempDir())
	require.NoError(t, err)
}
