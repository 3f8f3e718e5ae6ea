package nn_test

import (
	"math"
	"testing"

	"strata/pkg/backend/backendtest"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// An image whose log-likelihood is finite has a finite gradient, or the rules for what is not (digest §4.4) would skip an update
// where the reference leaves out an image. And the logarithm is -Inf from where 1/(1+exp(-x)) is 0 in float32, which XLA
// reaches 1.4 earlier, where float32's normal numbers end.
func TestTorchSigmoidHasASlopeWhereItsLogarithmIsFinite(t *testing.T) {
	var x []float32
	for v := float32(-110); v <= 20; v += 0.25 {
		x = append(x, v)
	}
	x = append(x, -88.73, -88.72, -1000, -1e30)
	const zeroBelow, normalAbove = -88.7229, -87.33 // -ln of the largest float32, ln of the smallest normal one
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out, err := CallOnceN(b, func(x *Node) []*Node {
			l := Log(nn.TorchSigmoid(x))
			return []*Node{l, Gradient(ReduceAllSum(l), x)[0]}
		}, tensors.FromFlatDataAndDimensions(x, len(x)))
		require.NoError(t, err)
		logarithm, slope := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
		for i, v := range x {
			want := -math.Log1p(math.Exp(-float64(v)))
			switch {
			case v < zeroBelow:
				require.True(t, math.IsInf(float64(logarithm[i]), -1), "ln at %g: %g", v, logarithm[i])
			case v > normalAbove:
				require.InDelta(t, want, logarithm[i], 1e-6*math.Max(1, -want), "ln at %g", v)
			}
			if !math.IsInf(float64(logarithm[i]), 0) {
				require.InDelta(t, 1/(1+math.Exp(float64(v))), slope[i], 1e-6, "slope at %g", v)
			}
		}
	})
}
