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
	"errors"
	"fmt"
	"io"
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

var widths = map[uint32]int{miINT8: 1, miUINT8: 1, miINT16: 2, miUINT16: 2, miINT32: 4, miUINT32: 4, miSINGLE: 4, miDOUBLE: 8, miINT64: 8, miUINT64: 8}

const (
	headerBytes = 128
	// A numeric array has few axes and a short name; more is damage.
	maxAxes, maxName = 16, 256
	// Classes below 6 are cells, structures, objects, texts and sparse arrays.
	firstNumeric, lastNumeric = 6, 15
	complexFlag               = 0x0800
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
// the file, and for a compressed array the offset of its values when unpacked.
func Read(r io.Reader, choose func(Header) (io.Writer, error)) error {
	s := &stream{r: bufio.NewReaderSize(r, 1<<16)}
	head, err := s.take(headerBytes)
	if err != nil {
		return err
	}
	var order binary.ByteOrder
	switch string(head[126:128]) {
	case "IM":
		order = binary.LittleEndian
	case "MI":
		order = binary.BigEndian
	default:
		return fmt.Errorf("offset 126: expected the mark IM or MI of a MATLAB file of version 5, found % x (files of version 7.3 are HDF5: save them with -v7)", head[126:128])
	}
	if version := order.Uint16(head[124:]); version != 0x0100 {
		return fmt.Errorf("offset 124: version %#04x: expected 0x0100, version 5", version)
	}
	for {
		start := s.at
		kind, length, small, err := s.tag(order)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if small {
			return fmt.Errorf("offset %d: element type %d in short form: expected an array", start, kind)
		}
		body := &stream{r: io.LimitReader(s, int64(length)), at: s.at}
		switch kind {
		case miMATRIX:
			err = body.matrix(order, choose)
		case miCOMPRESSED:
			err = body.compressed(order, choose)
		}
		if err == nil {
			err = body.skipRest(int64(length))
		}
		if err != nil {
			return err
		}
	}
}

// stream counts what is read, so that errors can say where.
type stream struct {
	r  io.Reader
	at int64
	// unpacked says that at counts the bytes of a compressed element.
	unpacked bool
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.at += int64(n)
	return n, err
}

func (s *stream) where() string {
	if s.unpacked {
		return fmt.Sprintf("offset %d of the unpacked array", s.at)
	}
	return fmt.Sprintf("offset %d", s.at)
}

// take reads n bytes, n being small.
func (s *stream) take(n int) ([]byte, error) {
	data := make([]byte, n)
	got, err := io.ReadFull(s, data)
	if err == io.ErrUnexpectedEOF || (err == io.EOF && n > 0) {
		return nil, fmt.Errorf("truncated at %s: expected %d more bytes", s.where(), n-got)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.where(), err)
	}
	return data, nil
}

// tag reads an element's tag. In the short form the length is in the upper half of the first word and the data in the
// second. io.EOF is the end before the first byte.
func (s *stream) tag(order binary.ByteOrder) (kind, length uint32, small bool, err error) {
	var first [4]byte
	got, err := io.ReadFull(s, first[:])
	if err == io.EOF {
		return 0, 0, false, io.EOF
	}
	if err != nil {
		return 0, 0, false, truncated(s, err, len(first)-got)
	}
	word := order.Uint32(first[:])
	if high := word >> 16; high != 0 {
		if high > 4 {
			return 0, 0, false, fmt.Errorf("%s: an element of %d bytes in short form: expected at most 4", s.where(), high)
		}
		return word & 0xffff, high, true, nil
	}
	second, err := s.take(4)
	if err != nil {
		return 0, 0, false, err
	}
	return word, order.Uint32(second), false, nil
}

func truncated(s *stream, err error, missing int) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("truncated at %s: expected %d more bytes", s.where(), missing)
	}
	return fmt.Errorf("%s: %w", s.where(), err)
}

// part reads a small sub-element with its padding.
func (s *stream) part(order binary.ByteOrder, what string, want uint32, atMost int) ([]byte, error) {
	kind, length, small, err := s.tag(order)
	if err == io.EOF {
		err = fmt.Errorf("truncated at %s: expected the array's %s", s.where(), what)
	}
	if err != nil {
		return nil, err
	}
	if kind != want || int64(length) > int64(atMost) {
		return nil, fmt.Errorf("%s: the array's %s has type %d and %d bytes: expected type %d and at most %d", s.where(), what, kind, length, want, atMost)
	}
	data, err := s.take(padded(length, small))
	if err != nil {
		return nil, err
	}
	return data[:length], nil
}

