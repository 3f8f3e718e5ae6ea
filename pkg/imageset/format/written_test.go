package format

import (
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files of testdata were written by each format's own writer: see tests/reference/image_sets.py.

// written is what a file must decode to.
type written struct {
	SHA256     string   `json:"sha256"`
	TestSHA256 string   `json:"test_sha256"`
	Labels     []int32  `json:"labels"`
	Places     []int    `json:"places"`
	First      []uint32 `json:"first"`
	Last       []uint32 `json:"last"`
}

func expected(t testing.TB) map[string]written {
	t.Helper()
	data, err := os.ReadFile("testdata/expected.json")
	require.NoError(t, err)
	all := map[string]written{}
	require.NoError(t, json.Unmarshal(data, &all))
	return all
}

// open finds a set of testdata.
func open(t testing.TB, name string, options Options) *Source {
	t.Helper()
	source, err := Find(filepath.Join("testdata", name), options)
	require.NoError(t, err)
	return source
}

// readSplit reads a split and checks that it has as many images as promised.
func readSplit(t testing.TB, source *Source, split string) *Images {
	t.Helper()
	images, err := source.Read(split)
	require.NoError(t, err)
	n := len(images.Pixels) / (images.Height * images.Width * images.Channels)
	splits, err := source.Splits()
	require.NoError(t, err)
	assert.Contains(t, splits, Split{split, n}, "as many images as promised")
	if images.Labels != nil {
		assert.Len(t, images.Labels, n)
	}
	return images
}

func TestSVHN(t *testing.T) {
	want := expected(t)
	source := open(t, "svhn", Options{})
	assert.Equal(t, SVHN, source.Kind)
	for split, file := range svhnFiles {
		got := readSplit(t, source, split)
		assert.Equal(t, want["svhn/"+file].SHA256, sha(got.Pixels), file)
		assert.Equal(t, want["svhn/"+file].Labels, got.Labels)
		assert.Len(t, got.Classes, 10)
	}
}

func TestCIFARArchives(t *testing.T) {
	for _, name := range []string{"cifar10/cifar-10-binary.tar.gz", "cifar10python/cifar-10-python.tar.gz"} {
		want := expected(t)[name]
		source := open(t, filepath.Dir(name), Options{})
		assert.Equal(t, CIFAR10, source.Kind)
		for _, split := range []string{Train, Test} {
			got := readSplit(t, source, split)
			assert.Equal(t, want.SHA256, sha(got.Pixels), "%s %s: batches in the order of their numbers", name, split)
			assert.Equal(t, want.Labels, got.Labels)
			assert.Len(t, got.Classes, 10)
		}
	}
}

func TestCIFAR100(t *testing.T) {
	for _, name := range []string{"cifar100/protocol2", "cifar100/protocol4", "cifar100/protocol5", "cifar100/binary"} {
		source := open(t, name, Options{})
		assert.Equal(t, CIFAR100, source.Kind)
		got, err := source.Read(Test)
		require.NoError(t, err, name)
		assert.Equal(t, expected(t)[name].SHA256, sha(got.Pixels), name)
		assert.Equal(t, expected(t)[name].Labels, got.Labels, name)
		if name != "cifar100/binary" {
			assert.Equal(t, "fine99", got.Classes[99])
		}
	}
}

func TestImageNet32(t *testing.T) {
	for _, kind := range []string{"imagenet32/npz", "imagenet32/pickle"} {
		source := open(t, kind, Options{})
		assert.Equal(t, ImageNet32, source.Kind)
		for _, split := range []string{Train, Test} {
			got, err := source.Read(split)
			require.NoError(t, err, kind)
			assert.Equal(t, expected(t)[kind].SHA256, sha(got.Pixels), kind)
			assert.Equal(t, expected(t)[kind].Labels, got.Labels, kind)
			assert.Len(t, got.Classes, 1000)
		}
	}
}

func TestNumPy(t *testing.T) {
	want := expected(t)["numpy/random.npy"]
	for _, path := range []string{"numpy", "numpy/random.npy"} {
		source := open(t, path, Options{})
		assert.Equal(t, NumPy, source.Kind)
		train, test := readSplit(t, source, Train), readSplit(t, source, Test)
		assert.Equal(t, want.SHA256, sha(train.Pixels))
		assert.Equal(t, want.TestSHA256, sha(test.Pixels))
		assert.Equal(t, []int{4, 9}, test.Places)
		assert.Nil(t, train.Labels)
	}
}

func TestTinyImages(t *testing.T) {
	want := expected(t)["tinyimages"]
	source := open(t, "tinyimages", Options{Tiny: Tiny{Chunk: 2, Chunks: 5}})
	assert.Equal(t, TinyImages, source.Kind)
	train, test := readSplit(t, source, Train), readSplit(t, source, Test)
	assert.Equal(t, want.Places, append(train.Places, test.Places...), "NumPy's permutations")
	assert.Equal(t, want.SHA256, sha(train.Pixels))
	assert.Equal(t, want.TestSHA256, sha(test.Pixels))

	all := readSplit(t, open(t, "tinyimages", Options{Tiny: Tiny{Chunk: 2, Chunks: -1}}), Train)
	assert.Len(t, all.Places, 16, "all ten chunks, a fifth of them held out")

	_, err := open(t, "tinyimages", Options{}).Splits()
	assert.ErrorContains(t, err, "20 images make no chunk of 64")
	_, err = open(t, "tinyimages", Options{Tiny: Tiny{Chunk: 2, Exclude: true}}).Splits()
	assert.ErrorContains(t, err, "80mn_cifar_idxs.txt: is needed to leave out the images of CIFAR")
}

// Image 3 lies in chunk 1, images 9 and 10 in chunk 4; 0 is unknown.
func TestTinyImagesWithoutCIFAR(t *testing.T) {
	data, err := os.ReadFile("testdata/tinyimages/tiny_images.bin")
	require.NoError(t, err)
	dir := write(t, map[string][]byte{tinyImagesFile: data, "80mn_cifar_idxs.txt": []byte("3\n9\n"),
		"cifar_indexes": []byte("0\n10\n\n0\n")})
	source, err := Find(dir, Options{Tiny: Tiny{Chunk: 2, Chunks: -1, Exclude: true}})
	require.NoError(t, err)
	train, test := readSplit(t, source, Train), readSplit(t, source, Test)
	places := append(train.Places, test.Places...)
	assert.Len(t, places, 16)
	for _, excluded := range []int{2, 3, 8, 9} {
		assert.NotContains(t, places, excluded)
	}
	for _, bad := range []string{"x", "-1", "21", "99999999999999999999"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cifar_indexes"), []byte("1\n"+bad+"\n"), 0o644))
		_, err = source.Splits()
		assert.ErrorContains(t, err, "cifar_indexes: line 2: ")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, tinyImagesFile), data[:len(data)-1], 0o644))
	_, err = source.Splits()
	assert.ErrorContains(t, err, "truncated at offset 61439")
}

