package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small are limits that a test can reach and a fuzzer cannot exhaust.
var small = Limits{Entries: 8, EntryBytes: 4096, Side: 64, PixelBytes: 1 << 20}

// write writes files, by path below a new folder, and returns the folder.
func write(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	return dir
}

func TestFindTellsTheKinds(t *testing.T) {
	for _, want := range []struct {
		file string
		kind Kind
	}{
		{"train/a/b.png", Folder},
		{"wrapped/test/a/b.png", Folder},
		{"t10k-images-idx3-ubyte.gz", IDX},
		{"train-images.idx3-ubyte", IDX},
		{"data_batch_1.bin", CIFAR10},
		{"cifar-10-batches-bin/test_batch.bin", CIFAR10},
		{"train.bin", CIFAR100},
		{"cifar-100-binary/test.bin", CIFAR100},
		{"data_batch_x.bin", ""},
		{"README.md", ""},
	} {
		dir := write(t, map[string][]byte{want.file: nil, ".DS_Store": nil})
		source, err := Find(dir, Options{})
		if want.kind == "" {
			assert.ErrorContains(t, err, "not an image set: expected pictures (train/CLASS/NAME.png or any others)", want.file)
			continue
		}
		require.NoError(t, err, want.file)
		assert.Equal(t, want.kind, source.Kind, want.file)
		assert.Equal(t, dir, source.Path)
	}
	file := filepath.Join(write(t, map[string][]byte{"set.tar": nil}), "set.tar")
	_, err := Find(file, Options{})
	assert.ErrorContains(t, err, file+": not an image set: expected a .zip, a .npy or a folder")
	_, err = Find(file+"x", Options{})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestSizeOf(t *testing.T) {
	n, err := sizeOf(3, 2, 4, 3, small)
	require.NoError(t, err)
	assert.Equal(t, 72, n)
	for _, bad := range [][4]int{{1, 0, 1, 1}, {1, 1, 65, 1}, {1, -1, 1, 1}, {-1, 1, 1, 1}, {1<<20 + 1, 1, 1, 1}, {1 << 62, 64, 64, 3},
		{1, 1 << 62, 1 << 62, 3}} {
		_, err := sizeOf(bad[0], bad[1], bad[2], bad[3], small)
		assert.Error(t, err, "%v", bad)
	}
}

func TestReadExactly(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 300_000)
	for _, n := range []int{0, 1, 1 << 20, 1<<20 + 1, len(long)} {
		data, err := readExactly(iotest.HalfReader(bytes.NewReader(long)), n, 0)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(long[:n], data))
	}
	_, err := readExactly(strings.NewReader("abc"), 5, 16)
	assert.EqualError(t, err, "truncated at offset 19: expected 2 more bytes")
	_, err = readExactly(iotest.ErrReader(fmt.Errorf("broken disk")), 5, 16)
	assert.EqualError(t, err, "offset 16: broken disk")
}

// A header that promises 16 GiB must not make the reader ask for them.
func TestReadExactlyDoesNotTrustLengths(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readExactly(strings.NewReader("abc"), 16<<30, 0)
	runtime.ReadMemStats(&after)
	assert.ErrorContains(t, err, "truncated at offset 3")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20))
}

func TestExpectEnd(t *testing.T) {
	assert.NoError(t, expectEnd(strings.NewReader(""), 5))
	assert.ErrorContains(t, expectEnd(strings.NewReader("x"), 5), "offset 5: expected the end")
	assert.ErrorContains(t, expectEnd(iotest.ErrReader(io.ErrUnexpectedEOF), 5), "offset 5")
}

// sha is the sha256 of pixels, in hex.
func sha(pixels []byte) string {
	sum := sha256.Sum256(pixels)
	return hex.EncodeToString(sum[:])
}
