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

	"golang.org/x/image/webp"
)

func hasImageName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".webp":
		return true
	}
	return false
}

// header is what a picture says of itself before its pixels.
type header struct {
	height, width int
	grey          bool
	codec         string // "PNG", "JPEG 75 4:2:0" or "WebP"
	decode        func(io.Reader) (image.Image, error)
}

// decoder turns PNG, JPEG and WebP files into HWC bytes. It keeps its buffers from one
// file to the next; each goroutine has its own.
type decoder struct {
	buffer bytes.Buffer
	whole  []uint8
	codec  string // of what was decoded last
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
	return parseHeader(d.buffer.Bytes(), limits)
}

// parseHeader checks all that can be checked before pixels are decoded.
func parseHeader(data []byte, limits Limits) (header, error) {
	var h header
	config := png.DecodeConfig
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		h.codec, h.decode = "PNG", png.Decode
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		h.codec, h.decode, config = "JPEG", jpeg.Decode, jpeg.DecodeConfig
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		h.codec, h.decode, config = "WebP", webp.Decode, webp.DecodeConfig
	default:
		return header{}, fmt.Errorf("offset 0: expected a PNG, JPEG or WebP, found a file that starts with % x", data[:min(8, len(data))])
	}
	c, err := config(bytes.NewReader(data))
	if err != nil {
		return header{}, fmt.Errorf("%s header: %w", h.codec, err)
	}
	h.height, h.width = c.Height, c.Width
	if _, err := sizeOf(1, h.height, h.width, 3, limits); err != nil {
		return header{}, err
	}
	if h.codec == "JPEG" {
		h.codec += jpegQuality(data)
	}
	switch c.ColorModel {
	case color.GrayModel:
		h.grey = true
	case color.Gray16Model, color.RGBA64Model, color.NRGBA64Model:
		return header{}, errors.New("16 bits a channel: expected 8")
	case color.CMYKModel:
		return header{}, errors.New("CMYK: expected grey or RGB")
	}
	return h, nil
}

// decode writes the picture into dst, height x width x channels of shape: brought to its size where fit says so, by the
// kernel; otherwise it must have it. An alpha channel is dropped where it is opaque
// everywhere; a picture that can be seen through is refused, for what lies
// behind it is not known.
func (d *decoder) decode(e entry, dst []uint8, shape Shape, fit bool, options Options) error {
	limits := options.Limits
	if err := d.load(e, limits); err != nil {
		return err
	}
	h, err := parseHeader(d.buffer.Bytes(), limits)
	if err != nil {
		return err
	}
	d.codec = h.codec
	same := h.height == shape.Height && h.width == shape.Width
	if !same && !fit {
		return fmt.Errorf("is %dx%d (height x width): expected %dx%d, as the first image of the split", h.height, h.width,
			shape.Height, shape.Width)
	}
	if shape.Channels == 1 && !h.grey {
		return errColour
	}
	if same {
		return d.pixels(dst, h, shape.Channels)
	}
	n := h.height * h.width * shape.Channels
	if cap(d.whole) < n {
		d.whole = make([]uint8, n)
	}
	if err := d.pixels(d.whole[:n], h, shape.Channels); err != nil {
		return err
	}
	copy(dst, options.Kernel.FitWithChroma(options.Chroma, d.whole[:n], h.height, h.width, shape.Channels, shape.Height))
	return nil
}

// pixels decodes what is loaded, at its own size.
func (d *decoder) pixels(dst []uint8, h header, channels int) error {
	picture, err := h.decode(bytes.NewReader(d.buffer.Bytes()))
	if err != nil {
		return fmt.Errorf("%s: %w", h.codec, err)
	}
	if bounds := picture.Bounds(); bounds.Dx() != h.width || bounds.Dy() != h.height {
		return fmt.Errorf("decodes to %dx%d, its header says %dx%d", bounds.Dy(), bounds.Dx(), h.height, h.width)
	}
	if h.codec == "WebP" {
		if done, err := writeWebP(dst, picture, channels); done {
			return err
		}
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
		WriteJPEG(dst, p)
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

// DecodePicture writes the RGB or grey values of a PNG, JPEG or WebP file of a known size into dst, height x width x channels.
func DecodePicture(dst []uint8, file []byte, height, width, channels int) error {
	h, err := parseHeader(file, DefaultLimits)
	if err != nil {
		return err
	}
	if h.height != height || h.width != width || len(dst) != height*width*channels || channels == 1 && !h.grey {
		return fmt.Errorf("a picture of %dx%d, grey: %v: expected %dx%dx%d", h.height, h.width, h.grey, height, width, channels)
	}
	var d decoder
	d.buffer.Write(file)
	return d.pixels(dst, h, channels)
}
