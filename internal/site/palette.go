package site

import (
	"image"
	"image/color"
	"image/draw"
	"slices"
)

// colours is how many of them a picture with a palette has at most.
const colours = 256

// indexed is a picture in at most 256 colours of its own: the colours of its pixels are cut into boxes, at their mean
// and across the longest spread, always the box that strays most from its mean (after Wu 1992). It says no where a
// pixel is not opaque. The library for it that is to be had takes ten seconds a figure.
func indexed(picture image.Image) (*image.Paletted, bool) {
	bounds := picture.Bounds()
	full := image.NewRGBA(bounds)
	draw.Draw(full, bounds, picture, bounds.Min, draw.Src)
	if !full.Opaque() {
		return nil, false
	}
	counts := map[[3]uint8]int{}
	for i := 0; i < len(full.Pix); i += 4 {
		counts[[3]uint8(full.Pix[i:i+3])]++
	}
	all := make([]shade, 0, len(counts))
	for c, n := range counts {
		all = append(all, shade{c, n})
	}
	slices.SortFunc(all, func(a, b shade) int { return slices.Compare(a.rgb[:], b.rgb[:]) }) // maps have no order
	boxes := []box{newBox(all)}
	for len(boxes) < colours {
		worst := 0
		for i := range boxes {
			if boxes[i].spread > boxes[worst].spread {
				worst = i
			}
		}
		if boxes[worst].spread == 0 {
			break // each box is one colour
		}
		low, high := boxes[worst].cut()
		boxes[worst] = low
		boxes = append(boxes, high)
	}
	palette := make(color.Palette, len(boxes))
	place := make(map[[3]uint8]uint8, len(all))
	for i, b := range boxes {
		palette[i] = b.colour()
		for _, s := range b.shades {
			place[s.rgb] = uint8(i)
		}
	}
	result := image.NewPaletted(bounds, palette)
	for i := range result.Pix { // both begin at the bounds and have no gaps between rows
		result.Pix[i] = place[[3]uint8(full.Pix[4*i:4*i+3])]
	}
	return result, true
}

// shade is a colour with the number of its pixels.
type shade struct {
	rgb [3]uint8
	n   int
}

// box is some colours of a picture.
type box struct {
	shades []shade
	mean   [3]float64
	pixels int
	// spread is the sum of the pixels' squared distances from the mean, and axis the channel with the largest part.
	spread float64
	axis   int
}

func newBox(shades []shade) box {
	b := box{shades: shades}
	var sum, squares [3]float64
	for _, s := range shades {
		b.pixels += s.n
		for i, v := range s.rgb {
			sum[i] += float64(v) * float64(s.n)
			squares[i] += float64(v) * float64(v) * float64(s.n)
		}
	}
	largest := -1.0
	for i := range sum {
		b.mean[i] = sum[i] / float64(b.pixels)
		spread := squares[i] - sum[i]*b.mean[i]
		b.spread += spread
		if spread > largest {
			largest, b.axis = spread, i
		}
	}
	if len(shades) == 1 {
		b.spread = 0 // whatever rounding says
	}
	return b
}

// cut parts a box of several colours at its mean.
func (b box) cut() (low, high box) {
	at := 0 // how many colours lie below, which come first
	for i, s := range b.shades {
		if float64(s.rgb[b.axis]) <= b.mean[b.axis] {
			b.shades[at], b.shades[i] = b.shades[i], b.shades[at]
			at++
		}
	}
	at = min(max(at, 1), len(b.shades)-1)
	return newBox(b.shades[:at]), newBox(b.shades[at:])
}

// colour stands for a box: the mean, or the colour of most of its pixels, so that white paper stays white.
func (b box) colour() color.Color {
	for _, s := range b.shades {
		if 2*s.n > b.pixels {
			return color.RGBA{s.rgb[0], s.rgb[1], s.rgb[2], 255}
		}
	}
	return color.RGBA{uint8(b.mean[0] + .5), uint8(b.mean[1] + .5), uint8(b.mean[2] + .5), 255}
}
