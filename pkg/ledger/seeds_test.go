package ledger

import (
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/paper"

	"github.com/stretchr/testify/require"
)

func TestSeedsRoundTrip(t *testing.T) {
	folder := t.TempDir()
	cells := []Cell{
		{Cell: paper.Cell{Table: "4", In: "CIFAR10", Out: "SVHN", Setting: "unsupervised;in_model=Glow", Score: "diff", General: "Tiny-Glow", Loss: "outlier_eq2"},
			BySeed: []SeedValue{{1, 98.5, 98, 99}, {2, 97, 96.5, 97.5}}},
		{Cell: paper.Cell{Table: "4", In: "CIFAR10", Out: "LSUN", Score: "diff"}},
		{Cell: paper.Cell{Table: "S2", In: "CIFAR10", Out: "SVHN", Score: "diff"}, BySeed: []SeedValue{{1, 5, 4, 6}}},
	}
	require.NoError(t, WriteSeeds(folder, cells))
	got, err := ReadSeeds(folder)
	require.NoError(t, err)
	require.Equal(t, []Cell{cells[0], cells[2]}, got, "a cell that was not measured has no line")

	path := filepath.Join(folder, SeedsFile)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, []byte("S2,a,b,,diff,,,one,5,4,6\n")...), 0o644))
	_, err = ReadSeeds(folder)
	require.ErrorContains(t, err, `cells_by_seed.csv, line 5, column seed: "one" is no seed`)
}
