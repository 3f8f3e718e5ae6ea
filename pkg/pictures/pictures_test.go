package pictures

import (
	"errors"
	"testing"

	"strata/pkg/imageset"
	"strata/pkg/result"
	"strata/pkg/runs"

	"github.com/stretchr/testify/require"
)

func TestInTurn(t *testing.T) {
	set := &imageset.Set{Height: 1, Width: 1, Channels: 1, Pixels: make([]uint8, 6), Labels: []int32{2, 0, 0, 2, 2, 1},
		Classes: []string{"a", "b", "c"}}
	require.Equal(t, []int{1, 5, 0, 2, 3, 4}, inTurn(set, 10), "a, b, c, a, c, c")
	require.Equal(t, []int{1, 5}, inTurn(set, 2))
	set.Labels = nil
	require.Equal(t, []int{0, 1, 2}, inTurn(set, 3))
}

// A sheet is made once for a run and images; other images, or another name, have their own.
func TestKeptSheet(t *testing.T) {
	run := &runs.Run{Folder: t.TempDir()}
	images := &imageset.Set{Height: 1, Width: 2, Channels: 1, Pixels: []uint8{1, 2}}
	made := 0
	draw := func() (*result.Sheet, error) {
		made++
		sheet := &result.Sheet{}
		return sheet, sheet.Add(result.Tile{Value: float64(made)}, images, 0)
	}
	first, err := keptSheet(run, "mixed", []*imageset.Set{images}, draw)
	require.NoError(t, err)
	again, err := keptSheet(run, "mixed", []*imageset.Set{images}, draw)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, 1, made)
	for _, other := range []struct {
		name string
		of   []*imageset.Set
	}{{"climbed", []*imageset.Set{images}}, {"mixed", []*imageset.Set{images, images}}} {
		sheet, err := keptSheet(run, other.name, other.of, draw)
		require.NoError(t, err)
		require.NotEqual(t, first, sheet)
	}
	failed := errors.New("no")
	_, err = keptSheet(run, "fails", []*imageset.Set{images}, func() (*result.Sheet, error) { return nil, failed })
	require.ErrorIs(t, err, failed)
}

func TestFirstRows(t *testing.T) {
	sheet := &result.Sheet{Height: 2, Width: 3, Tiles: []result.Tile{{Row: 0}, {Row: 2}, {Row: 1, Column: 4}}}
	require.Equal(t, &result.Sheet{Height: 2, Width: 3, Tiles: []result.Tile{{Row: 0}, {Row: 1, Column: 4}}}, firstRows(sheet, 2))
	require.Len(t, sheet.Tiles, 3, "the sheet stays")
	require.Nil(t, firstRows(nil, 2))
}

// The last blocks of a side that 4 does not divide are smaller, and colours stay apart.
func TestBlockMeans(t *testing.T) {
	set := &imageset.Set{Height: 5, Width: 4, Channels: 2, Pixels: make([]uint8, 5*4*2)}
	for i := range set.Pixels {
		if i%2 == 1 {
			set.Pixels[i] = 100
		}
	}
	set.Pixels[4*4*2] = 40 // first pixel of the last row
	require.Equal(t, []float64{0, 100, 10, 100}, blockMeans(set, 0))
}
