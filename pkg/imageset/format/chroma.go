package format

import (
	"image"
	"image/color"
)

// JPEG and lossy WebP store colour at half the resolution. Go's decoders leave it so; the decoders that the paper's sets went
// through (PIL's libjpeg and libwebp) smooth it when they double it. Repeating it instead would be a codec history of its
// own, so this file does as they do.

// WriteJPEG writes the RGB of a JPEG into dst, height x width x 3. Chroma of 4:2:0 and 4:2:2 is doubled by a triangle
// filter, weights 3/4 and 1/4 along each halved axis, rounded as libjpeg's "fancy upsampling" does; other ratios are
// repeated, as there.
func WriteJPEG(dst []uint8, p *image.YCbCr) {
	height, width := p.Rect.Dy(), p.Rect.Dx()
	cb, cr := make([]uint8, width), make([]uint8, width)
	halfWidth, halfHeight := (width+1)/2, (height+1)/2
	sums := make([]int, halfWidth)
	for y := range height {
		switch p.SubsampleRatio {
		case image.YCbCrSubsampleRatio420:
			near := y / 2
			far := near - 1 + y%2*2 // above for even rows, below for odd ones
			far = min(max(far, 0), halfHeight-1)
			for _, c := range []struct{ to, plane []uint8 }{{cb, p.Cb}, {cr, p.Cr}} {
				for x := range sums {
					sums[x] = 3*int(c.plane[near*p.CStride+x]) + int(c.plane[far*p.CStride+x])
				}
				doubleRow(c.to, sums, 4, 8, 7)
			}
		case image.YCbCrSubsampleRatio422:
			for _, c := range []struct{ to, plane []uint8 }{{cb, p.Cb}, {cr, p.Cr}} {
				for x := range sums {
					sums[x] = int(c.plane[y*p.CStride+x])
				}
				doubleRow(c.to, sums, 2, 1, 2)
			}
		default:
			for x := range width {
				at := p.COffset(x, y)
				cb[x], cr[x] = p.Cb[at], p.Cr[at]
			}
		}
		for x := range width {
			at := 3 * (y*width + x)
			dst[at], dst[at+1], dst[at+2] = color.YCbCrToRGB(p.Y[y*p.YStride+x], cb[x], cr[x])
		}
	}
}

// doubleRow doubles a row of chroma: each value with a quarter of its left and then of its right neighbour, itself at the ends. Values
// are shifted down by bits; left and right are what is added before, so that halves round up and down in turn.
func doubleRow(to []uint8, row []int, bits, left, right int) {
	for x, v := range row {
		before, after := row[max(x-1, 0)], row[min(x+1, len(row)-1)]
		to[2*x] = uint8((3*v + before + left) >> bits)
		if 2*x+1 < len(to) {
			to[2*x+1] = uint8((3*v + after + right) >> bits)
		}
	}
}

// writeWebP writes the RGB of an opaque lossy WebP; done is false for other pictures.
func writeWebP(dst []uint8, picture image.Image, channels int) (done bool, err error) {
	var p *image.YCbCr
	switch v := picture.(type) {
	case *image.YCbCr:
		p = v
	case *image.NYCbCrA:
		for y := range v.Rect.Dy() {
			for x := range v.Rect.Dx() {
				if v.A[v.AOffset(x, y)] != 255 {
					return true, errTransparent(y, x)
				}
			}
		}
		p = &v.YCbCr
	default:
		return false, nil
	}
	if channels != 3 || p.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return false, nil
	}
	WriteWebP(dst, p)
	return true, nil
}

// WriteWebP writes the RGB of a lossy WebP, whose chroma is 4:2:0, into dst, height x width x 3. Its YCbCr has the narrow
// range of video (ITU-R BT.601: Y from 16 to 235), which image.YCbCr does not know of, and its chroma is doubled with
// weights 9, 3, 3, 1 of 16 over the four nearest values (RFC 6386 leaves it open; libwebp does so).
func WriteWebP(dst []uint8, p *image.YCbCr) {
	height, width := p.Rect.Dy(), p.Rect.Dx()
	halfHeight, halfWidth := (height+1)/2, (width+1)/2
	chroma := func(plane []uint8, y, x int) int {
		near, far := y/2, min(max(y/2-1+y%2*2, 0), halfHeight-1)
		nearX, farX := x/2, min(max(x/2-1+x%2*2, 0), halfWidth-1)
		a, b := int(plane[near*p.CStride+nearX]), int(plane[near*p.CStride+farX])
		c, d := int(plane[far*p.CStride+nearX]), int(plane[far*p.CStride+farX])
		return (9*a + 3*b + 3*c + d + 8) >> 4
	}
	for y := range height {
		for x := range width {
			at := 3 * (y*width + x)
			videoToRGB(dst[at:at+3], int(p.Y[y*p.YStride+x]), chroma(p.Cb, y, x), chroma(p.Cr, y, x))
		}
	}
}

// videoToRGB is BT.601 in fixed point, 14 bits after the point, as libwebp rounds it.
func videoToRGB(dst []uint8, y, u, v int) {
	high := func(value, coefficient int) int { return value * coefficient >> 8 }
	luma := high(y, 19077)
	for i, c := range []int{
		luma + high(v, 26149) - 14234,
		luma - high(u, 6419) - high(v, 13320) + 8708,
		luma + high(u, 33050) - 17685,
	} {
		dst[i] = uint8(min(max(c>>6, 0), 255))
	}
}
