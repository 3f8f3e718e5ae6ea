// Package fourier mixes images in Fourier space: the amplitudes of one with the phases of another (paper §2, S3, Fig S1; digest
// §8). It also says how fine the structure of images is (docs/kernel.md). It knows no model.
package fourier

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"runtime"
	"sync"

	"strata/pkg/imageset"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Mix is a set whose image i has the amplitudes of image i of one set and the phases of image i of another, channel by channel:
// the real part of the inverse transform, clipped to 0..255 and rounded. The paper does not say whether it clips and rounds;
// a Glow is trained on whole levels. It uses all processors. Sets of other shapes or lengths are an error.
func Mix(amplitude, phase *imageset.Set) (*imageset.Set, error) {
	a, b := amplitude, phase
	if a.Height != b.Height || a.Width != b.Width || a.Channels != b.Channels || a.Len() != b.Len() {
		return nil, fmt.Errorf("fourier: %d images of %dx%dx%d in %s and %d of %dx%dx%d in %s: they must be of one shape and as many",
			a.Len(), a.Height, a.Width, a.Channels, a.Name, b.Len(), b.Height, b.Width, b.Channels, b.Name)
	}
	mixed := &imageset.Set{Name: "amplitude of " + a.Name + ", phase of " + b.Name, Split: a.Split, Height: a.Height,
		Width: a.Width, Channels: a.Channels, Pixels: make([]uint8, len(a.Pixels))}
	workers := min(runtime.GOMAXPROCS(0), a.Len())
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			t := newTransform(a.Height, a.Width) // has scratch memory
			for i := w; i < a.Len(); i += workers {
				into := mixed.Pixels[i*a.ImageSize() : (i+1)*a.ImageSize()]
				for c := range a.Channels {
					for p, v := range t.mix(channel(a, i, c), channel(b, i, c)) {
						into[p*a.Channels+c] = uint8(math.Round(min(max(v, 0), 255)))
					}
				}
			}
		})
	}
	wait.Wait()
	return mixed, nil
}

func channel(s *imageset.Set, image, c int) []float64 {
	pixels := s.Image(image)
	plane := make([]float64, s.Height*s.Width)
	for p := range plane {
		plane[p] = float64(pixels[p*s.Channels+c])
	}
	return plane
}

// Shuffled is a set in an order in which no image keeps its place, and that order: image i of the result is image order[i]. It
// pairs the images of a set with others of the same set.
func Shuffled(set *imageset.Set, seed uint64) (shuffled *imageset.Set, order []int) {
	n := set.Len()
	rng := rand.New(rand.NewPCG(seed, 0x666f7572))
	// Each image takes the place of the next one in a random round.
	round := rng.Perm(n)
	order = make([]int, n)
	for i, image := range round {
		order[image] = round[(i+1)%n]
	}
	copied := *set
	copied.Pixels, copied.Labels = make([]uint8, 0, len(set.Pixels)), nil
	for _, from := range order {
		copied.Pixels = append(copied.Pixels, set.Image(from)...)
		if set.Labels != nil {
			copied.Labels = append(copied.Labels, set.Labels[from])
		}
	}
	return &copied, order
}

// transform is the two-dimensional Fourier transform of planes of one shape.
type transform struct {
	height, width int
	rows, columns *fourier.CmplxFFT
}

func newTransform(height, width int) *transform {
	return &transform{height, width, fourier.NewCmplxFFT(width), fourier.NewCmplxFFT(height)}
}

func (t *transform) forward(plane []float64) []complex128 {
	values := make([]complex128, len(plane))
	for i, v := range plane {
		values[i] = complex(v, 0)
	}
	t.each(values, t.rows.Coefficients, t.columns.Coefficients)
	return values
}

// each transforms all rows, then all columns.
func (t *transform) each(values []complex128, row, column func(dst, src []complex128) []complex128) {
	for y := range t.height {
		line := values[y*t.width : (y+1)*t.width]
		copy(line, row(nil, line))
	}
	line := make([]complex128, t.height)
	for x := range t.width {
		for y := range line {
			line[y] = values[y*t.width+x]
		}
		for y, v := range column(nil, line) {
			values[y*t.width+x] = v
		}
	}
}

// mix is the real part of the plane with the amplitudes of one and the phases of the other.
func (t *transform) mix(amplitude, phase []float64) []float64 {
	values := t.forward(amplitude)
	for i, v := range t.forward(phase) {
		values[i] = cmplx.Rect(cmplx.Abs(values[i]), cmplx.Phase(v))
	}
	t.each(values, t.rows.Sequence, t.columns.Sequence)
	plane := make([]float64, len(values))
	for i, v := range values {
		plane[i] = real(v) / float64(len(values)) // gonum's pair of transforms is not normalised
	}
	return plane
}
