package pixelcnn

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// elu is x for x > 0 and exp(x) - 1 otherwise.
func elu(x *Node) *Node {
	var slope *Node // exp(min(x, 0))
	return nn.WithGradient([]*Node{x},
		func(in []*Node) *Node {
			slope = Exp(MinScalar(in[0], 0))
			return Add(MaxScalar(in[0], 0), AddScalar(slope, -1))
		},
		func(_ []*Node, _, dy *Node) []*Node { return []*Node{Mul(dy, slope)} })
}

// concatELU is elu of x and -x, one behind the other: [C, ...] -> [2C, ...]. With s = exp(-|x|), of which one is enough for both and is
// kept for the gradient, and because exp(v) - 1 >= v,
//
//	elu(x) = max(x, s - 1),  elu(-x) = max(-x, s - 1)
//	dx = dp - s dn for x > 0, s dp - dn otherwise
func concatELU(x *Node) *Node {
	channels := x.Shape().Dim(0)
	var slope *Node
	return nn.WithGradient([]*Node{x},
		func(in []*Node) *Node {
			x := in[0]
			minus := Neg(x)
			slope = Exp(Min(x, minus))
			below := AddScalar(slope, -1)
			return Concatenate([]*Node{Max(x, below), Max(minus, below)}, 0)
		},
		func(in []*Node, _, dy *Node) []*Node {
			dp, dn := Slice(dy, AxisRange(0, channels)), Slice(dy, AxisRange(channels, 2*channels))
			positive := GreaterThan(in[0], ScalarZero(x.Graph(), x.DType()))
			return []*Node{Where(positive, Sub(dp, Mul(slope, dn)), Sub(Mul(slope, dp), dn))}
		})
}
