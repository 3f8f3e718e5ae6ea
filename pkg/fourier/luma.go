package fourier

import (
	"math"
	"math/cmplx"

	"strata/pkg/imageset"
	"strata/pkg/imageset/resample"
)

// Luma is what an image's luma, 0.299 R + 0.587 G + 0.114 B in levels, says of how fine its structure is.
type Luma struct {
	// Step is the mean absolute difference of neighbouring pixels, the mean of that along rows and that along columns.
	Step float64
	// Laplacian is the mean absolute difference, times 4, of a pixel that has four neighbours from their mean.
	Laplacian float64
	// Power is the mean power of the frequencies of each of Rings: the squared amplitude of the transform of the luma
	// less its mean, under a Hann window, without which the jump from one border to the other would be counted.
	Power [6]float64
}

// Rings are from which frequency, in cycles an image of 32 pixels, to below which the powers of Luma are taken. 0 is
// left out, as are the corners, 17 and more.
var Rings = [7]float64{0.5, 3, 6, 9, 12, 15, 17}

// LumaOf is the luma of each image of a set. Images of other sides than 32 have rings of the same cycles a pixel.
func LumaOf(set *imageset.Set) []Luma {
	all := make([]Luma, set.Len())
	power := newSpectrum(set.Height, set.Width)
	for i := range all {
		plane := luma(set, i)
		all[i].Step, all[i].Laplacian = steps(plane, set.Height, set.Width)
		all[i].Power = power.of(plane)
	}
	return all
}

// ChromaOf is the power of the chroma of each image of a set in the rings of Luma: the mean of that of Cb and of Cr, as
// JPEG has them, 0.564 (B - luma) and 0.713 (R - luma). Images of one channel have none.
func ChromaOf(set *imageset.Set) [][6]float64 {
	if set.Channels == 1 {
		return nil
	}
	all := make([][6]float64, set.Len())
	power := newSpectrum(set.Height, set.Width)
	for i := range all {
		y := luma(set, i)
		for _, difference := range []struct {
			channel int
			scale   float64
		}{{2, 0.564}, {0, 0.713}} {
			plane := channel(set, i, difference.channel)
			for p := range plane {
				plane[p] = difference.scale * (plane[p] - y[p])
			}
			for ring, value := range power.of(plane) {
				all[i][ring] += value / 2
			}
		}
	}
	return all
}

// spectrum takes the powers of Rings of planes of one size.
type spectrum struct {
	transform     *transform
	width         int
	rows, columns []float64
	rings         []int
}

func newSpectrum(height, width int) *spectrum {
	return &spectrum{newTransform(height, width), width, hann(height), hann(width), ringsOf(height, width)}
}

// of overwrites the plane.
func (s *spectrum) of(plane []float64) (power [6]float64) {
	mean := 0.
	for _, v := range plane {
		mean += v / float64(len(plane))
	}
	for p := range plane {
		plane[p] = (plane[p] - mean) * s.rows[p/s.width] * s.columns[p%s.width]
	}
	var counts [6]float64
	for p, v := range s.transform.forward(plane) {
		if ring := s.rings[p]; ring >= 0 {
			power[ring] += cmplx.Abs(v) * cmplx.Abs(v)
			counts[ring]++
		}
	}
	for ring := range counts {
		power[ring] /= counts[ring]
	}
	return power
}

// luma is an image's, and of one channel that channel itself.
func luma(s *imageset.Set, image int) []float64 {
	if s.Channels == 1 {
		return channel(s, image, 0)
	}
	pixels, plane := s.Image(image), make([]float64, s.Height*s.Width)
	for p := range plane {
		plane[p] = resample.Luma(pixels[3*p:])
	}
	return plane
}

// steps are Luma's Step and Laplacian.
func steps(plane []float64, height, width int) (step, laplacian float64) {
	var right, down, curved float64
	for y := range height {
		for x := range width {
			at := y*width + x
			if x+1 < width {
				right += math.Abs(plane[at+1] - plane[at])
			}
			if y+1 < height {
				down += math.Abs(plane[at+width] - plane[at])
			}
			if x > 0 && y > 0 && x+1 < width && y+1 < height {
				curved += math.Abs(4*plane[at] - plane[at-1] - plane[at+1] - plane[at-width] - plane[at+width])
			}
		}
	}
	h, w := float64(height), float64(width)
	return (right/(h*(w-1)) + down/((h-1)*w)) / 2, curved / ((h - 2) * (w - 2))
}

// hann is the window that is 0 at both ends.
func hann(n int) []float64 {
	window := make([]float64, n)
	for i := range window {
		window[i] = (1 - math.Cos(2*math.Pi*float64(i)/float64(n-1))) / 2
	}
	return window
}

// ringsOf is the ring of every frequency of a transform, -1 for none.
func ringsOf(height, width int) []int {
	const side = 32 // of the images whose cycles Rings counts
	rings := make([]int, height*width)
	for p := range rings {
		y, x := p/width, p%width
		frequency := math.Hypot(float64(min(y, height-y))*side/float64(height), float64(min(x, width-x))*side/float64(width))
		rings[p] = -1
		for ring := range len(Rings) - 1 {
			if frequency >= Rings[ring] && frequency < Rings[ring+1] {
				rings[p] = ring
			}
		}
	}
	return rings
}
