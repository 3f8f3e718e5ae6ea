package procedural

import "math"

// The classes of phantom: the modalities of BRATS, of one anatomy.
var phantomClasses = []string{"t1", "t1ce", "t2", "flair"}

// contrast is the grey level of each tissue in a modality.
type contrast struct {
	air, fat, skull, fluid, grey, white float64
	// oedema, core and rim are those of a lesion: in t1ce the rim takes up the contrast agent.
	oedema, core, rim float64
}

// The contrasts follow how the modalities weigh: fluid is dark in T1, bright in T2, and suppressed in FLAIR, where oedema
// stands out.
var contrasts = []contrast{
	{air: 12, fat: 200, skull: 26, fluid: 38, grey: 106, white: 150, oedema: 92, core: 66, rim: 78},
	{air: 12, fat: 200, skull: 26, fluid: 38, grey: 108, white: 152, oedema: 92, core: 60, rim: 232},
	{air: 12, fat: 122, skull: 22, fluid: 224, grey: 142, white: 102, oedema: 188, core: 206, rim: 160},
	{air: 12, fat: 112, skull: 22, fluid: 34, grey: 132, white: 106, oedema: 214, core: 118, rim: 178},
}

// ellipse is a tissue's place in a slice, in pixels, turned by (cos, sin).
type ellipse struct{ x, y, a, b, cos, sin float64 }

// distance is about that to the edge, positive inside, in pixels.
func (e ellipse) distance(x, y float64) float64 {
	u, v := x-e.x, y-e.y
	u, v = dot(e.cos, u, e.sin, v)/e.a, dot(e.cos, v, -e.sin, u)/e.b
	return mul(1-math.Sqrt(dot(u, u, v, v)), min(e.a, e.b))
}

// paintPhantom draws a 32x32 crop of an axial slice through a head, in grey: scalp, skull, fluid, a folded cortex around white
// matter, ventricles, and in most a lesion. Modalities differ in the contrasts of their tissues alone.
func paintPhantom(c *canvas, r *random, class int) error {
	level := contrasts[class]
	turn := r.about(0, 0.02)
	cos, sin := cosine(turn), sine(turn)
	head := ellipse{a: r.between(26, 31), b: r.between(31, 37), cos: cos, sin: sin}
	// The crop lies anywhere over the brain.
	head.x, head.y = 16+r.between(-14, 14), 16+r.between(-17, 17)
	within := func(dx, dy, a, b float64) ellipse {
		return ellipse{head.x + dot(cos, dx, -sin, dy), head.y + dot(sin, dx, cos, dy), a, b, cos, sin}
	}
	apart, long := r.between(3.5, 5), r.between(7, 10)
	wide := r.between(1.6, 3.2)
	ventricles := []ellipse{within(-apart, -2, wide, long), within(apart, -2, wide, long)}
	nuclei := []ellipse{within(-apart-5, 1, 3.2, 5), within(apart+5, 1, 3.2, 5)}
	var lesion ellipse
	hasLesion := r.chance(0.75)
	if hasLesion {
		side := float64(2*r.below(2) - 1)
		lesion = within(mul(side, r.between(8, 16)), r.between(-15, 15), r.between(4, 8), r.between(4, 8))
	}
	folds, field, shore := r.noiseSeed(), r.noiseSeed(), r.noiseSeed()
	rate := r.between(0.22, 0.32)
	for i := range c.pixels {
		x, y := centre(i)
		depth := head.distance(x, y)
		v := level.air
		lay := func(distance, soft, to float64) { v = lerp(v, to, cover(distance, soft)) }
		lay(depth, 1, level.fat)
		lay(depth-2.2, 1, level.skull)
		lay(depth-4, 1, level.fluid)
		// Sulci: fluid reaches into the cortex, and the cortex into the white matter.
		fold := octaves(folds, mul(rate, x), mul(rate, y), 3, 0.6)
		lay(depth-5-mul(2.2, fold), 1, level.grey)
		lay(depth-8.5-mul(4, fold), 1.2, level.white)
		for _, n := range nuclei {
			lay(n.distance(x, y), 1.2, level.grey)
		}
		for _, ventricle := range ventricles {
			lay(ventricle.distance(x, y), 1, level.fluid)
		}
		if hasLesion && depth > 5 {
			d := lesion.distance(x, y) + mul(2, octaves(shore, mul(0.2, x), mul(0.2, y), 2, 0.5))
			lay(d, 2.5, level.oedema)
			lay(d-2.4, 1, level.rim)
			lay(d-3.6, 1, level.core)
		}
		// The coil's field, brighter on one side, and what tissue is never quite even about.
		bias := 1 + mul(0.16, lattice(field, mul(0.03, x), mul(0.03, y))) + mul(0.03, fold)
		v = mul(v, bias)
		c.pixels[i], c.open[i] = rgb{v, v, v}, 0
	}
	return nil
}
