package intake

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"slices"
	"strings"

	"strata/pkg/imageset/format"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"
)

// Limits bound what a file can make its reader do.
type Limits struct {
	Bytes  int64 // of a file, unpacked
	Pixels int64 // of a picture, by its header, before it is decoded
}

// DefaultLimits take what cameras make.
var DefaultLimits = Limits{Bytes: 256 << 20, Pixels: 64 << 20}

// Picture is a decoded picture: 8 bits a channel, HWC.
type Picture struct {
	Height, Width int
	// Channels is 1 where all pixels are grey, however they are stored, or else 3.
	Channels int
	Pixels   []uint8
	// Notes say what was done to it that can matter: "16 bits a channel, rounded to 8".
	Notes []string
}

// atWork bounds the pixels that are decoded at once, over all goroutines: a picture takes up to 15 bytes a pixel on the way.
var atWork = semaphore.NewWeighted(DefaultLimits.Pixels)

// Read reads and decodes a file. The errors are for people, and do not name the file.
func (f File) Read(limits Limits) (*Picture, error) {
	if f.err != nil {
		return nil, f.err
	}
	data := f.data
	if f.open != nil {
		file, err := f.open()
		if err != nil {
			return nil, withoutPath(err)
		}
		defer file.Close()
		if data, err = io.ReadAll(io.LimitReader(file, limits.Bytes+1)); err != nil {
			return nil, withoutPath(err)
		}
	}
	if int64(len(data)) > limits.Bytes {
		return nil, fmt.Errorf("is larger than the %d MiB that a file may have", limits.Bytes>>20)
	}
	return Decode(data, limits)
}

// codec is one way to store a picture.
type codec struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func codecOf(data []byte) (codec, error) {
	begins := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch {
	case len(data) == 0:
		return codec{}, errors.New("is empty")
	case begins("\x89PNG\r\n\x1a\n"):
		return codec{"PNG", png.DecodeConfig, png.Decode}, nil
	case begins("\xff\xd8\xff"):
		return codec{"JPEG", jpeg.DecodeConfig, jpeg.Decode}, nil
	case begins("GIF8"):
		return codec{"GIF", gif.DecodeConfig, gif.Decode}, nil
	case begins("BM"):
		return codec{"BMP", bmp.DecodeConfig, bmp.Decode}, nil
	case begins("II*\x00"), begins("MM\x00*"):
		return codec{"TIFF", tiff.DecodeConfig, tiff.Decode}, nil
	case len(data) >= 12 && begins("RIFF") && string(data[8:12]) == "WEBP":
		return codec{"WebP", webp.DecodeConfig, webp.Decode}, nil
	}
	if len(data) >= 12 && string(data[4:8]) == "ftyp" {
		return codec{}, fmt.Errorf("is HEIC, AVIF or a film (%q), which cannot be decoded: make a PNG or JPEG of it", data[8:12])
	}
	return codec{}, fmt.Errorf("is no PNG, JPEG, WebP, GIF, BMP or TIFF: it starts with % x", data[:min(8, len(data))])
}

