package pixelcnn

import (
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// Digest §5: v starts uniform in ±1/sqrt(fan in), g as |v| over all axes but the first, so that the kernel starts as v; and the
// bias uniform in the same bounds, from other random numbers.
func TestWeightNormStartsAsTheKernel(t *testing.T) {
	network := newNetwork(t, Config{Height: 4, Width: 4, Channels: 3, ResNets: 1, Filters: 10, Mixtures: 2}, 9)
	values, err := network.Named()
	require.NoError(t, err)
	for _, n := range []weightNorm{
		shifted("up_layers/0/u_stream/0/conv_out/conv", u, 20, 20).norm(),
		deconvolution{name: "upsize_u_stream/0/deconv", stream: u, filters: 10}.norm(), pointwise("nin_out/lin_a", 10, 20).norm(),
	} {
		v, g, bias := values[n.name+"/weight_v"], values[n.name+"/weight_g"], values[n.name+"/bias"]
		rows := n.shape[0]
		row := len(v) / rows
		require.Len(t, g, rows)
		require.Len(t, bias, n.outputs)
		bound := 1 / math.Sqrt(float64(row))
		sum, largest := 0.0, 0.0
		for i := range rows {
			length := 0.0
			for _, x := range v[i*row : (i+1)*row] {
				sum, largest, length = sum+float64(x), math.Max(largest, math.Abs(float64(x))), length+float64(x)*float64(x)
			}
			require.InEpsilon(t, math.Sqrt(length), g[i], 1e-6)
		}
		require.LessOrEqual(t, largest, bound*(1+1e-6))
		require.Greater(t, largest, 0.9*bound)
		// The mean of n uniform numbers has the standard deviation bound/sqrt(3n): five of them.
		require.Less(t, math.Abs(sum/float64(len(v))), 5*bound/math.Sqrt(3*float64(len(v))))
		require.NotEqual(t, v[:len(bias)], bias)
		for _, b := range bias {
			require.LessOrEqual(t, math.Abs(float64(b)), bound*(1+1e-6))
		}
	}
}

func TestWeightNormKernel(t *testing.T) {
	n := weightNorm{name: "layer", shape: []int{3, 2, 2, 3}, outputs: 3}
	params := n.Params()
	rng := rand.New(rand.NewPCG(1, 2))
	inputs := []*tensors.Tensor{normals(rng, 1, 3), normals(rng, 1, 3, 1, 1, 1), normals(rng, 1, 3, 2, 2, 3)}
	kernel := func(in []*Node) *Node { return n.kernel(nn.NewWeights(params, in, nn.Products)) }
	got := flowtest.Evaluate(t, func(in []*Node) []*Node { return []*Node{kernel(in)} }, inputs...)[0]
	g, v := tensors.MustCopyFlatData[float64](inputs[1]), tensors.MustCopyFlatData[float64](inputs[2])
	for i := range 3 {
		length := 0.0
		for _, x := range v[i*12 : (i+1)*12] {
			length += x * x
		}
		for j := i * 12; j < (i+1)*12; j++ {
			require.InDelta(t, g[i]*v[j]/math.Sqrt(length), got[j], 1e-14)
		}
	}
	bias := inputs[0]
	checkGradients(t, func(in []*Node) *Node {
		return kernel([]*Node{ConstTensor(in[0].Graph(), bias), in[0], in[1]})
	}, []string{"g", "v"}, inputs[1:]...)
}
