// Package nn holds what the networks of strata are built from: named parameters, convolution behind one
// function with three lowerings, and operations whose gradients are written by hand.
//
// Images inside a network are channels first and batch last, [C, H, W, B]. A convolution is then one
// matrix product [out, 9*in] x [9*in, H*W*B] in which no activation is ever transposed, neither forwards nor
// backwards, and a shift by one row or one column moves whole blocks of memory.
//
// Functions that build graphs panic on programming errors, as GoMLX's own do.
package nn

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// WithGradient computes y = forward(inputs) and replaces the gradient that automatic differentiation would
// build for it: backward receives what forward was given, its output and dy, and returns dLoss/dInput for
// each input (nil where there is none). It must use the x and y that it is passed, not the caller's own nodes.
//
// GoMLX gives custom gradients to identities only. So y passes through an identity that catches dy, and each
// input through one that answers with backward's result; whatever the operations between them would have
// computed is not used by anything, and every backend drops it.
func WithGradient(inputs []*Node, forward func(x []*Node) *Node, backward func(x []*Node, y, dy *Node) []*Node) *Node {
	y := withGradients(inputs,
		func(x []*Node) []*Node { return []*Node{forward(x)} },
		func(x, y, dy []*Node) []*Node { return backward(x, y[0], dy[0]) })
	return y[0]
}

// withGradients is WithGradient for several outputs. Where one of them does not reach the loss its dy is nil.
func withGradients(inputs []*Node, forward func(x []*Node) []*Node, backward func(x, y, dy []*Node) []*Node) []*Node {
	var y, dy, gradients []*Node
	x := make([]*Node, len(inputs))
	for i, input := range inputs {
		x[i] = IdentityWithCustomGradient(input, func(_, v *Node) *Node {
			if !slices.ContainsFunc(dy, func(d *Node) bool { return d != nil }) {
				return v // y does not reach the loss by a differentiable path
			}
			if gradients == nil {
				gradients = backward(x, y, dy)
			}
			if gradients[i] == nil {
				return ZerosLike(x[i])
			}
			return gradients[i]
		})
	}
	plain := forward(x)
	y, dy = make([]*Node, len(plain)), make([]*Node, len(plain))
	for i := range plain {
		y[i] = IdentityWithCustomGradient(plain[i], func(_, v *Node) *Node {
			if gradients != nil { // another Gradient of the same graph
				clear(dy)
				gradients = nil
			}
			dy[i] = v
			return v
		})
	}
	return y
}

// Linked is y with a path to inputs by which differentiation finds them, where what was computed has none. Nothing of theirs
// comes to y, not even what is not finite: an image that is must not spoil the others of its batch (digest §4.4).
func Linked(y *Node, inputs ...*Node) *Node {
	var link *Node
	for _, v := range inputs {
		first := v
		if v.Rank() > 0 {
			first = Reshape(Slice(v, firstElement(v)...))
		}
		if first = ConvertDType(first, y.DType()); link == nil {
			link = first
		} else {
			link = Add(link, first)
		}
	}
	if link == nil {
		return y
	}
	never := BroadcastToDims(Const(y.Graph(), false), y.Shape().Dimensions...)
	return Where(never, BroadcastToShape(link, y.Shape()), y)
}

// PlainProduct is the matrix product [m, k] x [k, n] with GoMLX's gradient, for use inside of hand-written ones.
func PlainProduct(w, x *Node) *Node { return DotGeneral(w, []int{1}, nil, x, []int{0}, nil) }

// ProductT is the matrix product [m, k] x [n, k]^T, with GoMLX's gradient.
func ProductT(a, b *Node) *Node { return DotGeneral(a, []int{1}, nil, b, []int{1}, nil) }

// Product multiplies [m, k] by [k, n]; the second operand may be large, the first should be small. Its gradient has the
// layouts that are fast in every direction: x is contracted along its rows forwards and along its columns backwards, and
// never transposed.
func Product(w, x *Node) *Node {
	return WithGradient([]*Node{w, x},
		func(in []*Node) *Node { return PlainProduct(in[0], in[1]) },
		func(in []*Node, _, dy *Node) []*Node {
			return []*Node{ProductT(dy, in[1]), PlainProduct(Transpose(in[0], 0, 1), dy)}
		})
}

// SumPerImage sums x [..., B] over all axes but the last, by a product with a row of ones.
func SumPerImage(x *Node) *Node {
	batch := x.Shape().Dim(-1)
	rows := x.Shape().Size() / batch
	ones := Ones(x.Graph(), shapeLike(x, 1, rows))
	return Reshape(Product(ones, Reshape(x, rows, batch)), batch)
}

// PerChannel spreads v [C] over the shape of x [C, H, W, B]. Where nothing is compiled it does so by a product with a row of
// ones: GoMLX's Go backend broadcasts five times more slowly.
func PerChannel(v, x *Node) *Node {
	dims := x.Shape().Dimensions
	if compiled(v) {
		return WithGradient([]*Node{v},
			func(in []*Node) *Node { return spread(in[0], x) },
			func(_ []*Node, _, dy *Node) []*Node {
				return []*Node{SumRows(Reshape(dy, dims[0], dy.Shape().Size()/dims[0]))}
			})
	}
	columns := x.Shape().Size() / dims[0]
	ones := Ones(x.Graph(), shapeLike(x, 1, columns))
	return Reshape(Product(Reshape(v, dims[0], 1), ones), dims...)
}

