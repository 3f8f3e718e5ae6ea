package pixelcnn

import (
	"fmt"
	"math"
	"slices"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Mixture is the discretised logistic mixture of a pixel (digest §5). A component's logistic gives each of the 256 values
// the probability of its bin, which is 2/255 wide on the [-1, 1] scale; the first and the last bin reach to infinity.
//
// Grey pixels have 3 parameters a component: first all logits, then all means, then all log-scales. Colour pixels have 10:
// first the logits, then for each of R, G, B means, log-scales and coefficients. All three colours share the component, and
// with c = tanh(coefficients)
//
//	mean of R = m_R
//	mean of G = m_G + c_R R
//	mean of B = m_B + c_G R + c_B G
//
// where R and G are the values of the image.
type Mixture struct {
	Components int
	Channels   int // 1 or 3
}

const (
	halfBin     = 1.0 / 255 // of values on the [-1, 1] scale
	edge        = 0.999     // beyond it a value is in the first or the last bin
	minLogScale = -7
	// Below this probability, a bin's is its width times the density at its middle: the difference of two
	// numbers near 0 or 1 has no digits left.
	minDifference = 1e-5
	// floor keeps the logarithm of a difference finite where it is not used.
	floor = 1e-12
)

// Params is the number of parameters of a pixel: 3 or 10 a component.
func (m Mixture) Params() int {
	if m.Channels == 1 {
		return 3 * m.Components
	}
	return 10 * m.Components
}

// LogProb is ln P of each image x [C, H, W, B] in [-1, 1], given its pixels' parameters [Params(), H, W, B]: [B], in nats. It
// panics for other shapes.
func (m Mixture) LogProb(params, x *Node) *Node { return nn.SumPerImage(m.pixels(params, x)) }

// pixels is ln P of each pixel given those before it, [1, H, W, B].
func (m Mixture) pixels(params, x *Node) *Node {
	logWeights, logProbs := m.components(params, x)
	joint := logWeights
	for _, logProb := range logProbs {
		joint = Add(joint, logProb)
	}
	return logSumExp(joint)
}

// components are the logarithms of each component's weight and of the probability that it gives each colour, all [M, H, W, B].
func (m Mixture) components(params, x *Node) (logWeights *Node, logProbs []*Node) {
	d := x.Shape().Dimensions
	if len(d) != 4 || d[0] != m.Channels || !slices.Equal(params.Shape().Dimensions, []int{m.Params(), d[1], d[2], d[3]}) {
		panic(fmt.Errorf("pixelcnn: a mixture of %d components for %d channels takes parameters [%d, H, W, B] and images [%d, H, W, B], not %s and %s",
			m.Components, m.Channels, m.Params(), m.Channels, params.Shape(), x.Shape()))
	}
	n := m.Components
	block := func(i int) *Node { return nn.Channels(params, i*n, (i+1)*n) }
	spread := func(colour int) *Node { // a colour of the image beside each component
		return Concatenate(slices.Repeat([]*Node{nn.Channels(x, colour, colour+1)}, n), 0)
	}
	logits := block(0)
	logWeights = Sub(logits, Concatenate(slices.Repeat([]*Node{logSumExp(logits)}, n), 0))
	if m.Channels == 1 {
		return logWeights, []*Node{logBin(spread(0), block(1), block(2))}
	}
	mean := func(colour int) *Node { return block(1 + 3*colour) }
	logScale := func(colour int) *Node { return block(2 + 3*colour) }
	coefficient := func(colour int) *Node { return Tanh(block(3 + 3*colour)) }
	r, g, b := spread(0), spread(1), spread(2)
	return logWeights, []*Node{
		logBin(r, mean(0), logScale(0)),
		logBin(g, Add(mean(1), Mul(coefficient(0), r)), logScale(1)),
		logBin(b, Add(mean(2), Add(Mul(coefficient(1), r), Mul(coefficient(2), g))), logScale(2)),
	}
}

// logBin is the logarithm of the probability that a logistic gives the bin around x.
func logBin(x, mean, logScale *Node) *Node {
	scalar := func(v float64) *Node { return Scalar(x.Graph(), x.DType(), v) }
	// Not Max: as in PyTorch, the gradient passes where the two are equal.
	logScale = Where(GreaterOrEqual(logScale, scalar(minLogScale)), logScale, MulScalar(OnesLike(logScale), minLogScale))
	inverse := Exp(Neg(logScale))
	centred := Sub(x, mean)
	plus, minus, middle := Mul(inverse, AddScalar(centred, halfBin)), Mul(inverse, AddScalar(centred, -halfBin)), Mul(inverse, centred)

	first := Sub(plus, softplus(plus)) // ln sigmoid(plus)
	last := Neg(softplus(minus))       // ln (1 - sigmoid(minus))
	difference := Sub(Sigmoid(plus), Sigmoid(minus))
	density := AddScalar(Sub(Sub(middle, logScale), MulScalar(softplus(middle), 2)), -math.Log(127.5))

	// Where selects instead of multiplying by 0 and 1: what is not selected may be infinite.
	inside := Where(GreaterThan(difference, scalar(minDifference)), Log(MaxScalar(difference, floor)), density)
	return Where(LessThan(x, scalar(-edge)), first, Where(GreaterThan(x, scalar(edge)), last, inside))
}

// softplus is ln(1 + exp(v)); its gradient is sigmoid(v).
func softplus(v *Node) *Node {
	return nn.WithGradient([]*Node{v},
		func(in []*Node) *Node { return Add(MaxScalar(in[0], 0), Log1P(Exp(Neg(Abs(in[0]))))) },
		func(in []*Node, _, dy *Node) []*Node { return []*Node{Mul(dy, Sigmoid(in[0]))} })
}

// logSumExp is the logarithm of the sum of exponentials over the first axis: [M, H, W, B] -> [1, H, W, B]. Its gradient is the
// softmax.
func logSumExp(x *Node) *Node {
	d := x.Shape().Dimensions
	var normalised *Node
	return nn.WithGradient([]*Node{x}, func(in []*Node) *Node {
		rows := Reshape(in[0], d[0], -1)
		largest := Reshape(ReduceMax(rows, 0), 1, -1)
		powers := Exp(Sub(rows, onEachRow(largest, d[0])))
		sum := DotGeneral(Ones(x.Graph(), shapeLike(x, 1, d[0])), []int{1}, nil, powers, []int{0}, nil)
		normalised = Mul(powers, onEachRow(Reciprocal(sum), d[0]))
		return Reshape(Add(largest, Log(sum)), 1, d[1], d[2], d[3])
	}, func(_ []*Node, _, dy *Node) []*Node {
		return []*Node{Reshape(Mul(normalised, onEachRow(Reshape(dy, 1, -1), d[0])), d...)}
	})
}

// onEachRow repeats a row [1, n].
func onEachRow(row *Node, rows int) *Node { return Concatenate(slices.Repeat([]*Node{row}, rows), 0) }
