package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func archive(t testing.TB, method uint16, entries ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(entries); i += 2 {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		require.NoError(t, err)
		_, err = entry.Write([]byte(entries[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func npy(dict, values string) string {
	length := binary.LittleEndian.AppendUint16(nil, uint16(len(dict)))
	return npyMagic + "\x01\x00" + string(length) + dict + values
}

func dict(descr, order, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape)
}

func TestHeaderIsAligned(t *testing.T) {
	for rank := range maxRank + 1 {
		shape := make([]int, rank)
		for i := range shape {
			shape[i] = 10 + i*i*i
		}
		header := npyHeader(shape)
		assert.Zero(t, len(header)%npyAlign)
		assert.LessOrEqual(t, len(header), 64*4)
		got, err := parseHeader(string(header[npyPrelude:]))
		require.NoError(t, err)
		assert.True(t, slices.Equal(shape, got), "%v, expected %v", got, shape)
	}
}

func TestReadRefuses(t *testing.T) {
	good := npy(dict("<f4", "False", "(2,)"), "12345678")
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no archive":      {[]byte("PK"), "damaged"},
		"deflated":        {archive(t, zip.Deflate, "a.npy", good), "compressed"},
		"name":            {archive(t, zip.Store, "a.txt", good), "not the name"},
		"outside":         {archive(t, zip.Store, "../a.npy", good), "not the name"},
		"twice":           {archive(t, zip.Store, "a.npy", good, "a.npy", good), "twice"},
		"short":           {archive(t, zip.Store, "a.npy", "\x93NUM"), "too few"},
		"magic":           {archive(t, zip.Store, "a.npy", "\x93NUMPX\x01\x00\x00\x00"), "expected a .npy"},
		"version":         {archive(t, zip.Store, "a.npy", "\x93NUMPY\x02\x00\x00\x00"), "expected a .npy"},
		"header length":   {archive(t, zip.Store, "a.npy", npyMagic+"\x01\x00\xff\xff{"), "offset 8"},
		"float64":         {archive(t, zip.Store, "a.npy", npy(dict("<f8", "False", "(1,)"), "12345678")), "expected float32"},
		"Fortran order":   {archive(t, zip.Store, "a.npy", npy(dict("<f4", "True", "(2,)"), "12345678")), "expected float32"},
		"object":          {archive(t, zip.Store, "a.npy", npy(dict("|O", "False", "(2,)"), "12345678")), "expected float32"},
		"huge":            {archive(t, zip.Store, "a.npy", npy(dict("<f4", "False", "(4000000000000,)"), "12345678")), "does not fit"},
		"overflow":        {archive(t, zip.Store, "a.npy", npy(dict("<f4", "False", "(4294967296, 4294967296)"), "")), "does not fit"},
		"endless digits":  {archive(t, zip.Store, "a.npy", npy(dict("<f4", "False", "("+strings.Repeat("9", 99)+",)"), "")), "too large"},
		"too few values":  {archive(t, zip.Store, "a.npy", npy(dict("<f4", "False", "(3,)"), "12345678")), "does not fit"},
		"too many values": {archive(t, zip.Store, "a.npy", npy(dict("<f4", "False", "(1,)"), "12345678")), "does not fit"},
		"half a value":    {archive(t, zip.Store, "a.npy", npy(dict("<f4", "False", "(2,)"), "123456789")), "does not fit"},
		"checksum":        {bytes.Replace(archive(t, zip.Store, "a.npy", good), []byte("12345678"), []byte("12345679"), 1), "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readNPZ(bytes.NewReader(c.data), int64(len(c.data)))
			require.ErrorContains(t, err, c.want)
			assertOneLine(t, err)
		})
	}
	data := archive(t, zip.Store, "a.npy", good) // the reference: without a fault it reads
	tensors, err := readNPZ(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	require.Len(t, tensors, 1)
	assert.Equal(t, []int{2}, tensors[0].Shape)
}

func FuzzNPZ(f *testing.F) {
	var out bytes.Buffer
	require.NoError(f, writeNPZ(&out, state(3).Tensors))
	f.Add(out.Bytes())
	f.Add(archive(f, zip.Store))
	f.Add(archive(f, zip.Store, "a.npy", npy(dict("<f4", "False", "(2, 1)"), "12345678")))
	f.Add(archive(f, zip.Store, "a.npy", npy(dict("<f4", "False", "()"), "1234")))
	f.Add(archive(f, zip.Deflate, "a.npy", npy(dict("<f4", "False", "(0,)"), "")))
	f.Fuzz(func(t *testing.T, data []byte) {
		tensors, err := readNPZ(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		values := 0
		for _, x := range tensors {
			values += len(x.Data)
		}
		require.LessOrEqual(t, 4*values, len(data), "more values than the file has bytes for")

		var first bytes.Buffer // what was read can be written and reads the same
		require.NoError(t, writeNPZ(&first, tensors))
		again, err := readNPZ(bytes.NewReader(first.Bytes()), int64(first.Len()))
		require.NoError(t, err)
		assertSame(t, &State{Tensors: tensors}, &State{Tensors: again})
	})
}

// FuzzNPY reaches the array parser without a zip checksum in the way.
func FuzzNPY(f *testing.F) {
	f.Add([]byte(npy(dict("<f4", "False", "(2, 1)"), "12345678")))
	f.Add([]byte(npy(dict("<f4", "False", "(0, 9999999)"), "")))
	f.Add([]byte(npyMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		shape, values, err := readNPY(bytes.NewReader(data), uint64(len(data)))
		if err != nil {
			assertOneLine(t, err)
			return
		}
		n, ok := elements(shape)
		require.True(t, ok)
		require.Len(t, values, n)
		require.LessOrEqual(t, 4*n, len(data))
	})
}