func padded(length uint32, small bool) int {
	if small {
		return 4
	}
	return int(length+7) / 8 * 8
}

func (s *stream) compressed(order binary.ByteOrder, choose func(Header) (io.Writer, error)) error {
	z, err := zlib.NewReader(s)
	if err != nil {
		return truncated(s, err, 2)
	}
	defer z.Close()
	inner := &stream{r: z, unpacked: true}
	kind, length, small, err := inner.tag(order)
	if err == io.EOF {
		err = fmt.Errorf("truncated at %s: expected an array", inner.where())
	}
	if err != nil {
		return err
	}
	if kind != miMATRIX || small {
		return nil // nothing of interest is compressed beside arrays
	}
	body := &stream{r: io.LimitReader(inner, int64(length)), at: inner.at, unpacked: true}
	read, err := body.matrixOf(order, choose)
	if err != nil || !read {
		return err
	}
	// The checksum stands at the end of the stream.
	if _, err := io.Copy(io.Discard, io.LimitReader(inner, int64(length))); err != nil {
		return truncated(inner, err, 1)
	}
	return nil
}

func (s *stream) matrix(order binary.ByteOrder, choose func(Header) (io.Writer, error)) error {
	_, err := s.matrixOf(order, choose)
	return err
}

// matrixOf reads one array; read says that its values were wanted.
func (s *stream) matrixOf(order binary.ByteOrder, choose func(Header) (io.Writer, error)) (read bool, err error) {
	flags, err := s.part(order, "flags", miUINT32, 8)
	if err != nil {
		return false, err
	}
	if len(flags) != 8 {
		return false, fmt.Errorf("%s: the array's flags have %d bytes: expected 8", s.where(), len(flags))
	}
	word := order.Uint32(flags)
	if class := word & 0xff; class < firstNumeric || class > lastNumeric || word&complexFlag != 0 {
		return false, nil
	}
	axes, err := s.part(order, "shape", miINT32, 4*maxAxes)
	if err != nil {
		return false, err
	}
	h := Header{Order: order}
	total := int64(1)
	for i := 0; i+4 <= len(axes); i += 4 {
		n := int64(int32(order.Uint32(axes[i:])))
		if n < 0 || (n > 0 && total > (1<<40)/n) {
			return false, fmt.Errorf("%s: an axis of %d values is negative or makes the array too large", s.where(), n)
		}
		total *= n
		h.Shape = append(h.Shape, int(n))
	}
	if len(h.Shape) < 2 || len(axes)%4 != 0 {
		return false, fmt.Errorf("%s: the array's shape has %d bytes: expected 4 for each of two axes or more", s.where(), len(axes))
	}
	name, err := s.part(order, "name", miINT8, maxName)
	if err != nil {
		return false, err
	}
	h.Name = string(name)
	kind, length, small, err := s.tag(order)
	if err == io.EOF {
		err = fmt.Errorf("truncated at %s: expected the values of %s", s.where(), h.Name)
	}
	if err != nil {
		return false, err
	}
	h.Width = widths[kind]
	h.Unsigned = kind == miUINT8 || kind == miUINT16 || kind == miUINT32 || kind == miUINT64
	if h.Width == 0 || int64(length) != total*int64(h.Width) {
		return false, fmt.Errorf("%s: the values of %s have type %d and %d bytes: expected a numeric type and %d values", s.where(), h.Name, kind, length, total)
	}
	to, err := choose(h)
	if err != nil || to == nil {
		return false, err
	}
	n, err := io.CopyN(to, s, int64(length))
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return true, fmt.Errorf("truncated at %s: expected %d more bytes of %s", s.where(), int64(length)-n, h.Name)
	}
	if err != nil {
		return true, fmt.Errorf("%s: %w", s.where(), err)
	}
	_ = small // its padding is passed over with what is left of the element
	return true, nil
}

// skipRest passes over what is left of an element of the file.
func (s *stream) skipRest(length int64) error {
	limited := s.r.(*io.LimitedReader)
	n := limited.N
	got, err := io.Copy(io.Discard, s)
	if err != nil {
		return fmt.Errorf("%s: %w", s.where(), err)
	}
	if got < n {
		return fmt.Errorf("truncated at %s: expected %d more bytes of an element of %d", s.where(), n-got, length)
	}
	return nil
}
