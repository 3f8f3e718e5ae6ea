// Package resample is the one way in which strata changes the size of a picture: what the paper's sets were made by
// (digest §7), PIL's resize(BILINEAR), which smooths when it shrinks. Unequal resizing alone can tell two sets apart.
package resample

import (
	"fmt"
	"math"
)

// Resize returns the image, HWC, at another size: bilinear with a triangle
// filter over half-pixel centres that widens when it shrinks, in fixed point, as
// PIL's resize(BILINEAR) does to 8-bit images. The paper's sets were resized so
// (digest §7), and the result is equal to PIL's byte for byte.
func Resize(src []uint8, height, width, channels, newHeight, newWidth int) []uint8 {
	if height < 1 || width < 1 || newHeight < 1 || newWidth < 1 || len(src) != height*width*channels {
		panic(fmt.Sprintf("resample.Resize: %d values of a %dx%dx%d image to %dx%d", len(src), height, width, channels, newHeight, newWidth))
	}
	dst := make([]uint8, newHeight*newWidth*channels)
	NewResizer(height, width, channels, newHeight, newWidth).Resize(dst, src)
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
	return &Resizer{
		channels: channels,
		columns:  triangle(width, newWidth), rows: triangle(height, newHeight),
		height: height, width: width, newWidth: newWidth,
		between: make([]uint8, height*newWidth*channels),
	}
}

// triangle returns the taps of each of out positions over in positions.
func triangle(in, out int) []taps {
	scale := float64(in) / float64(out)
	support := math.Max(scale, 1) // half the width of the filter, in input pixels
	all := make([]taps, out)
	for o := range all {
		center := (float64(o) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		last := min(int(center+support+0.5), in)
		weights, sum := make([]float64, last-first), 0.0
		for i := range weights {
			weights[i] = math.Max(0, 1-math.Abs((float64(i+first)-center+0.5)*(1/support)))
			sum += weights[i]
		}
		all[o] = taps{first, make([]int, len(weights))}
		for i, w := range weights {
			all[o].weights[i] = int(0.5 + w/sum*(1<<weightBits))
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
	newHeight, newWidth := side, side
	if height < width {
		newWidth = side * width / height
	} else {
		newHeight = side * height / width
	}
	resized := Resize(src, height, width, channels, newHeight, newWidth)
	return Crop(resized, newWidth, channels, middle(newHeight, side), middle(newWidth, side), side, side)
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
