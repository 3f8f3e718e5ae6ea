package procedural

import "math"

// pattern is what varies over a painted surface.
type pattern int

const (
	plain   pattern = iota
	clouds          // noise of several octaves: spectrum falling as 1/f or so
	grain           // fine noise
	stripes         // uneven, wavering stripes
	checks          // a soft chequerboard
	blobs           // islands of noise with sharp shores
	patternCount
)

// paint is the look of one surface: a colour, a gradient, and a pattern towards a second colour.
type paint struct {
	colour, second   rgb
	slopeX, slopeY   float64 // grey levels a pixel from (middleX, middleY)
	middleX, middleY float64
	pattern          pattern
	depth            float64 // how far the pattern goes from colour to second: 0 none, 1 all the way
	cos, sin, rate   float64 // turn of the pattern, and its cycles a pixel
	rough            float64 // clouds: how much of an octave the next finer one has
	seed             uint64
}

// newPaint is a surface of a palette's colours around (x, y), of about the given size in pixels.
func newPaint(r *random, p palette, kind pattern, x, y, size float64) paint {
	turn := r.unit()
	s := paint{
		colour: p.pick(r), second: p.pick(r),
		middleX: x, middleY: y,
		pattern: kind,
		depth:   mul(r.unit(), r.unit()),
		cos:     cosine(turn), sin: sine(turn),
		rate:  1 / r.between(3, 9),
		rough: r.between(0.45, 0.85),
		seed:  r.noiseSeed(),
	}
	across := r.about(0, 22) / max(size, 3)
	along := r.unit()
	s.slopeX, s.slopeY = mul(across, cosine(along)), mul(across, sine(along))
	return s
}

// lit turns the gradient so that the surface is brighter above: contrast is the difference in grey
// levels over size pixels.
func (p *paint) lit(contrast, size float64) { p.slopeX, p.slopeY = 0, -contrast/max(size, 3) }

// at is the colour of the surface at a point.
func (p *paint) at(x, y float64) rgb {
	c := p.colour
	if p.pattern != plain {
		c = c.mixed(p.second, mul(p.depth, p.value(x, y)))
	}
	return c.brighter(dot(p.slopeX, x-p.middleX, p.slopeY, y-p.middleY))
}

// value is the pattern at a point, about -1 ... 1.
func (p *paint) value(x, y float64) float64 {
	u := mul(p.rate, dot(p.cos, x, p.sin, y))
	v := mul(p.rate, dot(p.cos, y, -p.sin, x))
	switch p.pattern {
	case clouds:
		return mul(1.3, octaves(p.seed, mul(0.6, u), mul(0.6, v), 4, p.rough))
	case grain:
		return lattice(p.seed, mul(4, u), mul(4, v))
	case stripes:
		waver := lattice(p.seed, mul(0.7, u), mul(0.7, v))
		return clamp(mul(1.8, sine(u+mul(0.35, waver))), -1, 1)
	case checks:
		return clamp(mul(3, mul(sine(mul(0.6, u)), sine(mul(0.6, v)))), -1, 1)
	case blobs:
		return clamp(mul(4, octaves(p.seed, u, v, 2, 0.5)), -1, 1)
	}
	return 0
}

// lattice is value noise in [-1, 1]: random numbers at the integers, smooth in between.
func lattice(seed uint64, u, v float64) float64 {
	fu, fv := math.Floor(u), math.Floor(v)
	i, j := int(fu), int(fv)
	su, sv := smooth(u-fu), smooth(v-fv)
	top := lerp(hash(seed, i, j), hash(seed, i+1, j), su)
	bottom := lerp(hash(seed, i, j+1), hash(seed, i+1, j+1), su)
	return lerp(top, bottom, sv)
}

// octaves adds n lattices, each of twice the rate and gain times the height of the one before, and
// scales the sum to about [-1, 1].
func octaves(seed uint64, u, v float64, n int, gain float64) float64 {
	sum, height, total := 0.0, 1.0, 0.0
	for k := range n {
		sum += mul(height, lattice(seed+uint64(k), u, v))
		total += height
		height = mul(height, gain)
		u, v = mul(2, u)+0.37, mul(2, v)+0.71
	}
	return sum / total
}
