package procedural

// rgb is a colour, 0 ... 255 a channel, not yet rounded.
type rgb [3]float64

// opponent is a colour of brightness y, so much to red from green, and so much to yellow from blue:
// the axes along which the colours of natural images are nearly independent.
func opponent(y, redGreen, yellowBlue float64) rgb {
	warm := mul(0.5, yellowBlue)
	return rgb{y + redGreen + warm, y - redGreen + warm, y - yellowBlue}
}

// scaled is the colour times k: in shadow for k < 1, in light for k > 1.
func (c rgb) scaled(k float64) rgb { return rgb{mul(c[0], k), mul(c[1], k), mul(c[2], k)} }

// brighter adds y to every channel.
func (c rgb) brighter(y float64) rgb { return rgb{c[0] + y, c[1] + y, c[2] + y} }

// mixed goes from c (t = 0) to d (t = 1).
func (c rgb) mixed(d rgb, t float64) rgb {
	return rgb{lerp(c[0], d[0], t), lerp(c[1], d[1], t), lerp(c[2], d[2], t)}
}

// luma is a rough brightness, 0 ... 255.
func (c rgb) luma() float64 { return mul(c[0]+c[1]+c[2], 1.0/3) }

// palette is the handful of colours that one image is made of.
type palette []rgb

// wildPalette is the general one: any brightness, any cast, any contrast.
func wildPalette(r *random) palette {
	y, spread := r.between(65, 185), r.between(26, 64)
	castRG, castYB := r.about(0, 9), r.about(4, 18)
	chroma := r.between(3, 18)
	p := make(palette, 3+r.below(5))
	for i := range p {
		p[i] = opponent(clamp(r.about(y, spread), 18, 238), r.about(castRG, chroma), r.about(castYB, mul(1.4, chroma)))
	}
	return p
}

// scenePalette is that of the grounds of shapes: middling brightness, and colours on one line from
// sand to slate. A model of shapes can know that line; a general one cannot.
func scenePalette(r *random) palette {
	y, spread := r.between(95, 145), r.between(14, 44)
	p := make(palette, 4+r.below(3))
	for i := range p {
		tint := r.about(8, 17)
		p[i] = opponent(clamp(r.about(y, spread), 28, 222), mul(0.35, tint)+r.about(0, 1.5), tint)
	}
	return p
}

// pick is one of the colours, a little brighter or darker.
func (p palette) pick(r *random) rgb { return p[r.below(len(p))].brighter(r.about(0, 9)) }
