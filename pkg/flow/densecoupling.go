package flow

import (
	"slices"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// DenseCoupling is the affine coupling of the fully connected Glow (digest §3.2) on vectors, [Channels, 1, 1, B]: the
// first half conditions, the second becomes (b + t) * sigmoid(r + 2).
//
// The network is linear - ReLU - linear - ReLU - linear, with PyTorch's usual start throughout: no activation norms, no
// zero convolution. Its outputs alternate, even ones shifts, odd ones raw scales.
type DenseCoupling struct {
	Name     string
	Channels int
	Hidden   int
}

// Params are weight [out, in] and bias [out] of the three linear maps, started uniform in +-1/sqrt(in).
func (c DenseCoupling) Params() []nn.Param {
	return slices.Concat(
		nn.Linear(c.linear(1), c.Channels/2, c.Hidden),
		nn.Linear(c.linear(2), c.Hidden, c.Hidden),
		nn.Linear(c.linear(3), c.Hidden, c.Channels))
}

// Forward transforms the second half; its log-determinant is the sum of ln sigmoid(r + 2).
func (c DenseCoupling) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	a, b := nn.Channels(x, 0, c.Channels/2), nn.Channels(x, c.Channels/2, c.Channels)
	shift, scale := c.network(w, a)
	return Concatenate([]*Node{a, Mul(Add(b, shift), scale)}, 0), nn.SumPerImage(Log(scale))
}

// Inverse divides, then subtracts.
func (c DenseCoupling) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	a, b := nn.Channels(y, 0, c.Channels/2), nn.Channels(y, c.Channels/2, c.Channels)
	shift, scale := c.network(w, a)
	return Concatenate([]*Node{a, Sub(Div(b, scale), shift)}, 0), Neg(nn.SumPerImage(Log(scale)))
}

// network gives shift and scale, [Channels/2, 1, 1, B] each. Linear maps are 1x1 convolutions of vectors, as products
// on every backend: there is nothing to convolve.
func (c DenseCoupling) network(w *nn.Weights, a *Node) (shift, scale *Node) {
	layer := func(i int) nn.ConvLayer {
		weight := w.Get(c.linear(i) + "/weight")
		d := weight.Shape().Dimensions
		return nn.ConvLayer{Kernel: Reshape(weight, d[0], d[1], 1, 1), Bias: w.Get(c.linear(i) + "/bias"), ReLU: i < 3}
	}
	last := layer(3)
	last.Kernel, last.Bias = evenThenOdd(nn.After(last.Kernel, a)), evenThenOdd(last.Bias)
	lowering := w.Lowering
	lowering.Native = false
	h := nn.ConvNet(lowering, a, layer(1), layer(2), last)
	half := c.Channels / 2
	return nn.Channels(h, 0, half), nn.TorchSigmoid(AddScalar(nn.Channels(h, half, c.Channels), 2))
}

func (c DenseCoupling) linear(i int) string { return c.Name + "/dense" + string(rune('0'+i)) }
