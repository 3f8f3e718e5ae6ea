package measure

import (
	"image"
	"math"
)

// Heat says where a picture is unusual: for each pixel how many standard deviations the log-ratio of the two networks lies below what it is
// on good images at that place of a window. Below 0 it lies above: what is too smooth is unusual on that side. What a pixel's share of the
// log-ratio is, the kind of network says: see latentHeat of Glows, and pixelHeat of PixelCNN++, whose map adds up to the ratio.
type Heat struct {
	Height, Width int
	Values        []float32 // row by row
}

// HeatScale is what heat is on good images, place by place of a window: Side x Side values, row by row.
type HeatScale struct{ Mean, Spread []float32 }

// HeatSums gathers it.
type HeatSums struct {
	n            int
	sum, squares []float64
}

// NewHeatSums begins without images.
func NewHeatSums() *HeatSums {
	return &HeatSums{sum: make([]float64, Side*Side), squares: make([]float64, Side*Side)}
}

// Add takes a window's heat, unless something in it is not finite.
func (s *HeatSums) Add(heat []float32) {
	for _, h := range heat {
		if math.IsNaN(float64(h)) || math.IsInf(float64(h), 0) {
			return
		}
	}
	s.n++
	for p, h := range heat {
		s.sum[p] += float64(h)
		s.squares[p] += float64(h) * float64(h)
	}
}

// Scale is what all of them say.
func (s *HeatSums) Scale() HeatScale {
	scale := HeatScale{make([]float32, len(s.sum)), make([]float32, len(s.sum))}
	for p := range s.sum {
		n := float64(max(1, s.n))
		mean := s.sum[p] / n
		scale.Mean[p] = float32(mean)
		scale.Spread[p] = float32(math.Sqrt(max(s.squares[p]/n-mean*mean, 1e-6)))
	}
	return scale
}

// Stitch lays the heat of windows over the picture that they are cut from, of some height and width, at their upper left
// corners; where they overlap it is their mean.
func (s HeatScale) Stitch(height, width int, corners []image.Point, windows [][]float32) *Heat {
	h := &Heat{Height: height, Width: width, Values: make([]float32, height*width)}
	times := make([]float32, len(h.Values))
	for i, corner := range corners {
		for p, v := range windows[i] {
			at := (corner.Y+p/Side)*width + corner.X + p%Side
			away := (s.Mean[p] - v) / s.Spread[p]
			if math.IsNaN(float64(away)) { // as unusual as can be shown
				away = 100
			}
			h.Values[at] += min(max(away, -100), 100)
			times[at]++
		}
	}
	for at, n := range times {
		if n > 0 {
			h.Values[at] /= n
		}
	}
	return h
}
