package format

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"strata/internal/importer/npy"
)

// numpyArray is one .npy array of N x H x W x C unsigned bytes, as 300K Random Images is distributed. It has no splits and no
// labels: every fifth image is test, the others train.
type numpyArray struct {
	path    string
	options Options
}

// open leaves the file at the values.
func (n numpyArray) open() (*os.File, Shape, int64, error) {
	fail := func(err error) (*os.File, Shape, int64, error) {
		return nil, Shape{}, 0, fmt.Errorf("%s: %w", n.path, err)
	}
	file, err := os.Open(n.path)
	if err != nil {
		return nil, Shape{}, 0, err // names the path
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return fail(err)
	}
	array, err := npy.ReadHeader(file)
	if err != nil {
		file.Close()
		return fail(err)
	}
	shape, err := imagesOf(array, n.options.Limits)
	if err == nil && info.Size() != int64(array.Header)+shape.Bytes() {
		err = fmt.Errorf("truncated at offset %d: expected %d bytes for an array of %v", info.Size(), int64(array.Header)+shape.Bytes(),
			array.Shape)
	}
	if err != nil {
		file.Close()
		return fail(err)
	}
	return file, shape, int64(array.Header), nil
}

// imagesOf checks that an array holds images.
func imagesOf(a npy.Array, limits Limits) (Shape, error) {
	if len(a.Shape) != 4 || a.Shape[0] < 1 || (a.Shape[3] != 1 && a.Shape[3] != 3) || a.Type != "|u1" || a.Fortran {
		return Shape{}, fmt.Errorf("offset 10: an array of shape %v, type %s, Fortran order %v: expected images x height x width x 1 or "+
			"3 of |u1, not in Fortran order", a.Shape, a.Type, a.Fortran)
	}
	shape := Shape{a.Shape[0], a.Shape[1], a.Shape[2], a.Shape[3]}
	if _, err := sizeOf(shape.Images, shape.Height, shape.Width, shape.Channels, limits); err != nil {
		return Shape{}, fmt.Errorf("offset 10: %w", err)
	}
	return shape, nil
}

func (n numpyArray) splits() ([]Split, error) {
	file, shape, _, err := n.open()
	if err != nil {
		return nil, err
	}
	file.Close()
	held := shape.Images / 5
	splits := []Split{{Train, shape.Images - held}}
	if held > 0 {
		splits = append(splits, Split{Test, held})
	}
	return splits, nil
}

func (n numpyArray) read(split string, target Target) (*Images, error) {
	file, shape, at, err := n.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	one := shape.Height * shape.Width * shape.Channels
	images := &Images{Height: shape.Height, Width: shape.Width, Channels: shape.Channels, History: AsDistributed}
	for i := range shape.Images {
		if heldOut(i) == (split == Test) {
			images.Places = append(images.Places, i)
		}
	}
	all := shape.Images
	shape.Images = len(images.Places)
	to, err := target(shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.path, err)
	}
	in := bufio.NewReaderSize(file, 1<<20)
	pixels := make([]uint8, one)
	written := int64(0)
	for i := range all {
		if _, err := io.ReadFull(in, pixels); err != nil {
			return nil, fmt.Errorf("%s: offset %d: %w", n.path, at+int64(i)*int64(one), err)
		}
		if heldOut(i) != (split == Test) {
			continue
		}
		if _, err := to.WriteAt(pixels, written); err != nil {
			return nil, err
		}
		written += int64(one)
	}
	return images, nil
}
