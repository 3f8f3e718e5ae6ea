package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"strata/experiments"
	"strata/pkg/ledger"

	"github.com/stretchr/testify/require"
)

func claims() []ledger.Claim {
	return []ledger.Claim{
		{ID: "L1", Where: "Fig 1A", Text: "smooth has the highest peak", Paper: "shape", Measured: "ratio", Value: 1.5, Low: 1.4, High: 1.6,
			Predicate: "ratio > 1", Verdict: ledger.Holds, Data: "leaves, shapes, digits", Size: "demo", Network: "none", Images: 10},
		{ID: "F3", Where: "Tab 2", Text: "the last scale, alone", Paper: "92.9", Measured: "AUROC", Value: 5, Low: 4, High: 6,
			Predicate: "AUROC > raw + 20", Verdict: ledger.DoesNotHold, Data: "shapes against digits", Size: "demo", Network: "Glow", Images: 20},
	}
}

func TestRoundTrip(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, ledger.Write(folder, claims()))
	read, err := ledger.Read(folder)
	require.NoError(t, err)
	require.Equal(t, claims(), read)
}

func TestReadRefuses(t *testing.T) {
	folder := t.TempDir()
	_, err := ledger.Read(folder)
	require.ErrorContains(t, err, "strata reproduce")
	path := filepath.Join(folder, ledger.File)
	require.NoError(t, os.WriteFile(path, []byte("a,b\n1,2\n"), 0o644))
	_, err = ledger.Read(folder)
	require.ErrorContains(t, err, "line 1")
	require.NoError(t, ledger.Write(folder, claims()))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), ",1.4,", ",much,", 1)), 0o644))
	_, err = ledger.Read(folder)
	require.ErrorContains(t, err, `line 2, column low: "much"`)
}

func TestPrintSaysVerdictsBothWays(t *testing.T) {
	var out bytes.Buffer
	ledger.Print(&out, claims())
	require.Contains(t, out.String(), "HOLDS")
	require.Contains(t, out.String(), "DOES NOT HOLD")
	require.Contains(t, ledger.Markdown(claims()), "| **F3** the last scale, alone | Tab 2 | 92.9 |")
}

func TestCheckBands(t *testing.T) {
	checked, err := ledger.CheckBands(claims()[:1])
	require.NoError(t, err)
	require.NotEmpty(t, checked)
	outside := claims()[:1]
	outside[0].Value, outside[0].Low, outside[0].High = 0.9, 0.8, 1
	_, err = ledger.CheckBands(outside)
	require.ErrorContains(t, err, "outside of its band: L1")
	unlikely := claims()[:1]
	unlikely[0].Low = 1.55
	_, err = ledger.CheckBands(unlikely)
	require.ErrorContains(t, err, "not within its interval")
	_, err = ledger.CheckBands(nil)
	require.Error(t, err)
}

// What does not hold has a reason or says that there is none; the reasons are of claims that there are.
func TestReasons(t *testing.T) {
	lines, err := ledger.Reasons([]ledger.Claim{{ID: "D5", Verdict: ledger.DoesNotHold, Data: "shapes_in, digits", Size: "demo"}, {ID: "D5", Verdict: ledger.DoesNotHold, Data: "mine", Size: "demo"},
		{ID: "D5", Verdict: ledger.DoesNotHold, Data: "shapes_in", Size: "smoke"}, {ID: "D1", Verdict: ledger.Holds}, {ID: "B1", Verdict: ledger.DoesNotHold, Data: "mine", Size: "demo"}})
	require.NoError(t, err)
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], "D5: It rises with every step")
	require.Contains(t, lines[1], "D5: no reason is recorded")
	require.Contains(t, lines[2], "size smoke")
	require.Contains(t, lines[3], "B1: After 300 steps")
	claims, err := ledger.Declared()
	require.NoError(t, err)
	text, err := experiments.Files.ReadFile("reasons.yaml")
	require.NoError(t, err)
	for _, id := range regexp.MustCompile(`[A-Z]\d+(?:, |\])`).FindAllString(string(text), -1) {
		id = strings.TrimRight(id, ", ]")
		require.True(t, slices.ContainsFunc(claims, func(c ledger.Claim) bool { return c.ID == id }), id)
	}
}
