// Package npy reads and writes NumPy's .npy format: one array, a header in Python's syntax and then the values.
// Whatever in strata meets such an array, an image set, other people's weights or a checkpoint's tensors.npz, reads its
// header here. No length in a file is believed before it is compared with the bytes that are there.
package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// magic is how every .npy file begins; two bytes of version follow.
const magic = "\x93NUMPY"

// maxHeader bounds a header; one of a plain array has 128 bytes.
const maxHeader = 1 << 16

// MaxRank is the largest number of axes that every version of NumPy reads, and that is read here.
const MaxRank = 32

// Array is what the header of a .npy file says of its values.
type Array struct {
	Shape   []int
	Type    string // NumPy's code: "|u1" is uint8
	Fortran bool   // the first axis is the fastest
	Header  int    // bytes before the values
}

// pattern is the dictionary of a header as NumPy writes it: its keys in the order of the alphabet.
var pattern = regexp.MustCompile(`^\{'descr': '([^']*)', 'fortran_order': (True|False), ` +
	`'shape': \(((?:\d+, ?)*\d*)\), ?\}\s*$`)

// ReadHeader reads the header of a .npy file, of version 1 to 3, and leaves r at the values.
func ReadHeader(r io.Reader) (Array, error) {
	head := make([]byte, len(magic)+2, 128)
	if n, err := io.ReadFull(r, head); err != nil {
		return Array{}, fmt.Errorf("truncated at offset %d: no NumPy header of %d bytes or more", n, len(magic)+4)
	}
	if string(head[:len(magic)]) != magic {
		return Array{}, fmt.Errorf("offset 0: expected a NumPy array, found a file that starts with %q", head[:len(magic)])
	}
	width := 4 // of the length
	switch version := head[len(magic)]; version {
	case 1:
		width = 2
	case 2, 3:
	default:
		return Array{}, fmt.Errorf("offset %d: no NumPy header of a known version (%d)", len(magic), version)
	}
	head = append(head, make([]byte, width)...)
	if n, err := io.ReadFull(r, head[len(head)-width:]); err != nil {
		return Array{}, fmt.Errorf("truncated at offset %d: no NumPy header's length", len(head)-width+n)
	}
	length := uint32(binary.LittleEndian.Uint16(head[8:]))
	if width == 4 {
		length = binary.LittleEndian.Uint32(head[8:])
	}
	if length > maxHeader {
		return Array{}, fmt.Errorf("offset 8: a NumPy header of %d bytes: expected at most %d", length, maxHeader)
	}
	dict := make([]byte, length)
	if n, err := io.ReadFull(r, dict); err != nil {
		return Array{}, fmt.Errorf("truncated at offset %d: the NumPy header has %d bytes", len(head)+n, len(head)+len(dict))
	}
	match := pattern.FindSubmatch(dict)
	if match == nil {
		return Array{}, fmt.Errorf("offset %d: no NumPy header of an array of numbers: %.80q", len(head), dict)
	}
	a := Array{Type: string(match[1]), Fortran: string(match[2]) == "True", Header: len(head) + len(dict)}
	for axis := range strings.SplitSeq(string(match[3]), ",") {
		if axis = strings.TrimSpace(axis); axis == "" {
			continue // behind the last comma
		}
		d, err := strconv.Atoi(axis)
		if err != nil {
			return Array{}, fmt.Errorf("offset %d: an axis of %.30s values is too large", len(head), axis)
		}
		a.Shape = append(a.Shape, d)
	}
	if len(a.Shape) > MaxRank {
		return Array{}, fmt.Errorf("offset %d: an array of %d axes: expected at most %d", len(head), len(a.Shape), MaxRank)
	}
	return a, nil
}

// Len is the number of values; ok is false where there are more than most.
func (a Array) Len(most int) (n int, ok bool) { return Len(a.Shape, most) }

// Len is the number of values of a shape; ok is false where an axis is negative or there are more than most.
func Len(shape []int, most int) (n int, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > most/d {
			return 0, false
		}
		n *= d
	}
	return n, n <= most
}

