package nifti

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
)

// Size reads the sides of a volume, in voxels, from its header alone.
func Size(r io.Reader, maxVoxels int) (x, y, z int, err error) {
	in, err := unpacked(r)
	if err != nil {
		return 0, 0, 0, err
	}
	h, err := readHeader(in, maxVoxels)
	return h.sides[0], h.sides[1], h.sides[2], err
}

// unpacked is a file without gzip, if it has it.
func unpacked(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := in.Peek(2); string(mark) != "\x1f\x8b" {
		return in, nil
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("offset 0: expected gzip: %w", err)
	}
	return bufio.NewReaderSize(z, 1<<16), nil
}
