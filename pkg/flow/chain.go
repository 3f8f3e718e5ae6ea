package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Chain is layers one after the other, a layer itself.
type Chain []Layer

// Params are those of the layers, in their order. Each layer needs names of its own.
func (c Chain) Params() []nn.Param {
	var params []nn.Param
	for _, layer := range c {
		params = append(params, layer.Params()...)
	}
	return params
}

// Forward is the layers in their order; log-determinants add up.
func (c Chain) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	if len(c) == 0 {
		return x, noChange(x)
	}
	y, logDet = c[0].Forward(w, x)
	for _, layer := range c[1:] {
		var d *Node
		y, d = layer.Forward(w, y)
		logDet = Add(logDet, d)
	}
	return y, logDet
}

// Inverse undoes them, last one first.
func (c Chain) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	if len(c) == 0 {
		return y, noChange(y)
	}
	last := len(c) - 1
	x, logDet = c[last].Inverse(w, y)
	for i := last - 1; i >= 0; i-- {
		var d *Node
		x, d = c[i].Inverse(w, x)
		logDet = Add(logDet, d)
	}
	return x, logDet
}

// noChange is the log-determinant of a layer that keeps volumes.
func noChange(x *Node) *Node { return perImage(ScalarZero(x.Graph(), x.DType()), x) }
