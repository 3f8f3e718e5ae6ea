// Package matlab reads numeric arrays from MATLAB files of version 5, compressed
// or not: the form in which SVHN is distributed. No well-kept Go library does.
//
//	err := matlab.Read(file, func(h matlab.Header) (io.Writer, error) {
//		if h.Name != "y" { return nil, nil } // not wanted
//		return buffer, nil
//	})
//
// The format is that of MathWorks' "MAT-File Format", chapter 1: a header of 128
// bytes, then elements of a tag (type, length) and padded data. Values are handed
// on as they are stored, in column-major order.
package matlab

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// The element types that matter here.
const (
	miINT8       = 1
	miUINT8      = 2
	miINT16      = 3
	miUINT16     = 4
	miINT32      = 5
	miUINT32     = 6
	miSINGLE     = 7
	miDOUBLE     = 9
	miINT64      = 12
	miUINT64     = 13
	miMATRIX     = 14
	miCOMPRESSED = 15
)

var widths = map[uint32]int{miINT8: 1, miUINT8: 1, miINT16: 2, miUINT16: 2, miINT32: 4, miUINT32: 4, miSINGLE: 4, miDOUBLE: 8,
	miINT64: 8, miUINT64: 8}

const (
	headerBytes = 128
	// A numeric array has few axes and a short name; more is damage.
	maxAxes, maxName = 16, 256
	maxValues        = 1 << 40
	// Classes below 6 are cells, structures, objects, texts and sparse arrays, those above 15 functions and more objects.
	firstNumeric, lastNumeric = 6, 15
	complexFlag               = 0x0800
	// Data end at a multiple of so many bytes.
	alignment = 8
)

// Header says what an array is, before its values are read.
type Header struct {
	Name string
	// Shape is the length of each axis, the fastest one first.
	Shape []int
	// Width is the bytes of one stored value; MATLAB stores whole numbers as small as they fit, whatever the array's class.
	Width int
	// Unsigned says that the stored values are unsigned whole numbers.
	Unsigned bool
	// Order is the order of the bytes of a value.
	Order binary.ByteOrder
}

// Len is the number of values.
func (h Header) Len() int {
	n := 1
	for _, s := range h.Shape {
		n *= s
	}
	return n
}

// Read goes through the real numeric arrays of a file in their order. choose answers each header with where the array's
// stored bytes go, or nil to pass it over; an error of it, or of the writer, ends the reading. Errors name the offset in
// the file, and in a compressed array that of the unpacked bytes. Nothing is unpacked of an array but its header and what
// choose asked for.
func Read(r io.Reader, choose func(Header) (io.Writer, error)) error {
	in := bufio.NewReaderSize(r, 1<<16)
	s := &stream{r: in}
	if err := s.header(); err != nil {
		return err
	}
	for {
		if _, err := in.Peek(1); err == io.EOF {
			return nil
		}
		if err := s.element(choose); err != nil {
			return err
		}
	}
}

// stream reads parts of a file and counts the bytes, so that errors can say where.
type stream struct {
	r     io.Reader
	order binary.ByteOrder
	at    int64
	// of says what the offset counts in, where that is not the file.
	of string
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.at += int64(n)
	return n, err
}

func (s *stream) errorf(format string, args ...any) error {
	return fmt.Errorf("offset %d%s: %w", s.at, s.of, fmt.Errorf(format, args...))
}

// cut turns an error of reading into one that says where.
func (s *stream) cut(missing int64, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("truncated at offset %d%s: expected %d more bytes", s.at, s.of, missing)
	}
	return s.errorf("%w", err)
}

// take reads n bytes, n being small.
func (s *stream) take(n int) ([]byte, error) {
	data := make([]byte, n)
	if got, err := io.ReadFull(s, data); err != nil {
		return nil, s.cut(int64(n-got), err)
	}
	return data, nil
}

// within is the stream of the next n bytes.
func (s *stream) within(n uint32) (*stream, *io.LimitedReader) {
	limited := &io.LimitedReader{R: s, N: int64(n)}
	return &stream{r: limited, order: s.order, at: s.at, of: s.of}, limited
}

// header reads the file's header: text, a version, and a mark that shows the order of bytes. Files of version 4 have none
// of these, but a number whose bytes are not all of a text; files of version 7.3 are HDF5 behind such a header.
func (s *stream) header() error {
	text, err := s.take(4)
	if err != nil {
		return err
	}
	if strings.Contains(string(text), "\x00") {
		return fmt.Errorf("offset 0: expected the text of a MATLAB file of version 5, found % x (files of version 4 are not read: save "+
			"them with -v7)", text)
	}
	if string(text) == "\x89HDF" {
		return fmt.Errorf("offset 0: an HDF5 file: expected a MATLAB file of version 5 (files of version 7.3 are HDF5: save them with -v7)")
	}
	rest, err := s.take(headerBytes - 4)
	if err != nil {
		return err
	}
	switch mark := rest[122:]; string(mark) {
	case "IM":
		s.order = binary.LittleEndian
	case "MI":
		s.order = binary.BigEndian
	default:
		return fmt.Errorf("offset 126: expected the mark IM or MI of a MATLAB file of version 5, found % x", mark)
	}
	if version := s.order.Uint16(rest[120:]); version != 0x0100 {
		return fmt.Errorf("offset 124: version %#04x: expected 0x0100, version 5 (files of version 7.3 have 0x0200 and are HDF5: save "+
			"them with -v7)", version)
	}
	return nil
}

