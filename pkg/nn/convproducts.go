package nn

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// This file is ConvNet as matrix products. Activations are matrices [channels, H*W*B], and three things keep passes over
// them, which cost as much as the products, few:
//
//   - A row of ones below the channels carries the bias, and a last row 0 ... 0 1 of a layer's matrix hands the ones on to
//     the next layer.
//   - The gradient of the whole chain is written by hand: what it keeps is the input of each product, once.
//   - Nothing is made of the weights before the activations that they meet are there (see After).
//
// Where a compiler joins the passes (Lowering.Fused) there is no row of ones: it would make sides of 513 of the round 512 that
// processors like, and biases cost nothing there.

// form is how a layer becomes a product.
type form int

const (
	// pointwise is a 1x1 convolution: matrix [out, in].
	pointwise form = iota
	// gathered is for few input channels: the nine shifted copies of x are rows (im2col), matrix [out, 9*in].
	gathered
	// scattered is for few output channels: the product gives nine taps of each, matrix [9*out, in], that are then
	// shifted and added.
	scattered
)

// productLayer is a layer while a chain is being built.
type productLayer struct {
	fused     bool
	form      form
	in, out   int
	relu      bool
	handsOnes bool // the output has a row of ones, for the next layer
	givenOnes bool // the layer before hands them on

	kernel, scale, bias *Node // as given; scale may be nil
	plain, matrix       *Node // the kernel laid out, and with scale, bias and the row that hands on the ones
	rows                *Node // the input of the product, with a last row of ones
	output              *Node // after ReLU
}

func convProducts(lowering Lowering, x *Node, layers []ConvLayer) *Node {
	h, w, b := x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	inputs := []*Node{x}
	for _, l := range layers {
		inputs = append(inputs, After(l.Kernel, x), After(l.Bias, x))
		if l.Scale != nil {
			inputs = append(inputs, After(l.Scale, x))
		}
	}
	var chain []*productLayer
	return WithGradient(inputs, func(in []*Node) *Node {
		x, rest := in[0], in[1:]
		chain = nil
		for i, l := range layers {
			p := &productLayer{fused: lowering.Fused, form: formOf(l.Kernel), out: l.Kernel.Shape().Dim(0),
				in: l.Kernel.Shape().Dim(1), relu: l.ReLU}
			p.handsOnes = !p.fused && p.form != scattered && i+1 < len(layers) && formOf(layers[i+1].Kernel) != gathered
			p.kernel, p.bias, rest = rest[0], rest[1], rest[2:]
			if l.Scale != nil {
				p.scale, rest = rest[0], rest[1:]
			}
			chain = append(chain, p)
		}
		y := x
		for i, p := range chain {
			p.givenOnes = i > 0 && chain[i-1].handsOnes
			y = p.forward(y, h, w, b)
			// What the gradient of the chain reads, and what its products cost most to make again.
			if size := p.kernel.Shape().Dim(2); len(chain) > 1 && p.in*size*size >= worthKeeping {
				y = Keep(y)
				p.output = y
			}
		}
		y = Reshape(y, chain[len(chain)-1].out, h, w, b)
		if lowering.Fused || len(chain) > 1 && replays(y.Graph()) {
			// What was kept has no path to the inputs; and GoMLX would want a gradient for every operation on a path, even
			// where none is used, and has none for Pad.
			y = Linked(StopGradient(y), in...)
		}
		return y
	}, func(in []*Node, _, dy *Node) []*Node {
		gradients := make([]*Node, 0, len(in))
		d := dy
		for i := len(chain) - 1; i >= 0; i-- {
			p := chain[i]
			var dKernel, dBias, dScale *Node
			d, dKernel, dBias, dScale = p.backward(d, h, w, b)
			if dScale != nil {
				gradients = append(gradients, dScale)
			}
			gradients = append(gradients, dBias, dKernel)
		}
		gradients = append(gradients, Reshape(d, in[0].Shape().Dimensions...))
		slices.Reverse(gradients)
		return gradients
	})
}

// worthKeeping is the number of products behind an activation from which on a loop keeps it for its gradient (see Keep): to
// write and read a number costs as much as this many products. Measured at hidden 64, 128 and 512 on two cores of a Zen 4.
const worthKeeping = 100

func formOf(kernel *Node) form {
	switch out, in := kernel.Shape().Dim(0), kernel.Shape().Dim(1); {
	case kernel.Shape().Dim(2) == 1:
		return pointwise
	case in <= out:
		return gathered
	}
	return scattered
}

// forward takes x, an image [in, H, W, B] or rows [in, H*W*B], with ones below if they are given, to rows [out, H*W*B], with
// ones below if they are handed on.
func (p *productLayer) forward(x *Node, h, w, b int) *Node {
	columns := h * w * b
	if p.givenOnes {
		p.rows = x
	} else {
		rows := x
		if p.form == gathered {
			rows = taps(p.fused, Reshape(x, p.in, h, w, b), seenByOutput)
		}
		p.rows = Reshape(rows, rows.Shape().Size()/columns, columns)
		if !p.fused {
			p.rows = Concatenate([]*Node{p.rows, Ones(x.Graph(), shapeLike(x, 1, columns))}, 0)
		}
	}
	p.layOut(x)
	y := PlainProduct(p.matrix, p.rows)
	if p.form == scattered {
		y = Reshape(sumTaps(p.fused, Reshape(y, 3*p.out, 3*h, w*b), p.out, h, w, b, sentFromInput), p.out, columns)
	}
	if p.fused {
		y = Add(y, spread(p.bias, y))
	}
	if p.relu {
		y = MaxScalar(y, 0)
	}
	p.output = y
	return y
}

