package nn

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// In half precision no product loses a term, forward and back, however many there are: ones count what was summed, and bfloat16
// has every whole number up to 256.
func TestHalfPrecisionKeepsEveryTerm(t *testing.T) {
	backend := newBackend(t)
	lowering := Products
	lowering.Half = true
	for _, channels := range []int{1, 3, 8, 16, 24, 40, 72, 100, 200} {
		for _, width := range []int{1, 6, 24} {
			out, err := CallOnceN(backend, func(x *Node) []*Node {
				kernel := Ones(x.Graph(), shapes.Make(dtypes.Float32, 2, channels, 1, 1))
				bias := Ones(x.Graph(), shapes.Make(dtypes.Float32, 2))
				y := Conv(lowering, x, kernel, bias, false)
				return append([]*Node{y}, Gradient(ReduceAllSum(y), x, kernel, bias)...)
			}, ones(channels, 1, width, 1))
			require.NoError(t, err)
			for i, want := range []int{channels + 1, 2, width, width} {
				for _, v := range tensors.MustCopyFlatData[float32](out[i]) {
					require.Equal(t, float32(want), v, "%d channels, width %d: output or gradient %d", channels, width, i)
				}
			}
		}
	}
}

func ones(dims ...int) *tensors.Tensor {
	size := 1
	for _, d := range dims {
		size *= d
	}
	values := make([]float32, size)
	for i := range values {
		values[i] = 1
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}
