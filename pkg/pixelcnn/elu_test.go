package pixelcnn

import (
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/flow/flowtest"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// exp(x) - 1 is rounded by 1e-16 in all.
func TestELU(t *testing.T) {
	plain := func(x float64) float64 {
		if x > 0 {
			return x
		}
		return math.Expm1(x)
	}
	values := []float64{-1000, -2, -0.1, 0, 0.3, 4, 1000}
	x := tensors.FromFlatDataAndDimensions(values, len(values), 1)
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		y := concatELU(in[0])
		return []*Node{elu(in[0]), y, Gradient(ReduceAllSum(y), in[0])[0]}
	}, x)
	for i, v := range values {
		require.InDelta(t, plain(v), out[0][i], 2e-16)
		require.InDelta(t, plain(v), out[1][i], 2e-16)
		require.InDelta(t, plain(-v), out[1][len(values)+i], 2e-16)
	}
	require.Zero(t, out[2][3], "at 0 both slopes are 1, as in PyTorch")

	random := normals(rand.New(rand.NewPCG(1, 2)), 1, 5, 7)
	for _, f := range []func(*Node) *Node{elu, concatELU} {
		checkGradients(t, func(in []*Node) *Node { return f(in[0]) }, []string{"x"}, random)
	}
}
