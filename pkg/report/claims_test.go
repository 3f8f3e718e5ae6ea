package report

import (
	"bytes"
	"math"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

var (
	someClaims = []result.Claim{
		{ID: "L1", Where: "Fig 1A", Text: "smooth has the highest peak", Paper: "shape", Measured: "ratio", Value: 1.5,
			Low: 1.4, High: 1.6,
			Predicate: "ratio > 1", Verdict: result.Holds, Data: "leaves, shapes, digits", Size: "demo",
			Network: "none", Seeds: 1, Images: 10},
		{ID: "D2", Text: "repaired", Measured: "ratio", Value: 71, Low: 69, High: 73, Verdict: result.Open,
			Size: "demo", Seeds: 3, Images: 20, Note: "60 [58, 62] > 30 holds; few images"},
		{ID: "F3", Where: "Tab 2", Text: "the last scale, alone", Paper: "92.9", Measured: "AUROC", Value: 5, Low: 4,
			High:      6,
			Predicate: "AUROC > raw + 20", Verdict: result.DoesNotHold, Data: "shapes against digits", Size: "demo",
			Network: "Glow", Steps: "500", Seeds: 1, Images: 20},
		{ID: "V1", Where: "S7", Text: "seeds agree", Verdict: result.NotMeasured, Note: "one seed"},
	}
	someConditions = []result.Condition{
		{ID: "D2", Condition: "ratio - raw", Value: 60, Low: 58, High: 62, Comparison: ">", Bound: 30,
			Verdict: result.Holds},
		{ID: "D2", Condition: "ratio", Value: 71, Low: 69, High: 73, Comparison: ">", Bound: 70, Verdict: result.Open},
		{ID: "V1", Condition: "deviation", Value: math.NaN(), Comparison: "<", Bound: 3, Verdict: result.NotMeasured},
	}
)

func TestPrintClaims(t *testing.T) {
	var out bytes.Buffer
	PrintClaims(&out, someClaims, someConditions...)
	for _, want := range []string{"HOLDS", "OPEN", "DOES NOT HOLD", "NOT MEASURED   one seed",
		"open           ratio: 71 [69, 73] > 70",
		"holds          ratio - raw: 60 [58, 62] > 30", "few images",
		"shapes against digits; size demo; Glow; steps 500; 1 seed; 20 images"} {
		require.Contains(t, out.String(), want)
	}
}

func TestClaimsMarkdown(t *testing.T) {
	md := ClaimsMarkdown(someClaims, someConditions...)
	require.Contains(t, md, "| **F3** the last scale, alone (Tab 2)<br><small>holds if AUROC > raw + 20<br>measured on "+
		"shapes against digits; size demo; Glow; steps 500; 1 seed; 20 images</small> | 92.9 | AUROC: **5.0** [4.0, 6.0] | "+
		"**does not hold** |")
	require.Contains(t, md, "ratio: **71.0** [69.0, 73.0] (few images)<br>● ratio - raw: 60 [58, 62] > 30<br>"+
		"◐ ratio: 71 [69, 73] > 70 |")
	require.Contains(t, md, "| one seed | **not measured** |")
	require.NotContains(t, ClaimsMarkdown(someClaims), "● ratio")
	require.Equal(t, "deviation < 3", conditionText(someConditions[2]))
}
