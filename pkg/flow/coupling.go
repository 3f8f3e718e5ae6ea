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
	return append(params, c.last().Params()...)
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
	if w.Calibrate {
		// Each norm has to see its plain convolution first.
		h := a
		for i := 1; i <= 2; i++ {
			kernel := w.Get(c.conv(i) + "/weight")
			c.norm(i).calibrate(w, nn.Conv(w.Lowering, h, kernel, ZerosLike(w.Get(c.norm(i).Name+"/loc")), false))
			h = nn.ConvNet(w.Lowering, h, c.normed(w, i))
		}
	}
	shift, raw := c.last().EvenOdd(w, a, c.normed(w, 1), c.normed(w, 2))
	return shift, nn.TorchSigmoid(AddScalar(raw, 2))
}

// normed is ReLU(actnorm(conv(x))). The norm folds into the convolution: scale*(K x + loc) is a convolution with the kernel
// scale*K and the bias scale*loc, which saves two passes over the activations.
func (c Coupling) normed(w *nn.Weights, i int) nn.ConvLayer {
	scale := c.norm(i).scale(w)
	return nn.ConvLayer{Kernel: w.Get(c.conv(i) + "/weight"), Scale: scale, Bias: Mul(w.Get(c.norm(i).Name+"/loc"), scale), ReLU: true}
}

func (c Coupling) last() ZeroConv {
	return ZeroConv{Name: c.conv(3), In: c.Hidden, Out: c.Channels}
}
func (c Coupling) conv(i int) string { return c.Name + "/conv" + string(rune('0'+i)) }
func (c Coupling) norm(i int) ActNorm {
	return ActNorm{Name: c.conv(i) + "/actnorm", Channels: c.Hidden}
}
