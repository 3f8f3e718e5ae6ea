package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file is a .npy file of version 1.
func file(dict, values string) string {
	length := binary.LittleEndian.AppendUint16(nil, uint16(len(dict)))
	return magic + "\x01\x00" + string(length) + dict + values
}

func dict(kind, order, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", kind, order, shape)
}

// What NumPy itself wrote is read in pkg/imageset/format (images) and internal/importer/statedict (weights of every
// type).
func TestReadHeader(t *testing.T) {
	wide := dict("<f8", "True", "(3, 4)") // in version 2 the length has four bytes
	long := magic + "\x02\x00" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(wide)))) + wide
	for data, want := range map[string]Array{
		file(dict("|u1", "False", "(2, 3,)"), "123456"): {Shape: []int{2, 3}, Type: "|u1", Header: 10 + 61},
		file(dict("<f4", "False", "()"), "1234"):        {Type: "<f4", Header: 10 + 56},
		file(dict(">i2", "False", "(7,)"), ""):          {Shape: []int{7}, Type: ">i2", Header: 10 + 58},
		long:                                            {Shape: []int{3, 4}, Type: "<f8", Fortran: true, Header: 12 + 59},
	} {
		r := strings.NewReader(data)
		got, err := ReadHeader(r)
		require.NoError(t, err, "%q", data)
		assert.Equal(t, want, got)
		assert.Equal(t, len(data)-want.Header, r.Len(), "what is read is the header and no more")
	}
}

func TestReadHeaderRefuses(t *testing.T) {
	for data, want := range map[string]string{
		"":                                      "truncated at offset 0",
		"\x93NUM":                               "truncated at offset 4",
		"\x93NUMPX\x01\x00\x00\x00":             "expected a NumPy array, found a file that starts with",
		magic + "\x09\x00\x00\x00":              "known version (9)",
		magic + "\x01\x00\x00":                  "truncated at offset 9",
		magic + "\x01\x00\xff\xff{":             "truncated at offset 11: the NumPy header has 65545 bytes",
		magic + "\x02\x00\xff\xff\xff\x7f{}":    "offset 8: a NumPy header of 2147483647 bytes",
		file("{}\n", ""):                        "no NumPy header of an array",
		file(dict("<f4", "Maybe", "(1,)"), ""):  "no NumPy header of an array",
		file(dict("<f4", "False", "(-2,)"), ""): "no NumPy header of an array",
		file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", ""): "no NumPy header of an array",
		file(dict("<f4", "False", "("+strings.Repeat("9", 99)+",)"), ""):                 "too large",
		file(dict("<f4", "False", "("+strings.Repeat("1, ", MaxRank+1)+")"), ""):         "an array of 33 axes",
	} {
		_, err := ReadHeader(strings.NewReader(data))
		require.ErrorContains(t, err, want, "%q", data)
		assert.NotContains(t, err.Error(), "\n")
	}
}

func TestLen(t *testing.T) {
	for _, c := range []struct {
		shape   []int
		most, n int
		ok      bool
	}{
		{nil, 1, 1, true},
		{[]int{2, 3}, 6, 6, true},
		{[]int{2, 3}, 5, 6, false},
		{[]int{0, math.MaxInt}, 0, 0, true},
		{[]int{-1, 3}, 9, 0, false},
		{[]int{1 << 32, 1 << 32}, math.MaxInt, 0, false},
	} {
		n, ok := Len(c.shape, c.most)
		assert.Equal(t, c.ok, ok, "%v of at most %d", c.shape, c.most)
		if ok {
			assert.Equal(t, c.n, n)
		}
	}
}

