package nn

import (
	"fmt"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Dropout sets every element of x to 0 with probability rate and divides the rest by 1 - rate, in training steps; where
// w.Random is nil it is the identity.
func Dropout(w *Weights, x *Node, rate float64) *Node {
	return drop(w, x, x.Shape(), rate)
}

// DropChannels drops whole feature maps: one draw for each channel and image of x [C, H, W, B].
func DropChannels(w *Weights, x *Node, rate float64) *Node {
	return drop(w, x, shapes.Make(x.DType(), x.Shape().Dim(0), 1, 1, x.Shape().Dim(-1)), rate)
}

func drop(w *Weights, x *Node, mask shapes.Shape, rate float64) *Node {
	if !(rate >= 0 && rate < 1) {
		panic(fmt.Errorf("nn: dropout rate %g is not in [0, 1)", rate))
	}
	if w.Random == nil || rate == 0 {
		return x
	}
	state, uniform := RandomUniform(w.Random, mask)
	w.Random = state
	kept := MulScalar(ConvertDType(GreaterOrEqual(uniform, Scalar(x.Graph(), x.DType(), rate)), x.DType()), 1/(1-rate))
	return Mul(x, BroadcastToShape(StopGradient(kept), x.Shape()))
}
