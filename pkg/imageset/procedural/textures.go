package procedural

import "math"

// The classes of textures: kinds that leaves does not contain.
var textureClasses = []string{
	"gratings", "weave", "cells", "rings", "dots", "bricks", "static", "band",
}

// paintTextures draws an image of the far outliers: one texture that fills the frame.
func paintTextures(c *canvas, r *random, class int) error {
	p := wildPalette(r)
	ink, paper := p.pick(r), p.pick(r)
	// Two colours that can be told apart.
	for i := 0; math.Abs(ink.luma()-paper.luma()) < 40 && i < 8; i++ {
		paper = paper.brighter(12)
		ink = ink.brighter(-12)
	}
	t := newTiling(r)
	var value func(x, y float64) float64 // 0 ink ... 1 paper
	switch textureClasses[class] {
	case "gratings":
		other := newTiling(r)
		plaid := mul(0.5, float64(r.below(2)))
		value = func(x, y float64) float64 {
			u, _ := t.at(x, y)
			v, _ := other.at(x, y)
			return 0.5 + mul(0.5, lerp(sine(u), sine(v), plaid))
		}
	case "weave":
		value = func(x, y float64) float64 { return weave(t.at(x, y)) }
	case "cells":
		t.rate = mul(0.8, t.rate)
		value = func(x, y float64) float64 { return t.cells(x, y) }
	case "rings":
		x0, y0 := r.between(4, 28), r.between(4, 28)
		value = func(x, y float64) float64 {
			dx, dy := x-x0, y-y0
			return 0.5 + mul(0.5, sine(mul(t.rate, math.Sqrt(dot(dx, dx, dy, dy)))))
		}
	case "dots":
		size := r.between(0.25, 0.4)
		value = func(x, y float64) float64 {
			u, v := t.at(x, y)
			u, v = u-math.Floor(u)-0.5, v-math.Floor(v)-0.5
			return smooth(0.5 + (math.Sqrt(dot(u, u, v, v))-size)/mul(1.4, t.rate))
		}
	case "bricks":
		value = func(x, y float64) float64 { return t.bricks(x, y) }
	case "static":
		value = func(x, y float64) float64 {
			return 0.5 + mul(0.5, hash(t.seed, int(math.Floor(x)), int(math.Floor(y))))
		}
	case "band":
		rate := r.between(0.28, 0.5)
		value = func(x, y float64) float64 {
			return 0.5 + mul(0.7, lattice(t.seed, mul(rate, x), mul(rate, y)))
		}
	}
	for i := range c.pixels {
		x, y := centre(i)
		c.over(i, 1, ink.mixed(paper, value(x, y)))
	}
	return nil
}

// tiling is a turned, shifted square lattice with one cell every 1/rate pixels.
type tiling struct {
	cos, sin, rate, x, y float64
	seed                 uint64
}

func newTiling(r *random) tiling {
	turn := r.unit()
	return tiling{cosine(turn), sine(turn), 1 / r.between(3.5, 9), r.unit(), r.unit(), r.noiseSeed()}
}

func (t *tiling) at(x, y float64) (u, v float64) {
	return mul(t.rate, dot(t.cos, x, t.sin, y)) + t.x, mul(t.rate, dot(t.cos, y, -t.sin, x)) + t.y
}

// weave is threads that pass over and under each other.
func weave(u, v float64) float64 {
	fu, fv := math.Floor(u), math.Floor(v)
	u, v = u-fu-0.5, v-fv-0.5
	if (int(fu)+int(fv))&1 == 0 {
		u, v = v, u
	}
	// A thread along u on top: round across, sinking towards its ends.
	return 1 - mul(2.6, mul(v, v)) - mul(1.2, mul(u, u))
}

// cells is a Voronoi diagram of jittered lattice points: each cell of one tone, dark borders.
func (t *tiling) cells(x, y float64) float64 {
	u, v := t.at(x, y)
	i0, j0 := int(math.Floor(u)), int(math.Floor(v))
	first, second, tone := math.MaxFloat64, math.MaxFloat64, 0.0
	for j := j0 - 1; j <= j0+1; j++ {
		for i := i0 - 1; i <= i0+1; i++ {
			du := float64(i) + 0.5 + mul(0.45, hash(t.seed, i, j)) - u
			dv := float64(j) + 0.5 + mul(0.45, hash(t.seed+1, i, j)) - v
			d := math.Sqrt(dot(du, du, dv, dv))
			if d < first {
				first, second = d, first
				tone = hash(t.seed+2, i, j)
			} else {
				second = min(second, d)
			}
		}
	}
	return mul(smooth((second-first)/mul(2.2, t.rate)), 0.7+mul(0.3, tone))
}

// bricks is rows of bricks of slightly different tones in mortar.
func (t *tiling) bricks(x, y float64) float64 {
	u, v := t.at(x, y)
	row := math.Floor(v)
	u = mul(0.5, u) + mul(0.5, float64(int(row)&1))
	column := math.Floor(u)
	edge := min(min(v-row, row+1-v), mul(2, min(u-column, column+1-u)))
	return mul(smooth(edge/mul(1.6, t.rate)), 0.75+mul(0.25, hash(t.seed, int(column), int(row))))
}
