package imageset

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/imageset/format"
)

func TestList(t *testing.T) {
	dir := t.TempDir()
	writeZip(t, filepath.Join(dir, "pets.zip"), "test/cat/b.png", "test/cat/c.png", "train/dog/a.png")
	writeIDX(t, filepath.Join(dir, "digits_idx"), "t10k", 3, 28)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "nothing"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".hidden"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.zip"), []byte("no zip"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), nil, 0o644))

	infos, err := (&Library{Data: dir}).List()
	require.NoError(t, err)
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
	}
	assert.Equal(t, append([]string{"broken", "digits_idx", "nothing", "pets"}, proceduralNames()...), names)
	assert.ErrorContains(t, infos[0].Problem, "broken.zip")
	assert.Equal(t, Info{Name: "digits_idx", Path: filepath.Join(dir, "digits_idx"), Kind: format.IDX,
		Splits: []Split{{Name: Test, Images: 3}}}, infos[1])
	assert.ErrorContains(t, infos[2].Problem, "not an image set")
	assert.Equal(t, []Split{{Name: Train, Images: 1}, {Name: Test, Images: 2}}, infos[3].Splits)
	assert.Equal(t, Procedural, infos[4].Kind)

	infos, err = (&Library{Data: ""}).List()
	require.NoError(t, err)
	assert.Len(t, infos, len(proceduralNames()))
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	// writeZip numbers colours by position, so no two of these are equal.
	writeZip(t, filepath.Join(dir, "pets.zip"), "train/cat/a.png", "train/dog/a.png", "train/dog/b.png", "test/dog/a.png")
	reports, err := (&Library{Data: dir}).Check(Recipe{Of: "pets"}, "pets")
	require.NoError(t, err)
	require.Len(t, reports, 2)
	assert.Equal(t, Report{
		Split: Train, Images: 3, Height: 4, Width: 4, Channels: 3,
		Classes: []string{"cat", "dog"}, PerClass: []int{1, 2}, History: format.AsStored, Hash: reports[0].Hash, Opened: reports[0].Opened,
	}, reports[0])
	assert.Equal(t, []int{0, 1}, reports[1].PerClass)
	assert.Len(t, reports[0].Hash, 64)

	_, err = (&Library{Data: dir}).Check(Recipe{Of: "cats"}, "cats")
	assert.ErrorContains(t, err, "pets")
}

func TestCheckFindsRepeatedImages(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"train/a/1.png", "train/a/2.png", "test/a/3.png"} {
		path := filepath.Join(dir, "same", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, pngOf(t, 3, 3, image1), 0o644))
	}
	reports, err := (&Library{Data: dir}).Check(Recipe{Of: "same"}, "same")
	require.NoError(t, err)
	assert.Equal(t, 1, reports[0].Repeated)
	assert.Equal(t, 0, reports[1].Repeated)
	assert.Equal(t, 1, reports[1].InTrain)
}

func TestCheckRefusesSplitsOfTwoSizes(t *testing.T) {
	dir := t.TempDir()
	for name, side := range map[string]int{"train/a/1.png": 3, "test/a/3.png": 4} {
		path := filepath.Join(dir, "sizes", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, pngOf(t, side, side, image1), 0o644))
	}
	_, err := (&Library{Data: dir}).Check(Recipe{Of: "sizes"}, "sizes")
	assert.ErrorContains(t, err, "train has images of 3x3x3, test of 4x4x3")
}
