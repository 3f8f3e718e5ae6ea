package metric

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMidRanks(t *testing.T) {
	values := []float64{5, 1, 5, -7, 5, 1}
	assert.Equal(t, []float64{5, 2.5, 5, 1, 5, 2.5}, rank(values))
	assert.Equal(t, []float64{5, 1, 5, -7, 5, 1}, values, "the input is not touched")
	assert.Equal(t, []float64{2.5, 1, 2.5, 4}, rank([]float64{0, math.Inf(-1), math.Copysign(0, -1), math.Inf(1)}))
}

// Ranks under counts are those of the values written out as often as they count.
func TestMidRanksWithCounts(t *testing.T) {
	random := source(1)
	values := normals(random, 40, 0, 0.5)
	counts := make([]int32, len(values))
	drawCounts(counts, random)
	var written []float64
	for i, c := range counts {
		for range c {
			written = append(written, values[i])
		}
	}
	ranks := make([]float64, len(values))
	order(values).midRanks(ranks, counts)

	at := 0
	want := rank(written)
	for i, c := range counts {
		for range c {
			assert.Equal(t, want[at], ranks[i], "value %d", i)
			at++
		}
	}
	assert.Equal(t, len(values), at)
}