// Decode decodes a file. Its size is read from its header first, and a picture of more pixels than the limit is not
// begun. Of several frames or pages the first is taken; what is transparent lies on white; CMYK becomes RGB without a
// profile; 16 bits are rounded to 8; and the picture is turned as its EXIF says.
func Decode(data []byte, limits Limits) (picture *Picture, err error) {
	defer func() { // decoders are written by many hands, and files by worse ones
		if r := recover(); r != nil {
			picture, err = nil, fmt.Errorf("cannot be decoded: %v", r)
		}
	}()
	c, err := codecOf(data)
	if err != nil {
		return nil, err
	}
	config, err := c.config(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: its header cannot be read: %w", c.name, err)
	}
	pixels, err := limits.allow(c.name, config)
	if err != nil {
		return nil, err
	}
	if scans := jpegScans(data); c.name == "JPEG" && scans > mostScans {
		return nil, fmt.Errorf("JPEG of %d scans: more than the %d that are decoded", scans, mostScans)
	}
	if claimed := tiffBytes(data); c.name == "TIFF" && claimed > int64(len(data))+8*pixels {
		return nil, fmt.Errorf("TIFF whose parts claim %d bytes, of a file of %d: they are the same ones many times", claimed, len(data))
	}
	frame, at := data, image.Point{}
	var notes []string
	if c.name == "WebP" {
		if still, corner, animated := firstFrame(data); animated {
			frame, at, notes = still, corner, append(notes, "animated: its first frame")
			inner, err := c.config(bytes.NewReader(frame)) // it has a size of its own
			if err != nil {
				return nil, fmt.Errorf("WebP: the header of its first frame cannot be read: %w", err)
			}
			more, err := limits.allow("WebP whose first frame is", inner)
			if err != nil {
				return nil, err
			}
			pixels = max(pixels, more)
		}
	}
	weight := min(pixels, DefaultLimits.Pixels)
	if err := atWork.Acquire(context.Background(), weight); err != nil {
		return nil, err
	}
	defer atWork.Release(weight)
	decoded, err := c.decode(bytes.NewReader(frame))
	if cutOff(err) {
		return nil, fmt.Errorf("%s: the file is cut off or damaged: %w", c.name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	switch {
	case c.name == "GIF":
		at = decoded.Bounds().Min
		notes = append(notes, "GIF: its first frame")
	case c.name == "PNG" && bytes.Contains(data[:min(len(data), 4096)], []byte("acTL")):
		notes = append(notes, "animated: its first frame")
	}
	if bounds := decoded.Bounds(); int64(bounds.Dx())*int64(bounds.Dy()) > limits.Pixels {
		return nil, fmt.Errorf("%s decodes to %dx%d pixels, its header says %dx%d", c.name, bounds.Dx(), bounds.Dy(), config.Width,
			config.Height)
	}
	picture, more := flatten(decoded, c.name == "WebP")
	if picture.Width != config.Width || picture.Height != config.Height {
		more = append(picture.onCanvas(at, config.Width, config.Height), more...)
	}
	picture.Notes = slices.Compact(append(notes, more...))
	if turn := orientation(c.name, data); turn > 1 {
		picture.turn(turn)
		picture.Notes = append(picture.Notes, "turned as its EXIF says")
	}
	picture.collapse()
	return picture, nil
}

// mostSide is how many pixels a side has at most, as in JPEG: one that is a million high and one wide would take 32 times its size when
// it is made as wide as the networks want.
const mostSide = 1<<16 - 1

// allow is how many pixels a header claims, or why they are not decoded.
func (l Limits) allow(what string, config image.Config) (pixels int64, err error) {
	pixels = int64(config.Width) * int64(config.Height)
	if config.Width < 1 || config.Height < 1 || pixels/int64(config.Width) != int64(config.Height) {
		return 0, fmt.Errorf("%s of %dx%d pixels", what, config.Width, config.Height)
	}
	if longer := max(config.Width, config.Height); longer > mostSide {
		return 0, fmt.Errorf("%s of %dx%d pixels: a side has more than %d", what, config.Width, config.Height, mostSide)
	}
	if pixels > l.Pixels {
		return 0, fmt.Errorf("%s of %dx%d pixels: more than the %d million that are decoded", what, config.Width,
			config.Height, l.Pixels>>20)
	}
	return pixels, nil
}

// mostScans is how many scans of a progressive JPEG are decoded: cameras and programs write about ten. Each goes over all of the
// picture and takes a dozen bytes of the file, so that a file of some megabytes could keep a processor busy for hours.
const mostScans = 100

// jpegScans counts the scans of a JPEG, as far as a decoder goes.
func jpegScans(data []byte) int {
	scans := 0
	for at := 2; at+4 <= len(data); {
		marker := data[at+1]
		switch {
		case data[at] != 0xff || marker == 0xff: // of a scan, or filled up
			at++
		case marker == 0xd9: // the end
			return scans
		case marker == 0 || marker >= 0xd0 && marker <= 0xd7: // a byte of 255, or a restart
			at += 2
		default:
			if marker == 0xda {
				scans++
			}
			at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		}
	}
	return scans
}

// cutOff says whether a decoder ran out of bytes, in the words of each.
func cutOff(err error) bool {
	return err != nil && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		strings.Contains(err.Error(), "short Huffman data") || strings.Contains(err.Error(), "not enough pixel data"))
}

// onCanvas puts a frame that is a part of the picture where it belongs; what is around it can be seen through.
func (p *Picture) onCanvas(at image.Point, width, height int) []string {
	whole := bytes.Repeat([]byte{255}, width*height*p.Channels)
	from := image.Rect(0, 0, p.Width, p.Height)
	part := from.Add(at).Intersect(image.Rect(0, 0, width, height)).Sub(at)
	for y := part.Min.Y; y < part.Max.Y; y++ {
		copy(whole[((y+at.Y)*width+part.Min.X+at.X)*p.Channels:][:part.Dx()*p.Channels], p.Pixels[(y*p.Width+part.Min.X)*p.Channels:])
	}
	p.Height, p.Width, p.Pixels = height, width, whole
	return []string{onWhite}
}

// onWhite is the note on what can be seen through.
const onWhite = "transparent: laid on white"

// flatten makes 8-bit RGB or grey of what a decoder gave.
func flatten(decoded image.Image, narrow bool) (*Picture, []string) {
	bounds := decoded.Bounds()
	p := &Picture{Height: bounds.Dy(), Width: bounds.Dx(), Channels: 3}
	if gray, ok := decoded.(*image.Gray); ok {
		p.Channels = 1
		p.Pixels = make([]uint8, p.Height*p.Width)
		for y := range p.Height {
			copy(p.Pixels[y*p.Width:(y+1)*p.Width], gray.Pix[y*gray.Stride:])
		}
		return p, nil
	}
	p.Pixels = make([]uint8, p.Height*p.Width*3)
	switch v := decoded.(type) {
	case *image.YCbCr:
		if narrow && v.SubsampleRatio == image.YCbCrSubsampleRatio420 {
			format.WriteWebP(p.Pixels, v)
		} else {
			format.WriteJPEG(p.Pixels, v)
		}
		return p, nil
	case *image.NYCbCrA:
		format.WriteWebP(p.Pixels, &v.YCbCr)
		return p, p.overWhite(func(y, x int) uint32 { return 0x101 * uint32(v.A[v.AOffset(x, y)]) })
	case *image.RGBA: // from a file without alpha
		return p, p.copyRGB(v.Pix, v.Stride)
	case *image.NRGBA:
		return p, p.copyRGB(v.Pix, v.Stride)
	case *image.CMYK:
		for y := range p.Height {
			for x := range p.Width {
				at := v.Pix[y*v.Stride+4*x:]
				r, g, b := color.CMYKToRGB(at[0], at[1], at[2], at[3])
				copy(p.Pixels[3*(y*p.Width+x):], []uint8{r, g, b})
			}
		}
		return p, []string{"CMYK: made RGB without a profile"}
	}
	var notes []string
	switch decoded.(type) {
	case *image.Gray16, *image.RGBA64, *image.NRGBA64:
		notes = append(notes, "16 bits a channel, rounded to 8")
	}
	alpha := func(y, x int) uint32 {
		_, _, _, a := decoded.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
		return a
	}
	for y := range p.Height {
		for x := range p.Width {
			c := color.NRGBA64Model.Convert(decoded.At(bounds.Min.X+x, bounds.Min.Y+y)).(color.NRGBA64)
			copy(p.Pixels[3*(y*p.Width+x):], []uint8{toByte(c.R), toByte(c.G), toByte(c.B)})
		}
	}
	return p, append(notes, p.overWhite(alpha)...)
}

func toByte(v uint16) uint8 { return uint8((uint32(v)*255 + 32767) / 65535) }

func (p *Picture) copyRGB(pix []uint8, stride int) []string {
	for y := range p.Height {
		row := pix[y*stride:]
		for x := range p.Width {
			copy(p.Pixels[3*(y*p.Width+x):][:3], row[4*x:])
		}
	}
	return p.overWhite(func(y, x int) uint32 { return 0x101 * uint32(pix[y*stride+4*x+3]) })
}

// overWhite lays the picture on white, by its alpha of 16 bits, and says so where one can see through.
func (p *Picture) overWhite(alpha func(y, x int) uint32) []string {
	through := false
	for y := range p.Height {
		for x := range p.Width {
			a := alpha(y, x)
			if a == 0xffff {
				continue
			}
			through = true
			at := p.Pixels[3*(y*p.Width+x):][:3]
			for c, v := range at {
				at[c] = uint8((uint32(v)*a + 255*(0xffff-a) + 0x7fff) / 0xffff)
			}
		}
	}
	if through {
		return []string{onWhite}
	}
	return nil
}

// collapse makes one channel of three that are equal everywhere.
func (p *Picture) collapse() {
	if p.Channels != 3 {
		return
	}
	for i := 0; i < len(p.Pixels); i += 3 {
		if p.Pixels[i] != p.Pixels[i+1] || p.Pixels[i] != p.Pixels[i+2] {
			return
		}
	}
	grey := make([]uint8, p.Height*p.Width)
	for i := range grey {
		grey[i] = p.Pixels[3*i]
	}
	p.Channels, p.Pixels = 1, grey
}
