package procedural

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistanceToSquare(t *testing.T) {
	o := outline{{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}}}
	for _, c := range []struct{ x, y, d, outX, outY float64 }{
		{0.75, 0, 0.25, 1, 0},
		{0, -0.5, 0.5, 0, -1},
		{3, 0, -2, 1, 0},
		{0, 1.5, -0.5, 0, 1},
		{4, 5, -5, 0.6, 0.8}, // from the corner
	} {
		d, outward := o.distance(c.x, c.y)
		assert.InDelta(t, c.d, d, 1e-12, "distance of (%v, %v)", c.x, c.y)
		assert.InDelta(t, c.outX, outward.x, 1e-12)
		assert.InDelta(t, c.outY, outward.y, 1e-12)
	}
}

func TestDistanceToRing(t *testing.T) {
	o := outline{regular(200), shrunk(regular(200), 0.5)}
	for _, c := range []struct{ radius, d float64 }{{0, -0.5}, {0.4, -0.1}, {0.6, 0.1}, {0.9, 0.1}, {1.3, -0.3}} {
		d, _ := o.distance(c.radius*math.Cos(1), c.radius*math.Sin(1))
		// A polygon of 200 corners stays within 1 - cos(pi/200) of the circle.
		assert.InDelta(t, c.d, d, 2e-4, "at radius %v", c.radius)
	}
}

func TestPose(t *testing.T) {
	o := outline{{{1, 0}, {0, 1}, {0, 0}}}
	got := o.posed(newPose(0.25, 0, 2, 3, 10, 20))[0]
	want := []point{{10, 22}, {7, 20}, {10, 20}} // a quarter turn clockwise, y down
	for i := range want {
		assert.InDelta(t, want[i].x, got[i].x, 1e-6)
		assert.InDelta(t, want[i].y, got[i].y, 1e-6)
	}
	low, high := outline{got}.bounds()
	assert.InDelta(t, 7, low.x, 1e-6)
	assert.InDelta(t, 22, high.y, 1e-6)
}

// area is the covered area of an outline on the canvas, by counting.
func (o outline) area() float64 {
	sum := 0.0
	for i := range Side * Side {
		x, y := centre(i)
		d, _ := o.distance(x, y)
		sum += cover(d, 1)
	}
	return sum
}

func TestShapeOutlines(t *testing.T) {
	assert.Len(t, shapeOutlines, len(shapeClasses))
	for i, o := range shapeOutlines {
		low, high := o.bounds()
		assert.True(t, low.x > -1.15 && low.y > -1.15 && high.x < 1.15 && high.y < 1.15, "%s is off the board", shapeClasses[i])
		middle := 0.5 * (low.x + high.x)
		assert.InDelta(t, 0, middle, 0.3, "%s is off centre", shapeClasses[i])
		area := o.posed(newPose(0, 0, 10, 10, 16, 16)).area()
		assert.True(t, area > 70 && area < 330, "%s covers %.0f pixels", shapeClasses[i], area)
	}
	// The disc's is known: pi 10^2, less what a polygon of 28 corners lacks (0.8 %).
	assert.InDelta(t, math.Pi*100*0.992, shapeOutlines[0].posed(newPose(0, 0, 10, 10, 16, 16)).area(), 2)
}