// Integer returns how a value of a type of whole numbers is read and how many bytes it has; nil for other types.
func (a Array) Integer() (value func([]byte) int, width int) {
	var order binary.ByteOrder = binary.LittleEndian
	if strings.HasPrefix(a.Type, ">") {
		order = binary.BigEndian
	}
	switch strings.TrimLeft(a.Type, "<>|=") {
	case "u1":
		return func(b []byte) int { return int(b[0]) }, 1
	case "i1":
		return func(b []byte) int { return int(int8(b[0])) }, 1
	case "u2":
		return func(b []byte) int { return int(order.Uint16(b)) }, 2
	case "i2":
		return func(b []byte) int { return int(int16(order.Uint16(b))) }, 2
	case "u4":
		return func(b []byte) int { return int(order.Uint32(b)) }, 4
	case "i4":
		return func(b []byte) int { return int(int32(order.Uint32(b))) }, 4
	case "i8", "u8":
		return func(b []byte) int { return int(order.Uint64(b)) }, 8
	}
	return nil, 0
}

// Float32 is the type of single precision, least byte first.
const Float32 = "<f4"

// align is what the values begin at a multiple of, so that a mapped file's can be read as they lie.
const align = 64

// WriteFloat32s writes an array of single precision, row by row.
func WriteFloat32s(w io.Writer, shape []int, values []float32) error {
	if _, err := w.Write(header(shape)); err != nil {
		return err
	}
	chunk := make([]byte, min(1<<16, 4*len(values)))
	for len(values) > 0 {
		n := min(len(values), len(chunk)/4)
		for i, x := range values[:n] {
			binary.LittleEndian.PutUint32(chunk[4*i:], math.Float32bits(x))
		}
		if _, err := w.Write(chunk[:4*n]); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// header is all of a .npy file of version 1 that stands before the values.
func header(shape []int) []byte {
	var axes strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&axes, "%d, ", d)
	}
	tuple := strings.TrimSuffix(axes.String(), " ") // "(3, 4,)" is Python for (3, 4)
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", Float32, tuple)
	const prelude = len(magic) + 2 + 2 // magic, version, length
	pad := align - (prelude+len(dict)+1)%align
	dict += strings.Repeat(" ", pad%align) + "\n"

	head := append([]byte(magic), 1, 0)
	head = binary.LittleEndian.AppendUint16(head, uint16(len(dict)))
	return append(head, dict...)
}

// ReadFloat32s reads a .npy file of size bytes that [WriteFloat32s] could have written. It reads r to its end, where an
// entry of a zip archive compares its checksum, and allocates no more values than size has room for.
func ReadFloat32s(r io.Reader, size uint64) (shape []int, values []float32, err error) {
	a, err := ReadHeader(r)
	if err != nil {
		return nil, nil, err
	}
	if a.Type != Float32 || a.Fortran {
		return nil, nil, fmt.Errorf("an array of type %s, Fortran order %v: expected float32 (%q) row by row", a.Type,
			a.Fortran, Float32)
	}
	room := size - uint64(a.Header)
	count, ok := a.Len(math.MaxInt / 4)
	if size < uint64(a.Header) || !ok || uint64(count) != room/4 || room%4 != 0 {
		return nil, nil, fmt.Errorf("shape %v does not fit the values of a file of %d bytes, %d of them header", a.Shape,
			size, a.Header)
	}
	values = make([]float32, count)
	chunk := make([]byte, min(1<<16, 4*count))
	for rest := values; len(rest) > 0; {
		n := min(len(rest), len(chunk)/4)
		if _, err := io.ReadFull(r, chunk[:4*n]); err != nil {
			return nil, nil, err
		}
		for i := range rest[:n] {
			rest[i] = math.Float32frombits(binary.LittleEndian.Uint32(chunk[4*i:]))
		}
		rest = rest[n:]
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("the values are damaged (%v)", err)
	}
	return a.Shape, values, nil
}
