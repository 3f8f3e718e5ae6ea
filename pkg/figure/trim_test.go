package figure

import (
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"strata/pkg/tiles"

	"github.com/stretchr/testify/require"
)

var (
	update = flag.Bool("update", false, "rewrite the goldens in testdata/goldens")
	trim   = flag.String("trim", "", "make testdata/results of this results folder, that of: strata reproduce all --size smoke --seeds 2, without STRATA_DATA")
)

// kept are the lines of a table that testdata/results has; others have them all.
var kept = map[string]func(row []string) bool{
	"scores.csv":        func(r []string) bool { i, _ := strconv.Atoi(r[2]); return i%2 == 0 },
	"cells.csv":         func(r []string) bool { return r[0] != "baselines" },
	"cells_by_seed.csv": func(r []string) bool { return r[0] == "S2" || r[0] == "S3" },
}

// keptColumns are the columns of scores.csv that testdata/results has.
var keptColumns = []string{"role", "set", "index", "png_bytes", "pseudo_general", "pseudo_in", "pseudo_smooth", "R01", "R02", "R02_c3", "R03", "R03_c3", "R06", "R11"}

// TestTrim makes testdata/results, where somebody asks for it.
func TestTrim(t *testing.T) {
	if *trim == "" {
		t.Skip("-trim names no results folder: testdata/results stays")
	}
	to := filepath.Join("testdata", "results")
	require.NoError(t, os.RemoveAll(to))
	require.NoError(t, os.MkdirAll(filepath.Join(to, "pictures"), 0o755))
	for _, name := range []string{"pixel_differences.csv", "scores.csv", "correlations.csv", "curves.csv", "cells.csv", "cells_by_seed.csv", "claims.csv", "claims_over_steps.csv"} {
		text, err := os.Open(filepath.Join(*trim, name))
		require.NoError(t, err)
		rows, err := csv.NewReader(text).ReadAll()
		require.NoError(t, err)
		text.Close()
		var columns []int
		for i, column := range rows[0] {
			if name != "scores.csv" || slices.Contains(keptColumns, column) {
				columns = append(columns, i)
			}
		}
		file, err := os.Create(filepath.Join(to, name))
		require.NoError(t, err)
		w := csv.NewWriter(file)
		for i, row := range rows {
			if keep := kept[name]; i > 0 && keep != nil && !keep(row) {
				continue
			}
			var fields []string
			for _, c := range columns {
				if rows[0][c] == "runs" && i > 0 {
					row[c] = "" // names of runs are a fifth of cells.csv
				}
				fields = append(fields, row[c])
			}
			require.NoError(t, w.Write(fields))
		}
		w.Flush()
		require.NoError(t, file.Close())
	}
	for name, keep := range map[string]func(tile tiles.Tile) bool{
		"sets":         func(tile tiles.Tile) bool { return tile.Column < 5 },
		"augmentation": func(tile tiles.Tile) bool { return tile.Column < 4 },
		"fourier":      func(tile tiles.Tile) bool { return tile.Row%2 == 0 },
		"mixed":        func(tile tiles.Tile) bool { return tile.Row < 4 },
		"climbed":      func(tile tiles.Tile) bool { return tile.Row%8 < 3 },
		"top_R06":      func(tile tiles.Tile) bool { return tile.Column < 4 },
		"top_R11":      func(tile tiles.Tile) bool { return tile.Column < 4 },
	} {
		sheet, err := tiles.Read(filepath.Join(*trim, "pictures", name))
		require.NoError(t, err)
		sheet.Tiles = slices.DeleteFunc(sheet.Tiles, func(tile tiles.Tile) bool { return !keep(tile) })
		rows := map[int]int{} // without gaps
		for i := range sheet.Tiles {
			tile := &sheet.Tiles[i]
			if _, ok := rows[tile.Row]; !ok {
				rows[tile.Row] = len(rows)
			}
			tile.Row = rows[tile.Row]
		}
		require.NoError(t, sheet.Write(filepath.Join(to, "pictures", name)))
	}
}
