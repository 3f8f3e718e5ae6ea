package matlab

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/imageset/format/damagetest"
)

// array is what a file is read into.
type array struct {
	Header
	stored []byte
}

// readAll reads all arrays of a file, of at most a MiB each.
func readAll(r io.Reader) ([]array, error) {
	var headers []Header
	var stored []*bytes.Buffer
	err := Read(r, func(h Header) (io.Writer, error) {
		if h.Len()*h.Width > 1<<20 {
			return nil, fmt.Errorf("%d values are too many", h.Len())
		}
		headers, stored = append(headers, h), append(stored, &bytes.Buffer{})
		return stored[len(stored)-1], nil
	})
	var all []array
	for i, h := range headers {
		all = append(all, array{h, stored[i].Bytes()})
	}
	return all, err
}

// The files that tests/reference/image_files.py wrote with SciPy.
func TestFilesOfSciPy(t *testing.T) {
	data, err := os.ReadFile("testdata/written.json")
	require.NoError(t, err)
	var files map[string][]struct {
		Name     string
		Shape    []int
		Width    int
		Unsigned bool
		SHA256   string
	}
	require.NoError(t, json.Unmarshal(data, &files))
	require.Len(t, files, 6)
	for name, want := range files {
		file, err := os.Open(filepath.Join("testdata", name))
		require.NoError(t, err)
		defer file.Close()
		got, err := readAll(iotest.HalfReader(file))
		require.NoError(t, err, name)
		require.Len(t, got, len(want), name)
		for i, w := range want {
			assert.Equal(t, Header{w.Name, w.Shape, w.Width, w.Unsigned, binary.LittleEndian}, got[i].Header, name)
			sum := sha256.Sum256(got[i].stored)
			assert.Equal(t, w.SHA256, hex.EncodeToString(sum[:]), "%s: %s", name, w.Name)
		}
	}
}

func TestFixtures(t *testing.T) {
	for _, name := range []string{"svhn/test_32x32.mat", "svhn/test_32x32_compressed.mat"} {
		var want struct {
			Shape  []int  `json:"shape_nhwc"`
			Pixels string `json:"pixels_sha256_nhwc_uint8"`
			Labels []int
		}
		file, err := os.Open(damagetest.Fixture(t, name, &want))
		require.NoError(t, err)
		defer file.Close()
		got, err := readAll(file)
		require.NoError(t, err)
		require.Len(t, got, 2)
		n, height, width, channels := want.Shape[0], want.Shape[1], want.Shape[2], want.Shape[3]
		require.Equal(t, Header{"X", []int{height, width, channels, n}, 1, true, binary.LittleEndian}, got[0].Header)
		require.Equal(t, Header{"y", []int{n, 1}, 1, true, binary.LittleEndian}, got[1].Header)
		var pixels []byte
		for i := range n {
			for y := range height {
				for x := range width {
					for c := range channels {
						pixels = append(pixels, got[0].stored[y+height*(x+width*(c+channels*i))])
					}
				}
			}
			assert.Equal(t, want.Labels[i], int(got[1].stored[i])%10)
		}
		sum := sha256.Sum256(pixels)
		assert.Equal(t, want.Pixels, hex.EncodeToString(sum[:]))
	}
}

// put appends an element, padded and in the long form.
func put(to []byte, order binary.AppendByteOrder, kind uint32, data []byte) []byte {
	to = order.AppendUint32(to, kind)
	to = order.AppendUint32(to, uint32(len(data)))
	to = append(to, data...)
	for len(to)%alignment != 0 && kind != miCOMPRESSED {
		to = append(to, 0)
	}
	return to
}

// An order of bytes that can append.
type endian interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// head is a file's header.
func head(order endian) []byte {
	return order.AppendUint16(order.AppendUint16([]byte(fmt.Sprintf("%-124s", "MATLAB 5.0")), 0x0100), 'M'<<8|'I')
}

