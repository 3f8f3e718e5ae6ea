package metric

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReplaceNonFinite(t *testing.T) {
	scores := []float64{1, math.NaN(), math.Inf(1), -4e6, math.Inf(-1)}
	clean, count := ReplaceNonFinite(scores)
	assert.Equal(t, []float64{1, -3e6, -3e6, -4e6, -3e6}, clean, "finite values below the constant stay")
	assert.Equal(t, 3, count)
	assert.True(t, math.IsNaN(scores[1]), "the input is not touched")

	clean, count = ReplaceNonFinite(nil)
	assert.Empty(t, clean)
	assert.Zero(t, count)
}
