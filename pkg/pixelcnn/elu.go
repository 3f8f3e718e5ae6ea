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

// concatELU is elu of x and -x, one behind the other: [C, ...] -> [2C, ...]. Of the two one is |x| and the other
// s - 1 with s = exp(-|x|), so that one exponential, kept for the gradient, is enough:
//
//	x > 0:  (x, s - 1),  dx = dp - s dn
//	x <= 0: (s - 1, -x), dx = s dp - dn
func concatELU(x *Node) *Node {
	channels := x.Shape().Dim(0)
	var positive, slope *Node
	return nn.WithGradient([]*Node{x},
		func(in []*Node) *Node {
			x := in[0]
			minus := Neg(x)
			positive = GreaterThan(x, ScalarZero(x.Graph(), x.DType()))
			slope = Exp(Min(x, minus))
			below := AddScalar(slope, -1)
			return Concatenate([]*Node{Where(positive, x, below), Where(positive, below, minus)}, 0)
		},
		func(_ []*Node, _, dy *Node) []*Node {
			dp, dn := Slice(dy, AxisRange(0, channels)), Slice(dy, AxisRange(channels, 2*channels))
			return []*Node{Where(positive, Sub(dp, Mul(slope, dn)), Sub(Mul(slope, dp), dn))}
		})
}
