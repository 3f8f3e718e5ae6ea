package pixelcnn

import (
	"math/rand/v2"
	"strings"
	"testing"

	"strata/pkg/backend/backendtest"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// In half precision the convolutions of residual networks, and they alone, round to bfloat16: their values, which are
// float32 again, and their gradients by image, bias and length of the kernels are those of float32 but for that rounding.
//
// Image, kernels and what comes back are positive, so that no terms cancel and a sum is off by the share of itself that
// its terms are. A number that is rounded is off by at most 2^-8 of itself (7 bits behind the point, and a backend may cut
// off). What is compared has gone through at most 12 roundings: of two factors, their product's sum, the sums of up to 6
// shifted results, that with the bias, and what is given back.
func TestHalfPrecisionIsOfResidualNetworks(t *testing.T) {
	const tolerance = 12. / 256
	var all []convolution
	for _, c := range everyConvolution {
		for _, c.name = range []string{"up_layers/0/conv", "u_init"} {
			all = append(all, c)
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		all := all
		if backendtest.IsXLA(b) {
			all = all[:4] // of each form one: it compiles for seconds
		}
		exact := valuesAndGradients(t, b, nn.Lowering{Fused: true}, all)
		half := valuesAndGradients(t, b, nn.Lowering{Fused: true, Half: true}, all)
		for i, c := range all {
			if !strings.Contains(c.name, "_layers/") {
				require.Equal(t, exact[i], half[i], "%+v is no layer of a residual network", c)
				continue
			}
			for j, what := range []string{"value", "gradient by the image", "gradient by bias", "gradient by weight_g"} {
				require.Len(t, half[i][j], len(exact[i][j]))
				for k, want := range exact[i][j] {
					require.InDelta(t, want, half[i][j][k], tolerance*float64(want), "%s of %+v", what, c)
				}
			}
			require.NotEqual(t, exact[i][0], half[i][0], "%+v computes in float32", c)
		}
	})
}

// valuesAndGradients are, for each convolution, what it makes of an image, and the gradients by the image and the
// parameters of that, added up. One program computes all.
func valuesAndGradients(t *testing.T, b compute.Backend, lowering nn.Lowering, all []convolution) [][][]float32 {
	t.Helper()
	const h, w, batch = 4, 6, 3
	rng := rand.New(rand.NewPCG(1, 2))
	var inputs []any
	for _, c := range all {
		inputs = append(inputs, positive(rng, c.in, h, w, batch))
		for _, p := range c.Params() {
			inputs = append(inputs, positive(rng, p.Shape...))
		}
	}
	const each = 5 // the value, and gradients by the image and three parameters
	exec, err := NewExec(b, func(in []*Node) (out []*Node) {
		for _, c := range all {
			params := c.Params()
			own := in[:1+len(params)]
			in = in[len(own):]
			weights := layOutAll(nn.NewWeights(params, own[1:], lowering), []weightNorm{c.norm()})
			y := c.apply(weights, own[0])
			out = append(append(out, y), Gradient(ReduceAllSum(y), own...)...)
		}
		return out
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call(inputs...)
	require.NoError(t, err)
	require.Len(t, out, each*len(all))
	found := make([][][]float32, len(all))
	for i, v := range out {
		found[i/each] = append(found[i/each], tensors.MustCopyFlatData[float32](v)) // it panics over another type
	}
	return found
}

// positive are numbers from 1/2 to 1.
func positive(rng *rand.Rand, dims ...int) *tensors.Tensor {
	size := 1
	for _, d := range dims {
		size *= d
	}
	values := make([]float32, size)
	for i := range values {
		values[i] = 0.5 + rng.Float32()/2
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}
