package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// In training, against the formula with GoMLX's own reductions and automatic gradients, and the running estimates against
// PyTorch's rule. All in float64 on numbers of order 1 and some hundred terms: 1e-12 is thousands of roundings.
func TestBatchNormTrain(t *testing.T) {
	const c, h, w, b = 3, 4, 5, 2
	const n = h * w * b
	norm := BatchNorm{Name: "n", Channels: c, Momentum: 0.25}
	rng := rand.New(rand.NewPCG(5, 6))
	x, probe := random[float64](rng, c, h, w, b), random[float64](rng, c, h, w, b)
	weight, bias := []float64{-0.7, 1.5, 0.3}, []float64{0.4, -0.5, 0.1} // ReLU lets some of every channel pass
	oldMean, oldVar := []float64{1, 2, 3}, []float64{0.5, 1, 2}

	out, err := CallOnceN(newBackend(t), func(in []*Node) []*Node {
		x, probe, weight, bias := in[0], in[1], in[2], in[3]
		weights := NewWeights(norm.Params(), in[2:], Products)
		y := norm.Train(weights, x)

		spread := func(v *Node) *Node { return BroadcastToDims(Reshape(v, c, 1, 1, 1), c, h, w, b) }
		mean := ReduceMean(x, 1, 2, 3)
		centred := Sub(x, spread(mean))
		variance := ReduceMean(Mul(centred, centred), 1, 2, 3)
		want := Add(Mul(Div(centred, spread(Sqrt(AddScalar(variance, 1e-5)))), spread(weight)), spread(bias))
		want = MaxScalar(want, 0)

		out := []*Node{y, want}
		for _, v := range []*Node{y, want} {
			out = append(out, Gradient(ReduceAllSum(Mul(v, probe)), x, weight, bias)...)
		}
		return append(out, weights.Get("n/running_mean"), weights.Get("n/running_var"), mean, variance)
	}, x, probe, weight, bias, oldMean, oldVar)
	require.NoError(t, err)
	require.Less(t, maxRelative[float64](t, out[0], out[1]), 1e-12)
	for i, name := range []string{"x", "weight", "bias"} {
		require.Less(t, maxRelative[float64](t, out[2+i], out[5+i]), 1e-12, name)
	}
	flat := func(i int) []float64 { return tensors.MustCopyFlatData[float64](out[i]) }
	for i := range c {
		require.InDelta(t, 0.75*oldMean[i]+0.25*flat(10)[i], flat(8)[i], 1e-12)
		require.InDelta(t, 0.75*oldVar[i]+0.25*flat(11)[i]*n/(n-1), flat(9)[i], 1e-12)
	}
}

func TestBatchNormEvaluate(t *testing.T) {
	norm := BatchNorm{Name: "n", Channels: 2}
	rng := rand.New(rand.NewPCG(5, 6))
	const positions = 2 * 3 * 2
	x := random[float64](rng, 2, 2, 3, 2)
	weight, bias, mean, variance := []float64{2, -1}, []float64{0.5, 0.25}, []float64{-0.5, 1}, []float64{4, 0}
	out, err := CallOnce(newBackend(t), func(in []*Node) *Node {
		return norm.Evaluate(NewWeights(norm.Params(), in[1:], Products), in[0])
	}, x, weight, bias, mean, variance)
	require.NoError(t, err)
	values := tensors.MustCopyFlatData[float64](x)
	for i, got := range tensors.MustCopyFlatData[float64](out) {
		c := i / positions
		want := math.Max(0, weight[c]*(values[i]-mean[c])/math.Sqrt(variance[c]+1e-5)+bias[c])
		require.InDelta(t, want, got, 1e-11) // a variance of 0 makes numbers of order 300
	}
}

func TestBatchNormRefusesOneValue(t *testing.T) {
	norm := BatchNorm{Name: "n", Channels: 1, Momentum: 0.1}
	_, err := CallOnce(newBackend(t), func(in []*Node) *Node {
		return norm.Train(NewWeights(norm.Params(), in[1:], Products), in[0])
	}, [][][][]float64{{{{1}}}}, []float64{1}, []float64{0}, []float64{0}, []float64{1})
	require.ErrorContains(t, err, "nn.BatchNorm n")
}
