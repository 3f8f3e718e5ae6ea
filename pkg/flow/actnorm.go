package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// ActNorm is the activation norm y = scale * (x + loc) with scale = exp(log_scale) + Eps, one pair a channel
// (digest §2.3). It starts from data: the first images that pass leave with mean 0 and variance 1.
//
// Over the elements of a flattened latent, [C*H*W, 1, 1, B], it is the trained normalisation before the prior
// (digest §2.6), there with Eps = 1e-8.
type ActNorm struct {
	Name     string
	Channels int
	Eps      float64
}

// Params are loc and log_scale, [Channels] each.
func (a ActNorm) Params() []nn.Param {
	return []nn.Param{
		{Name: a.Name + "/loc", Shape: []int{a.Channels}},
		{Name: a.Name + "/log_scale", Shape: []int{a.Channels}},
	}
}

// Forward normalises; its log-determinant is H*W*sum ln(scale).
func (a ActNorm) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	if w.Calibrate {
		a.calibrate(w, x)
	}
	scale := a.scale(w)
	y = Mul(Add(x, nn.PerChannel(w.Get(a.Name+"/loc"), x)), nn.PerChannel(scale, x))
	return y, perImage(a.logDet(w, positions(x)), x)
}

// Inverse undoes Forward.
func (a ActNorm) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	x = Sub(Div(y, nn.PerChannel(a.scale(w), y)), nn.PerChannel(w.Get(a.Name+"/loc"), y))
	return x, perImage(Neg(a.logDet(w, positions(y))), y)
}

// logDet is the forward log-determinant of an image of that many positions.
func (a ActNorm) logDet(w *nn.Weights, positions float64) *Node {
	logScale := w.Get(a.Name + "/log_scale")
	if a.Eps != 0 {
		logScale = Log(a.scale(w))
	}
	return MulScalar(ReduceAllSum(logScale), positions)
}

func (a ActNorm) scale(w *nn.Weights) *Node {
	scale := Exp(w.Get(a.Name + "/log_scale"))
	if a.Eps != 0 {
		scale = AddScalar(scale, a.Eps)
	}
	return scale
}

// calibrate sets loc = -mean and log_scale = -ln max(std, 1e-6) with the unbiased standard deviation.
func (a ActNorm) calibrate(w *nn.Weights, x *Node) {
	mean := nn.ChannelMean(x)
	centred := Sub(x, nn.PerChannel(mean, x))
	n := float64(x.Shape().Size() / a.Channels)
	std := Sqrt(MulScalar(nn.ChannelMean(Mul(centred, centred)), n/(n-1)))
	w.Set(a.Name+"/loc", Neg(mean))
	w.Set(a.Name+"/log_scale", Neg(Log(MaxScalar(std, 1e-6))))
}
