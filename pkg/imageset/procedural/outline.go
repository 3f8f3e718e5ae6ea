package procedural

import "math"

// point is a place on the canvas, or on a drawing board before it is posed.
type point struct{ x, y float64 }

// outline is a set of closed polygons; what lies inside an odd number of them is inside.
type outline [][]point

// pose maps the drawing board to the canvas: x' = a x + b y + cx, y' = c x + d y + cy.
type pose struct{ a, b, c, d, x, y float64 }

// newPose turns (clockwise, in turns), slants and stretches, and moves the origin to (x, y).
func newPose(turn, slant, width, height, x, y float64) pose {
	cos, sin := cosine(turn), sine(turn)
	return pose{
		a: mul(width, cos), b: mul(height, mul(slant, cos)-sin), x: x,
		c: mul(width, sin), d: mul(height, mul(slant, sin)+cos), y: y,
	}
}

// posed is the outline on the canvas.
func (o outline) posed(p pose) outline {
	out := make(outline, len(o))
	for i, polygon := range o {
		out[i] = make([]point, len(polygon))
		for j, q := range polygon {
			out[i][j] = point{dot(p.a, q.x, p.b, q.y) + p.x, dot(p.c, q.x, p.d, q.y) + p.y}
		}
	}
	return out
}

// distance is that of (x, y) to the edge, positive inside, and the unit vector that points from the
// edge outwards.
func (o outline) distance(x, y float64) (d float64, outward point) {
	best := math.MaxFloat64
	var to point
	inside := false
	for _, polygon := range o {
		a := polygon[len(polygon)-1]
		for _, b := range polygon {
			ex, ey := b.x-a.x, b.y-a.y
			px, py := x-a.x, y-a.y
			along := dot(px, ex, py, ey)
			if length := dot(ex, ex, ey, ey); along >= length {
				along = 1
			} else if along > 0 {
				along /= length
			} else {
				along = 0
			}
			qx, qy := px-mul(along, ex), py-mul(along, ey)
			if square := dot(qx, qx, qy, qy); square < best {
				best, to = square, point{qx, qy}
			}
			if (a.y > y) != (b.y > y) && (mul(px, ey) < mul(py, ex)) == (ey > 0) {
				inside = !inside
			}
			a = b
		}
	}
	d = math.Sqrt(best)
	if d > 0 {
		outward = point{to.x / d, to.y / d}
	}
	if inside {
		return d, point{-outward.x, -outward.y}
	}
	return -d, outward
}

// regular is a polygon on the unit circle, the first corner at the top.
func regular(corners int) []point {
	p := make([]point, corners)
	for i := range p {
		t := float64(i) / float64(corners)
		p[i] = point{sine(t), -cosine(t)}
	}
	return p
}

// bounds is the smallest box around the outline.
func (o outline) bounds() (low, high point) {
	low, high = point{math.MaxFloat64, math.MaxFloat64}, point{-math.MaxFloat64, -math.MaxFloat64}
	for _, polygon := range o {
		for _, p := range polygon {
			low = point{min(low.x, p.x), min(low.y, p.y)}
			high = point{max(high.x, p.x), max(high.y, p.y)}
		}
	}
	return low, high
}
