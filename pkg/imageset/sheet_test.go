package imageset

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var image1 = color.RGBA{1, 2, 3, 255}

func TestSheetGrid(t *testing.T) {
	set := numbered(9) // even: 0 2 4 6 8, odd: 1 3 5 7
	set.Classes = append(set.Classes, "no images")
	grid, names := sheetGrid(set, byClass(set), 3, 5)
	assert.Equal(t, [][]int{{0, 2, 4}, {1, 3, 5}, {6, 8}, {7}, {}}, grid)
	assert.Equal(t, []string{"even", "odd", "even", "odd", "even"}, names)

	inOrder := [][]int{{0, 1, 2, 3}, {4, 5, 6, 7}, {8}, nil}
	for what, labels := range map[string][]int32{"unlabelled": nil, "one class": make([]int32, 9)} {
		set.Labels = labels
		grid, names = sheetGrid(set, byClass(set), 4, 4)
		assert.Equal(t, inOrder, grid, what)
		assert.Nil(t, names, what)
	}
}

func TestContactSheet(t *testing.T) {
	set := numbered(9)
	set.Labels = nil
	sheet := ContactSheet(set, 4, 3, 2)
	assert.Equal(t, image.Rect(0, 0, 2+4*10, 2+3*10), sheet.Bounds())
	assert.Equal(t, color.RGBA{255, 255, 255, 255}, sheet.At(0, 0))
	assert.Equal(t, color.RGBA{6, 6, 6, 255}, sheet.At(2+10, 2+10), "image 5")
	assert.Equal(t, color.RGBA{6, 6, 6, 255}, sheet.At(2+10+7, 2+10+7), "its last pixel")
	assert.Equal(t, color.RGBA{255, 255, 255, 255}, sheet.At(2+10+8, 2+10), "the gap")

	named := ContactSheet(numbered(9), 0, 0, 0)
	assert.Greater(t, named.Bounds().Dx(), 2+10*10, "room for names")
	assert.Equal(t, 2+2*10, named.Bounds().Dy(), "a row a class")

	grey := &Set{Height: 1, Width: 1, Channels: 1, Pixels: []uint8{77}}
	assert.Equal(t, color.RGBA{77, 77, 77, 255}, ContactSheet(grey, 1, 1, 1).At(2, 2))
}

func TestWritePNG(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sheet.png")
	sheet := ContactSheet(numbered(4), 2, 2, 1)
	require.NoError(t, WritePNG(path, sheet))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	read, err := png.Decode(file)
	require.NoError(t, err)
	assert.Equal(t, sheet.Bounds(), read.Bounds())
}

// What cannot be drawn leaves the old file, and nothing beside it.
func TestWritePNGKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sheet.png")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	assert.ErrorContains(t, WritePNG(path, image.NewGray(image.Rectangle{})), path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(data))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)

	assert.Error(t, WritePNG(filepath.Join(dir, "no", "such", "folder.png"), image.NewGray(image.Rect(0, 0, 1, 1))))
}
