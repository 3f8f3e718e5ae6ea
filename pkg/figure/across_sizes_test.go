package figure

import (
	"io/fs"
	"math"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// sized is a results folder of a size whose finetuned Glow was looked at twice.
func sized(t *testing.T, size string, generalSteps int, rows ...result.ClaimAtStep) *Results {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, result.Begin(folder))
	require.NoError(t, result.Write(folder, rows))
	require.NoError(t, result.Write(folder, []result.Run{
		{Configuration: glowGeneral, Seed: 1, ID: "g", Network: "Glow " + size, Steps: generalSteps, Batch: 32},
		{Configuration: glowInFromGeneral, Seed: 1, ID: "f", Parent: "g", Network: "Glow " + size, Steps: 200, Batch: 32}}))
	require.NoError(t, result.WriteManifest(folder, result.Manifest{Family: "real", Size: size, Seeds: []uint64{1}}))
	r, err := Open(folder)
	require.NoError(t, err)
	return r
}

func lookedAt(id string, step int, value float64) result.ClaimAtStep {
	return result.ClaimAtStep{ID: id, Measured: "AUROC of the last scale, %", Steps: step, Run: glowInFromGeneral, Value: value,
		Low: value - 1, High: value + 1, Verdict: result.DoesNotHold, Images: 1000}
}

func TestAcrossSizes(t *testing.T) {
	demo := sized(t, "demo", 1000, lookedAt("F3", 100, 4), lookedAt("F3", 200, 5))
	long := sized(t, "long", 2000, lookedAt("F3", 100, 20), lookedAt("F3", 200, 24))
	f, err := AcrossSizes("real-sizes", []*Results{demo, long})
	require.NoError(t, err)
	require.Contains(t, f.Caption, "Glow demo, 1000 steps of 32 images; Glow long, 2000 steps of 32 images.")
	panels := f.page.(page).panels
	require.Len(t, panels, len(acrossSizes))
	for i, claim := range acrossSizes {
		require.Equal(t, claim.id != "F3", panels[i].empty, claim.id)
		if claim.id == "F3" {
			require.Equal(t, float64(2000*32+200*32)/1000, panels[i].plot.X.Max, "thousands, with those of general")
		}
	}
	_, err = f.Save(t.TempDir())
	require.NoError(t, err)

	_, err = AcrossSizes("real-sizes", []*Results{sized(t, "demo", 1000)})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A run whose parent is not there has seen nobody knows how many.
func TestImagesSeen(t *testing.T) {
	runs := []result.Run{{Configuration: glowGeneral, ID: "g", Steps: 10, Batch: 4},
		{Configuration: glowIn, ID: "", Steps: 10}, {Configuration: glowInFromGeneral, ID: "f", Parent: "g", Steps: 5, Batch: 8},
		{Configuration: glowNearFromGeneral, ID: "n", Parent: "gone", Steps: 5, Batch: 8}}
	seen, ok := imagesSeen(runs, glowInFromGeneral, 3)
	require.True(t, ok)
	require.Equal(t, 10*4+3*8, seen)
	for _, configuration := range []string{glowIn, glowNearFromGeneral, glowSmooth} {
		_, ok = imagesSeen(runs, configuration, 3)
		require.False(t, ok, configuration)
	}
}

// Every claim that is drawn across sizes is declared, and what its paper's value begins with is known where it is one number.
func TestPaperValuesAcrossSizes(t *testing.T) {
	declared, err := result.DeclaredClaims()
	require.NoError(t, err)
	paper := map[string]float64{}
	for _, c := range declared {
		paper[c.ID] = leadingNumber(c.Paper)
	}
	require.Equal(t, 8.8, paper["D1"], "Table 1")
	require.Equal(t, 93.9, paper["D2"], "Table 1")
	require.Equal(t, 92.9, paper["F3"], "Table 2")
	require.Equal(t, 83.6, paper["F4"], "Table 2")
	require.Equal(t, 0.26, paper["F1"], "Fig. 1C")
	for _, claim := range acrossSizes {
		require.Contains(t, paper, claim.id)
	}
	require.True(t, math.IsNaN(leadingNumber("92.9, 60.0, 82.8 vs 8.8")))
	require.True(t, math.IsNaN(leadingNumber("shape")))
	require.True(t, math.IsNaN(leadingNumber("")))
}
