package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// nearFolder is a folder of results of a size: a cell of Table 1, the same again in Table 2, one of Table S4, bits/dim
// of two sets, and two runs.
func nearFolder(t *testing.T, parent, family, size string, steps int, ours float64, standsFor string) string {
	t.Helper()
	folder := filepath.Join(parent, family+"-"+size)
	require.NoError(t, result.Begin(folder))
	raw, again, other := measured("SVHN", 8.8, ours, 1), measured("SVHN", 8.8, ours, 1), measured("LSUN", 60, 90, 1)
	again.Table, again.Score = "2", "raw_full"
	other.Table = "S4"
	tiny, tuned := bits("CIFAR10", 3.41, 4.66), bits("CIFAR10", 3.36, 4.57)
	tiny.Setting += ";trained_on=Tiny"
	tuned.Setting += ";trained_on=in_dist;init=finetuned_from_Tiny"
	for _, c := range []*result.Cell{&tiny, &tuned} {
		c.InSet, c.StandsFor, c.Network, c.Steps = "cifar10", standsFor, "Glow L3 K4 H64", "7"
	}
	require.NoError(t, result.Write(folder, []result.Cell{raw, again, other, tiny, tuned}))
	require.NoError(t, result.Write(folder, []result.Claim{{ID: "D1", Verdict: result.Holds},
		{ID: "D2", Verdict: result.Open}, {ID: "V1", Value: math.NaN(), Low: math.NaN(), High: math.NaN(), Verdict: result.NotMeasured}}))
	require.NoError(t, result.Write(folder, []result.Run{
		{Configuration: general, Seed: 1, ID: "a", Network: "Glow L3 K4 H64", Steps: steps, Batch: 32},
		{Configuration: finetuned, Seed: 1, ID: "b", Network: "Glow L3 K4 H64", Steps: steps / 2, Batch: 32},
		{Configuration: "glow-near", Seed: 1, Rate: math.NaN(), LastValue: math.NaN(), Problem: "not trained"}}))
	require.NoError(t, result.Write(folder, []result.Condition{}))
	require.NoError(t, result.Write(folder, []result.ClaimAtStep{{ID: "F3", Measured: "AUROC of the last scale, %", Steps: 5,
		Run: finetuned, Value: ours, Low: ours, High: ours, Verdict: result.DoesNotHold}}))
	require.NoError(t, result.WriteManifest(folder, result.Manifest{Family: family, Size: size, Seeds: []uint64{1}}))
	return folder
}

// Families stand together, what is trained for longer below, distinct cells of Tables 1 to 4 count, and sets that stand
// for the paper's have no bits/dim beside it.
func TestNearness(t *testing.T) {
	parent := t.TempDir()
	folders := []string{nearFolder(t, parent, "real", "long", 3000, 9, ""),
		nearFolder(t, parent, "real", "demo", 2000, 3, ""),
		nearFolder(t, parent, "drawn", "quick", 300, 0, "cifar10 for CIFAR-10"),
		nearFolder(t, parent, "real", "smoke", 12, 50, "")}
	text, figures, err := Nearness(folders)
	require.NoError(t, err)
	require.Len(t, figures, 1, "of the one family that has two sizes")
	require.Contains(t, text, "](real-sizes.png)\n\n"+figures[0].Caption)
	lines := strings.Split(text, "\n")
	require.Contains(t, lines[2], "| drawn | [quick](drawn-quick) | 1 | 2 | Glow L3 K4 H64 | "+
		"300 of 32 images, then 150 | 1 of 1 | 8.8 [8.8, 8.8] | – | – | 1 | 1 | 0 | 1 |")
	require.Contains(t, lines[3], "| real | [demo](real-demo) | 1 | 2 | Glow L3 K4 H64 | "+
		"2000 of 32 images, then 1000 | 1 of 1 | 5.8 [")
	require.Contains(t, lines[4], "| real | [long](real-long) |")
	require.Contains(t, lines[4], "| 0.2 [0.2, 0.2] | -5.6 [-5.6, -5.6], 1 cell | – |", "closer, and of one cell no rank")
	require.Contains(t, text, "| CIFAR-10 | the paper, 250 epochs | Glow L3 K32 H512 | 3.41 |  | 3.36 |\n"+
		"| | real-demo | Glow L3 K4 H64 | 4.66 [4.65, 4.67] (7) |  | 4.57 [4.56, 4.58] (7) |\n| | real-long |")
	require.NotContains(t, text, "smoke")
	require.NotContains(t, text, "SVHN")
	_, _, err = Nearness([]string{t.TempDir()})
	require.ErrorContains(t, err, "not complete")
}

// What stands between the marks is written anew, and nothing else; a page without them is left alone.
func TestUpdateReadme(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, UpdateReadme(folder), "no page")
	nearFolder(t, folder, "real", "demo", 2000, 3, "")
	path := filepath.Join(folder, "README.md")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) }
	read := func() string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	write("mine\n")
	require.NoError(t, UpdateReadme(folder))
	require.Equal(t, "mine\n", read())
	write("before\n" + beginNearness + "old\n" + endNearness + "after\n")
	require.NoError(t, UpdateReadme(folder))
	made, figures, err := Nearness([]string{filepath.Join(folder, "real-demo")})
	require.NoError(t, err)
	require.Equal(t, "before\n"+beginNearness+made+endNearness+"after\n", read())
	require.Empty(t, figures)
	nearFolder(t, folder, "real", "long", 3000, 9, "")
	require.NoError(t, UpdateReadme(folder))
	require.FileExists(t, filepath.Join(folder, "real-sizes.svg"))
	write("before\n" + beginNearness + "old\n")
	require.ErrorContains(t, UpdateReadme(folder), "Here it ends")
}

// The committed page says of the committed results what they are.
func TestCommittedReadmeIsCurrent(t *testing.T) {
	results := filepath.Join("..", "..", "figures", "results")
	page, err := os.ReadFile(filepath.Join(results, "README.md"))
	require.NoError(t, err)
	manifests, err := filepath.Glob(filepath.Join(results, "*", result.ManifestFile))
	require.NoError(t, err)
	var folders []string
	for _, m := range manifests {
		folders = append(folders, filepath.Dir(m))
	}
	made, _, err := Nearness(folders)
	require.NoError(t, err)
	require.True(t, strings.Contains(string(page), beginNearness+made+endNearness), "results were added or measured anew: "+
		"strata figures brings figures/results/README.md up to date. It should say\n%s", made)
}