// The permutation of all 1,239,094 chunks is NumPy's.
func TestNumPyPermutation(t *testing.T) {
	want := expected(t)["permutation"]
	got := numpyPermutation(20191203, 1_239_094)
	assert.Equal(t, want.First, got[:8])
	assert.Equal(t, want.Last, got[len(got)-8:])
	data := make([]byte, 0, 4*len(got))
	for _, v := range got {
		data = append(data, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	assert.Equal(t, want.SHA256, sha(data))
	assert.Empty(t, numpyPermutation(1, 0))
	assert.Equal(t, []uint32{0}, numpyPermutation(1, 1))
}

// differences are the largest and the mean difference of two pictures, in grey levels.
func differences(t testing.TB, a, b []uint8) (largest, mean float64) {
	t.Helper()
	require.Equal(t, len(a), len(b))
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		largest, mean = max(largest, d), mean+d/float64(len(a))
	}
	return largest, mean
}

// pngOf are the pixels of a PNG.
func pngOf(t testing.TB, path string) []uint8 {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	picture, err := png.Decode(file)
	require.NoError(t, err)
	pixels := make([]uint8, picture.Bounds().Dx()*picture.Bounds().Dy()*3)
	require.NoError(t, writePixels(pixels, picture, 3))
	return pixels
}

// Go's inverse cosine transform and its conversion from YCbCr round otherwise than libjpeg's, each by one level at most, and chroma
// weighs up to 1.772 in blue: 4 levels at the worst. Chroma that is repeated instead of smoothed would differ by 20 here.
func TestCodecsEqualPIL(t *testing.T) {
	for name, within := range map[string]float64{"jpeg420": 4, "jpeg420even": 4, "jpeg422": 4, "jpeg444": 4,
		"webp_lossy": 0, "webp_lossless": 0} {
		data, err := os.ReadFile("testdata/codecs/" + name)
		require.NoError(t, err)
		h, err := parseHeader(data, DefaultLimits)
		require.NoError(t, err)
		var d decoder
		d.buffer.Write(data)
		got := make([]uint8, h.height*h.width*3)
		require.NoError(t, d.pixels(got, h, 3))
		largest, mean := differences(t, got, pngOf(t, "testdata/codecs/"+name+".png"))
		t.Logf("%s: at most %v levels from PIL, %.3f on average", name, largest, mean)
		assert.LessOrEqual(t, largest, within, name)
		assert.LessOrEqual(t, mean, 0.5, name)
	}
}

func TestLSUN(t *testing.T) {
	source := open(t, "lsun", Options{})
	assert.Equal(t, LSUN, source.Kind)
	got := readSplit(t, source, Test)
	assert.Equal(t, []string{"bedroom", "tower"}, got.Classes)
	assert.Equal(t, []int32{0, 0, 0, 1, 1}, got.Labels)
	assert.Equal(t, "WebP at about 64x88, then resized to 32x32", got.History)
	want := append(pngOf(t, "testdata/lsun/bedroom.png"), pngOf(t, "testdata/lsun/tower.png")...)
	assert.Equal(t, want, got.Pixels, "PIL's, to the byte")
	_, err := source.Read(Train)
	assert.ErrorContains(t, err, "it has test")
}

func TestCelebA(t *testing.T) {
	source := open(t, "celeba", Options{Faces: 4})
	train, test := readSplit(t, source, Train), readSplit(t, source, Test)
	assert.Equal(t, []int{32, 32, 3}, []int{test.Height, test.Width, test.Channels})
	assert.Equal(t, 4*3072, len(test.Pixels))
	assert.Equal(t, 2*3072, len(train.Pixels))
	assert.Nil(t, test.Labels)
	assert.Equal(t, "JPEG 85 4:2:0 at about 109x89, then resized to 32x32", test.History)
}

func TestTinyImageNet(t *testing.T) {
	source := open(t, "tinyimagenet", Options{})
	train, test := readSplit(t, source, Train), readSplit(t, source, Test)
	assert.Equal(t, []int32{0, 0, 1, 1}, train.Labels)
	assert.Equal(t, []string{"n01443537", "n01629819"}, train.Classes)
	assert.Nil(t, test.Labels, "the official test split has none")
	assert.Equal(t, []int{32, 32, 3}, []int{test.Height, test.Width, test.Channels}, "grey ones too")
	assert.Equal(t, test.Pixels[0], test.Pixels[1])
}

func TestMRI(t *testing.T) {
	want := expected(t)["brats/nifti"]
	source := open(t, "brats/nifti", Options{Slices: Slices{Every: 2, Crops: 3}})
	assert.Equal(t, MRI, source.Kind)
	train, test := readSplit(t, source, Train), readSplit(t, source, Test)
	assert.Equal(t, want.TestSHA256, sha(test.Pixels), "NumPy's, to the byte")
	assert.Equal(t, want.Labels, test.Labels)
	assert.Equal(t, modalities, test.Classes)
	assert.Len(t, train.Labels, 4*2*3)
	again := readSplit(t, open(t, "brats/nifti", Options{Slices: Slices{Every: 2, Crops: 3}}), Train)
	assert.Equal(t, train, again, "the random places are always the same")
	assert.NotEqual(t, train.Pixels[:3072], train.Pixels[3072:2*3072], "and not all alike")

	source = open(t, "brats/jpeg", Options{})
	assert.Equal(t, MRI, source.Kind)
	train, test = readSplit(t, source, Train), readSplit(t, source, Test)
	assert.Equal(t, []int32{1, 2}, test.Labels)
	assert.Equal(t, []int32{3, 3, 3, 3, 0, 0, 0, 0}, train.Labels)

	small := open(t, "brats/jpeg", Options{Side: 64})
	_, err := small.Read(Test)
	assert.ErrorContains(t, err, "c_t1ce_62.jpg: slices of 40x44: expected at least 64x64")
}

// The first picture of each is PIL's within two levels, as far as two JPEG decoders agree, and after the resizing that averages them.
func TestResizedJPEGsEqualPIL(t *testing.T) {
	for name, split := range map[string]string{"celeba": Test, "tinyimagenet": Train} {
		got, err := open(t, name, Options{}).Read(split)
		require.NoError(t, err)
		largest, mean := differences(t, got.Pixels[:3072], pngOf(t, "testdata/codecs/first_of_"+name+".png"))
		t.Logf("%s: at most %v levels from PIL, %.3f on average", name, largest, mean)
		assert.LessOrEqual(t, largest, 2.0, name)
		assert.LessOrEqual(t, mean, 0.5, name)
	}
}

func TestJPEGQuality(t *testing.T) {
	for name, want := range map[string]string{"jpeg420": " 75 4:2:0", "jpeg420even": " 90 4:2:0", "jpeg422": " 75 4:2:2",
		"jpeg444": " 75 4:4:4"} {
		data, err := os.ReadFile("testdata/codecs/" + name)
		require.NoError(t, err)
		assert.Equal(t, want, jpegQuality(data), name)
		for n := range data {
			jpegQuality(data[:n]) // does not panic
		}
	}
}

// What a set went through is told by all its pictures.
func TestHistoryOfManyPictures(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile("testdata/codecs/" + name)
		require.NoError(t, err)
		return data
	}
	for want, names := range map[string][]string{
		"JPEG 75 4:2:0 at about 33x47, then resized to 32x32":             {"jpeg420"},
		"JPEG of several qualities at about 33x47, then resized to 32x32": {"jpeg420", "jpeg444"},
		"JPEG and PNG at about 33x47, then resized to 32x32":              {"jpeg420", "jpeg420.png"},
	} {
		files := map[string][]byte{}
		for i, name := range names {
			files[fmt.Sprintf("%d.jpg", i)] = read(name)
		}
		source, err := Find(write(t, files), Options{})
		require.NoError(t, err)
		images, err := source.Read(Train)
		require.NoError(t, err)
		assert.Equal(t, want, images.History)
	}
}

