package score

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRatio(t *testing.T) {
	ratio, err := Ratio([]float64{3, 5}, []float64{1, 5})
	require.NoError(t, err)
	require.Equal(t, []float64{2, 0}, ratio, "a model against itself is 0")
	_, err = Ratio([]float64{1}, nil)
	require.Error(t, err)
}

func TestHighest(t *testing.T) {
	require.Equal(t, []int{2, 0}, Highest([]float64{3, 1, 5, 3}, 2), "ties in the order of the images")
	require.Equal(t, []int{1, 0}, Highest([]float64{1, 2}, 12))
}
