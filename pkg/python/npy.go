package python

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"codeberg.org/sbinet/npyio/npy"
)

// Array is what the header of a .npy file says of its values.
type Array struct {
	Shape   []int
	Type    string // NumPy's code: "|u1" is uint8
	Fortran bool   // the first axis is the fastest
	Header  int    // bytes before the values
}

// Len is the number of values; ok is false where an axis is negative or there are more than most.
func (a Array) Len(most int) (n int, ok bool) {
	n = 1
	for _, d := range a.Shape {
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

// maxHeader bounds a header; one of a plain array has 118 bytes.
const maxHeader = 1 << 16

// ReadArray reads the header of a .npy file and leaves r at the values. Of npyio only the header is used: it reads half of a
// cut-off array without a word.
func ReadArray(r io.Reader) (a Array, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("offset 0: no NumPy header (%v)", problem)
		}
	}()
	head := make([]byte, 12) // magic 6, version 2, length 2, or 4 in version 2
	if n, err := io.ReadFull(r, head); err != nil {
		return a, fmt.Errorf("truncated at offset %d: no NumPy header of 12 bytes or more", n)
	}
	if !bytes.HasPrefix(head, npy.Magic[:]) {
		return a, fmt.Errorf("offset 0: expected a NumPy array, found a file that starts with %q", head[:6])
	}
	rest := int64(binary.LittleEndian.Uint16(head[8:])) - 2
	if head[6] >= 2 {
		rest = int64(binary.LittleEndian.Uint32(head[8:]))
	}
	if rest < 0 || rest > maxHeader {
		return a, fmt.Errorf("offset 8: a NumPy header of %d bytes: expected at most %d", rest, maxHeader)
	}
	head = append(head, make([]byte, rest)...)
	if n, err := io.ReadFull(r, head[12:]); err != nil {
		return a, fmt.Errorf("truncated at offset %d: the NumPy header has %d bytes", 12+n, len(head))
	}
	header, err := npy.NewReader(bytes.NewReader(head))
	if err != nil {
		return a, fmt.Errorf("offset 0: no NumPy header (%w)", err)
	}
	d := header.Header.Descr
	return Array{Shape: d.Shape, Type: strings.Trim(d.Type, "'"), Fortran: d.Fortran, Header: len(head)}, nil
}