// matrix is an array's element; kind is that of the stored values.
func matrix(order endian, class uint32, name string, shape []int32, kind uint32, values []byte) []byte {
	body := put(nil, order, miUINT32, order.AppendUint32(order.AppendUint32(nil, class), 0))
	var axes []byte
	for _, n := range shape {
		axes = order.AppendUint32(axes, uint32(n))
	}
	body = put(body, order, miINT32, axes)
	body = put(body, order, miINT8, []byte(name))
	return put(nil, order, miMATRIX, put(body, order, kind, values))
}

// packed is the compressed element of elements.
func packed(order endian, elements []byte) []byte {
	var to bytes.Buffer
	w, _ := zlib.NewWriterLevel(&to, zlib.BestCompression)
	w.Write(elements)
	w.Close()
	return put(nil, order, miCOMPRESSED, to.Bytes())
}

const (
	classCell   = 1
	classDouble = 6
	classUint8  = 9
)

func TestBothOrdersOfBytes(t *testing.T) {
	for _, order := range []endian{binary.LittleEndian, binary.BigEndian} {
		values := order.AppendUint32(order.AppendUint32(nil, 70000), 3)
		one := matrix(order, classDouble, "labels", []int32{2, 1}, miINT32, values)
		other := matrix(order, classUint8, "X", []int32{1, 1, 3}, miUINT8, []byte{1, 2, 3})
		got, err := readAll(bytes.NewReader(bytes.Join([][]byte{head(order), one, packed(order, other), one}, nil)))
		require.NoError(t, err)
		labels := array{Header{"labels", []int{2, 1}, 4, false, order}, values}
		assert.Equal(t, []array{labels, {Header{"X", []int{1, 1, 3}, 1, true, order}, []byte{1, 2, 3}}, labels}, got)
	}
}

// What choose does not want is passed over, cells and the like are not even offered.
func TestPassesOver(t *testing.T) {
	for _, name := range []string{"others.mat", "others_compressed.mat"} {
		file, err := os.Open(filepath.Join("testdata", name))
		require.NoError(t, err)
		defer file.Close()
		var names []string
		var y bytes.Buffer
		require.NoError(t, Read(file, func(h Header) (io.Writer, error) {
			names = append(names, h.Name)
			if h.Name != "y" {
				return nil, nil
			}
			return &y, nil
		}))
		assert.Equal(t, []byte{1, 10}, y.Bytes())
		assert.Equal(t, strings.Fields("a_long_name_for_doubles X single i8 i16 u16 i32 u32 i64 u64 logical empty y"), names)
	}
}

