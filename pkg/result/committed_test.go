package result

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is committed is of this schema, byte for byte: every table reads, and is written as it was.
func TestCommittedResults(t *testing.T) {
	folders, err := filepath.Glob("../../figures/results/*/" + ManifestFile)
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, manifest := range append(folders, filepath.Join("../figure/testdata/results", ManifestFile)) {
		folder := filepath.Dir(manifest)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			m, err := ReadManifest(folder)
			require.NoError(t, err)
			require.NotEmpty(t, m.Size)
			require.NotEmpty(t, m.Seeds)
			require.NotEmpty(t, m.Roles["in"])
			committed[Claim](t, folder, true)
			committed[Condition](t, folder, true)
			committed[ClaimAtStep](t, folder, true)
			committed[Cell](t, folder, true)
			committed[SeedValue](t, folder, true)
			committed[Correlation](t, folder, true)
			committed[CurvePoint](t, folder, true)
			committed[PixelDifference](t, folder, true)
			committed[Run](t, folder, true)
			committed[Subset](t, folder, false)
			scores, err := ReadScores(filepath.Join(folder, ScoresFile))
			require.NoError(t, err)
			columns := []string{PNGBytes, PseudoColumn("in"), "glow-general"}
			if slices.Contains(scores.Columns, "glow-in") { // not all runs are there in all folders
				columns = append(columns, ScaleColumn("glow-in", 3))
			}
			for _, column := range columns {
				_, err = scores.Column(column, func(r ScoreRow) bool { return r.Role == "in" })
				require.NoError(t, err)
			}
			if m.Family == "real" {
				return // its sheets show other people's images, and stay with who has them
			}
			_, err = ReadSheet(SheetPath(folder, TopSheet("glow-in-from-general")))
			require.NoError(t, err)
		})
	}
}

// committed reads a table and writes it as it was, where it has gained no columns since. The tests' folder lacks some.
func committed[T Row](t *testing.T, folder string, needed bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, FileOf[T]()))
	if !needed && os.IsNotExist(err) {
		return
	}
	require.NoError(t, err)
	rows, err := Read[T](folder)
	require.NoError(t, err)
	again, err := Encode(rows)
	require.NoError(t, err)
	header, now := strings.SplitN(string(text), "\n", 2)[0], strings.SplitN(string(again), "\n", 2)[0]
	if header != now { // of before it gained columns
		require.Contains(t, now, header)
		return
	}
	require.Equal(t, string(text), string(again), FileOf[T]())
}
