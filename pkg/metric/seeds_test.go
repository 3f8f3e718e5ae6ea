package metric

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOverSeeds(t *testing.T) {
	mean, std := OverSeeds([]float64{1, 2, 6})
	require.InDelta(t, 3, mean, 1e-12)
	require.InDelta(t, math.Sqrt(7), std, 1e-12)
	mean, std = OverSeeds([]float64{4})
	require.Equal(t, 4., mean)
	require.True(t, math.IsNaN(std))
}
