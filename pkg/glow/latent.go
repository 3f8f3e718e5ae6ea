package glow

import (
	"strata/pkg/flow"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// latent is how the latent of a scale becomes standard normal, z [C, H, W, B] given what goes on to the next scale, rest
// (nil at the last one). Log-determinants are of the direction that is computed.
type latent interface {
	Params() []nn.Param
	normalise(w *nn.Weights, z, rest *Node) (normal, logDet *Node)
	denormalise(w *nn.Weights, normal, rest *Node) (z, logDet *Node)
	// leavesFirst says whether the first half of the channels is the latent, or the second.
	leavesFirst() bool
}

// latentEps is added to the scale of the activation norms on the latents, and to no other (digest §2.3).
const latentEps = 1e-8

// independent is a trained activation norm over the elements of the flattened latent (digest §2.6).
type independent struct{ flow.ActNorm }

func (independent) leavesFirst() bool { return true }

func (n independent) normalise(w *nn.Weights, z, _ *Node) (normal, logDet *Node) {
	normal, logDet = n.Forward(w, Reshape(z, n.Channels, 1, 1, z.Shape().Dim(3)))
	return Reshape(normal, z.Shape().Dimensions...), logDet
}

func (n independent) denormalise(w *nn.Weights, normal, _ *Node) (z, logDet *Node) {
	z, logDet = n.Inverse(w, Reshape(normal, n.Channels, 1, 1, normal.Shape().Dim(3)))
	return Reshape(z, normal.Shape().Dimensions...), logDet
}

// splitPrior takes mean and log standard deviation of z from a zero convolution of the half that goes on: its even channels
// are means, its odd ones logarithms (digest §2.6).
type splitPrior struct{ flow.ZeroConv }

func (splitPrior) leavesFirst() bool { return false }

func (p splitPrior) normalise(w *nn.Weights, z, rest *Node) (normal, logDet *Node) {
	mean, logStd := p.EvenOdd(w, rest)
	return standardise(z, mean, logStd)
}

func (p splitPrior) denormalise(w *nn.Weights, normal, rest *Node) (z, logDet *Node) {
	mean, logStd := p.EvenOdd(w, rest)
	return unstandardise(normal, mean, logStd)
}

// topPrior is the learned top: a zero convolution of zeros, of which only bias*exp(3 logs) is left, [2C]: means, then
// logarithms of standard deviations.
type topPrior struct {
	name     string
	channels int
}

func (topPrior) leavesFirst() bool { return false }

func (p topPrior) Params() []nn.Param {
	return []nn.Param{
		{Name: p.name + "/bias", Shape: []int{2 * p.channels}},
		{Name: p.name + "/logs", Shape: []int{2 * p.channels}},
	}
}

func (p topPrior) normalise(w *nn.Weights, z, _ *Node) (normal, logDet *Node) {
	mean, logStd := p.moments(w, z)
	return standardise(z, mean, logStd)
}

func (p topPrior) denormalise(w *nn.Weights, normal, _ *Node) (z, logDet *Node) {
	mean, logStd := p.moments(w, normal)
	return unstandardise(normal, mean, logStd)
}

func (p topPrior) moments(w *nn.Weights, like *Node) (mean, logStd *Node) {
	top := Mul(w.Get(p.name+"/bias"), Exp(MulScalar(w.Get(p.name+"/logs"), 3)))
	return nn.PerChannel(Slice(top, AxisRange(0, p.channels)), like), nn.PerChannel(Slice(top, AxisRange(p.channels)), like)
}

// standardise is (z - mean)/std, and the logarithm of its volume.
func standardise(z, mean, logStd *Node) (normal, logDet *Node) {
	return Mul(Sub(z, mean), Exp(Neg(logStd))), Neg(nn.SumPerImage(logStd))
}

func unstandardise(normal, mean, logStd *Node) (z, logDet *Node) {
	return Add(Mul(normal, Exp(logStd)), mean), nn.SumPerImage(logStd)
}

// standard leaves the last latent as it is.
type standard struct{}

func (standard) leavesFirst() bool  { return false }
func (standard) Params() []nn.Param { return nil }

func (standard) normalise(_ *nn.Weights, z, _ *Node) (normal, logDet *Node) {
	return z, Zeros(z.Graph(), perImageShape(z))
}

func (standard) denormalise(_ *nn.Weights, normal, _ *Node) (z, logDet *Node) {
	return normal, Zeros(normal.Graph(), perImageShape(normal))
}
