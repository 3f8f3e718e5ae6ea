package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Step is one step of Glow: activation norm, invertible 1x1 convolution, affine coupling (digest §2.1).
type Step struct {
	ActNorm  ActNorm
	InvConv  InvConv
	Coupling Coupling
}

// NewStep names the three layers below name: NAME/actnorm, NAME/invconv, NAME/coupling.
func NewStep(name string, channels, hidden int) Step {
	return Step{
		ActNorm:  ActNorm{Name: name + "/actnorm", Channels: channels},
		InvConv:  InvConv{Name: name + "/invconv", Channels: channels},
		Coupling: Coupling{Name: name + "/coupling", Channels: channels, Hidden: hidden},
	}
}

// Params are those of the three layers, in their order.
func (s Step) Params() []nn.Param {
	return s.layers().Params()
}

func (s Step) layers() Chain { return Chain{s.ActNorm, s.InvConv, s.Coupling} }

// Forward is the three layers one after the other. Norm and 1x1 convolution are computed as one, W diag(scale) (x + loc),
// and each half of the channels by itself, because the coupling wants them apart.
func (s Step) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	if w.Calibrate {
		s.ActNorm.calibrate(w, x)
	}
	channels, half := s.ActNorm.Channels, s.ActNorm.Channels/2
	matrix := Mul(s.InvConv.matrix(w), Reshape(s.ActNorm.scale(w), 1, channels))
	kernel := Reshape(matrix, channels, channels, 1, 1)
	bias := Reshape(Dot(matrix, Reshape(w.Get(s.ActNorm.Name+"/loc"), channels, 1)).Product(), channels)
	conv := func(from, to int) *Node {
		return nn.Conv(w.Lowering, x, Slice(kernel, AxisRange(from, to)), Slice(bias, AxisRange(from, to)), false)
	}
	a, b := conv(0, half), conv(half, channels)
	b, logDet = s.Coupling.transform(w, a, b)
	constant := Add(s.ActNorm.logDet(w, positions(x)), s.InvConv.logDet(w, positions(x)))
	return Concatenate([]*Node{a, b}, 0), Add(logDet, perImage(constant, x))
}

// Inverse undoes the three layers, last one first.
func (s Step) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	return s.layers().Inverse(w, y)
}
