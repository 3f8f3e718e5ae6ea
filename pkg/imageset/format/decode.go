package format

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"path"
	"strings"
)

func hasImageName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return true
	}
	return false
}

// header is what a picture says of itself before its pixels.
type header struct {
	height, width int
	grey          bool
}

// decoder turns PNG and JPEG files into HWC bytes. It keeps its buffer from one
// file to the next; each goroutine has its own.
//
// JPEGs are decoded by image/jpeg, which repeats the chroma of a 4:2:0 file
// where libjpeg smooths it, so a set should not be compared with one that
// another decoder has turned into PNG.
type decoder struct {
	buffer bytes.Buffer
}

// load reads the file into the buffer.
func (d *decoder) load(e entry, limits Limits) error {
	file, err := e.open()
	if err != nil {
		return err
	}
	defer file.Close()
	d.buffer.Reset()
	if _, err := d.buffer.ReadFrom(io.LimitReader(file, limits.EntryBytes+1)); err != nil {
		return err
	}
	if int64(d.buffer.Len()) > limits.EntryBytes {
		return fmt.Errorf("unpacks to more than %d bytes", limits.EntryBytes)
	}
	return nil
}

func (d *decoder) header(e entry, limits Limits) (header, error) {
	if err := d.load(e, limits); err != nil {
		return header{}, err
	}
	h, _, err := parseHeader(d.buffer.Bytes(), limits)
	return h, err
}

// parseHeader checks all that can be checked before pixels are decoded, and
// returns the function that decodes them.
func parseHeader(data []byte, limits Limits) (header, func(io.Reader) (image.Image, error), error) {
	var config image.Config
	var err error
	decode := png.Decode
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		config, err = png.DecodeConfig(bytes.NewReader(data))
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		decode = jpeg.Decode
		config, err = jpeg.DecodeConfig(bytes.NewReader(data))
	default:
		return header{}, nil, fmt.Errorf("expected a PNG or JPEG, found a file that starts with % x", data[:min(8, len(data))])
	}
	if err != nil {
		return header{}, nil, err
	}
	h := header{height: config.Height, width: config.Width}
	if _, err := sizeOf(1, h.height, h.width, 3, limits); err != nil {
		return header{}, nil, err
	}
	switch config.ColorModel {
	case color.GrayModel:
		h.grey = true
	case color.Gray16Model, color.RGBA64Model, color.NRGBA64Model:
		return header{}, nil, errors.New("16 bits a channel: expected 8")
	case color.CMYKModel:
		return header{}, nil, errors.New("CMYK: expected grey or RGB")
	}
	return h, decode, nil
}

// decode writes the picture into dst, height x width x channels. The picture
// must have the size of first. An alpha channel is dropped where it is opaque
// everywhere; a picture that can be seen through is refused, for what lies
// behind it is not known.
func (d *decoder) decode(e entry, dst []uint8, first header, channels int, limits Limits) error {
	if err := d.load(e, limits); err != nil {
		return err
	}
	h, decode, err := parseHeader(d.buffer.Bytes(), limits)
	if err != nil {
		return err
	}
	if h.height != first.height || h.width != first.width {
		return fmt.Errorf("is %dx%d (height x width): expected %dx%d, as the first image of the split", h.height, h.width, first.height, first.width)
	}
	if channels == 1 && !h.grey {
		return errColour
	}
	picture, err := decode(bytes.NewReader(d.buffer.Bytes()))
	if err != nil {
		return err
	}
	if bounds := picture.Bounds(); bounds.Dx() != h.width || bounds.Dy() != h.height {
		return fmt.Errorf("decodes to %dx%d, its header says %dx%d", bounds.Dy(), bounds.Dx(), h.height, h.width)
	}
	return writePixels(dst, picture, channels)
}

// writePixels copies the picture's 8-bit values. Only greys reach it with one
// channel.
func writePixels(dst []uint8, picture image.Image, channels int) error {
	bounds := picture.Bounds()
	height, width := bounds.Dy(), bounds.Dx()
	switch p := picture.(type) {
	case *image.Gray:
		for y := range height {
			row := p.Pix[y*p.Stride:][:width]
			if channels == 1 {
				copy(dst[y*width:], row)
				continue
			}
			for x, v := range row {
				at := 3 * (y*width + x)
				dst[at], dst[at+1], dst[at+2] = v, v, v
			}
		}
	case *image.RGBA: // from a file without alpha, so never premultiplied
		return copyRGB(dst, p.Pix, p.Stride, height, width)
	case *image.NRGBA:
		return copyRGB(dst, p.Pix, p.Stride, height, width)
	case *image.YCbCr:
		for y := range height {
			for x := range width {
				yi, ci := p.YOffset(x, y), p.COffset(x, y)
				at := 3 * (y*width + x)
				dst[at], dst[at+1], dst[at+2] = color.YCbCrToRGB(p.Y[yi], p.Cb[ci], p.Cr[ci])
			}
		}
	case *image.Paletted:
		for y := range height {
			for x := range width {
				// An index past the palette is black: png.Decode extends it.
				c := color.NRGBAModel.Convert(p.At(x, y)).(color.NRGBA)
				if c.A != 255 {
					return errTransparent(y, x)
				}
				at := 3 * (y*width + x)
				dst[at], dst[at+1], dst[at+2] = c.R, c.G, c.B
			}
		}
	default:
		return fmt.Errorf("unexpected pixel type %T: expected 8-bit grey or RGB", picture)
	}
	return nil
}

func copyRGB(dst, pix []uint8, stride, height, width int) error {
	for y := range height {
		row := pix[y*stride:][:4*width]
		for x := range width {
			if row[4*x+3] != 255 {
				return errTransparent(y, x)
			}
			copy(dst[3*(y*width+x):][:3], row[4*x:])
		}
	}
	return nil
}

func errTransparent(y, x int) error {
	return fmt.Errorf("pixel at row %d, column %d is transparent: expected an opaque picture", y, x)
}
