package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"strata/pkg/imageset/format/matlab"
)

// svhn is a folder of SVHN's MATLAB files (format 2, cropped digits): X, 32x32x3xN, and y, where 10 stands for the digit 0.
type svhn struct {
	dir     string
	options Options
}

var svhnFiles = map[string]string{Train: "train_32x32.mat", Test: "test_32x32.mat"}

// errEnough ends the reading of a file of which only the header is wanted.
var errEnough = errors.New("enough")

func (s svhn) splits() ([]Split, error) {
	var found []Split
	for _, split := range []string{Train, Test} {
		path := filepath.Join(s.dir, svhnFiles[split])
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err // names the path
		}
		images := 0
		err = matlab.Read(file, func(h matlab.Header) (io.Writer, error) {
			if h.Name != "X" {
				return nil, nil
			}
			images = h.Shape[len(h.Shape)-1]
			return nil, errEnough
		})
		file.Close()
		if !errors.Is(err, errEnough) {
			if err == nil {
				err = errors.New("offset 128: holds no array X: expected SVHN's cropped digits, X and y")
			}
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		found = append(found, Split{split, images})
	}
	return found, nil
}

func (s svhn) read(split string, target Target) (*Images, error) {
	path := filepath.Join(s.dir, svhnFiles[split])
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names the path
	}
	defer file.Close()
	images, err := readSVHN(file, target, s.options.Limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return images, nil
}

func readSVHN(r io.Reader, target Target, limits Limits) (*Images, error) {
	images := &Images{Height: paperSide, Width: paperSide, Channels: 3, Classes: numbered(10), History: AsDistributed}
	var labels bytes.Buffer
	var y *matlab.Header
	pixels := &columnMajorWriter{}
	count := -1
	err := matlab.Read(r, func(h matlab.Header) (io.Writer, error) {
		switch h.Name {
		case "X":
			if len(h.Shape) == 3 { // MATLAB drops a last axis of one
				h.Shape = append(h.Shape, 1)
			}
			if count >= 0 || len(h.Shape) != 4 || h.Shape[0] != paperSide || h.Shape[1] != paperSide || h.Shape[2] != 3 ||
				h.Width != 1 || !h.Unsigned {
				return nil, fmt.Errorf("array X has the shape %v and values of %d bytes: expected one X of 32x32x3xN unsigned bytes",
					h.Shape, h.Width)
			}
			count = h.Shape[3]
			if _, err := sizeOf(count, paperSide, paperSide, 3, limits); err != nil {
				return nil, err
			}
			var err error
			pixels.to, err = target(Shape{count, paperSide, paperSide, 3})
			return pixels, err
		case "y":
			if y != nil || h.Len() > limits.Entries*8 || !h.Unsigned {
				return nil, fmt.Errorf("array y has the shape %v and values of %d bytes, unsigned: %v: expected one y of N unsigned "+
					"numbers", h.Shape, h.Width, h.Unsigned)
			}
			y = &h
			return &labels, nil
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	if count < 0 || y == nil || y.Len() != count {
		return nil, fmt.Errorf("offset 128: %d images in X and labels in y: %v: expected as many of both", max(count, 0), y)
	}
	for i := range count {
		label := unsigned(y.Order, labels.Bytes()[i*y.Width:][:y.Width])
		if label < 1 || label > 10 {
			return nil, fmt.Errorf("array y, number %d: label %d: expected 1 to 10, where 10 stands for the digit 0", i, label)
		}
		images.Labels = append(images.Labels, int32(label%10))
	}
	return images, nil
}

// unsigned is a stored whole number.
func unsigned(order binary.ByteOrder, data []byte) uint64 {
	switch len(data) {
	case 1:
		return uint64(data[0])
	case 2:
		return uint64(order.Uint16(data))
	case 4:
		return uint64(order.Uint32(data))
	}
	return order.Uint64(data)
}

// columnMajorWriter turns 32x32x3 images whose rows are the fastest axis and whose colours the slowest, as MATLAB and the 80
// Million Tiny Images store them, into HWC.
type columnMajorWriter struct {
	to     io.WriterAt
	at     int64
	begun  []uint8 // of the next image
	pixels [cifarPixels]uint8
}

func (w *columnMajorWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(len(p), cifarPixels-len(w.begun))
		w.begun = append(w.begun, p[:n]...)
		p = p[n:]
		if len(w.begun) < cifarPixels {
			break
		}
		fromColumnMajor(w.pixels[:], w.begun)
		if _, err := w.to.WriteAt(w.pixels[:], w.at); err != nil {
			return 0, err
		}
		w.at += cifarPixels
		w.begun = w.begun[:0]
	}
	return written, nil
}

// fromColumnMajor writes one image.
func fromColumnMajor(dst, src []uint8) {
	for c := range 3 {
		for x := range paperSide {
			column := src[(c*paperSide+x)*paperSide:][:paperSide]
			for y, v := range column {
				dst[(y*paperSide+x)*3+c] = v
			}
		}
	}
}
