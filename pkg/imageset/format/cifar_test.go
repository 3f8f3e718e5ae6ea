package format

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// record returns a CIFAR record: the labels, then three planes of one value each.
func record(r, g, b byte, labels ...byte) []byte {
	data := labels
	for _, v := range []byte{r, g, b} {
		data = append(data, bytes.Repeat([]byte{v}, cifarPlane)...)
	}
	return data
}

func TestCIFAR10(t *testing.T) {
	source, err := Find(write(t, map[string][]byte{
		"data_batch_2.bin": record(4, 5, 6, 9),
		"data_batch_1.bin": append(record(1, 2, 3, 0), record(7, 8, 9, 3)...),
		"readme.html":      nil,
	}), Options{})
	require.NoError(t, err)
	splits, err := source.Splits()
	require.NoError(t, err)
	assert.Equal(t, []Split{{Train, 3}}, splits)
	got, err := source.Read(Train)
	require.NoError(t, err)
	assert.Equal(t, []int32{0, 3, 9}, got.Labels)
	assert.Equal(t, []int{32, 32, 3}, []int{got.Height, got.Width, got.Channels})
	require.Len(t, got.Pixels, 3*cifarPixels)
	for i, want := range [][]uint8{{1, 2, 3}, {7, 8, 9}, {4, 5, 6}} {
		assert.Equal(t, want, got.Pixels[i*cifarPixels:][:3])
		assert.Equal(t, want, got.Pixels[(i+1)*cifarPixels-3:][:3])
	}
	assert.Equal(t, "frog", got.Classes[6])
	_, err = source.Read(Test)
	assert.ErrorContains(t, err, "it has train")
}

func TestCIFAR100TakesTheFineLabel(t *testing.T) {
	names := make([]string, 100)
	for i := range names {
		names[i] = strings.Repeat("x", i+1)
	}
	dir := write(t, map[string][]byte{
		"test.bin":             record(1, 2, 3, 5, 99),
		"fine_label_names.txt": []byte(strings.Join(names, "\n")),
	})
	source, err := Find(dir, Options{})
	require.NoError(t, err)
	got, err := source.Read(Test)
	require.NoError(t, err)
	assert.Equal(t, []int32{99}, got.Labels)
	assert.Equal(t, names, got.Classes)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "fine_label_names.txt"), []byte("a b"), 0o644))
	_, err = source.Read(Test)
	assert.ErrorContains(t, err, "fine_label_names.txt: 2 names: expected 100")
}

func TestCIFARRefuses(t *testing.T) {
	two := append(record(1, 2, 3, 0), record(7, 8, 9, 3)...)
	for _, bad := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty: expected records of 3073 bytes"},
		{"truncated", two[:4000], "truncated at offset 4000: the record that starts at 3073 has 927 of 3073 bytes"},
		{"label 10", append(record(1, 2, 3, 0), record(7, 8, 9, 10)...), "offset 3073: label 10: expected 0 to 9"},
		{"CIFAR-100 in a CIFAR-10 name", append(record(1, 2, 30, 4, 99), record(200, 8, 9, 1, 50)...), "no CIFAR-10 file"},
	} {
		source, err := Find(write(t, map[string][]byte{"test_batch.bin": bad.data}), Options{})
		require.NoError(t, err)
		_, err = source.Read(Test)
		assert.ErrorContains(t, err, bad.want, bad.name)
		assert.ErrorContains(t, err, "test_batch.bin", bad.name)
	}
	source, err := Find(write(t, map[string][]byte{"data_batch_1.bin": two, "data_batch_3.bin": two}), Options{})
	require.NoError(t, err)
	_, err = source.Splits()
	assert.ErrorContains(t, err, "data_batch_2.bin is missing, though data_batch_3.bin is there")

	tight := small
	tight.PixelBytes = cifarPixels
	_, err = parseCIFAR(two, cifar10, &Images{}, nil, tight)
	assert.ErrorContains(t, err, "offset 3073: 2 images")
}

// Records are long: run it with -fuzzminimizetime 1x, or it spends its time on
// making inputs shorter.
func FuzzCIFAR(f *testing.F) {
	f.Add(record(1, 2, 3, 4), true)
	f.Add(record(1, 2, 3, 4, 99), false)
	f.Add(record(1, 2, 3, 10), true)
	f.Add([]byte{1}, true)
	f.Fuzz(func(t *testing.T, data []byte, ten bool) {
		layout := cifar100
		if ten {
			layout = cifar10
		}
		var images Images
		pixels, err := parseCIFAR(data, layout, &images, nil, small)
		if err != nil {
			return
		}
		n := len(data) / (layout.labelBytes + cifarPixels)
		if len(images.Labels) != n || len(pixels) != n*cifarPixels {
			t.Fatalf("%d labels and %d pixels from %d bytes", len(images.Labels), len(pixels), len(data))
		}
	})
}
