package checkpoint

import (
	"archive/zip"
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/internal/importer/npy"
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

// one is a .npy file of some float32 values.
func one(t testing.TB, values ...float32) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, npy.WriteFloat32s(&out, []int{len(values)}, values))
	return out.String()
}

func TestReadRefuses(t *testing.T) {
	good := one(t, 1, 2)
	flipped := bytes.Replace(archive(t, zip.Store, "a.npy", good), []byte("\x00\x00\x80\x3f"), []byte("\x00\x00\x81\x3f"),
		1)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no archive": {[]byte("PK"), "damaged"},
		"deflated":   {archive(t, zip.Deflate, "a.npy", good), "compressed"},
		"name":       {archive(t, zip.Store, "a.txt", good), "not the name"},
		"outside":    {archive(t, zip.Store, "../a.npy", good), "not the name"},
		"twice":      {archive(t, zip.Store, "a.npy", good, "a.npy", good), "twice"},
		"no array":   {archive(t, zip.Store, "a.npy", "\x93NUM"), `entry "a.npy": truncated at offset 4`},
		"cut off":    {archive(t, zip.Store, "a.npy", good[:len(good)-1]), `entry "a.npy": shape [2] does not fit`},
		"checksum":   {flipped, "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadNPZ(bytes.NewReader(c.data), int64(len(c.data)))
			require.ErrorContains(t, err, c.want)
			assertOneLine(t, err)
		})
	}
	data := archive(t, zip.Store, "a.npy", good) // the reference: without a fault it reads
	tensors, err := ReadNPZ(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	require.Len(t, tensors, 1)
	assert.Equal(t, []int{2}, tensors[0].Shape)
}

func FuzzNPZ(f *testing.F) {
	var out bytes.Buffer
	require.NoError(f, WriteNPZ(&out, state(3).Tensors))
	f.Add(out.Bytes())
	f.Add(archive(f, zip.Store))
	f.Add(archive(f, zip.Store, "a.npy", one(f, 1, 2)))
	f.Add(archive(f, zip.Deflate, "a.npy", one(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		tensors, err := ReadNPZ(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		values := 0
		for _, x := range tensors {
			values += len(x.Data)
		}
		require.LessOrEqual(t, 4*values, len(data), "more values than the file has bytes for")

		var first bytes.Buffer // what was read can be written and reads the same
		require.NoError(t, WriteNPZ(&first, tensors))
		again, err := ReadNPZ(bytes.NewReader(first.Bytes()), int64(first.Len()))
		require.NoError(t, err)
		assertSame(t, &State{Tensors: tensors}, &State{Tensors: again})
	})
}
