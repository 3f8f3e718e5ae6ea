package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Objects are in the middle and lit from above: what a model of shapes can know and one of leaves
// cannot.
func TestObjectsAreRegular(t *testing.T) {
	pixels := draw(t, "shapes")
	saturation := func(x, y int) float64 {
		sum := 0.0
		for start := 0; start < len(pixels); start += ImageSize {
			p := pixels[start+(y*Side+x)*Channels:]
			sum += float64(max(p[0], p[1], p[2]) - min(p[0], p[1], p[2]))
		}
		return sum / sample
	}
	middle := (saturation(15, 10) + saturation(11, 16) + saturation(20, 16)) / 3
	corners := (saturation(1, 1) + saturation(30, 1) + saturation(1, 30) + saturation(30, 30)) / 4
	assert.Greater(t, middle, 1.25*corners, "colour of the objects against that of the ground")

	r := newRandom("test", "surface", 0, 0)
	for range 20 {
		p := newSurface(r, 10)
		assert.Negative(t, p.slopeY)
		assert.Zero(t, p.slopeX)
	}
}

// Every class has its own look: the mean images of any two differ clearly.
func TestClassesDiffer(t *testing.T) {
	pixels := draw(t, "shapes")
	classes := len(shapeClasses)
	inside := make([][Side * Side]float64, classes)
	for i := range sample {
		for p := range Side * Side {
			px := pixels[i*ImageSize+p*Channels:]
			inside[i%classes][p] += float64(max(px[0], px[1], px[2])-min(px[0], px[1], px[2])) / float64(sample/classes)
		}
	}
	for a := range classes {
		for b := range a {
			sum := 0.0
			for p := range inside[a] {
				sum += (inside[a][p] - inside[b][p]) * (inside[a][p] - inside[b][p])
			}
			assert.Greater(t, sum/(Side*Side), 40.0, "%s and %s", shapeClasses[a], shapeClasses[b])
		}
	}
}
