package procedural

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRandomMoments(t *testing.T) {
	const n = 20000
	r := newRandom("test", "moments", 0, 0)
	var unit, square, normal, normalSquare float64
	for range n {
		u, z := r.unit(), r.normal()
		assert.True(t, u >= 0 && u < 1)
		unit += u / n
		square += u * u / n
		normal += z / n
		normalSquare += z * z / n
	}
	// Five standard errors each.
	se := 5 / math.Sqrt(n)
	assert.InDelta(t, 0.5, unit, se*math.Sqrt(1.0/12))
	assert.InDelta(t, 1.0/3, square, se*math.Sqrt(4.0/45))
	assert.InDelta(t, 0, normal, se)
	assert.InDelta(t, 1, normalSquare, se*math.Sqrt2)
}

func TestBelowReachesEveryNumber(t *testing.T) {
	r := newRandom("test", "below", 0, 0)
	var counts [7]int
	for range 7000 {
		counts[r.below(7)]++
	}
	for k, c := range counts {
		assert.InDelta(t, 1000, c, 5*math.Sqrt(1000), "%d", k)
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for _, name := range []string{"a", "b"} {
		for _, split := range []string{"train", "test"} {
			for i := range 100 {
				seen[newRandom(name, split, 0, i).bits()] = true
			}
		}
	}
	assert.Len(t, seen, 400)
}

func TestHashIsUniform(t *testing.T) {
	const side = 100
	var mean, neighbours float64
	for y := range side {
		for x := range side {
			h := hash(1, x-side/2, y-side/2)
			assert.True(t, h >= -1 && h < 1)
			mean += h / (side * side)
			neighbours += h * hash(1, x-side/2+1, y-side/2) / (side * side)
		}
	}
	// Variance 1/3; five standard errors over 10^4 points.
	assert.InDelta(t, 0, mean, 5*math.Sqrt(1.0/3)/side)
	assert.InDelta(t, 0, neighbours, 5.0/3/side)
}