// A set that lies behind a link, beside other files, or in another of its usual places, is the same set.
func TestWhereSetsLie(t *testing.T) {
	copied := func(from, to string) {
		require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	}
	want, err := open(t, "tinyimagenet", Options{}).Read(Train)
	require.NoError(t, err)
	dir := t.TempDir()
	copied("testdata/tinyimagenet", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tiny-imagenet-200.zip"), []byte("the archive, kept"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.txt"), nil, 0o644))
	link := filepath.Join(t.TempDir(), "linked")
	require.NoError(t, os.Symlink(dir, link))
	for _, path := range []string{dir, link} {
		source, err := Find(path, Options{})
		require.NoError(t, err)
		got, err := source.Read(Train)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	// Deeper than one folder it would be another set, and is refused.
	deep := t.TempDir()
	copied("testdata/tinyimagenet", filepath.Join(deep, "a", "b"))
	copied("testdata/celeba", filepath.Join(deep, "c"))
	source, err := Find(deep, Options{})
	require.NoError(t, err)
	_, err = source.Splits()
	assert.ErrorContains(t, err, "not at the top")

	// The validation folder alone is the test split; train and valid are told apart whatever lies between.
	only := t.TempDir()
	copied("testdata/brats/nifti/MICCAI_BraTS_2018_Data_Validation", filepath.Join(only, "MICCAI_BraTS_2018_Data_Validation"))
	named := t.TempDir()
	copied("testdata/brats/nifti/MICCAI_BraTS_2018_Data_Validation", filepath.Join(named, "valid"))
	copied("testdata/brats/nifti/MICCAI_BraTS_2018_Data_Training", filepath.Join(named, "train"))
	test, err := open(t, "brats/nifti", Options{}).Read(Test)
	require.NoError(t, err)
	for _, path := range []string{only, named} {
		source, err := Find(path, Options{})
		require.NoError(t, err)
		assert.Equal(t, MRI, source.Kind)
		got, err := source.Read(Test)
		require.NoError(t, err)
		assert.Equal(t, test, got)
	}
	// Downsampled ImageNet's zips unpack to folders of their own.
	arrays := t.TempDir()
	for from, to := range map[string]string{"train_data_batch_1": "Imagenet32_train", "val_data": "Imagenet32_val"} {
		data, err := os.ReadFile("testdata/imagenet32/pickle/" + from)
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(filepath.Join(arrays, to), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(arrays, to, from), data, 0o644))
	}
	source, err = Find(arrays, Options{})
	require.NoError(t, err)
	assert.Equal(t, ImageNet32, source.Kind)
	splits, err := source.Splits()
	require.NoError(t, err)
	assert.Len(t, splits, 2)
}

