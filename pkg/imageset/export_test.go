package imageset

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pictures come out as they are: colours of every pixel, and grey as grey.
func TestExport(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "folder")
	colours := &Set{Name: "some", Height: 1, Width: 2, Channels: 3, Pixels: []uint8{1, 2, 3, 250, 0, 7, 9, 9, 9, 0, 0, 0}}
	require.NoError(t, Export(colours, folder, 1))
	grey := &Set{Name: "grey", Height: 1, Width: 2, Channels: 1, Pixels: []uint8{1, 2, 3, 4}}
	require.NoError(t, Export(grey, folder, 0))
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Len(t, names, 3, "one of the first, two of the second: %v", names)
	open := func(name string) image.Image {
		file, err := os.Open(filepath.Join(folder, name))
		require.NoError(t, err)
		defer file.Close()
		picture, err := png.Decode(file)
		require.NoError(t, err)
		return picture
	}
	picture := open("some-00000.png")
	for x, want := range [][3]uint32{{1, 2, 3}, {250, 0, 7}} {
		r, g, b, _ := picture.At(x, 0).RGBA()
		require.Equal(t, want, [3]uint32{r >> 8, g >> 8, b >> 8})
	}
	require.Equal(t, []uint8{3, 4}, open("grey-00001.png").(*image.Gray).Pix)
	require.ErrorContains(t, Export(colours, filepath.Join(folder, "some-00000.png"), 1), "some-00000.png",
		"a file where the folder should be")
}
