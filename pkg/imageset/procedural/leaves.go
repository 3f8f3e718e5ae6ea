package procedural

import "math"

// The kinds of images in leaves, in equal shares.
var leafClasses = []string{
	"discs", "ellipses", "polygons", "mixed", "large", "small", "soft", "clouds", "patterns", "sky",
}

// scatter says how leaves fall.
type scatter struct {
	palette  palette
	smallest float64    // radius of the smallest leaf, pixels
	largest  float64    // radius of the largest
	forms    []leafForm // what a leaf may be
	soft     float64    // width of the edges, pixels
	bare     float64    // share of leaves without pattern
	depth    float64    // factor for the patterns' contrast
	lit      bool       // light falls from above on every leaf
	count    int        // at most so many leaves; what stays open is filled with one surface
}

type leafForm int

const (
	roundLeaf leafForm = iota
	longLeaf
	cornerLeaf
)

// paintLeaves draws an image of the general set.
func paintLeaves(c *canvas, r *random, class int) error {
	s := scatter{
		palette:  wildPalette(r),
		smallest: r.between(1.4, 2.6),
		largest:  r.between(9, 22),
		forms:    []leafForm{roundLeaf, longLeaf, cornerLeaf},
		soft:     r.between(0.8, 1.3),
		bare:     r.between(0.1, 0.7),
		depth:    r.between(0.6, 1.9),
		count:    2000,
	}
	switch leafClasses[class] {
	case "discs":
		s.forms = []leafForm{roundLeaf}
	case "ellipses":
		s.forms = []leafForm{longLeaf}
	case "polygons":
		s.forms = []leafForm{cornerLeaf}
	case "large":
		s.smallest, s.largest = r.between(3.5, 7), r.between(16, 30)
	case "small":
		s.smallest, s.largest = r.between(1, 1.5), r.between(5, 10)
	case "soft": // out of focus
		s.smallest, s.largest = r.between(3, 6), r.between(14, 30)
		s.soft = r.between(2, 6)
		s.depth = r.between(0, 0.6)
	case "clouds":
		s.count = 2 + r.below(16)
	case "patterns":
		s.smallest = r.between(3, 5)
		s.count = r.below(9)
	case "sky": // a few leaves before a smooth ground
		s.smallest = r.between(2, 4)
		s.count = 3 + r.below(20)
	}
	ground := newPaint(r, s.palette, groundPattern(r, leafClasses[class]), Side/2, Side/2, Side)
	ground.depth = r.between(0.4, 1)
	switch leafClasses[class] {
	case "clouds":
		ground.rate = 1 / r.between(3, 10)
		ground.rough = r.between(0.55, 0.95)
	case "sky":
		ground.rate = 1 / r.between(14, 40)
		ground.rough = r.between(0.2, 0.45)
	}
	c.leaves(r, s)
	c.fill(&ground)
	return nil
}

func groundPattern(r *random, class string) pattern {
	switch class {
	case "clouds", "sky":
		return clouds
	case "patterns":
		return []pattern{stripes, checks, blobs, grain}[r.below(4)]
	}
	return plain
}

// leaves lets leaves fall, the front one first, until nothing shows through or count is reached.
// Radii have a density that falls with the third power, which makes the picture look the same at
// every scale, as natural images do (Lee, Mumford and Huang 2001).
func (c *canvas) leaves(r *random, s scatter) {
	low, high := 1/mul(s.smallest, s.smallest), 1/mul(s.largest, s.largest)
	for k := range s.count {
		if k%16 == 15 && c.closed() {
			return
		}
		radius := 1 / math.Sqrt(r.between(low, high))
		x, y := r.between(-radius, Side+radius), r.between(-radius, Side+radius)
		kind := plain
		if !r.chance(s.bare) {
			kind = pattern(1 + r.below(int(patternCount)-1))
		}
		p := newPaint(r, s.palette, kind, x, y, mul(2, radius))
		p.depth = mul(p.depth, s.depth)
		if s.lit {
			p.lit(r.between(14, 34), mul(2, radius))
		}
		c.leaf(newLeaf(r, s.forms[r.below(len(s.forms))], x, y, radius), &p, s.soft)
	}
}

// leaf lays one leaf behind the others.
func (c *canvas) leaf(l leaf, p *paint, soft float64) {
	reach := l.reach + soft
	fromX, toX := pixelRange(l.x, reach)
	fromY, toY := pixelRange(l.y, reach)
	for j := fromY; j < toY; j++ {
		for i := fromX; i < toX; i++ {
			at := j*Side + i
			if c.open[at] < 0.004 {
				continue
			}
			x, y := centre(at)
			if alpha := cover(l.distance(x-l.x, y-l.y), soft); alpha > 0 {
				c.behind(at, alpha, p.at(x, y))
			}
		}
	}
}

// leaf is an ellipse, or a convex polygon given by its sides.
type leaf struct {
	x, y, reach float64
	cos, sin    float64
	a, b        float64 // half axes of the ellipse
	sides       int     // 0 for an ellipse
	side        [6]struct{ nx, ny, d float64 }
}

func newLeaf(r *random, form leafForm, x, y, radius float64) leaf {
	turn := r.unit()
	l := leaf{x: x, y: y, reach: radius, cos: cosine(turn), sin: sine(turn), a: radius, b: radius}
	switch form {
	case longLeaf:
		l.b = mul(radius, r.between(0.25, 0.8))
	case cornerLeaf:
		l.sides = 3 + r.below(4)
		for k := range l.sides {
			t := turn + (float64(k)+r.between(-0.18, 0.18))/float64(l.sides)
			l.side[k].nx, l.side[k].ny = cosine(t), sine(t)
			l.side[k].d = mul(radius, r.between(0.5, 0.85))
		}
		l.reach = mul(1.5, radius) // corners that stick out farther are rounded off
	}
	return l
}

// distance is that to the leaf's edge from a point relative to its middle, positive inside; exact
// near the edge, which is all that cover needs.
func (l *leaf) distance(x, y float64) float64 {
	if l.sides > 0 {
		d := l.reach - math.Sqrt(dot(x, x, y, y))
		for _, s := range l.side[:l.sides] {
			d = min(d, s.d-dot(s.nx, x, s.ny, y))
		}
		return d
	}
	u := dot(l.cos, x, l.sin, y) / l.a
	v := dot(l.cos, y, -l.sin, x) / l.b
	k := math.Sqrt(dot(u, u, v, v))
	ga, gb := u/l.a, v/l.b
	slope := math.Sqrt(dot(ga, ga, gb, gb))
	if slope == 0 {
		return min(l.a, l.b)
	}
	return mul(1-k, k) / slope
}
