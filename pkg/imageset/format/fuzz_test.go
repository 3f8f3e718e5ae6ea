package format

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"strata/internal/importer/npy"
)

// Fuzz targets of the readers that have no file of their own for tests: matlab, lmdb, nifti, IDX, CIFAR's binaries, zips and pictures have
// theirs beside them. Run with -fuzzminimizetime 1x: files are long.

// collect is a target that checks that what is written stays within the shape.
func collect(t *testing.T, pixels *memory) Target {
	return func(shape Shape) (io.WriterAt, error) {
		if shape.Bytes() > small.PixelBytes {
			t.Fatalf("%+v takes more than the limit", shape)
		}
		*pixels = make(memory, shape.Bytes())
		return within{t, *pixels}, nil
	}
}

type within struct {
	t *testing.T
	memory
}

func (w within) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > int64(len(w.memory)) {
		w.t.Fatalf("%d bytes at %d of %d", len(p), at, len(w.memory))
	}
	return w.memory.WriteAt(p, at)
}

func seed(f *testing.F, name string) []byte {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(f, err)
	return data
}

// fuzzFolder reads every split of a folder with a file of the given name and content.
func fuzzFolder(t *testing.T, name string, data []byte, options Options) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	options.Limits = small
	options.Limits.FileBytes = 1 << 20
	source, err := Find(dir, options)
	if err != nil {
		return
	}
	splits, err := source.Splits()
	if err != nil {
		return
	}
	for _, split := range splits {
		var pixels memory
		images, err := source.ReadTo(split.Name, collect(t, &pixels))
		if err != nil {
			continue
		}
		one := images.Height * images.Width * images.Channels
		n := len(pixels) / one
		if one*n != len(pixels) || images.Labels != nil && len(images.Labels) != n || images.Places != nil && len(images.Places) != n {
			t.Fatalf("%d values, %d labels, %d places", len(pixels), len(images.Labels), len(images.Places))
		}
		for _, label := range images.Labels {
			if label < 0 || int(label) >= len(images.Classes) {
				t.Fatalf("label %d of %d", label, len(images.Classes))
			}
		}
	}
}

func FuzzSVHN(f *testing.F) {
	f.Add(seed(f, "svhn/test_32x32.mat"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var pixels memory
		images, err := readSVHN(bytes.NewReader(data), collect(t, &pixels), small)
		if err == nil && len(images.Labels)*cifarPixels != len(pixels) {
			t.Fatalf("%d labels, %d values", len(images.Labels), len(pixels))
		}
	})
}

func FuzzCIFARPickle(f *testing.F) {
	for _, protocol := range []string{"protocol2", "protocol4", "protocol5"} {
		f.Add(seed(f, "cifar100/"+protocol+"/meta"))
	}
	f.Add([]byte("\x80\x02}q\x00(U\x04dataq\x01cnumpy.core.multiarray\n_reconstruct\n" +
		"cnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x00M\x00\x0c\x86cnumpy\ndtype\n" +
		"U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x00tbU\x0bfine_labelsq\x02](eu."))
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := small
		limits.FileBytes = 1 << 20
		var images Images
		if pixels, err := parseCIFARPickle(data, cifar100, &images, nil, limits); err == nil &&
			len(images.Labels)*cifarPixels != len(pixels) {
			t.Fatalf("%d labels, %d values", len(images.Labels), len(pixels))
		}
		pickledNames(data, cifar100.namesKeys[1], limits)
	})
}

func FuzzCIFARArchive(f *testing.F) {
	f.Add(seed(f, "cifar10/cifar-10-binary.tar.gz"))
	f.Add(seed(f, "cifar10python/cifar-10-python.tar.gz"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzFolder(t, "cifar-10-binary.tar.gz", data, Options{}) })
}

func FuzzNumPy(f *testing.F) {
	f.Add(seed(f, "numpy/random.npy")[:128+2*3072])
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 3), }     \nabc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if array, err := npy.ReadHeader(bytes.NewReader(data)); err == nil && array.Header > len(data) {
			t.Fatalf("a header of %d bytes in %d", array.Header, len(data))
		}
		fuzzFolder(t, "a.npy", data, Options{})
	})
}

func FuzzImageNet32(f *testing.F) {
	f.Add(seed(f, "imagenet32/npz/val_data.npz"), true)
	f.Add([]byte("\x80\x02}(U\x04dataK\x01U\x06labels](K\x01K\x02eu."), false)
	f.Fuzz(func(t *testing.T, data []byte, npz bool) {
		name := "val_data"
		if npz {
			name += ".npz"
		}
		fuzzFolder(t, name, data, Options{})
	})
}

func FuzzTinyImages(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1, 2, 3}, 5*1024), "1\n5\n0\n", uint8(2), int8(5))
	f.Add([]byte{1}, "x", uint8(1), int8(-1))
	f.Fuzz(func(t *testing.T, data []byte, list string, chunk uint8, chunks int8) {
		dir := t.TempDir()
		for _, name := range tinyLists {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(list), 0o644))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, tinyImagesFile), data, 0o644))
		reader := tinyImages{filepath.Join(dir, tinyImagesFile), Options{Limits: small, Tiny: Tiny{Chunk: int(chunk), Chunks: int(chunks),
			Exclude: true}.withDefaults()}}
		splits, err := reader.splits()
		if err != nil {
			return
		}
		seen := map[int]bool{}
		for _, split := range splits {
			var pixels memory
			images, err := reader.read(split.Name, collect(t, &pixels))
			if err != nil {
				continue
			}
			for i, place := range images.Places {
				if seen[place] || place < 0 || (place+1)*cifarPixels > len(data) {
					t.Fatalf("image %d of %s is number %d", i, split.Name, place)
				}
				seen[place] = true
			}
		}
	})
}