// Any folder of pictures will do as a general set.
func TestAnyPictures(t *testing.T) {
	files := map[string][]byte{"notes.txt": []byte("hello")}
	for _, name := range strings.Fields("a b c d e/1 e/2 f/g/h") {
		files["pictures/"+name+".png"] = asPNG(t, image.NewGray(image.Rect(0, 0, 40, 36)))
	}
	source, err := Find(write(t, files), Options{})
	require.NoError(t, err)
	assert.Equal(t, Folder, source.Kind)
	train, test := readSplit(t, source, Train), readSplit(t, source, Test)
	assert.Equal(t, 6*3072, len(train.Pixels))
	assert.Equal(t, 1*3072, len(test.Pixels))
	assert.Nil(t, train.Labels)
	assert.Equal(t, "as stored at about 36x40, then resized to 32x32", train.History)
	assert.Equal(t, []int{4}, test.Places, "the places of a split that is our choice are those among all pictures")

	_, err = Find(write(t, map[string][]byte{"a/notes.txt": nil, "b/c.mat": nil}), Options{})
	assert.ErrorContains(t, err, "not an image set")
}

func TestOptionsValidate(t *testing.T) {
	for _, bad := range []Options{{Side: -1}, {Faces: -1}, {Tiny: Tiny{Chunk: -1}}, {Slices: Slices{From: 0.8}}, {Slices: Slices{White: 2}},
		{Slices: Slices{Every: -1}}} {
		_, err := Find("testdata/svhn", bad)
		assert.Error(t, err, "%+v", bad)
	}
}
