package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/folders"
	"strata/pkg/imageset"
	"strata/pkg/imageset/format"
	"strata/pkg/imageset/format/lmdb"
	"strata/pkg/imageset/format/nifti"
	"strata/pkg/metric"
	"strata/pkg/score"
)

// fixture is what manifest.json says that a file must decode to.
type fixture struct {
	What       string            `json:"what"`
	Images     int               `json:"images"`
	Shape      [4]int            `json:"shape_nhwc"`
	SHA256     string            `json:"pixels_sha256_nhwc_uint8"`
	FirstPixel [3]uint8          `json:"first_pixel_rgb"`
	Labels     []int32           `json:"labels"`
	Entries    map[string]string `json:"entries"`
	ShapeXYZ   [3]int            `json:"shape_xyz"`
	Mean       float64           `json:"mean"`
	Voxel      float64           `json:"voxel_20_20_5"`
	Bytes      []int             `json:"bytes"`
}

// TestFixture reads each dataset format as its reference writer wrote it: one subtest a key of the manifest.
func TestFixture(t *testing.T) {
	shared, ok, err := folders.Shared()
	require.NoError(t, err)
	if !ok {
		t.Skipf("no reference material: %s is absent", shared)
	}
	dir := filepath.Join(shared, "fixtures")
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	var manifest map[string]fixture
	require.NoError(t, json.Unmarshal(text, &manifest))
	require.NotEmpty(t, manifest)
	handlers := map[string]func(*testing.T, string, fixture){
		"svhn/test_32x32.mat":            named("test_32x32.mat", format.Options{}),
		"svhn/test_32x32_compressed.mat": named("test_32x32.mat", format.Options{}),
		"cifar/cifar10_records.bin":      named("test_batch.bin", format.Options{}),
		"cifar/cifar100_records.bin":     named("test.bin", format.Options{}),
		"tiny/tiny_images.bin":           named("tiny_images.bin", format.Options{Tiny: format.Tiny{Chunk: 1, Chunks: -1}}),
		"numpy/300K_random_images.npy":   named("300K_random_images.npy", format.Options{}),
		"numpy/val_data.npz":             named("val_data.npz", format.Options{}),
		"lsun/classroom_val_lmdb":        lsunFixture,
		"tiny-imagenet-200":              tinyImageNetFixture,
		"celeba/img_align_celeba":        celebaFixture,
		"png_lengths": func(t *testing.T, _ string, want fixture) {
			pngLengths(t, filepath.Join(dir, "tiny", "tiny_images.bin"), want)
		},
	}
	for _, modality := range []string{"t1", "t1ce", "t2", "flair"} {
		handlers["brats/BraTS_0001/BraTS_0001_"+modality+".nii.gz"] = bratsFixture
	}
	for key, want := range manifest {
		t.Run(strings.ReplaceAll(key, "/", "_"), func(t *testing.T) {
			handle := handlers[key]
			require.NotNil(t, handle, "no test handles the fixture %s: %s", key, want.What)
			handle(t, filepath.Join(dir, filepath.FromSlash(key)), want)
		})
	}
	for key := range handlers {
		assert.Contains(t, manifest, key, "a handler without a fixture")
	}
}

// whole reads a source's splits and puts the images back into the order of the file.
func whole(t *testing.T, source *format.Source) *format.Images {
	t.Helper()
	splits, err := source.Splits()
	require.NoError(t, err)
	all := &format.Images{}
	size, n := 0, 0
	var parts []*format.Images
	for _, split := range splits {
		part, err := source.Read(split.Name)
		require.NoError(t, err)
		size = part.Height * part.Width * part.Channels
		require.Equal(t, split.Images*size, len(part.Pixels), "as many images as %s promised", split.Name)
		all.Height, all.Width, all.Channels = part.Height, part.Width, part.Channels
		n += split.Images
		parts = append(parts, part)
	}
	all.Pixels = make([]uint8, n*size)
	for _, part := range parts {
		all.Labels = append(all.Labels, part.Labels...)
		for i := range len(part.Pixels) / size {
			at := i
			if part.Places != nil {
				at = part.Places[i]
			}
			copy(all.Pixels[at*size:], part.Pixels[i*size:(i+1)*size])
		}
	}
	return all
}

// named reads a file under the name that the set's authors gave it.
func named(name string, options format.Options) func(*testing.T, string, fixture) {
	return func(t *testing.T, path string, want fixture) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		set := filepath.Join(t.TempDir(), "set")
		require.NoError(t, os.Mkdir(set, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(set, name), data, 0o644))
		source, err := format.Find(set, options)
		require.NoError(t, err)
		got := whole(t, source)
		size := got.Height * got.Width * got.Channels
		assert.Equal(t, want.Shape, [4]int{len(got.Pixels) / size, got.Height, got.Width, got.Channels})
		assert.Equal(t, want.Images, len(got.Pixels)/size)
		assert.Equal(t, want.FirstPixel[:], got.Pixels[:3])
		assert.Equal(t, want.SHA256, hashOf(got.Pixels))
		if want.Labels != nil {
			assert.Equal(t, want.Labels, got.Labels)
		}
	}
}

func hashOf(pixels []uint8) string {
	sum := sha256.Sum256(pixels)
	return hex.EncodeToString(sum[:])
}