// layOut makes the layer's matrix.
func (p *productLayer) layOut(x *Node) {
	kernel, bias := After(p.kernel, x), p.bias
	switch p.form {
	case pointwise:
		p.plain = Reshape(kernel, p.out, p.in)
	case gathered:
		p.plain = kernelMatrix(kernel)
	case scattered:
		p.plain = tapMatrix(kernel)
		bias = centreTap(bias)
	}
	scaled := p.plain
	if p.scale != nil {
		scaled = Mul(scaled, p.scaleLike(scaled, x))
	}
	if p.fused {
		p.matrix = scaled
		return
	}
	p.matrix = Concatenate([]*Node{scaled, Reshape(bias, bias.Shape().Size(), 1)}, 1)
	if p.handsOnes {
		k := p.matrix.Shape().Dim(1)
		last := Concatenate([]*Node{Zeros(x.Graph(), shapeLike(x, 1, k-1)), Ones(x.Graph(), shapeLike(x, 1, 1))}, 1)
		p.matrix = Concatenate([]*Node{p.matrix, last}, 0)
	}
}

// scaleLike spreads the scale over a matrix laid out as plain, once x is there.
func (p *productLayer) scaleLike(matrix, x *Node) *Node {
	scale := After(p.scale, x)
	switch {
	case p.form != scattered && p.fused:
		return spread(scale, matrix)
	case p.form != scattered:
		return PerChannel(scale, matrix)
	case p.fused:
		return Reshape(BroadcastToDims(Reshape(scale, 1, p.out, 1), 3, p.out, 3*p.in), 9*p.out, p.in)
	}
	rows := Reshape(PlainProduct(Reshape(scale, p.out, 1), Ones(matrix.Graph(), shapeLike(matrix, 1, 3*p.in))), 1, p.out, 3*p.in)
	return Reshape(Concatenate([]*Node{rows, rows, rows}, 0), 9*p.out, p.in)
}

// backward takes the gradient by the layer's output to those by its input and its parameters. Where there are rows of ones,
// the gradients have a row for them, which nobody reads.
func (p *productLayer) backward(d *Node, h, w, b int) (dx, dKernel, dBias, dScale *Node) {
	columns := h * w * b
	d = Reshape(d, d.Shape().Size()/columns, columns)
	if p.relu {
		d = reluGradient(p.output, d)
	}
	if p.fused {
		dBias = SumRows(d)
	}
	if p.form == scattered {
		d = Reshape(taps(p.fused, Reshape(d, p.out, h, w, b), sentFromInput), 9*p.out, columns)
	}
	dMatrix := ProductT(d, p.rows)
	rows, k := p.plain.Shape().Dim(0), p.plain.Shape().Dim(1)
	matrix := After(p.matrix, d)
	if !p.givenOnes && !p.fused {
		matrix = Slice(matrix, AxisRange(), AxisRange(0, k))
	}
	dx = PlainProduct(Transpose(matrix, 0, 1), d)

	dScaled := dMatrix
	if !p.fused {
		dScaled = Slice(dMatrix, AxisRange(0, rows), AxisRange(0, k))
		dBias = Reshape(Slice(dMatrix, AxisRange(0, rows), AxisRange(k, k+1)), rows)
	}
	dPlain := dScaled
	if p.scale != nil {
		dPlain = Mul(dScaled, p.scaleLike(dScaled, d))
		dScale = Reshape(PlainProduct(Mul(dScaled, p.plain), Ones(d.Graph(), shapeLike(d, k, 1))), rows)
	}
	switch p.form {
	case pointwise:
		dKernel = Reshape(dPlain, p.kernel.Shape().Dimensions...)
	case gathered:
		dKernel = TransposeAllAxes(Reshape(dPlain, p.out, 3, p.in, 3), 0, 2, 3, 1)
		// The gradient by the nine shifted copies, shifted back and added.
		dx = Reshape(sumTaps(p.fused, Reshape(dx, 3*p.in, 3*h, w*b), p.in, h, w, b, seenByOutput), p.in, columns)
	case scattered:
		dKernel = TransposeAllAxes(Reshape(dPlain, 3, p.out, 3, p.in), 1, 3, 2, 0)
		if !p.fused {
			dBias = Reshape(Slice(Reshape(dBias, 3, p.out, 3), AxisElem(1), AxisRange(), AxisElem(1)), p.out)
		}
		if dScale != nil {
			dScale = Reshape(ReduceSum(Reshape(dScale, 3, p.out, 3), 0, 2), p.out)
		}
	}
	return dx, dKernel, dBias, dScale
}

// centreTap is the bias [out] as the column of a tap matrix: it comes with the centre tap alone, which no border cuts off.
func centreTap(bias *Node) *Node {
	out := bias.Shape().Dim(0)
	zeros := func(dims ...int) *Node { return Zeros(bias.Graph(), shapeLike(bias, dims...)) }
	middle := Concatenate([]*Node{zeros(1, out, 1), Reshape(bias, 1, out, 1), zeros(1, out, 1)}, 2)
	return Concatenate([]*Node{zeros(1, out, 3), middle, zeros(1, out, 3)}, 0)
}

// After is v, not to be touched before x is there. What is made of weights alone could be made at once, and the Go backend
// does so: all steps' kernels, scaled and transposed, 1.4 GB at the paper's size, before the first of them is used.
func After(v, x *Node) *Node {
	if compiled(v) {
		return v
	}
	return SchedulingBarrier(v, x)
}
