package figure

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

var (
	update = flag.Bool("update", false, "rewrite the goldens in testdata/goldens")
	trim   = flag.String("trim", "", "make testdata/results of this results folder, that of: "+
		"strata reproduce all --size smoke --seeds 2, without STRATA_DATA")
)

// keptColumns are the columns of scores.csv that testdata/results has.
var keptColumns = []string{result.PNGBytes, result.PseudoColumn(roleGeneral), result.PseudoColumn(roleIn),
	result.PseudoColumn(roleSmooth), glowGeneral, glowSmooth, result.ScaleColumn(glowSmooth, 3), glowIn,
	result.ScaleColumn(glowIn, 3), glowInFromGeneral, glowInOutlierLoss}

// TestTrim makes testdata/results, where somebody asks for it.
func TestTrim(t *testing.T) {
	if *trim == "" {
		t.Skip("-trim names no results folder: testdata/results stays")
	}
	to := filepath.Join("testdata", "results")
	kernels, err := result.Read[result.KernelValue](to) // of real sets, size smoke: strata's own have none
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(to))
	require.NoError(t, os.MkdirAll(filepath.Join(to, "pictures"), 0o755))
	require.NoError(t, result.Write(to, kernels))
	trimmed(t, to, func(result.PixelDifference) bool { return true })
	trimmed(t, to, func(result.Correlation) bool { return true })
	trimmed(t, to, func(result.CurvePoint) bool { return true })
	trimmed(t, to, func(c result.Cell) bool { return c.Table != "baselines" })
	trimmed(t, to, func(s result.SeedValue) bool { return s.Table == "S2" || s.Table == "S3" })
	trimmed(t, to, func(result.Claim) bool { return true })
	trimmed(t, to, func(result.Condition) bool { return true })
	trimmed(t, to, func(result.ClaimAtStep) bool { return true })
	trimmed(t, to, func(r result.Run) bool { return r.Seed == 1 })

	whole, err := result.ReadScores(filepath.Join(*trim, result.ScoresFile))
	require.NoError(t, err)
	every := func(r result.ScoreRow) bool { return r.Index%2 == 0 }
	scores := &result.Scores{}
	for _, row := range whole.Rows {
		if every(row) {
			scores.Rows = append(scores.Rows, result.ScoreRow{Role: row.Role, Set: row.Set, Index: row.Index})
		}
	}
	for _, column := range keptColumns {
		values, err := whole.Column(column, every)
		require.NoError(t, err)
		require.NoError(t, scores.AddColumn(column, values))
	}
	require.NoError(t, scores.Write(filepath.Join(to, result.ScoresFile)))

	for name, keep := range map[string]func(tile result.Tile) bool{
		"sets":                             func(tile result.Tile) bool { return tile.Column < 5 },
		"augmentation":                     func(tile result.Tile) bool { return tile.Column < 4 },
		"fourier":                          func(tile result.Tile) bool { return tile.Row%2 == 0 },
		"mixed":                            func(tile result.Tile) bool { return tile.Row < 4 },
		"climbed":                          func(tile result.Tile) bool { return tile.Row%8 < 3 },
		result.TopSheet(glowInFromGeneral): func(tile result.Tile) bool { return tile.Column < 4 },
		result.TopSheet(glowInOutlierLoss): func(tile result.Tile) bool { return tile.Column < 4 },
	} {
		sheet, err := result.ReadSheet(result.SheetPath(*trim, name))
		require.NoError(t, err)
		sheet.Tiles = slices.DeleteFunc(sheet.Tiles, func(tile result.Tile) bool { return !keep(tile) })
		rows := map[int]int{} // without gaps
		for i := range sheet.Tiles {
			tile := &sheet.Tiles[i]
			if _, ok := rows[tile.Row]; !ok {
				rows[tile.Row] = len(rows)
			}
			tile.Row = rows[tile.Row]
		}
		require.NoError(t, sheet.Write(result.SheetPath(to, name)))
	}
	manifest, err := result.ReadManifest(*trim)
	require.NoError(t, err)
	require.NoError(t, result.WriteManifest(to, manifest))
}

// trimmed copies some rows of a table.
func trimmed[T result.Row](t *testing.T, to string, keep func(T) bool) {
	t.Helper()
	rows, err := result.Read[T](*trim)
	require.NoError(t, err)
	rows = slices.DeleteFunc(rows, func(row T) bool { return !keep(row) })
	for i := range rows {
		if cell, ok := any(&rows[i]).(*result.Cell); ok {
			cell.Runs = nil // names of runs are a fifth of cells.csv
		}
	}
	require.NoError(t, result.Write(to, rows))
}
