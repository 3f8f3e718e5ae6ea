package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPatternsStayInRange(t *testing.T) {
	for kind := plain; kind < patternCount; kind++ {
		for i := range 20 {
			r := newRandom("test", "pattern", 0, i)
			p := newPaint(r, wildPalette(r), kind, 16, 16, 10)
			low, high := 2.0, -2.0
			for j := range Side * Side {
				v := p.value(centre(j))
				low, high = min(low, v), max(high, v)
			}
			assert.True(t, low >= -1.3 && high <= 1.3, "pattern %d: %v ... %v", kind, low, high)
			if kind != plain {
				assert.Greater(t, high-low, 0.3, "pattern %d hardly varies", kind)
			}
		}
	}
}

// Value noise passes through its lattice and jumps nowhere.
func TestLattice(t *testing.T) {
	assert.Equal(t, hash(9, -3, 4), lattice(9, -3, 4))
	const step = 0.01
	for i := range 1000 {
		u := -5 + step*float64(i)
		// The cubic step rises by at most 1.5 a unit, between values at most 2 apart.
		assert.InDelta(t, lattice(9, u, 0.3), lattice(9, u+step, 0.3), 3*step)
	}
}

func TestLit(t *testing.T) {
	p := paint{colour: rgb{100, 100, 100}, middleX: 16, middleY: 16}
	p.lit(30, 20)
	top, bottom := p.at(16, 6), p.at(16, 26)
	assert.InDelta(t, 30, top.luma()-bottom.luma(), 1e-9)
	assert.Equal(t, p.at(3, 6), p.at(29, 6), "light tells left from right")
}
