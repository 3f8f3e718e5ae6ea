package format

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// idx returns an IDX file of unsigned bytes.
func idx(data []byte, dims ...int) []byte {
	file := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		file = binary.BigEndian.AppendUint32(file, uint32(d))
	}
	return append(file, data...)
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}

func TestIDX(t *testing.T) {
	images := idx([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 3, 2)
	labels := idx([]byte{7, 0}, 2)
	for _, names := range [][2]string{
		{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
		{"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"},
		{"test-images.idx3-ubyte.gz", "test-labels.idx1-ubyte.gz"},
	} {
		files := map[string][]byte{names[0]: images, names[1]: labels}
		for name, data := range files {
			if filepath.Ext(name) == ".gz" {
				files[name] = gzipped(t, data)
			}
		}
		source, err := Find(write(t, files), Options{})
		require.NoError(t, err)
		splits, err := source.Splits()
		require.NoError(t, err)
		assert.Equal(t, []Split{{Test, 2}}, splits)
		got, err := source.Read(Test)
		require.NoError(t, err)
		assert.Equal(t, &Images{
			Height: 3, Width: 2, Channels: 1, Pixels: images[16:], Labels: []int32{7, 0},
			Classes: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
			History: "as distributed",
		}, got)
		_, err = source.Read(Train)
		assert.ErrorContains(t, err, `no split "train": it has test`)
	}
}

func TestIDXRefuses(t *testing.T) {
	good := idx(make([]byte, 12), 2, 3, 2)
	labels := idx([]byte{7, 0}, 2)
	packed := gzipped(t, good)
	damaged := bytes.Clone(packed)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	for _, bad := range []struct {
		name, images string
		labels, want string
	}{
		{"empty", "", "", "truncated at offset 0: expected 16 more bytes"},
		{"half a header", string(good[:9]), "", "truncated at offset 9: expected 7 more bytes"},
		{"half the images", string(good[:22]), "", "truncated at offset 22: expected 6 more bytes"},
		{"labels for images", string(idx(make([]byte, 20), 20)), "", "offset 0: expected the IDX magic 00 00 08 03"},
		{"floats", "\x00\x00\x0d\x03" + string(good[4:]), "", "found 00 00 0d 03"},
		{"more bytes", string(good) + "x", "", "offset 28: expected the end of the file"},
		{"4 billion images", string(idx(nil, 1<<32-1, 28, 28)), "", "offset 4: 4294967295 images"},
		{"sides of 4 billion", string(idx(nil, 1, 1<<32-1, 1<<32-1)), "", "offset 4: images of 4294967295x4294967295"},
		{"no sides", string(idx(nil, 1, 0, 0)), "", "offset 4: images of 0x0"},
		{"too few labels", string(good), string(idx([]byte{1}, 1)), "1 labels for the 2 images of train-images-idx3-ubyte"},
		{"truncated labels", string(good), string(labels[:9]), "train-labels-idx1-ubyte: truncated at offset 9"},
		{"no labels", string(good), "", "no labels beside it: expected train-labels-idx1-ubyte[.gz]"},
		{"no gzip", string(good), "gz", "train-images-idx3-ubyte.gz: offset 0: expected gzip"},
		{"truncated gzip", string(packed[:len(packed)-12]), "gz", "train-images-idx3-ubyte.gz (unpacked): "},
		{"wrong checksum", string(damaged), "gz", "train-images-idx3-ubyte.gz (unpacked): offset 28: gzip: invalid checksum"},
	} {
		name, files := "train-images-idx3-ubyte", map[string][]byte{}
		switch bad.labels {
		case "":
		case "gz":
			name += ".gz"
		default:
			files["train-labels-idx1-ubyte"] = []byte(bad.labels)
		}
		files[name] = []byte(bad.images)
		source, err := Find(write(t, files), Options{})
		require.NoError(t, err, bad.name)
		_, err = source.Read(Train)
		assert.ErrorContains(t, err, bad.want, bad.name)
		assert.ErrorContains(t, err, source.Path, "%s: names the file", bad.name)
	}
}

func TestIDXKeepsManyClasses(t *testing.T) {
	source, err := Find(write(t, map[string][]byte{
		"train-images-idx3-ubyte": idx([]byte{1}, 1, 1, 1), "train-labels-idx1-ubyte": idx([]byte{26}, 1)}), Options{})
	require.NoError(t, err)
	got, err := source.Read(Train)
	require.NoError(t, err)
	assert.Len(t, got.Classes, 27)
}

func FuzzIDX(f *testing.F) {
	good := idx(make([]byte, 12), 2, 3, 2)
	f.Add(good, 3)
	f.Add(good[:20], 3)
	f.Add(idx([]byte{1, 2}, 2), 1)
	f.Add(idx(nil, 1<<32-1, 1<<32-1, 1<<32-1), 3)
	f.Add([]byte{0, 0, 8, 3}, 3)
	f.Fuzz(func(t *testing.T, data []byte, axes int) {
		if axes != 1 && axes != 3 {
			return
		}
		dims, values, err := readIDX(bytes.NewReader(data), axes, small)
		if err != nil {
			return
		}
		size := 1
		for _, d := range dims {
			size *= d
		}
		if len(dims) != axes || len(values) != size || 4+4*axes+size != len(data) {
			t.Fatalf("dims %v, %d values from %d bytes", dims, len(values), len(data))
		}
	})
}
