package format

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"strata/pkg/imageset/format/damagetest"
	"strata/pkg/imageset/format/lmdb"
)

// damaged are files of testdata whose reader is here: truncated anywhere and flipped anywhere, reading ends in an error that names the
// file and the place in it, or in images of the shape that was declared.
var damaged = []struct {
	set     string // folder of testdata
	file    string // in it
	split   string
	headers [][2]int
	// declared is the shape that a damaged file declares, where no checksum and no length tells that it was another; needed is
	// the least that can be read then.
	declared func(data []byte) any
	needed   int
	options  Options
}{
	{set: "svhn", file: "test_32x32.mat", split: Test, headers: [][2]int{{0, 200}}},
	{set: "svhn", file: "train_32x32.mat", split: Train, headers: [][2]int{{0, 200}}},
	{set: "cifar100/binary", file: "test.bin", split: Test, headers: [][2]int{{0, 2}, {3074, 3076}}, needed: 3074,
		declared: wholeRecords(3074, 1)},
	{set: "cifar100/protocol2", file: "test", split: Test, headers: [][2]int{{0, 200}}},
	{set: "cifar100/protocol4", file: "test", split: Test, headers: [][2]int{{0, 200}}},
	{set: "cifar100/protocol5", file: "test", split: Test, headers: [][2]int{{0, 200}}},
	{set: "cifar10", file: "cifar-10-binary.tar.gz", split: Test, headers: [][2]int{{0, 64}}},
	{set: "cifar10python", file: "cifar-10-python.tar.gz", split: Test, headers: [][2]int{{0, 64}}},
	{set: "imagenet32/npz", file: "val_data.npz", split: Test, headers: [][2]int{{0, 128}}},
	{set: "imagenet32/pickle", file: "val_data", split: Test, headers: [][2]int{{0, 200}}},
	{set: "numpy", file: "random.npy", split: Test, headers: [][2]int{{0, 128}}},
	{set: "tinyimages", file: "tiny_images.bin", split: Train, needed: 2 * 3072, declared: wholeTinyImages,
		options: Options{Tiny: Tiny{Chunk: 2, Chunks: 5}}},
	{set: "lsun", file: "tower_val_lmdb/data.mdb", split: Test, headers: [][2]int{{0, 160}, {4096, 4256}}, declared: newerEntries},
	{set: "brats/nifti", file: "MICCAI_BraTS_2018_Data_Validation/S2/S2_t1.nii.gz", split: Test, headers: [][2]int{{0, 128}}},
	{set: "brats/jpeg", file: "valid/c_t1ce_62.jpg", split: Test, headers: [][2]int{{0, 64}}},
	{set: "celeba", file: "img_align_celeba/000001.jpg", split: Test, headers: [][2]int{{0, 64}}},
	{set: "tinyimagenet", file: "tiny-imagenet-200/test/images/test_0.JPEG", split: Test, headers: [][2]int{{0, 64}}},
}

// wholeRecords is the shape of a file of records, which says nowhere how many it has.
func wholeRecords(record, labels int) func([]byte) any {
	return func(data []byte) any {
		if len(data)%record != 0 {
			return nil
		}
		n := len(data) / record
		return [3]int{cifarPixels, n, n * labels}
	}
}

// wholeTinyImages is the train split of a file that is cut off between two images: chunks of two, a fifth of at most five held out.
func wholeTinyImages(data []byte) any {
	if len(data)%cifarPixels != 0 {
		return nil
	}
	chunks := min(len(data)/cifarPixels/2, 5)
	return [3]int{cifarPixels, 2 * (chunks - chunks/5), 0}
}

// newerEntries is the shape of the testdata set with what the newer of an environment's two meta pages says: a flipped transaction number
// makes the other one count, which is a whole tree too.
func newerEntries(data []byte) any {
	file, err := lmdb.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	n := 3 + int(file.Entries) // with the other category
	return [3]int{cifarPixels, n, n}
}

func TestDamagedFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("reads files hundreds of thousands of times")
	}
	for _, d := range damaged {
		t.Run(strings.ReplaceAll(d.set+"/"+d.file, "/", "_"), func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", d.set))))
			path := filepath.Join(dir, filepath.FromSlash(d.file))
			whole, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.Chmod(path, 0o644))
			flips := 20_000
			if strings.HasSuffix(d.set, "celeba") || d.set == "tinyimagenet" || strings.HasPrefix(d.set, "brats") || d.set == "lsun" {
				flips = 4_000 // each read decodes the other files of the set too; their formats' own tests flip 20,000
			}
			damagetest.File{
				Whole: whole, Headers: d.headers, Flips: flips, Needed: d.needed, Declared: d.declared,
				Says: func(err error) bool {
					text := err.Error()
					return strings.Contains(text, dir) && (strings.Contains(text, "offset") || strings.Contains(text, "entry") ||
						strings.Contains(text, filepath.Base(path)))
				},
				Read: func(data []byte) (any, error) {
					if err := os.WriteFile(path, data, 0o644); err != nil {
						t.Fatal(err)
					}
					source, err := Find(dir, d.options)
					if err != nil {
						return nil, err
					}
					images, err := source.Read(d.split)
					if err != nil {
						return nil, err
					}
					one := images.Height * images.Width * images.Channels
					return [3]int{one, len(images.Pixels) / one, len(images.Labels)}, nil
				},
				MaxAlloc: 64 << 20,
			}.Check(t)
		})
	}
}
