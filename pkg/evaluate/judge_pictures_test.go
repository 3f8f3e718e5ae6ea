package evaluate

import (
	"testing"

	"strata/pkg/imageset"

	"github.com/stretchr/testify/require"
)

// Wilson's interval of 8 in 10, from the textbook, and one that does not leave 0 to 100.
func TestShare(t *testing.T) {
	s := share(8, 10)
	require.InDelta(t, 80, s.Value, 1e-9)
	require.InDelta(t, 49.02, s.Low, 0.01)
	require.InDelta(t, 94.33, s.High, 0.01)
	s = share(10, 10)
	require.InDelta(t, 72.25, s.Low, 0.01)
	require.LessOrEqual(t, s.High, 100.0)
}

// The last blocks of a side that 4 does not divide are smaller, and colours stay apart.
func TestBlockMeans(t *testing.T) {
	set := &imageset.Set{Height: 5, Width: 4, Channels: 2, Pixels: make([]uint8, 5*4*2)}
	for i := range set.Pixels {
		if i%2 == 1 {
			set.Pixels[i] = 100
		}
	}
	set.Pixels[4*4*2] = 40 // first pixel of the last row
	require.Equal(t, []float64{0, 100, 10, 100}, blockMeans(set, 0))
}
