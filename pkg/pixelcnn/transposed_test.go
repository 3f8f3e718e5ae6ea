package pixelcnn

import (
	"math/rand/v2"
	"testing"

	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// The transposed convolution is what its comment says, position by position, in sums of at most 6 products of order 1 in float64.
func TestDeconvolution(t *testing.T) {
	const f, h, w, batch = 3, 2, 3, 2
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 2 * len(lowerings) {
		s, lowering := stream(n%2), lowerings[n/2]
		d := Config{Filters: f}.upsize(s, 0)
		params := d.Params()
		inputs := append(flowtest.RandomValues(params, 3), normals(rng, 1, f, h, w, batch))
		apply := func(in []*Node) *Node {
			return d.apply(&weights{Weights: nn.NewWeights(params, in[:3], lowering)}, in[3])
		}
		out := flowtest.Evaluate(t, func(in []*Node) []*Node {
			return []*Node{apply(in), d.norm().kernel(nn.NewWeights(params, in[:3], nn.Products))}
		}, inputs...)
		kernel, bias, x := out[1], tensors.MustCopyFlatData[float64](inputs[0]), tensors.MustCopyFlatData[float64](inputs[3])
		height, width, left := s.kernel()
		if s == ul {
			left = 0
		}
		want := make([]float64, f*2*h*2*w*batch)
		for i := range want {
			want[i] = bias[i/(4*h*w*batch)]
		}
		for i := range f * h * w * batch { // elements of x
			in, row, column, image := i/(h*w*batch), i/(w*batch)%h, i/batch%w, i%batch
			for o := range f {
				for a := range height {
					for b := range width {
						if to := 2*column + b - left; to >= 0 && to < 2*w {
							want[((o*2*h+2*row+a)*2*w+to)*batch+image] += kernel[((in*f+o)*height+a)*width+b] * x[i]
						}
					}
				}
			}
		}
		require.Len(t, out[0], len(want))
		for i := range want {
			require.InDelta(t, want[i], out[0][i], 1e-14, "%s, element %d", s, i)
		}
		checkGradients(t, apply, append(paramNames(params), "x"), inputs...)
	}
}
