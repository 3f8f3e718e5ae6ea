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

// lowerings are all forms of the network.
var lowerings = []nn.Lowering{nn.Products, {Fused: true}, nn.Native}

// everyConvolution has all shapes of kernels of the network, with more maps out than in, and fewer.
var everyConvolution = []convolution{
	shifted("u", u, 2, 5), shifted("u", u, 5, 2), shifted("ul", ul, 3, 4),
	Config{Channels: 1, Filters: 3}.firstULAbove(), Config{Channels: 3, Filters: 3}.firstULLeft(),
	Config{Filters: 3}.downsize(u, 0), Config{Filters: 3}.downsize(ul, 0),
	pointwise("nin", 3, 4),
}

// sumOverKernel is the convolution as its comment says it, loop by loop.
func sumOverKernel(c convolution, x, kernel, bias []float64, h, w, batch int) []float64 {
	var y []float64
	for o := range c.out {
		for i := 0; i < h; i += c.stride {
			for j := 0; j < w; j += c.stride {
				for n := range batch {
					sum := bias[o]
					for in := range c.in {
						for a := range c.height {
							for b := range c.width {
								row, column := i-c.height+1+a, j-c.left+b
								if row >= 0 && column >= 0 && column < w {
									sum += kernel[((o*c.in+in)*c.height+a)*c.width+b] * x[((in*h+row)*w+column)*batch+n]
								}
							}
						}
					}
					y = append(y, sum)
				}
			}
		}
	}
	return y
}

// Sums of at most 30 products of order 1 in float64.
func TestConvolutionIsTheSumOverItsKernel(t *testing.T) {
	const h, w, batch = 4, 6, 3
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range everyConvolution {
		x, kernel, bias := normals(rng, 1, c.in, h, w, batch), normals(rng, 1, c.out, c.in, c.height, c.width), normals(rng, 1, c.out)
		flat := tensors.MustCopyFlatData[float64]
		want := sumOverKernel(c, flat(x), flat(kernel), flat(bias), h, w, batch)
		for _, lowering := range lowerings {
			build := func(in []*Node) *Node { return c.convolve(lowering, in[0], in[1], in[2]) }
			got := flowtest.Evaluate(t, func(in []*Node) []*Node { return []*Node{build(in)} }, x, kernel, bias)[0]
			require.Len(t, got, len(want))
			for i := range want {
				require.InDelta(t, want[i], got[i], 1e-13, "%+v with %s", c, lowering)
			}
			checkGradients(t, build, []string{"x", "kernel", "bias"}, x, kernel, bias)
		}
	}
}

// Where its rows would be long the gradient by the input takes another form, for wide layers; here for all.
func TestConvolutionOfLongRows(t *testing.T) {
	defer func(rows int) { longestRow = rows }(longestRow)
	longestRow = 0
	TestConvolutionIsTheSumOverItsKernel(t)
}

// A value that is not finite reaches only what sees it: not other images, and not the gradient's paths of linked.
func TestNotFiniteStaysWhereItIs(t *testing.T) {
	const h, w, batch = 4, 6, 2
	rng := rand.New(rand.NewPCG(1, 2))
	c := shifted("u", u, 2, 3)
	x := normals(rng, 1, c.in, h, w, batch)
	values := tensors.MustCopyFlatData[float64](x)
	values[0] = math.Inf(1) // first image, first pixel
	for _, lowering := range lowerings {
		y := flowtest.Evaluate(t, func(in []*Node) []*Node { return []*Node{c.convolve(lowering, in[0], in[1], in[2])} },
			tensors.FromFlatDataAndDimensions(values, c.in, h, w, batch), normals(rng, 1, c.out, c.in, 2, 3), normals(rng, 1, c.out))[0]
		for i, v := range y {
			if i%batch == 1 {
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "element %d", i)
			}
		}
	}
}

func TestMoves(t *testing.T) {
	x := tensors.FromFlatDataAndDimensions([]float64{1, 2, 3, 4, 5, 6}, 1, 2, 3, 1)
	out := flowtest.Evaluate(t, func(in []*Node) []*Node { return []*Node{moveDown(in[0]), moveRight(in[0]), moveLeft(in[0])} }, x)
	require.Equal(t, [][]float64{{0, 0, 0, 1, 2, 3}, {0, 1, 2, 0, 4, 5}, {2, 3, 0, 5, 6, 0}}, out)
}

func TestConvolutionRefusesOtherShapes(t *testing.T) {
	network := newNetwork(t, tiny(1), 1)
	for _, c := range []convolution{shifted("layer", u, 3, 2), Config{Filters: 2}.downsize(u, 0)} {
		_, err := CallOnce(network.Backend, func(x *Node) *Node { return c.convolve(nn.Products, x, nil, nil) },
			tensors.FromFlatDataAndDimensions(make([]float32, 10), 2, 5, 1, 1))
		require.ErrorContains(t, err, c.name+" takes [")
	}
}
