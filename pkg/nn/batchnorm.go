package nn

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// batchNormEpsilon is PyTorch's, added to the variance.
const batchNormEpsilon = 1e-5

// BatchNorm is batch normalisation of x [C, H, W, B] followed by ReLU (Ioffe and Szegedy 2015), with PyTorch's conventions:
//
//	y = relu(weight * (x - mean)/sqrt(variance + 1e-5) + bias), one of each a channel.
//
// In training mean and variance are those of the batch over H, W and B, the variance biased, and gradients pass through
// both. In evaluation they are running estimates, which every training step moves by Momentum of the way towards the
// batch's mean and its unbiased variance.
type BatchNorm struct {
	Name     string
	Channels int
	Momentum float64
}

// Params are weight and bias, and the running estimates, which are not trained: [Channels] each.
func (n BatchNorm) Params() []Param {
	return []Param{
		{Name: n.Name + "/weight", Shape: []int{n.Channels}, Start: StartConstant(n.Channels, 1)},
		{Name: n.Name + "/bias", Shape: []int{n.Channels}},
		{Name: n.Name + "/running_mean", Shape: []int{n.Channels}, Fixed: true},
		{Name: n.Name + "/running_var", Shape: []int{n.Channels}, Start: StartConstant(n.Channels, 1), Fixed: true},
	}
}

// Evaluate normalises by the running estimates: each image for itself.
func (n BatchNorm) Evaluate(w *Weights, x *Node) *Node {
	scale := Mul(w.Get(n.Name+"/weight"), inverseRoot(w.Get(n.Name+"/running_var")))
	shift := Sub(w.Get(n.Name+"/bias"), Mul(w.Get(n.Name+"/running_mean"), scale))
	return relu(Add(Mul(x, PerChannel(scale, x)), PerChannel(shift, x)))
}

// Train normalises by the batch, and sets the running estimates in w to their values after this step. It panics where a
// channel has one value only, whose unbiased variance does not exist.
func (n BatchNorm) Train(w *Weights, x *Node) *Node {
	count := x.Shape().Size() / n.Channels
	if count < 2 {
		panic(fmt.Errorf("nn.BatchNorm %s: x %s has one value a channel, and a variance wants two", n.Name, x.Shape()))
	}
	y, mean, variance := batchNormReLU(x, w.Get(n.Name+"/weight"), w.Get(n.Name+"/bias"))
	move := func(name string, batch *Node) {
		old := w.Get(n.Name + name)
		w.Set(n.Name+name, Add(MulScalar(old, 1-n.Momentum), MulScalar(batch, n.Momentum)))
	}
	move("/running_mean", mean)
	move("/running_var", MulScalar(variance, float64(count)/float64(count-1)))
	return y
}

// batchNormReLU also returns the batch's mean and biased variance [C], to which no gradient passes. With c = x - mean and
// inverse = 1/sqrt(variance + epsilon), its own gradients are
//
//	dbias = sum dy,  dweight = inverse * sum dy c,
//	dx = weight * inverse * (dy - (dbias + c * inverse * dweight)/n),
//
// where dy is what ReLU lets pass.
func batchNormReLU(x, weight, bias *Node) (y, mean, variance *Node) {
	perElement := 1 / float64(x.Shape().Size()/x.Shape().Dim(0))
	var centred, inverse *Node
	y = WithGradient([]*Node{x, weight, bias}, func(in []*Node) *Node {
		x, weight, bias := in[0], in[1], in[2]
		mean = ChannelMean(x)
		centred = Sub(x, PerChannel(mean, x))
		variance = ChannelMean(Mul(centred, centred))
		inverse = inverseRoot(variance)
		return MaxScalar(Add(Mul(centred, PerChannel(Mul(weight, inverse), x)), PerChannel(bias, x)), 0)
	}, func(in []*Node, y, dy *Node) []*Node {
		x, weight := in[0], in[1]
		dy = reluGradient(y, dy)
		meanDy := ChannelMean(dy)
		meanDyC := ChannelMean(Mul(dy, centred))
		scale := Mul(weight, inverse)
		slope := Mul(Mul(scale, Mul(inverse, inverse)), meanDyC)
		dx := Sub(Mul(dy, PerChannel(scale, x)), Add(Mul(centred, PerChannel(slope, x)), PerChannel(Mul(scale, meanDy), x)))
		return []*Node{dx, DivScalar(Mul(inverse, meanDyC), perElement), DivScalar(meanDy, perElement)}
	})
	return y, StopGradient(mean), StopGradient(variance)
}

func inverseRoot(variance *Node) *Node { return Inverse(Sqrt(AddScalar(variance, batchNormEpsilon))) }