func TestRefuses(t *testing.T) {
	le := binary.LittleEndian
	good := head(le)
	version4, err := os.ReadFile("testdata/version4.mat")
	require.NoError(t, err)
	x := matrix(le, classUint8, "X", []int32{2, 4}, miUINT8, make([]byte, 8))
	change := func(data []byte, at int, to ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], to)
		return data
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	badSum := packed(le, x)
	badSum[len(badSum)-1] ^= 1
	cell := put(nil, le, miMATRIX, join(put(nil, le, miUINT32, []byte{classCell, 0, 0, 0, 0, 0, 0, 0}), make([]byte, 40)))
	for _, bad := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "truncated at offset 0: expected 4 more bytes"},
		{"half a header", good[:100], "truncated at offset 100: expected 28 more bytes"},
		{"version 4", version4, "files of version 4 are not read: save them with -v7"},
		{"version 7.3", change(good, 124, 0, 2), "offset 124: version 0x0200: expected 0x0100, version 5 (files of version 7.3"},
		{"HDF5", []byte("\x89HDF\r\n\x1a\n"), "offset 0: an HDF5 file: expected a MATLAB file of version 5 (files of version 7.3"},
		{"no mark", change(good, 126, 'x'), "offset 126: expected the mark IM or MI of a MATLAB file of version 5, found 78 4d"},
		{"half a tag", join(good, []byte{14, 0}), "truncated at offset 130: expected 2 more bytes"},
		{"half a long tag", join(good, []byte{14, 0, 0, 0, 1}), "truncated at offset 133: expected 3 more bytes"},
		{"a loose element", join(good, put(nil, le, miUINT8, make([]byte, 8))),
			"offset 136: element type 2: expected an array, 14 or compressed 15"},
		{"a short array", join(good, []byte{14, 0, 4, 0, 0, 0, 0, 0}), "offset 132: element type 14: expected an array"},
		{"a short element of 5 bytes", join(good, []byte{14, 0, 5, 0}),
			"offset 132: an element of 5 bytes in short form: expected at most 4"},
		{"a loose compressed element", join(good, packed(le, put(nil, le, miUINT8, make([]byte, 8)))),
			"offset 8 of the array unpacked from offset 136: element type 2"},
		{"an empty array", join(good, put(nil, le, miMATRIX, nil)), "truncated at offset 136: expected 4 more bytes"},
		{"no flags", join(good, change(x, 8, miINT8)), "offset 144: the array's flags has type 1 and 8 bytes: expected type 6"},
		{"half the flags", join(good, change(x, 12, 7)), "the array's flags have 7 bytes: expected 8"},
		{"one axis", join(good, matrix(le, classUint8, "X", []int32{8}, miUINT8, make([]byte, 8))), "the array's shape has 4 bytes"},
		{"17 axes", join(good, matrix(le, classUint8, "X", make([]int32, 17), miUINT8, nil)),
			"the array's shape has type 5 and 68 bytes: expected type 5 and at most 64"},
		{"a negative axis", join(good, matrix(le, classUint8, "X", []int32{-1, 8}, miUINT8, make([]byte, 8))), "an axis of -1 values"},
		{"axes that overflow", join(good, matrix(le, classUint8, "X", []int32{1 << 30, 1 << 30, 1 << 30}, miUINT8, make([]byte, 8))),
			"makes the array too large"},
		{"a name without end", join(good, matrix(le, classUint8, strings.Repeat("X", 257), []int32{2, 4}, miUINT8, make([]byte, 8))),
			"the array's name has type 1 and 257 bytes: expected type 1 and at most 256"},
		{"too few values", join(good, matrix(le, classUint8, "X", []int32{2, 5}, miUINT8, make([]byte, 8))),
			`the values of "X" have type 2 and 8 bytes: expected a numeric type and 10 values`},
		{"values of no number", join(good, matrix(le, classUint8, "X", []int32{2, 4}, miMATRIX, make([]byte, 8))),
			`the values of "X" have type 14`},
		{"half the values", join(good, x[:len(x)-3]), "truncated at offset 197: expected 3 more bytes"},
		{"a damaged length", join(good, change(x, 4, byte(len(x)-8-3))), "truncated at offset 197: expected 3 more bytes"},
		{"more than the values", join(good, put(nil, le, miMATRIX, join(x[8:], make([]byte, 8)))),
			`offset 200: 8 bytes follow the values of "X"`},
		{"two arrays in one", join(good, packed(le, join(x, x))), "offset 73 of the array unpacked from offset 136: expected the end of " +
			"the array"},
		{"no zlib", join(good, put(nil, le, miCOMPRESSED, []byte("abcdefgh"))), "offset 144: zlib: invalid header"},
		{"half of zlib", join(good, put(nil, le, miCOMPRESSED, packed(le, x)[8:24])), "of the array unpacked from offset 136: expected"},
		{"the sum", join(good, badSum), "of the array unpacked from offset 136: zlib: invalid checksum"},
		{"half of what is not wanted", join(good, cell[:50]), "truncated at offset 178: expected 14 more bytes"},
	} {
		_, err := readAll(bytes.NewReader(bad.file))
		assert.ErrorContains(t, err, bad.want, bad.name)
	}
}

func TestErrorsOfTheCaller(t *testing.T) {
	le := binary.LittleEndian
	file := append(head(le), matrix(le, classUint8, "X", []int32{2, 4}, miUINT8, make([]byte, 8))...)
	broken := errors.New("broken")
	err := Read(bytes.NewReader(file), func(Header) (io.Writer, error) { return nil, broken })
	assert.ErrorIs(t, err, broken)
	assert.EqualError(t, err, "offset 192: broken")
	reads, writes := io.Pipe()
	require.NoError(t, reads.CloseWithError(broken))
	err = Read(bytes.NewReader(file), func(Header) (io.Writer, error) { return writes, nil })
	assert.ErrorIs(t, err, broken)
	assert.ErrorContains(t, Read(iotest.ErrReader(broken), nil), "offset 0: broken")
	assert.ErrorContains(t, Read(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(broken)),
		func(Header) (io.Writer, error) { return nil, nil }), "offset 200: broken")
}

