// Package nifti reads volumes in the NIfTI-1 format, gzipped or not: the form in
// which BRATS is distributed. The Go readers there are unkept, and a header of 348
// bytes and an array need none.
package nifti

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

const headerBytes = 348

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
	2:   {1, func(_ binary.ByteOrder, b []byte) float64 { return float64(b[0]) }},
	4:   {2, func(o binary.ByteOrder, b []byte) float64 { return float64(int16(o.Uint16(b))) }},
	8:   {4, func(o binary.ByteOrder, b []byte) float64 { return float64(int32(o.Uint32(b))) }},
	16:  {4, func(o binary.ByteOrder, b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }},
	64:  {8, func(o binary.ByteOrder, b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }},
	256: {1, func(_ binary.ByteOrder, b []byte) float64 { return float64(int8(b[0])) }},
	512: {2, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint16(b)) }},
	768: {4, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint32(b)) }},
}

// Read reads a volume of at most maxVoxels voxels. Whether it is gzipped shows in its first bytes. Offsets in errors count
// unpacked bytes. Values that are not finite are an error: no scanner writes them.
func Read(r io.Reader, maxVoxels int) (*Volume, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := in.Peek(2); len(mark) == 2 && mark[0] == 0x1f && mark[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("offset 0: expected gzip: %w", err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	head := make([]byte, headerBytes)
	if got, err := io.ReadFull(in, head); err != nil {
		return nil, cut(int64(got), headerBytes-got, err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(head) != headerBytes {
		order = binary.BigEndian
	}
	if got := order.Uint32(head); got != headerBytes {
		return nil, fmt.Errorf("offset 0: expected a NIfTI-1 header of %d bytes, found the number %d", headerBytes, binary.LittleEndian.Uint32(head))
	}
	if mark := string(head[344:348]); mark != "n+1\x00" {
		return nil, fmt.Errorf("offset 344: expected the mark n+1 of a NIfTI-1 file with its data, found %q", mark)
	}
	axis := func(i int) int { return int(int16(order.Uint16(head[40+2*i:]))) }
	axes := axis(0)
	if axes < 3 || axes > 7 {
		return nil, fmt.Errorf("offset 40: %d axes: expected a volume of 3", axes)
	}
	v := &Volume{X: axis(1), Y: axis(2), Z: axis(3)}
	for i := 4; i <= axes; i++ {
		if axis(i) != 1 {
			return nil, fmt.Errorf("offset %d: axis %d has %d values: expected one volume", 40+2*i, i, axis(i))
		}
	}
	if v.X < 1 || v.Y < 1 || v.Z < 1 || v.X*v.Y > maxVoxels/v.Z {
		return nil, fmt.Errorf("offset 42: %dx%dx%d voxels: expected positive sides and at most %d in all", v.X, v.Y, v.Z, maxVoxels)
	}
	code := int16(order.Uint16(head[70:]))
	stored, known := types[code]
	if !known {
		return nil, fmt.Errorf("offset 70: data type %d is not read: expected whole or floating-point numbers (2, 4, 8, 16, 64, 256, 512, 768)", code)
	}
	real32 := func(at int) float64 { return float64(math.Float32frombits(order.Uint32(head[at:]))) }
	start, slope, intercept := real32(108), real32(112), real32(116)
	if !(start >= headerBytes && start <= 1<<20) {
		return nil, fmt.Errorf("offset 108: data from offset %v: expected %d to 1 MiB", start, headerBytes)
	}
	if slope == 0 { // not scaled
		slope, intercept = 1, 0
	}
	if _, err := in.Discard(int(start) - headerBytes); err != nil {
		return nil, cut(headerBytes, int(start)-headerBytes, err)
	}
	at := int64(start)
	row := make([]byte, v.X*stored.width)
	for range v.Y * v.Z { // memory grows with what arrives
		if got, err := io.ReadFull(in, row); err != nil {
			return nil, cut(at+int64(got), len(row)-got, err)
		}
		for x := range v.X {
			value := slope*stored.value(order, row[x*stored.width:]) + intercept
			if math.IsNaN(value) || math.Abs(value) > math.MaxFloat32 {
				return nil, fmt.Errorf("offset %d: the value %v: expected a finite one", at+int64(x*stored.width), value)
			}
			v.Values = append(v.Values, float32(value))
		}
		at += int64(len(row))
	}
	// Reading to the end makes gzip check its sum.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, fmt.Errorf("offset %d: %w", at, err)
	}
	return v, nil
}

func cut(at int64, missing int, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("truncated at offset %d: expected %d more bytes", at, missing)
	}
	return fmt.Errorf("offset %d: %w", at, err)
}
