// Package resample is the one way in which strata changes the size of a picture: what the paper's sets were made by
// (digest §7), PIL's resize(BILINEAR), which smooths when it shrinks. Unequal resizing alone can tell two sets apart, and
// how a general set was made small decides what a ratio to it sees: PIL's other kernels are there to show it
// (docs/kernel.md).
package resample

import (
	"cmp"
	"fmt"
	"math"
)

// Kernel is the filter that a picture is resized by, one of PIL's by its name there; "" is Bilinear.
type Kernel string

// The kernels, from the sharpest to the smoothest when they shrink; box leaves most of what then aliases.
const (
	Box      Kernel = "box"
	Lanczos  Kernel = "lanczos"
	Bicubic  Kernel = "bicubic"
	Bilinear Kernel = "bilinear"
)

// shape is a filter: its weight at a distance in output pixels (input pixels where it enlarges), 0 beyond its support.
type shape struct {
	support float64
	weight  func(x float64) float64
}

var shapes = map[Kernel]shape{
	Box: {0.5, func(x float64) float64 {
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	}},
	Lanczos: {3, func(x float64) float64 {
		if x < -3 || x >= 3 {
			return 0
		}
		return sinc(x) * sinc(x/3)
	}},
	Bicubic: {2, func(x float64) float64 { // Keys' cubic with a = -1/2
		const a = -0.5
		switch x = math.Abs(x); {
		case x < 1:
			return ((a+2)*x-(a+3))*x*x + 1
		case x < 2:
			return (((x-5)*x+8)*x - 4) * a
		}
		return 0
	}},
	Bilinear: {1, func(x float64) float64 { return math.Max(0, 1-math.Abs(x)) }},
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// Validate refuses what is no kernel.
func (k Kernel) Validate() error {
	if _, ok := shapes[k]; !ok && k != "" {
		return fmt.Errorf("kernel %q: expected %s, %s, %s or %s", string(k), Box, Lanczos, Bicubic, Bilinear)
	}
	return nil
}

// Resize returns the image, HWC, at another size: bilinear with a triangle
// filter over half-pixel centres that widens when it shrinks, in fixed point, as
// PIL's resize(BILINEAR) does to 8-bit images. The paper's sets were resized so
// (digest §7), and the result is equal to PIL's byte for byte.
func Resize(src []uint8, height, width, channels, newHeight, newWidth int) []uint8 {
	return Bilinear.Resize(src, height, width, channels, newHeight, newWidth)
}

// Resize is the same by any kernel, each equal to PIL's of its name byte for byte.
func (k Kernel) Resize(src []uint8, height, width, channels, newHeight, newWidth int) []uint8 {
	if height < 1 || width < 1 || newHeight < 1 || newWidth < 1 || len(src) != height*width*channels {
		panic(fmt.Sprintf("resample.Resize: %d values of a %dx%dx%d image to %dx%d", len(src), height, width,
			channels, newHeight, newWidth))
	}
	dst := make([]uint8, newHeight*newWidth*channels)
	k.newResizer(height, width, channels, newHeight, newWidth).Resize(dst, src)
	return dst
}

// Resizer resizes pictures of one size to another without making its weights again. It is for one goroutine.
type Resizer struct {
	channels                int
	height, width, newWidth int
	columns, rows           []taps
	between                 []uint8 // height x newWidth, rounded to bytes as PIL does
}

// taps are the inputs that one output position is made of.
type taps struct {
	first   int
	weights []int // 22 bits after the point
}

// PIL's 8-bit paths leave 32 - 8 (pixel) - 2 (sum and sign) bits for a weight.
const weightBits = 22

// NewResizer returns a Resizer between two sizes, both in pixels and positive.
func NewResizer(height, width, channels, newHeight, newWidth int) *Resizer {
	return Bilinear.newResizer(height, width, channels, newHeight, newWidth)
}

func (k Kernel) newResizer(height, width, channels, newHeight, newWidth int) *Resizer {
	filter, ok := shapes[cmp.Or(k, Bilinear)]
	if !ok {
		panic(k.Validate())
	}
	return &Resizer{
		channels: channels,
		columns:  filter.taps(width, newWidth), rows: filter.taps(height, newHeight),
		height: height, width: width, newWidth: newWidth,
		between: make([]uint8, height*newWidth*channels),
	}
}

// taps returns the taps of each of out positions over in positions.
func (s shape) taps(in, out int) []taps {
	scale := float64(in) / float64(out)
	wider := math.Max(scale, 1)
	support := s.support * wider // half the width of the filter, in input pixels
	all := make([]taps, out)
	for o := range all {
		center := (float64(o) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		last := min(int(center+support+0.5), in)
		weights, sum := make([]float64, last-first), 0.0
		for i := range weights {
			weights[i] = s.weight((float64(i+first) - center + 0.5) * (1 / wider))
			sum += weights[i]
		}
		all[o] = taps{first, make([]int, len(weights))}
		for i, w := range weights {
			all[o].weights[i] = int(math.Copysign(0.5, w) + w/sum*(1<<weightBits)) // to the nearest, halves away from 0
		}
	}
	return all
}

// Resize writes the picture src at the new size into dst, both HWC: the columns are scaled, then the rows.
func (r *Resizer) Resize(dst, src []uint8) {
	between := src
	if r.newWidth != r.width { // PIL skips a pass that changes nothing
		between = r.between
		for y := range r.height {
			apply(between[y*r.newWidth*r.channels:], src[y*r.width*r.channels:], r.columns, r.channels, r.channels)
		}
	}
	if len(r.rows) == r.height {
		copy(dst, between)
		return
	}
	stride := r.newWidth * r.channels
	for x := range stride {
		apply(dst[x:], between[x:], r.rows, stride, 1)
	}
}

// apply makes each output position from its taps. Positions are step apart;
// at each, count neighbouring values are treated alike.
func apply(dst, src []uint8, positions []taps, step, count int) {
	for o, t := range positions {
		for c := range count {
			sum := 1 << (weightBits - 1)
			for i, w := range t.weights {
				sum += int(src[(t.first+i)*step+c]) * w
			}
			dst[o*step+c] = uint8(min(max(sum>>weightBits, 0), 255))
		}
	}
}

// Fit returns the middle side x side piece of the picture, HWC, its shorter side resized to side: what the reference does to
// LSUN (digest §7). As in torchvision, the longer side is rounded down and the place of the piece to the nearest, halves to even.
func Fit(src []uint8, height, width, channels, side int) []uint8 {
	return Bilinear.Fit(src, height, width, channels, side)
}

// Fit is the same by any kernel.
func (k Kernel) Fit(src []uint8, height, width, channels, side int) []uint8 {
	newHeight, newWidth := side, side
	if height < width {
		newWidth = side * width / height
	} else {
		newHeight = side * height / width
	}
	resized := k.Resize(src, height, width, channels, newHeight, newWidth)
	return Crop(resized, newWidth, channels, middle(newHeight, side), middle(newWidth, side), side, side)
}

// FitWithChroma is Fit with another kernel for the chroma: JPEG files keep chroma at half of their resolution (4:2:0), so
// that bringing them to another size by one kernel smooths it twice (docs/kernel.md). "" is the kernel itself. Chroma is
// what is left of a colour when its Luma is taken away.
func (k Kernel) FitWithChroma(chroma Kernel, src []uint8, height, width, channels, side int) []uint8 {
	pixels := k.Fit(src, height, width, channels, side)
	if channels != 3 || cmp.Or(chroma, k) == k {
		return pixels
	}
	coloured := chroma.Fit(src, height, width, channels, side)
	for i := 0; i < len(pixels); i += 3 {
		brighter := Luma(pixels[i:]) - Luma(coloured[i:])
		for c := range 3 {
			pixels[i+c] = uint8(math.RoundToEven(min(max(float64(coloured[i+c])+brighter, 0), 255)))
		}
	}
	return pixels
}

// Luma is that of a pixel, in levels: 0.299 R + 0.587 G + 0.114 B.
func Luma(rgb []uint8) float64 {
	return 0.299*float64(rgb[0]) + 0.587*float64(rgb[1]) + 0.114*float64(rgb[2])
}

// middle is where a piece of the middle begins.
func middle(whole, piece int) int { return int(math.RoundToEven(float64(whole-piece) / 2)) }

// Crop returns the height x width piece whose upper left corner is at (top, left), of a picture of the given width, HWC.
func Crop(src []uint8, srcWidth, channels, top, left, height, width int) []uint8 {
	piece := make([]uint8, 0, height*width*channels)
	for y := range height {
		from := ((top+y)*srcWidth + left) * channels
		piece = append(piece, src[from:from+width*channels]...)
	}
	return piece
}

// All returns n images, NHWC, at another size.
func All(pixels []uint8, height, width, channels, newHeight, newWidth int) []uint8 {
	in, out := height*width*channels, newHeight*newWidth*channels
	n := len(pixels) / in
	resized := make([]uint8, n*out)
	r := NewResizer(height, width, channels, newHeight, newWidth)
	for i := range n {
		r.Resize(resized[i*out:(i+1)*out], pixels[i*in:(i+1)*in])
	}
	return resized
}