// tag reads what stands before the data of an element. In the short form the length is in the upper half of the first word
// and the data, with their padding, are the second.
func (s *stream) tag() (kind, length uint32, short bool, err error) {
	first, err := s.take(4)
	if err != nil {
		return 0, 0, false, err
	}
	word := s.order.Uint32(first)
	if length := word >> 16; length > 4 {
		return 0, 0, false, s.errorf("an element of %d bytes in short form: expected at most 4", length)
	} else if length > 0 {
		return word & 0xffff, length, true, nil
	}
	second, err := s.take(4)
	if err != nil {
		return 0, 0, false, err
	}
	return word, s.order.Uint32(second), false, nil
}

// part reads a small element with its padding.
func (s *stream) part(what string, want uint32, atMost uint32) ([]byte, error) {
	kind, length, short, err := s.tag()
	if err != nil {
		return nil, err
	}
	if kind != want || length > atMost {
		return nil, s.errorf("the array's %s has type %d and %d bytes: expected type %d and at most %d", what, kind, length, want, atMost)
	}
	padded := 4
	if !short {
		padded = int(length+alignment-1) / alignment * alignment
	}
	data, err := s.take(padded)
	if err != nil {
		return nil, err
	}
	return data[:length], nil
}

// element reads an element of the file.
func (s *stream) element(choose func(Header) (io.Writer, error)) error {
	kind, length, short, err := s.tag()
	if err != nil {
		return err
	}
	body, left := s.within(length)
	switch {
	case kind == miMATRIX && !short:
		_, err = body.matrix(left, choose)
	case kind == miCOMPRESSED && !short:
		err = body.compressed(choose)
	default:
		err = s.errorf("element type %d: expected an array, %d or compressed %d", kind, miMATRIX, miCOMPRESSED)
	}
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, body, left.N); err != nil {
		return body.cut(left.N, err)
	}
	return nil
}

func (s *stream) compressed(choose func(Header) (io.Writer, error)) error {
	from := s.at
	packed, err := zlib.NewReader(s)
	if err != nil {
		return s.cut(1, err)
	}
	unpacked := &stream{r: packed, order: s.order, of: fmt.Sprintf(" of the array unpacked from offset %d", from)}
	kind, length, short, err := unpacked.tag()
	if err != nil {
		return err
	}
	if kind != miMATRIX || short {
		return unpacked.errorf("element type %d: expected an array, %d", kind, miMATRIX)
	}
	body, left := unpacked.within(length)
	if wanted, err := body.matrix(left, choose); err != nil || !wanted {
		return err
	}
	// Only at the end is the checksum compared.
	switch n, err := io.CopyN(io.Discard, unpacked, left.N+1); {
	case n > left.N:
		return unpacked.errorf("expected the end of the array")
	case err != io.EOF:
		return unpacked.cut(1, err)
	}
	return nil
}

// matrix reads an array and says whether it was wanted: then only padding is left of it.
func (s *stream) matrix(left *io.LimitedReader, choose func(Header) (io.Writer, error)) (wanted bool, err error) {
	flags, err := s.part("flags", miUINT32, 8)
	if err != nil {
		return false, err
	}
	if len(flags) != 8 {
		return false, s.errorf("the array's flags have %d bytes: expected 8", len(flags))
	}
	word := s.order.Uint32(flags)
	if class := word & 0xff; class < firstNumeric || class > lastNumeric || word&complexFlag != 0 {
		return false, nil
	}
	h := Header{Order: s.order}
	total := int64(1)
	axes, err := s.part("shape", miINT32, 4*maxAxes)
	if err != nil {
		return false, err
	}
	if len(axes) < 8 || len(axes)%4 != 0 {
		return false, s.errorf("the array's shape has %d bytes: expected 4 for each of two axes or more", len(axes))
	}
	for ; len(axes) > 0; axes = axes[4:] {
		n := int64(int32(s.order.Uint32(axes)))
		if n < 0 || (n > 0 && total > maxValues/n) {
			return false, s.errorf("an axis of %d values is negative or makes the array too large", n)
		}
		total *= n
		h.Shape = append(h.Shape, int(n))
	}
	name, err := s.part("name", miINT8, maxName)
	if err != nil {
		return false, err
	}
	h.Name = string(name)
	kind, length, _, err := s.tag()
	if err != nil {
		return false, err
	}
	h.Width = widths[kind]
	h.Unsigned = kind == miUINT8 || kind == miUINT16 || kind == miUINT32 || kind == miUINT64
	if h.Width == 0 || int64(length) != total*int64(h.Width) {
		return false, s.errorf("the values of %q have type %d and %d bytes: expected a numeric type and %d values",
			h.Name, kind, length, total)
	}
	to, err := choose(h)
	if err != nil {
		return false, s.errorf("%w", err)
	}
	if to == nil {
		return false, nil
	}
	if n, err := io.CopyN(to, s, int64(length)); err != nil {
		return false, s.cut(int64(length)-n, err)
	}
	if left.N >= alignment {
		return false, s.errorf("%d bytes follow the values of %q: expected the array's end", left.N, h.Name)
	}
	return true, nil
}
