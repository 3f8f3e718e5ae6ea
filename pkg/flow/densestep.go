package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// DenseStep is one step of the fully connected Glow (digest §3.2): the image is flattened in the order (C, H, W), goes
// through a per-dimension activation norm, a fixed orthogonal matrix and a fully connected coupling, and gets its shape back.
type DenseStep struct {
	ActNorm    ActNorm
	Orthogonal Orthogonal
	Coupling   DenseCoupling
}

// NewDenseStep names the three layers below name as NewStep does; size is C*H*W.
func NewDenseStep(name string, size, hidden int) DenseStep {
	return DenseStep{
		ActNorm:    ActNorm{Name: name + "/actnorm", Channels: size},
		Orthogonal: Orthogonal{Name: name + "/invconv", Channels: size},
		Coupling:   DenseCoupling{Name: name + "/coupling", Channels: size, Hidden: hidden},
	}
}

// Params are those of the three layers, in their order.
func (s DenseStep) Params() []nn.Param {
	return s.layers().Params()
}

func (s DenseStep) layers() Chain { return Chain{s.ActNorm, s.Orthogonal, s.Coupling} }

// Forward is the three layers one after the other.
func (s DenseStep) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	d := x.Shape().Dimensions
	y, logDet = s.layers().Forward(w, Reshape(x, s.ActNorm.Channels, 1, 1, d[3]))
	return Reshape(y, d...), logDet
}

// Inverse undoes them, last one first.
func (s DenseStep) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	d := y.Shape().Dimensions
	x, logDet = s.layers().Inverse(w, Reshape(y, s.ActNorm.Channels, 1, 1, d[3]))
	return Reshape(x, d...), logDet
}