// spread is v [C] in the shape of x [C, ...], for compilers. It has GoMLX's gradient.
func spread(v, x *Node) *Node {
	d := make([]int, x.Rank())
	for i := range d {
		d[i] = 1
	}
	d[0] = v.Shape().Size()
	return BroadcastToDims(Reshape(v, d...), x.Shape().Dimensions...)
}

// SumRows adds up each row of x [C, n], by a product with ones: [C].
func SumRows(x *Node) *Node {
	return Reshape(ProductT(x, Ones(x.Graph(), shapeLike(x, 1, x.Shape().Dim(1)))), x.Shape().Dim(0))
}

// relu is max(x, 0) with the gradient 0 at 0, as PyTorch's.
func relu(x *Node) *Node {
	return WithGradient([]*Node{x},
		func(in []*Node) *Node { return MaxScalar(in[0], 0) },
		func(_ []*Node, y, dy *Node) []*Node { return []*Node{reluGradient(y, dy)} })
}

// reluGradient is dy where y = max(x, 0) is positive and 0 elsewhere.
func reluGradient(y, dy *Node) *Node {
	if compiled(y) {
		zero := ScalarZero(y.Graph(), y.DType())
		return Where(GreaterThan(y, zero), dy, zero)
	}
	// Where branches on every element there, and half of the guesses are wrong. y is +0 or positive, so as an integer its
	// bits are 0 or at least 1.
	integer := dtypes.Int32
	if y.DType() == dtypes.Float64 {
		integer = dtypes.Int64
	}
	one := ConvertDType(Const(y.Graph(), int32(1)), integer)
	return Mul(dy, ConvertDType(Min(Bitcast(After(y, dy), integer), one), dy.DType()))
}

// TorchSigmoid is 1/(1+exp(-x)) as PyTorch computes it: 0 where exp(-x) overflows, in float32 below -88.72, so that its logarithm is
// -Inf there (digest §2.5). GoMLX's Go backend computes it from exp(x), which is above 0 down to -104: numbers whose logarithm is
// finite and the slope of that, their inverse, is not. A step on such an image would be skipped, not made without the image.
func TorchSigmoid(x *Node) *Node {
	y := Logistic(x)
	if compiled(x) {
		return y // XLA's is 0 from -87.34 on: it has no numbers below the smallest normal one
	}
	overflow := -math.Log(math.MaxFloat32)
	if x.DType() == dtypes.Float64 {
		overflow = -math.Log(math.MaxFloat64)
	}
	return Where(LessThan(x, Scalar(x.Graph(), x.DType(), overflow)), ZerosLike(y), y)
}

// Channels slices channels [from, to) of x [C, H, W, B]. Its gradient is joined with zeros, which only copies memory.
func Channels(x *Node, from, to int) *Node {
	return WithGradient([]*Node{x},
		func(in []*Node) *Node { return Slice(in[0], AxisRange(from, to)) },
		func(in []*Node, _, dy *Node) []*Node {
			d := dims(in[0])
			zeros := func(n int) *Node { return Zeros(x.Graph(), shapeLike(x, append([]int{n}, d[1:]...)...)) }
			parts := []*Node{dy}
			if from > 0 {
				parts = []*Node{zeros(from), dy}
			}
			if to < d[0] {
				parts = append(parts, zeros(d[0]-to))
			}
			return []*Node{Concatenate(parts, 0)}
		})
}

// Parts cuts x [C, ...] into n equal parts of channels. Their gradients are joined as they are, in one pass; Channels of each part
// would join each with zeros and add them all.
func Parts(x *Node, n int) []*Node {
	size := x.Shape().Dim(0) / n
	return withGradients([]*Node{x},
		func(in []*Node) []*Node {
			parts := make([]*Node, n)
			for i := range parts {
				parts[i] = Slice(in[0], AxisRange(i*size, (i+1)*size))
			}
			return parts
		},
		func(_, y, dy []*Node) []*Node {
			for i, d := range dy {
				if d == nil {
					dy[i] = ZerosLike(y[i])
				}
			}
			return []*Node{Concatenate(dy, 0)}
		})
}

// ChannelMean averages x [C, H, W, B] over all axes but the first: [C].
func ChannelMean(x *Node) *Node {
	channels := x.Shape().Dim(0)
	columns := x.Shape().Size() / channels
	sum := ProductT(Reshape(x, channels, columns), Ones(x.Graph(), shapeLike(x, 1, columns)))
	return MulScalar(Reshape(sum, channels), 1/float64(columns))
}

// AllFinite says whether all values of all nodes are finite, a boolean scalar.
func AllFinite(nodes []*Node) *Node {
	sums := make([]*Node, len(nodes))
	for i, x := range nodes {
		// 0*Inf and 0*NaN are NaN, and so is their sum with anything.
		flat := Reshape(x, 1, x.Shape().Size())
		sums[i] = ConvertDType(Reshape(ProductT(flat, ZerosLike(flat)), 1), dtypes.Float32)
	}
	sum := ReduceAllSum(Concatenate(sums, 0))
	return Equal(sum, ScalarZero(sum.Graph(), sum.DType()))
}

func dims(x *Node) []int { return slices.Clone(x.Shape().Dimensions) }
