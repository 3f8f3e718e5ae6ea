package result

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/imageset"

	"github.com/stretchr/testify/require"
)

func TestSheetRoundTrip(t *testing.T) {
	colour := &imageset.Set{Name: "a", Height: 2, Width: 3, Channels: 3, Pixels: make([]uint8, 2*2*3*3)}
	grey := &imageset.Set{Name: "b", Height: 2, Width: 3, Channels: 1, Pixels: make([]uint8, 2*3)}
	for i := range colour.Pixels {
		colour.Pixels[i] = uint8(7 * i)
	}
	for i := range grey.Pixels {
		grey.Pixels[i] = uint8(50 * i)
	}
	var s Sheet
	require.NoError(t, s.Add(Tile{What: "x, y", Role: "in", Set: "a", Index: 12, Class: "cat", Value: -9512.3427734375},
		colour, 0))
	require.NoError(t, s.Add(Tile{Row: 1, Role: "in", Set: "a", Value: math.Inf(-1)}, colour, 1))
	require.NoError(t, s.Add(Tile{Row: 1, Column: 2, Role: "grey_in", Set: "b", Value: 3}, grey, 0))
	require.ErrorContains(t, s.Add(Tile{}, &imageset.Set{Name: "c", Height: 1, Width: 3, Channels: 1,
		Pixels: make([]uint8, 3)}, 0), "images of c are 1x3")

	path := filepath.Join(t.TempDir(), "sheet")
	require.NoError(t, s.Write(path))
	got, err := ReadSheet(path)
	require.NoError(t, err)
	require.Equal(t, &s, got)
	require.Equal(t, 2, got.Rows())
	require.Equal(t, 3, got.Columns())
	require.Nil(t, got.At(0, 1))
	pixels, values := got.Column(0, 3)
	require.Equal(t, colour.Pixels, pixels)
	require.Equal(t, []float64{-9512.3427734375, math.Inf(-1)}, values)
	pixels, _ = got.Column(2, 1)
	require.Equal(t, grey.Pixels, pixels)
	require.Equal(t, uint8(50), got.Image(got.At(1, 2), 2).NRGBAAt(3, 1).R, "nearest neighbour")
}

func TestDamagedSheetsAreRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "sheet")
	_, err := ReadSheet(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	const header = "row,column,what,role,set,index,class,value\n"
	for text, says := range map[string]string{
		"":                                    "line 1: expected the columns",
		"row,column\n":                        "line 1: expected the columns",
		header + "0,x,a,in,s,0,,1\n":          `line 2, column column: "x" is no whole number`,
		header + "0,-1,a,in,s,0,,1\n":         "line 2, column column: -1 is not within 0..65536",
		header + "70000,0,a,in,s,0,,1\n":      "line 2, column row: 70000 is not within 0..65536",
		header + "0,0,a,in,s,0,,one\n":        `line 2, column value: "one" is no number`,
		header + "0,0,a,in,s\n":               "wrong number of fields",
		header + "0,0,,,,0,,1\n0,0,,,,0,,1\n": "line 3, column column: a second tile at row 0, column 0",
		header + "0,0,,,,0,,1\n":              "sheet.png is missing",
	} {
		require.NoError(t, os.WriteFile(path+".csv", []byte(text), 0o644))
		_, err := ReadSheet(path)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, path)
	}
	var s Sheet
	require.NoError(t, s.Add(Tile{}, &imageset.Set{Height: 3, Width: 3, Channels: 1, Pixels: make([]uint8, 9)}, 0))
	require.NoError(t, s.Write(path))
	require.NoError(t, os.WriteFile(path+".csv", []byte(header+"0,0,,,,0,,1\n0,1,,,,0,,1\n"), 0o644))
	_, err = ReadSheet(path)
	require.ErrorContains(t, err, "is 3x3 pixels, its CSV names 1 rows of 2 tiles")
	require.NoError(t, os.WriteFile(path+".png", []byte("no picture"), 0o644))
	_, err = ReadSheet(path)
	require.ErrorContains(t, err, "evaluate again")
}
