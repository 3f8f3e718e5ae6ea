package measure

import (
	"math"
	"slices"

	"strata/pkg/density"

	. "github.com/gomlx/gomlx/core/graph"
)

// glowTraits: a Glow has the contributions of its scales, and latents, which are all that is known of places.
var glowTraits = traits{
	title:   "Glow",
	seconds: 0.14 / 32 / (4 * 64 * 64), // K 4, hidden 64, 32 images
	outputs: func(l density.Likelihood) []*Node {
		return append([]*Node{Stack(append([]*Node{l.Total}, l.Scales...), 1)}, l.Latents...)
	},
	read: func(flat [][]float32, batch, image int) likelihood {
		row := flat[0][image*len(flat):][:len(flat)]
		l := likelihood{total: float64(row[0])}
		for scale, latents := range flat[1:] {
			l.scales = append(l.scales, float64(row[1+scale]))
			l.latents = append(l.latents, ofImage(latents, batch, image))
		}
		return l
	},
	heat: latentHeat,
}

// latentHeat is the log-ratio of a window's latents. A pixel's share is that of the latents above it, of every scale: the log-density
// under the prior of the own Glow's less that of the general Glow's, evenly over the pixels of their position. What is left out are the
// log-determinants, of which those of the 1x1 convolutions and norms are the same everywhere, and those of the couplings are not; and
// a latent sees more than the pixels above it. So the map shows where to look, and does not add up to the ratio.
func latentHeat(m *measured) []float32 {
	heat := make([]float32, Side*Side)
	for scale, own := range m.unsorted {
		general := m.general.latents[scale]
		cell := 2 << scale // pixels along a side of a position
		side := Side / cell
		positions := side * side
		of := make([]float64, positions)
		for k := range own {
			a, b := float64(own[k]), float64(general[k])
			of[k%positions] += (b*b - a*a) / 2
		}
		for p := range heat {
			y, x := p/Side/cell, p%Side/cell
			heat[p] += float32(of[y*side+x] / float64(cell*cell))
		}
	}
	return heat
}

// latentFit asks whether the latents of an image look like draws from the prior, which it takes no general set to know. The
// paper on continuous flows tests noise of one scale; a Glow's latents are tested scale by scale.
func latentFit(m *measured) float64 {
	sum := 0.0
	for _, z := range m.own.latents {
		sum += AndersonDarling(z)
	}
	return -sum
}

// AndersonDarling is the distance A^2 of the distribution of values from the standard normal: about 1 where they are drawn from
// it, and above 2.5 in a twentieth of cases. Values that are not finite are infinitely far. It sorts the values.
func AndersonDarling(values []float32) float64 {
	slices.Sort(values)
	n := len(values)
	if n == 0 || math.IsNaN(float64(values[0])) || math.IsInf(float64(values[0]), 0) || math.IsInf(float64(values[n-1]), 0) {
		return math.Inf(1)
	}
	sum := 0.0
	for i, z := range values {
		// ln F(z) for the i-th from below, ln (1 - F(z)) for the i-th from above.
		below, above := logTails(float64(z))
		sum += float64(2*i+1)*below + float64(2*(n-1-i)+1)*above
	}
	return -float64(n) - sum/float64(n)
}

// logTails are the logarithms of the shares of a standard normal below and above z.
func logTails(z float64) (below, above float64) {
	away := math.Abs(z)
	if away > 30 { // erfc is 0 from 38 on; the first terms of its expansion are right to 1e-6 here
		below, above = -away*away/2-math.Log(away)-0.5*math.Log(2*math.Pi)+math.Log1p(-1/(away*away)), 0
	} else {
		tail := 0.5 * math.Erfc(away/math.Sqrt2)
		below, above = math.Log(tail), math.Log1p(-tail)
	}
	if z > 0 {
		return above, below
	}
	return below, above
}

// The local intrinsic dimension of Kamkari et al. is the slope of the log-density of p convolved with noise of standard deviation s
// against ln s. Where the flow is taken as linear around the image, with Jacobian J of latents by sub-pixels, it is
//
//	D - sum of s^2/(l + s^2) = sum of 1/(1 + s^2 a)
//
// over the eigenvalues a = 1/l of J J^T. They would take D passes. By Schur and Horn the same sum over the diagonal of J J^T is no
// more, for 1/(1 + s^2 a) is convex; and an element of the diagonal is the mean of (J v)_k^2 over random signs v, here over two
// of them, with J v by a finite difference. So few make the sum too large on average, by the same convexity, so that it is no strict
// bound. s is a level.
const (
	probeCount = 2
	probeStep  = 0.25 // levels
)

func dimension(m *measured) float64 {
	sum := 0.0
	for scale, z := range m.unsorted {
		for k, at := range z {
			square := 0.0
			for _, probe := range m.probes {
				moved := float64(probe[scale][k]-at) / probeStep
				square += moved * moved / float64(len(m.probes))
			}
			sum += 1 / (1 + square)
		}
	}
	return sum
}