// Every type of whole numbers, as NumPy lays them out.
func TestInteger(t *testing.T) {
	for kind, c := range map[string]struct {
		bytes string
		want  int
	}{
		"|u1": {"\xff", 255}, "|i1": {"\xff", -1}, "<u2": {"\x01\x02", 513}, ">u2": {"\x01\x02", 258},
		"<i2": {"\xfe\xff", -2},
		"<u4": {"\x01\x00\x00\x80", 1<<31 + 1}, "<i4": {"\xff\xff\xff\xff", -1}, ">i4": {"\x00\x00\x01\x00", 256},
		"<i8": {"\xfd\xff\xff\xff\xff\xff\xff\xff", -3}, "<u8": {"\x07\x00\x00\x00\x00\x00\x00\x00", 7},
	} {
		value, width := Array{Type: kind}.Integer()
		require.Equal(t, len(c.bytes), width, kind)
		assert.Equal(t, c.want, value([]byte(c.bytes)), kind)
	}
	value, _ := Array{Type: "<f4"}.Integer()
	assert.Nil(t, value)
}

func TestHeaderIsAligned(t *testing.T) {
	for rank := range MaxRank + 1 {
		shape := make([]int, rank)
		for i := range shape {
			shape[i] = 10 + i*i*i
		}
		head := header(shape)
		assert.Zero(t, len(head)%align)
		assert.LessOrEqual(t, len(head), 64*4)
		got, err := ReadHeader(bytes.NewReader(head))
		require.NoError(t, err)
		assert.True(t, slices.Equal(shape, got.Shape), "%v, expected %v", got.Shape, shape)
		assert.Equal(t, len(head), got.Header)
		assert.Equal(t, Float32, got.Type)
	}
}

// More values than one chunk come back bit by bit, a NaN with its payload too.
func TestFloat32s(t *testing.T) {
	values := make([]float32, 40_000)
	for i := range values {
		values[i] = float32(i) / 7
	}
	values[3] = math.Float32frombits(0x7fc0_1234)
	var out bytes.Buffer
	require.NoError(t, WriteFloat32s(&out, []int{200, 200}, values))
	shape, got, err := ReadFloat32s(bytes.NewReader(out.Bytes()), uint64(out.Len()))
	require.NoError(t, err)
	assert.Equal(t, []int{200, 200}, shape)
	require.Len(t, got, len(values))
	for i := range values {
		require.Equal(t, math.Float32bits(values[i]), math.Float32bits(got[i]), "value %d", i)
	}
}

func TestReadFloat32sRefuses(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"good":            {file(dict("<f4", "False", "(2,)"), "12345678"), ""},
		"float64":         {file(dict("<f8", "False", "(1,)"), "12345678"), "expected float32"},
		"Fortran order":   {file(dict("<f4", "True", "(2,)"), "12345678"), "expected float32"},
		"object":          {file(dict("|O", "False", "(2,)"), "12345678"), "expected float32"},
		"huge":            {file(dict("<f4", "False", "(4000000000000,)"), "12345678"), "does not fit"},
		"overflow":        {file(dict("<f4", "False", "(4294967296, 4294967296)"), ""), "does not fit"},
		"too few values":  {file(dict("<f4", "False", "(3,)"), "12345678"), "does not fit"},
		"too many values": {file(dict("<f4", "False", "(1,)"), "12345678"), "does not fit"},
		"half a value":    {file(dict("<f4", "False", "(2,)"), "123456789"), "does not fit"},
	} {
		_, _, err := ReadFloat32s(strings.NewReader(c.data), uint64(len(c.data)))
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.want, name)
	}
	good := file(dict("<f4", "False", "(2,)"), "12345678")
	_, _, err := ReadFloat32s(strings.NewReader(good), 20)
	require.ErrorContains(t, err, "does not fit", "a size smaller than the header")
	_, _, err = ReadFloat32s(strings.NewReader(good+"9"), uint64(len(good)))
	require.ErrorContains(t, err, "damaged", "more bytes than were announced")
}

func FuzzReadFloat32s(f *testing.F) {
	f.Add([]byte(file(dict("<f4", "False", "(2, 1)"), "12345678")))
	f.Add([]byte(file(dict("<f4", "False", "(0, 9999999)"), "")))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		shape, values, err := ReadFloat32s(bytes.NewReader(data), uint64(len(data)))
		if err != nil {
			assert.NotContains(t, err.Error(), "\n")
			return
		}
		n, ok := Len(shape, math.MaxInt/4)
		require.True(t, ok)
		require.Len(t, values, n)
		require.LessOrEqual(t, 4*n, len(data))
	})
}
