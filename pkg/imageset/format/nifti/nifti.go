// Package nifti reads volumes in the NIfTI-1 format, gzipped or not: the form in
// which BraTS is distributed. The Go readers there are unkept, and a header of 348
// bytes and an array need none. The format is that of nifti1.h.
package nifti

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

const (
	headerBytes = 348
	nifti2Bytes = 540
	// The data start after the header and the four bytes that say whether extensions follow. Where they start is a float32,
	// which holds whole numbers up to maxStart.
	minStart, maxStart = headerBytes + 4, 1 << 24
)

// Volume is a scanned volume. Values are scaled as the header says, slope times the stored value plus intercept.
type Volume struct {
	X, Y, Z int
	// Values has x fastest, then y, then z.
	Values []float32
}

// At is the value of a voxel.
func (v *Volume) At(x, y, z int) float32 { return v.Values[x+v.X*(y+v.Y*z)] }

// types are NIfTI's codes of stored types and what one value of them is.
var types = map[int16]struct {
	width int
	value func(binary.ByteOrder, []byte) float64
}{
	2:    {1, func(_ binary.ByteOrder, b []byte) float64 { return float64(b[0]) }},
	4:    {2, func(o binary.ByteOrder, b []byte) float64 { return float64(int16(o.Uint16(b))) }},
	8:    {4, func(o binary.ByteOrder, b []byte) float64 { return float64(int32(o.Uint32(b))) }},
	16:   {4, func(o binary.ByteOrder, b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }},
	64:   {8, func(o binary.ByteOrder, b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }},
	256:  {1, func(_ binary.ByteOrder, b []byte) float64 { return float64(int8(b[0])) }},
	512:  {2, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint16(b)) }},
	768:  {4, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint32(b)) }},
	1024: {8, func(o binary.ByteOrder, b []byte) float64 { return float64(int64(o.Uint64(b))) }},
	1280: {8, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint64(b)) }},
}

// Read reads a volume of at most maxVoxels voxels. Whether it is gzipped shows in its first bytes. Offsets in errors count
// unpacked bytes. Values that are not finite are an error: no scanner writes them. So are bytes after the last voxel: the
// header does not belong to such data.
func Read(r io.Reader, maxVoxels int) (*Volume, error) {
	in, err := unpacked(r)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(in, maxVoxels)
	if err != nil {
		return nil, err
	}
	if got, err := in.Discard(h.start - headerBytes); err != nil {
		return nil, cut(headerBytes+got, h.start-headerBytes-got, err)
	}
	v := &Volume{X: h.sides[0], Y: h.sides[1], Z: h.sides[2]}
	stored, at := types[h.code], h.start
	row := make([]byte, v.X*stored.width)
	for left := v.X * v.Y * v.Z; left > 0; left -= v.X {
		if got, err := io.ReadFull(in, row); err != nil {
			return nil, cut(at+got, left*stored.width-got, err)
		}
		if cap(v.Values)-len(v.Values) < v.X { // memory grows with what arrives
			v.Values = slices.Grow(v.Values, min(left, len(v.Values)+1<<16))
		}
		for x := range v.X {
			value := h.slope*stored.value(h.order, row[x*stored.width:]) + h.intercept
			if !(math.Abs(value) <= math.MaxFloat32) {
				return nil, fmt.Errorf("offset %d: the value %v: expected a finite one", at+x*stored.width, value)
			}
			v.Values = append(v.Values, float32(value))
		}
		at += len(row)
	}
	// At the end gzip also checks its sum.
	switch _, err := in.ReadByte(); err {
	case io.EOF:
		return v, nil
	case nil:
		return nil, fmt.Errorf("offset %d: expected the end of the file, found more bytes than %dx%dx%d voxels", at, v.X, v.Y, v.Z)
	default:
		return nil, cut(at, 1, err)
	}
}

// header is what counts of a header.
type header struct {
	order            binary.ByteOrder
	sides            [3]int
	code             int16
	start            int
	slope, intercept float64
}

func readHeader(in io.Reader, maxVoxels int) (header, error) {
	data := make([]byte, headerBytes)
	if got, err := io.ReadFull(in, data); err != nil {
		return header{}, cut(got, headerBytes-got, err)
	}
	var h header
	switch length := data[:4]; {
	case binary.LittleEndian.Uint32(length) == headerBytes:
		h.order = binary.LittleEndian
	case binary.BigEndian.Uint32(length) == headerBytes:
		h.order = binary.BigEndian
	case binary.LittleEndian.Uint32(length) == nifti2Bytes, binary.BigEndian.Uint32(length) == nifti2Bytes:
		return header{}, fmt.Errorf("offset 0: a header of %d bytes: NIfTI-2 is not read: convert the file to NIfTI-1", nifti2Bytes)
	default:
		return header{}, fmt.Errorf("offset 0: expected the length %d of a NIfTI-1 header, found % x", headerBytes, length)
	}
	switch mark := string(data[344:348]); mark {
	case "n+1\x00":
	case "ni1\x00":
		return header{}, fmt.Errorf("offset 344: the mark ni1 of a pair of files .hdr and .img: expected n+1: convert the pair to a " +
			"single .nii")
	default:
		return header{}, fmt.Errorf("offset 344: expected the mark n+1 of a NIfTI-1 file, found %q", mark)
	}
	short := func(at int) int16 { return int16(h.order.Uint16(data[at:])) }
	axes := int(short(40))
	if axes < 3 || axes > 7 {
		return header{}, fmt.Errorf("offset 40: %d axes: expected a volume of 3", axes)
	}
	voxels := 1
	for i := range axes {
		at := 42 + 2*i
		n := int(short(at))
		switch {
		case i >= 3 && n != 1:
			return header{}, fmt.Errorf("offset %d: axis %d has %d values: expected one volume", at, i+1, n)
		case n < 1 || voxels > maxVoxels/n:
			return header{}, fmt.Errorf("offset %d: axis %d has %d voxels: expected 1 or more, and at most %d voxels in all", at, i+1, n,
				maxVoxels)
		case i < 3:
			h.sides[i] = n
		}
		voxels *= n
	}
	h.code = short(70)
	stored, known := types[h.code]
	if !known {
		return header{}, fmt.Errorf("offset 70: data type %d is not read: expected whole or floating-point numbers of at most 64 bits "+
			"(2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280)", h.code)
	}
	if bits := int(short(72)); bits != 8*stored.width {
		return header{}, fmt.Errorf("offset 72: %d bits a voxel: expected the %d of data type %d", bits, 8*stored.width, h.code)
	}
	single := func(at int) float64 { return float64(math.Float32frombits(h.order.Uint32(data[at:]))) }
	start := single(108)
	if !(start >= minStart && start <= maxStart) || start != math.Trunc(start) {
		return header{}, fmt.Errorf("offset 108: data from offset %v: expected a whole number from %d to %d", start, minStart, maxStart)
	}
	h.start = int(start)
	h.slope, h.intercept = single(112), single(116)
	if h.slope == 0 { // not scaled
		h.slope, h.intercept = 1, 0
	}
	if sum := h.slope + h.intercept; math.IsNaN(sum) || math.IsInf(sum, 0) {
		return header{}, fmt.Errorf("offset 112: slope %v and intercept %v: expected finite numbers", h.slope, h.intercept)
	}
	return h, nil
}

func cut(at, missing int, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("truncated at offset %d: expected %d more bytes", at, missing)
	}
	return fmt.Errorf("offset %d: %w", at, err)
}
