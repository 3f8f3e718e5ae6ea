package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Coupling is the affine coupling of digest §2.5: the first half of the channels, a, stays and conditions; the second
// becomes (b + t) * sigmoid(r + 2), with shift t and raw scale r from a small convolutional network of a.
//
// The network is conv3x3 - actnorm - ReLU - conv1x1 - actnorm - ReLU - conv3x3, the last one started from zero and
// multiplied by exp(3 logs). Its output channels alternate: even ones are shifts, odd ones raw scales.
type Coupling struct {
	Name     string
	Channels int
	Hidden   int
}

// Params are the three kernels in PyTorch's layout (out, in, k, k), the hidden activation norms, and bias and logs
// of the zero convolution.
func (c Coupling) Params() []nn.Param {
	first, second := []int{c.Hidden, c.Channels / 2, 3, 3}, []int{c.Hidden, c.Hidden, 1, 1}
	params := []nn.Param{{Name: c.Name + "/conv1/weight", Shape: first, Start: nn.StartNormal(9*c.Hidden*c.Channels/2, 0.05)}}
	params = append(params, c.norm(1).Params()...)
	params = append(params, nn.Param{Name: c.Name + "/conv2/weight", Shape: second, Start: nn.StartNormal(c.Hidden*c.Hidden, 0.05)})
	params = append(params, c.norm(2).Params()...)
	return append(params,
		nn.Param{Name: c.Name + "/conv3/weight", Shape: []int{c.Channels, c.Hidden, 3, 3}},
		nn.Param{Name: c.Name + "/conv3/bias", Shape: []int{c.Channels}},
		nn.Param{Name: c.Name + "/conv3/logs", Shape: []int{c.Channels}})
}

// Forward transforms the second half; its log-determinant is the sum of ln sigmoid(r + 2).
func (c Coupling) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	a, b := nn.Channels(x, 0, c.Channels/2), nn.Channels(x, c.Channels/2, c.Channels)
	b, logDet = c.transform(w, a, b)
	return Concatenate([]*Node{a, b}, 0), logDet
}

// Inverse divides, then subtracts.
func (c Coupling) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	a, b := nn.Channels(y, 0, c.Channels/2), nn.Channels(y, c.Channels/2, c.Channels)
	shift, scale := c.network(w, a)
	b = Sub(Div(b, scale), shift)
	return Concatenate([]*Node{a, b}, 0), Neg(nn.SumPerImage(Log(scale)))
}

// transform is the coupling on halves that are apart already. The logarithm is taken of the computed sigmoid, so that
// it is -Inf where the sigmoid is 0, as in the reference (digest §2.5).
func (c Coupling) transform(w *nn.Weights, a, b *Node) (y, logDet *Node) {
	shift, scale := c.network(w, a)
	return Mul(Add(b, shift), scale), nn.SumPerImage(Log(scale))
}

// network gives shift and scale, [C/2, H, W, B] each.
func (c Coupling) network(w *nn.Weights, a *Node) (shift, scale *Node) {
	h := c.normedConv(w, 1, a)
	h = c.normedConv(w, 2, h)

	zeroScale := Exp(MulScalar(w.Get(c.Name+"/conv3/logs"), 3))
	kernel := w.Get(c.Name + "/conv3/weight")
	kernel = evenThenOdd(Mul(kernel, nn.PerChannel(zeroScale, kernel)))
	bias := evenThenOdd(Mul(w.Get(c.Name+"/conv3/bias"), zeroScale))
	h = nn.Conv(w.Lowering, h, kernel, bias, false)
	shift, raw := nn.Channels(h, 0, c.Channels/2), nn.Channels(h, c.Channels/2, c.Channels)
	return shift, Sigmoid(AddScalar(raw, 2))
}

// normedConv is ReLU(actnorm(conv(x))). The norm folds into the convolution: scale*(K x + loc) is a convolution with
// the kernel scale*K and the bias scale*loc, which saves two passes over the activations. To set the norm from data it has to see the
// plain convolution first.
func (c Coupling) normedConv(w *nn.Weights, i int, x *Node) *Node {
	norm := c.norm(i)
	kernel := w.Get(c.conv(i) + "/weight")
	if w.Calibrate {
		norm.calibrate(w, nn.Conv(w.Lowering, x, kernel, ZerosLike(w.Get(norm.Name+"/loc")), false))
	}
	scale := norm.scale(w)
	return nn.Conv(w.Lowering, x, Mul(kernel, nn.PerChannel(scale, kernel)), Mul(w.Get(norm.Name+"/loc"), scale), true)
}

func (c Coupling) conv(i int) string { return c.Name + "/conv" + string(rune('0'+i)) }
func (c Coupling) norm(i int) ActNorm {
	return ActNorm{Name: c.conv(i) + "/actnorm", Channels: c.Hidden}
}

// evenThenOdd reorders the first axis to 0, 2, 4, ..., 1, 3, 5, ...
func evenThenOdd(x *Node) *Node {
	d := x.Shape().Dimensions
	axes := make([]int, x.Rank()+1)
	for i := range axes {
		axes[i] = i
	}
	axes[0], axes[1] = 1, 0
	pairs := Reshape(x, append([]int{d[0] / 2, 2}, d[1:]...)...)
	return Reshape(TransposeAllAxes(pairs, axes...), d...)
}
