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
func (m Mixture) LogProb(params, x *Node) *Node {
	return nn.SumPerImage(m.pixels(nn.LoweringFor(x.Graph().Backend()), params, x))
}

// pixels is ln P of each pixel given those before it, [1, H, W, B].
func (m Mixture) pixels(lowering nn.Lowering, params, x *Node) *Node {
	logWeights, logProbs := m.components(lowering, params, x)
	joint := logWeights
	for _, logProb := range logProbs {
		joint = Add(joint, logProb)
	}
	return logSumExp(lowering, joint)
}

// components are the logarithms of each component's weight and of the probability that it gives each colour, all [M, H, W, B].
func (m Mixture) components(lowering nn.Lowering, params, x *Node) (logWeights *Node, logProbs []*Node) {
	d := x.Shape().Dimensions
	if len(d) != 4 || d[0] != m.Channels || !slices.Equal(params.Shape().Dimensions, []int{m.Params(), d[1], d[2], d[3]}) {
		panic(fmt.Errorf("pixelcnn: a mixture of %d components for %d channels takes parameters [%d, H, W, B] and images [%d, H, W, B], "+
			"not %s and %s", m.Components, m.Channels, m.Params(), m.Channels, params.Shape(), x.Shape()))
	}
	n := m.Components
	block := func(i int) *Node { return nn.Channels(params, i*n, (i+1)*n) }
	if lowering.Fused {
		blocks := nn.Parts(params, m.Params()/n)
		block = func(i int) *Node { return blocks[i] }
	}
	spread := func(colour int) *Node { // a colour of the image beside each component
		return onEachRow(lowering, nn.Channels(x, colour, colour+1), n)
	}
	logits := block(0)
	logWeights = Sub(logits, onEachRow(lowering, logSumExp(lowering, logits), n))
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
	var b bin
	return nn.WithGradient([]*Node{x, mean, logScale},
		func(in []*Node) *Node {
			b = binOf(in[0], in[1], in[2])
			return b.logProb()
		},
		func(in []*Node, _, dy *Node) []*Node {
			byCentred, byLogScale := b.gradient()
			byCentred, byLogScale = Mul(dy, byCentred), Mul(dy, byLogScale)
			// Not that of Max: as in PyTorch, the gradient passes where the two are equal.
			byLogScale = Where(b.free, byLogScale, ZerosLike(byLogScale))
			return []*Node{byCentred, Neg(byCentred), byLogScale}
		})
}

// bin is where a logistic's bin lies.
type bin struct {
	logScale, inverse   *Node // at least minLogScale; 1/scale
	free                *Node // whether the scale is the parameter's
	plus, minus, middle *Node // the bin's ends and its middle, in units of the scale
	upper, lower        *Node // sigmoids of the ends
	difference          *Node
	first, last         *Node // whether it reaches to infinity
	wide                *Node // whether the difference has digits
}

func binOf(x, mean, logScale *Node) bin {
	scalar := func(v float64) *Node { return Scalar(x.Graph(), x.DType(), v) }
	b := bin{free: GreaterOrEqual(logScale, scalar(minLogScale))}
	b.logScale = Where(b.free, logScale, MulScalar(OnesLike(logScale), minLogScale))
	b.inverse = Exp(Neg(b.logScale))
	centred := Sub(x, mean)
	b.plus, b.minus, b.middle = Mul(b.inverse, AddScalar(centred, halfBin)), Mul(b.inverse, AddScalar(centred, -halfBin)),
		Mul(b.inverse, centred)
	b.upper, b.lower = Sigmoid(b.plus), Sigmoid(b.minus)
	b.difference = Sub(b.upper, b.lower)
	b.first, b.last = LessThan(x, scalar(-edge)), GreaterThan(x, scalar(edge))
	b.wide = GreaterThan(b.difference, scalar(minDifference))
	return b
}

// choose is what holds for the bin, out of what would in each case.
func (b bin) choose(first, last, wide, narrow *Node) *Node {
	return Where(b.first, first, Where(b.last, last, Where(b.wide, wide, narrow)))
}

// logProb is the logarithm of the sigmoid of the upper end in the first bin, of 1 - sigmoid of the lower end in the last, of their
// difference in others, or the density, of which s = softplus(middle) is a part. Where selects instead of multiplying by 0 and 1: what is
// not selected may be infinite.
func (b bin) logProb() *Node {
	s := softplus(Where(b.first, b.plus, Where(b.last, b.minus, b.middle)))
	density := AddScalar(Sub(Sub(b.middle, b.logScale), MulScalar(s, 2)), -math.Log(127.5))
	return b.choose(Sub(b.plus, s), Neg(s), Log(MaxScalar(b.difference, floor)), density)
}

// gradient is that of logProb by x - mean and by the log-scale.
func (b bin) gradient() (byCentred, byLogScale *Node) {
	complement := func(s *Node) *Node { return AddScalar(Neg(s), 1) }
	zero := ZerosLike(b.plus)
	share := Reciprocal(MaxScalar(b.difference, floor))
	byPlus := b.choose(Sigmoid(Neg(b.plus)), zero, Mul(share, Mul(b.upper, complement(b.upper))), zero)
	byMinus := b.choose(zero, Neg(b.lower), Neg(Mul(share, Mul(b.lower, complement(b.lower)))), zero)
	byMiddle := b.choose(zero, zero, zero, AddScalar(MulScalar(Sigmoid(b.middle), -2), 1))
	byCentred = Mul(b.inverse, Add(byPlus, Add(byMinus, byMiddle)))
	byLogScale = Neg(Add(Mul(b.plus, byPlus), Add(Mul(b.minus, byMinus), Mul(b.middle, byMiddle))))
	return byCentred, Add(byLogScale, b.choose(zero, zero, zero, MulScalar(OnesLike(zero), -1)))
}

// softplus is ln(1 + exp(v)).
func softplus(v *Node) *Node { return Add(MaxScalar(v, 0), Log1P(Exp(Neg(Abs(v))))) }

// logSumExp is the logarithm of the sum of exponentials over the first axis: [M, H, W, B] -> [1, H, W, B]. Its gradient is the
// softmax.
func logSumExp(lowering nn.Lowering, x *Node) *Node {
	d := x.Shape().Dimensions
	var normalised *Node
	return nn.WithGradient([]*Node{x}, func(in []*Node) *Node {
		rows := Reshape(in[0], d[0], -1)
		largest := Reshape(ReduceMax(rows, 0), 1, -1)
		powers := Exp(Sub(rows, onEachRow(lowering, largest, d[0])))
		var sum *Node
		if lowering.Fused {
			sum = Reshape(ReduceSum(powers, 0), 1, -1)
		} else {
			sum = DotGeneral(Ones(x.Graph(), shapeLike(x, 1, d[0])), []int{1}, nil, powers, []int{0}, nil)
		}
		normalised = Mul(powers, onEachRow(lowering, Reciprocal(sum), d[0]))
		return Reshape(Add(largest, Log(sum)), 1, d[1], d[2], d[3])
	}, func(_ []*Node, _, dy *Node) []*Node {
		return []*Node{Reshape(Mul(normalised, onEachRow(lowering, Reshape(dy, 1, -1), d[0])), d...)}
	})
}

// onEachRow repeats a row [1, ...].
func onEachRow(lowering nn.Lowering, row *Node, rows int) *Node {
	if !lowering.Fused {
		return Concatenate(slices.Repeat([]*Node{row}, rows), 0)
	}
	d := slices.Clone(row.Shape().Dimensions)
	d[0] = rows
	return BroadcastToDims(row, d...)
}