// A few bytes may unpack into very many: nothing of them is made that choose did not ask for.
func TestBombs(t *testing.T) {
	le := binary.LittleEndian
	zeros := make([]byte, 8<<20)
	bomb := append(head(le), packed(le, matrix(le, classUint8, "X", []int32{1 << 13, 1 << 10}, miUINT8, zeros))...)
	behind := append(head(le), packed(le, append(matrix(le, classUint8, "X", []int32{1, 8}, miUINT8, zeros[:8]), zeros...))...)
	cell := append(head(le), packed(le, put(nil, le, miMATRIX, append(put(nil, le, miUINT32, []byte{classCell, 0, 0, 0, 0, 0, 0, 0}),
		zeros...)))...)
	damagetest.AtMost(t, 1<<20, func() {
		_, err := readAll(bytes.NewReader(bomb))
		assert.ErrorContains(t, err, "8388608 values are too many")
		_, err = readAll(bytes.NewReader(behind))
		assert.ErrorContains(t, err, "expected the end of the array")
		_, err = readAll(bytes.NewReader(cell))
		assert.NoError(t, err)
		huge := matrix(le, classUint8, "X", []int32{1 << 10, 1 << 10}, miUINT8, nil)
		le.PutUint32(huge[len(huge)-4:], 1<<20)
		_, err = readAll(bytes.NewReader(append(head(le), huge...)))
		assert.ErrorContains(t, err, "truncated at offset 192: expected 1048576 more bytes")
	})
}

// readSVHN is what a reader of SVHN asks for.
func readSVHN(data []byte) (any, error) {
	shapes := map[string]string{}
	err := Read(bytes.NewReader(data), func(h Header) (io.Writer, error) {
		if h.Len()*h.Width > 1<<20 {
			return nil, fmt.Errorf("%d values are too many", h.Len())
		}
		shapes[h.Name] = fmt.Sprint(h.Shape)
		return io.Discard, nil
	})
	if err == nil && (shapes["X"] == "" || shapes["y"] == "") {
		return nil, fmt.Errorf("offset %d: expected X and y", len(data))
	}
	return shapes["X"] + shapes["y"], err
}

func TestDamage(t *testing.T) {
	for _, name := range []string{"tiny.mat", "tiny_compressed.mat", "svhn.mat"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		headers := [][2]int{{0, min(len(whole), 328)}}
		if name == "svhn.mat" {
			headers = [][2]int{{120, 192}, {len(whole) - 64, len(whole)}}
		}
		damagetest.File{Whole: whole, Headers: headers, Read: readSVHN, MaxAlloc: 1 << 19}.Check(t)
	}
}

func FuzzMATLAB(f *testing.F) {
	for _, name := range []string{"tiny.mat", "tiny_compressed.mat", "others.mat", "others_compressed.mat", "version4.mat"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(data)
	}
	be := binary.BigEndian
	x := matrix(be, classUint8, "X", []int32{1, 1, 3}, miUINT8, []byte{1, 2, 3})
	f.Add(append(head(be), append(packed(be, x), x...)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		var asked, got int64
		var err error
		// A compressed array takes about 28 bytes at least, and unpacking it 50,000.
		damagetest.AtMost(t, 1<<19+4096*uint64(len(data)), func() {
			err = Read(bytes.NewReader(data), func(h Header) (io.Writer, error) {
				n := int64(h.Len()) * int64(h.Width)
				if n > 1<<20 {
					return nil, errors.New("too many")
				}
				asked += n
				return writer(func(p []byte) (int, error) { got += int64(len(p)); return len(p), nil }), nil
			})
		})
		if err == nil && got != asked {
			t.Fatalf("%d bytes of arrays with %d", got, asked)
		}
		if err != nil && !strings.Contains(err.Error(), "offset") {
			t.Fatalf("the error does not say where: %v", err)
		}
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
