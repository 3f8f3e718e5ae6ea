package procedural

// The ten classes of shapes.
var shapeClasses = []string{
	"disc", "square", "triangle", "star", "cross", "ring", "crescent", "heart", "arrow", "house",
}

// shapeOutlines are the classes' outlines on a board from about -1 to 1, y down.
var shapeOutlines = []outline{
	{regular(28)},
	{{{-0.84, -0.84}, {0.84, -0.84}, {0.84, 0.84}, {-0.84, 0.84}}},
	{{{0, -1.02}, {1.04, 0.8}, {-1.04, 0.8}}},
	{starPolygon()},
	{{{-0.34, -1}, {0.34, -1}, {0.34, -0.34}, {1, -0.34}, {1, 0.34}, {0.34, 0.34}, {0.34, 1}, {-0.34, 1}, {-0.34, 0.34}, {-1, 0.34},
		{-1, -0.34}, {-0.34, -0.34}}},
	{regular(28), shrunk(regular(20), 0.48)},
	{crescentPolygon()},
	{heartPolygon()},
	{{{1.05, 0}, {0.1, -0.85}, {0.1, -0.36}, {-1, -0.36}, {-1, 0.36}, {0.1, 0.36}, {0.1, 0.85}}},
	{{{0, -1.05}, {1.05, -0.15}, {0.78, -0.15}, {0.78, 0.9}, {0.24, 0.9}, {0.24, 0.28}, {-0.24, 0.28}, {-0.24, 0.9}, {-0.78, 0.9},
		{-0.78, -0.15}, {-1.05, -0.15}}},
}

// paintShapes draws an image of the in-distribution set: a ground of leaves, and on it one object,
// lit from above. Nothing here tells left from right, so that mirrored images are of the set too.
func paintShapes(c *canvas, r *random, class int) error {
	smallest, soft := r.between(1.6, 3.2), r.between(0.8, 1.1)
	switch {
	case r.chance(0.2): // a calm ground
		smallest = r.between(4, 7)
	case r.chance(0.25): // one out of focus
		smallest, soft = r.between(3, 6), r.between(2, 5)
	}
	c.leaves(r, scatter{
		palette:  scenePalette(r),
		smallest: smallest,
		largest:  r.between(10, 20),
		forms:    []leafForm{roundLeaf, longLeaf, cornerLeaf},
		soft:     soft,
		bare:     0.35,
		depth:    r.between(0.8, 1.5),
		lit:      true,
		count:    2000,
	})
	size := r.between(8.5, 12.2)
	turn := r.between(-0.05, 0.05)
	if shapeClasses[class] == "arrow" && r.chance(0.5) {
		turn += 0.5 // arrows point to either side
	}
	o := shapeOutlines[class].posed(newPose(turn, r.between(-0.12, 0.12),
		mul(size, r.between(0.88, 1.08)), mul(size, r.between(0.88, 1.08)),
		r.between(13.8, 18.2), r.between(13.4, 17.4)))
	c.object(r, o, newSurface(r, size))
	return nil
}

// newSurface is that of an object: a strong colour of a few hues, lit from above, often patterned.
func newSurface(r *random, size float64) paint {
	hues := [...]point{{44, 30}, {-34, 22}, {4, -58}, {16, 62}, {30, -30}} // red, green, blue, yellow, violet
	hue := hues[r.below(len(hues))]
	colour := opponent(r.between(112, 178), r.about(hue.x, 6), r.about(hue.y, 7))
	kind := []pattern{plain, stripes, checks, blobs, clouds, grain}[r.below(6)]
	p := newPaint(r, palette{colour}, kind, Side/2, Side/2, size)
	p.colour = colour
	p.second = colour.scaled(r.between(0.55, 0.75))
	p.depth = r.between(0.35, 0.75)
	p.rate = 1 / r.between(3, 6)
	p.lit(r.between(42, 64), mul(2, size))
	return p
}

// object lays an outlined, bevelled object and its shadow over the canvas.
func (c *canvas) object(r *random, o outline, p paint) {
	drop, dark := r.between(1.5, 3), r.between(0.4, 0.6)
	bevel := r.between(18, 34)
	line := p.colour.scaled(0.28)
	thick := r.between(0.9, 1.3)
	const blur = 3 // width of the shadow's edge; nothing changes farther out
	low, high := o.bounds()
	for i := range c.pixels {
		x, y := centre(i)
		if x < low.x-blur || x > high.x+blur || y < low.y-blur || y > high.y+drop+blur {
			continue
		}
		if under, _ := o.distance(x, y-drop); under > -blur {
			c.pixels[i] = c.pixels[i].scaled(1 - mul(dark, cover(under, blur)))
		}
		d, outward := o.distance(x, y)
		alpha := cover(d, 1)
		if alpha == 0 {
			continue
		}
		colour := p.at(x, y)
		if rim := 1 - d/3.5; rim > 0 { // sides that face up catch the light
			colour = colour.brighter(mul(-bevel, mul(outward.y, min(rim, 1))))
		}
		colour = colour.mixed(line, cover(thick-d, 1))
		c.over(i, alpha, colour)
	}
}

func shrunk(polygon []point, k float64) []point {
	out := make([]point, len(polygon))
	for i, p := range polygon {
		out[i] = point{mul(k, p.x), mul(k, p.y)}
	}
	return out
}

func starPolygon() []point {
	p := shrunk(regular(10), 1.08)
	for i := 1; i < len(p); i += 2 {
		p[i] = point{mul(0.44, p[i].x), mul(0.44, p[i].y)}
	}
	return p
}

// crescentPolygon is the unit disc less a smaller one up to the right.
func crescentPolygon() []point {
	const steps = 16
	var p []point
	for i := range steps + 1 { // the outer arc, from the upper horn round the left to the lower one
		t := lerp(0.06, -0.62, float64(i)/steps)
		p = append(p, point{sine(t), -cosine(t)})
	}
	from, to := p[len(p)-1], p[0]
	for i := 1; i < steps; i++ { // back along an arc that bulges to the left
		t := float64(float64(i) / steps)
		bulge := mul(0.62, sine(mul(0.5, t)))
		p = append(p, point{
			lerp(from.x, to.x, t) - mul(0.92, bulge),
			lerp(from.y, to.y, t) + mul(0.22, bulge),
		})
	}
	return p
}

// heartPolygon is the usual curve x = sin^3, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t.
func heartPolygon() []point {
	const steps = 32
	p := make([]point, steps)
	for i := range p {
		t := float64(float64(i) / steps)
		s := sine(t)
		y := dot(13, cosine(t), -5, cosine(mul(2, t))) - dot(2, cosine(mul(3, t)), 1, cosine(mul(4, t)))
		p[i] = point{mul(1.05, mul(s, mul(s, s))), mul(-y-2.5, 1.0/15)}
	}
	return p
}
