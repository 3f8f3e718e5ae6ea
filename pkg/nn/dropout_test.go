package nn

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func newBackend(t *testing.T) compute.Backend {
	t.Helper()
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	require.NoError(t, err)
	t.Cleanup(backend.Finalize)
	return backend
}

// Half of 64*16 maps survive, give or take 5 standard deviations of a fair coin (80 of 1024), each whole and doubled; the
// same seed drops the same ones, the next draw others.
func TestDropChannels(t *testing.T) {
	for _, lowering := range []Lowering{Products, {Fused: true}} {
		const c, h, w, b = 64, 2, 3, 16
		draw := func(seed uint64) (first, second []float32) {
			out, err := CallOnceN(newBackend(t), func(state *Node) []*Node {
				weights := NewWeights(nil, nil, lowering)
				weights.Random = state
				ones := Ones(state.Graph(), shapes.Make(dtypes.Float32, c, h, w, b))
				return []*Node{DropChannels(weights, ones, 0.5), DropChannels(weights, ones, 0.5)}
			}, []uint64{seed, 0, 0})
			require.NoError(t, err)
			return tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
		}
		first, second := draw(7)
		kept := 0
		for channel := range c {
			for image := range b {
				value := first[channel*h*w*b+image]
				require.Contains(t, []float32{0, 2}, value)
				if value != 0 {
					kept++
				}
				for position := range h * w {
					require.Equal(t, value, first[(channel*h*w+position)*b+image])
				}
			}
		}
		require.InDelta(t, c*b/2, kept, 80)
		require.NotEqual(t, first, second)
		again, _ := draw(7)
		require.Equal(t, first, again)
		other, _ := draw(8)
		require.NotEqual(t, first, other)
	}
}

// A rate of 0.3 holds over 2^18 numbers to 5 standard deviations of a coin, and what is dropped together with a neighbour in
// any direction, or in the draw before, is as frequent as if they did not know of each other, to 6 (two pairs share a number,
// which makes the spread a little wider than a coin's).
func TestDropoutDrawsAreIndependent(t *testing.T) {
	for _, lowering := range []Lowering{Products, {Fused: true}} {
		const c, side, b, n = 16, 32, 16, 1 << 18
		out, err := CallOnceN(newBackend(t), func(state *Node) []*Node {
			weights := NewWeights(nil, nil, lowering)
			weights.Random = state
			ones := Ones(state.Graph(), shapes.Make(dtypes.Float32, c, side, side, b))
			return []*Node{Dropout(weights, ones, 0.3), Dropout(weights, ones, 0.3)}
		}, []uint64{3, 0, 0})
		require.NoError(t, err)
		first, second := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
		dropped := 0
		for _, v := range first {
			if v == 0 {
				dropped++
			}
		}
		require.InDelta(t, 0.3*n, dropped, 5*234.6, lowering)
		both := func(other []float32, apart int) (count int) {
			for i, v := range first {
				if v == 0 && other[(i+apart)%n] == 0 {
					count++
				}
			}
			return count
		}
		const deviation = 146.6 // sqrt(n p (1-p)) with p = 0.09
		require.InDelta(t, 0.09*n, both(second, 0), 5*deviation, "%s, draw before", lowering)
		for _, apart := range []int{1, 2, 3, b, b + 1, 2 * b, side * b, side*b + b + 1, side * side * b} {
			require.InDelta(t, 0.09*n, both(first, apart), 6*deviation, "%s, %d apart", lowering, apart)
		}
	}
}

func TestDropoutIsTheIdentityOutsideOfTraining(t *testing.T) {
	out, err := CallOnce(newBackend(t), func(x *Node) *Node {
		weights := NewWeights(nil, nil, Products)
		return DropChannels(weights, Dropout(weights, x, 0.5), 0.5)
	}, [][][][]float32{{{{1, 2, 3}}}})
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3}, tensors.MustCopyFlatData[float32](out))
}