// lsunFixture decodes each value at its own size, and the set as the paper takes it.
func lsunFixture(t *testing.T, path string, want fixture) {
	file, err := os.Open(filepath.Join(path, "data.mdb"))
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	environment, err := lmdb.Open(file, info.Size())
	require.NoError(t, err)
	got := map[string]string{}
	require.NoError(t, environment.Each(func(key []byte, value lmdb.Value) error {
		data, err := value.Read(1 << 20)
		if err != nil {
			return err
		}
		pixels := make([]uint8, 256*280*3)
		if err := format.DecodePicture(pixels, data, 256, 280, 3); err != nil {
			return err
		}
		got[string(key)] = hashOf(pixels)
		return nil
	}))
	require.NotEmpty(t, want.Entries)
	assert.Equal(t, want.Entries, got)

	source, err := format.Find(filepath.Dir(path), format.Options{})
	require.NoError(t, err)
	images, err := source.Read(format.Test)
	require.NoError(t, err)
	assert.Equal(t, len(want.Entries)*32*32*3, len(images.Pixels))
	assert.Equal(t, []string{"classroom"}, images.Classes)
}

// The manifest says: 64x64 JPEG, 2 classes of 3.
func tinyImageNetFixture(t *testing.T, path string, _ fixture) {
	for side, option := range map[int]int{32: 0, 64: 64} {
		source, err := format.Find(path, format.Options{Side: option})
		require.NoError(t, err)
		images, err := source.Read(format.Train)
		require.NoError(t, err)
		assert.Equal(t, []int{side, side, 3}, []int{images.Height, images.Width, images.Channels})
		assert.Equal(t, []int32{0, 0, 0, 1, 1, 1}, images.Labels)
		assert.Equal(t, []string{"n00000000", "n00000001"}, images.Classes)
		assert.Equal(t, 6*side*side*3, len(images.Pixels))
	}
	assert.Equal(t, 6, sizesOf(t, path, 64, 64))
}

// The manifest says: 178x218 JPEG, 4 images.
func celebaFixture(t *testing.T, path string, _ fixture) {
	source, err := format.Find(filepath.Dir(path), format.Options{})
	require.NoError(t, err)
	images, err := source.Read(format.Test)
	require.NoError(t, err)
	assert.Equal(t, 4*32*32*3, len(images.Pixels), "all within the first 60,000")
	assert.Equal(t, 4, sizesOf(t, path, 178, 218))
}

// sizesOf counts the JPEGs below a folder, all of which must have a size.
func sizesOf(t *testing.T, path string, width, height int) (n int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(path, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		config, kind, err := image.DecodeConfig(bytes.NewReader(data))
		require.NoError(t, err)
		assert.Equal(t, "jpeg", kind)
		assert.Equal(t, []int{width, height}, []int{config.Width, config.Height}, file)
		n++
		return nil
	}))
	return n
}

func bratsFixture(t *testing.T, path string, want fixture) {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	volume, err := nifti.Read(file, 1<<20)
	require.NoError(t, err)
	assert.Equal(t, want.ShapeXYZ, [3]int{volume.X, volume.Y, volume.Z})
	mean := 0.0
	for _, v := range volume.Values {
		mean += float64(v) / float64(len(volume.Values))
	}
	assert.InDelta(t, want.Mean, mean, 1e-6*want.Mean, "a sum of 27,648 rounded terms")
	assert.Equal(t, want.Voxel, float64(volume.At(20, 20, 5)))

	// And as the set that is made of the four.
	source, err := format.Find(filepath.Dir(filepath.Dir(path)), format.Options{})
	require.NoError(t, err)
	assert.Equal(t, format.MRI, source.Kind)
	images, err := source.Read(format.Train)
	require.NoError(t, err)
	assert.Equal(t, []string{"t1", "t1ce", "t2", "flair"}, images.Classes)
	// Slices 4 and 8 of 12 lie between 0.4 and 0.7 of the height, and four pieces come of each of the four modalities' slices.
	assert.Equal(t, 2*4*4*32*32*3, len(images.Pixels))
}

// pngLengths compares the complexity score's encoder with the reference's, OpenCV's (digest §6.1): ranks, as the score is used.
func pngLengths(t *testing.T, path string, want fixture) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tiny_images.bin"), data, 0o644))
	source, err := format.Find(dir, format.Options{Tiny: format.Tiny{Chunk: 1, Chunks: -1}})
	require.NoError(t, err)
	images := whole(t, source)
	set := &imageset.Set{Name: "fixtures", Split: imageset.Test, Height: 32, Width: 32, Channels: 3, Pixels: images.Pixels}
	sizes, err := score.PNGBytesOf(set)
	require.NoError(t, err)
	require.Len(t, sizes, len(want.Bytes))
	ours, theirs := make([]float64, len(sizes)), make([]float64, len(sizes))
	for i := range sizes {
		ours[i], theirs[i] = float64(sizes[i]), float64(want.Bytes[i])
	}
	rho, err := metric.Spearman(ours, theirs)
	require.NoError(t, err)
	t.Logf("Spearman correlation of PNG sizes with OpenCV's: %.4f", rho)
	assert.GreaterOrEqual(t, rho, 0.95)
}
