package imageset

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/folders"
	"strata/pkg/imageset/format"
	"strata/pkg/imageset/resample"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// picture is a made-up picture.
func picture(n int) []uint8 {
	p := make([]uint8, n)
	for i := range p {
		p[i] = uint8((i*i*7 + i*13) % 251)
	}
	return p
}

// sha is the sha256 of pixels, in hex.
func sha(pixels []uint8) string {
	sum := sha256.Sum256(pixels)
	return hex.EncodeToString(sum[:])
}

// pngOf returns a PNG of one colour.
func pngOf(t testing.TB, height, width int, c color.Color) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, c)
		}
	}
	var data bytes.Buffer
	require.NoError(t, png.Encode(&data, img))
	return data.Bytes()
}

// writeZip writes a zip of one-colour 4x4 images, one for each name.
func writeZip(t testing.TB, path string, names ...string) {
	t.Helper()
	var data bytes.Buffer
	archive := zip.NewWriter(&data)
	for i, name := range names {
		w, err := archive.Create(name)
		require.NoError(t, err)
		_, err = w.Write(pngOf(t, 4, 4, color.RGBA{uint8(i + 1), 2, 3, 255}))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, os.WriteFile(path, data.Bytes(), 0o644))
}

// writeIDX writes an MNIST-like pair of plain files.
func writeIDX(t testing.TB, dir, prefix string, n, side int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	images := []byte{0, 0, 8, 3}
	for _, v := range []int{n, side, side} {
		images = binary.BigEndian.AppendUint32(images, uint32(v))
	}
	images = append(images, picture(n*side*side)...)
	labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(n))
	for i := range n {
		labels = append(labels, byte(i%10))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, prefix+"-images-idx3-ubyte"), images, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, prefix+"-labels-idx1-ubyte"), labels, 0o644))
}

func TestOpenZip(t *testing.T) {
	dir := t.TempDir()
	writeZip(t, filepath.Join(dir, "pets.zip"), "test/cat/b.png", "train/dog/a.png", "test/cat/a.png")
	set, err := Open(dir, "pets", Test)
	require.NoError(t, err)
	assert.Equal(t, &Set{
		Name: "pets", Split: Test, Height: 4, Width: 4, Channels: 3, Pixels: set.Pixels,
		Labels: []int32{0, 0}, Classes: []string{"cat", "dog"}, History: format.AsStored,
	}, set)
	assert.Equal(t, []uint8{3, 2, 3}, set.Image(0)[:3], "sorted by path: a before b")
	assert.Equal(t, []uint8{1, 2, 3}, set.Image(1)[:3])
}

func TestOpenResizesMNISTOnly(t *testing.T) {
	dir := t.TempDir()
	writeIDX(t, filepath.Join(dir, "mnist"), "t10k", 3, 28)
	set, err := Open(dir, "mnist", Test)
	require.NoError(t, err)
	assert.Equal(t, []int{3, 32, 32, 1}, []int{set.Len(), set.Height, set.Width, set.Channels})
	assert.Equal(t, resample.Resize(picture(3 * 784)[784:2*784], 28, 28, 1, 32, 32), set.Image(1))
	assert.Len(t, set.Classes, 10)

	writeIDX(t, filepath.Join(dir, "small"), "train", 2, 5)
	set, err = Open(dir, "small", Train)
	require.NoError(t, err)
	assert.Equal(t, picture(50), set.Pixels)
}

func TestOpenProcedural(t *testing.T) {
	name := proceduralNames()[0]
	set, err := Open("", name, Test)
	require.NoError(t, err)
	require.NoError(t, set.Validate())
	assert.Equal(t, proceduralSplits()[1].Images, set.Len())
	assert.Equal(t, []int{32, 32, 3}, []int{set.Height, set.Width, set.Channels})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	writeZip(t, filepath.Join(dir, "pets.zip"), "test/cat/b.png")
	writeZip(t, filepath.Join(dir, "twice.zip"), "test/cat/b.png")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "twice"), 0o755))
	procedural := proceduralNames()[0]
	require.NoError(t, os.Mkdir(filepath.Join(dir, procedural), 0o755))

	for _, bad := range []struct{ name, split, want string }{
		{"pets", "valid", `no split "valid"`},
		{"pets", Train, `pets.zip: no split "train": it has test`},
		{"cats", Test, "pets, twice, twice; procedural sets: " + procedural},
		{"pets.zip", Test, `no image set "pets.zip"`},
		{"../" + filepath.Base(dir) + "/pets", Test, "no image set"},
		{"twice", Test, "rename the file"},
		{procedural, Test, "the procedural set " + procedural},
	} {
		_, err := Open(dir, bad.name, bad.split)
		assert.ErrorContains(t, err, bad.want, bad.name)
	}
	_, err := Open("", "cats", Test)
	assert.ErrorContains(t, err, "no data folder is given")
	_, err = Open(filepath.Join(dir, "absent"), "cats", Test)
	assert.ErrorContains(t, err, "absent")
}

// The real sets: sizes as their README says; pixels as Pillow 13.0.0 decodes
// them, sorted by path.
func TestOpenSharedData(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes thousands of images")
	}
	data := sharedData(t)
	for _, want := range []struct {
		name, sha256 string
		images       int
		classes      int
	}{
		{"faces", "b0dd411311f2a5015c839650fb08db3bb5a3fbec02cf24ce4c4978b799a06340", 3000, 1},
		{"svhn", "2cf3c4b0e5259c4cde41cca09e2357e316b417c5a51fc350a1885c5e44f05f6e", 5000, 10},
	} {
		set, err := Open(data, want.name, Test)
		require.NoError(t, err)
		assert.Equal(t, want.images, set.Len())
		assert.Len(t, set.Classes, want.classes)
		assert.Equal(t, want.sha256, sha(set.Pixels), want.name)
	}
	_, err := Open(data, "faces", Train)
	assert.ErrorContains(t, err, "it has test")
}

// All 20,000 test images of MNIST and Fashion-MNIST, resized by Pillow 9.4.0.
func TestResizeEqualsPILOnMNIST(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 20,000 images")
	}
	data := sharedData(t)
	for name, want := range map[string]string{
		"mnist":         "750966a83c3f66b21f310636df69984b116407e280d0e2fc2f606aa33c6749cc",
		"fashion_mnist": "1f1ea0ce7d1ace331ee9219ad0357d38ab7e127a448a67a5ac799f8bf96f8b25",
	} {
		set, err := Open(data, name, Test)
		require.NoError(t, err)
		assert.Equal(t, []int{10000, 32, 32, 1}, []int{set.Len(), set.Height, set.Width, set.Channels})
		assert.Equal(t, want, sha(set.Pixels), name)
	}
}

// sharedData returns ../shared/data, or skips where the default is absent.
func sharedData(t *testing.T) string {
	t.Helper()
	dir, ok, err := folders.Shared()
	require.NoError(t, err)
	if !ok {
		t.Skipf("no reference material: %s is absent", dir)
	}
	return dir + "/data"
}

func BenchmarkOpenSharedData(b *testing.B) {
	dir := os.Getenv("STRATA_DATA")
	if dir == "" {
		b.Skip("STRATA_DATA is not set")
	}
	for b.Loop() {
		set, err := Open(dir, "cifar10", Train)
		require.NoError(b, err)
		b.SetBytes(int64(len(set.Pixels)))
	}
}
