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
