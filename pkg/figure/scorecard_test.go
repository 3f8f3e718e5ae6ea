package figure

import (
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
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

// A title or a value of the paper that is cut says less than the claim.
func TestScorecardCutsNothing(t *testing.T) {
	declared, err := result.DeclaredClaims()
	require.NoError(t, err)
	titles, err := result.ClaimTitles()
	require.NoError(t, err)
	small := textStyle(sizeNote, ink)
	for _, c := range declared {
		assert.LessOrEqual(t, textStyle(sizeTick, ink).Width(titles[c.ID]), vg.Length(cardPaper-cardTitle-4), titles[c.ID])
		c.Verdict, c.Value, c.Low, c.High = result.Holds, -20.59, -22.22, -19.05
		row := scorecardRow{claim: c}
		assert.Equal(t, c.Paper, strings.Join(row.paper(), " "))
		assert.Equal(t, Here(c), strings.Join(row.ours(), " "))
		for _, line := range row.paper() {
			assert.LessOrEqual(t, small.Width(line), vg.Length(cardOurs-cardPaper-4), line)
		}
		for _, line := range row.ours() {
			assert.LessOrEqual(t, small.Width(line), vg.Length(cardStrip-cardOurs-3), line)
		}
	}
}

func TestUnitsOfClaims(t *testing.T) {
	for want, measured := range map[string]string{
		"\u22120.2 points":   "mean AUROC of the middle of training less that of its end, points",
		"\u22120.2 nats":     "mean ln p, nats",
		"\u22120.2 %":        "AUROC of the ratio, %",
		"\u03C1 \u22120.2":   "least Spearman \u03C1 of all pairs",
		"\u22120.2 bits/dim": "bits/dim of finetuning after a fifth of the steps, less those of the end",
		"\u22120.2":          "variance of the 12 images highest by ln p / of those highest by the ratio",
	} {
		assert.Equal(t, want, hereOf(result.Claim{Measured: measured, Value: -0.2, Low: -0.5, High: 0.1}))
	}
}
