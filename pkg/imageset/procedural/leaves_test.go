package procedural

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLeafDistance(t *testing.T) {
	r := newRandom("test", "leaf", 0, 0)
	disc := newLeaf(r, roundLeaf, 0, 0, 5)
	for _, radius := range []float64{0.001, 4.9, 5.1, 9} {
		d := disc.distance(radius, 0)
		assert.Equal(t, radius < 5, d > 0, "inside at %v", radius)
		if math.Abs(radius-5) < 0.2 {
			assert.InDelta(t, 5-radius, d, 0.01)
		}
	}
	assert.Equal(t, 5.0, disc.distance(0, 0))

	for i := range 50 {
		l := newLeaf(newRandom("test", "leaf", 0, i), cornerLeaf, 0, 0, 5)
		assert.Positive(t, l.distance(0, 0), "the middle is inside")
		for k := range 36 {
			x, y := l.reach*math.Cos(float64(k)), l.reach*math.Sin(float64(k))
			assert.LessOrEqual(t, l.distance(x, y), 1e-9, "no polygon leaves its reach")
		}
	}
}

// With leaves enough, nothing shows through.
func TestLeavesCover(t *testing.T) {
	for i := range 10 {
		r := newRandom("test", "cover", 0, i)
		var c canvas
		c.clear()
		c.leaves(r, scatter{
			palette: wildPalette(r), smallest: 1.5, largest: 12, forms: []leafForm{roundLeaf}, soft: 1, count: 2000,
		})
		require.True(t, c.closed())
	}
}
