package pixelcnn

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// deconvolution is a weight-normed transposed convolution with stride 2, cropped to twice the size, which doubles the resolution of
// a stream (digest §5). Position (a, b) of the kernel takes element (i, j) of the input to row 2i+a and, for ul, to column 2j+b, for u to
// column 2j+b-1.
type deconvolution struct {
	name    string
	stream  stream
	filters int
	alike   string // see weightNorm
}

func (d deconvolution) norm() weightNorm {
	height, width, _ := d.stream.kernel()
	return weightNorm{name: d.name, shape: []int{d.filters, d.filters, height, width}, outputs: d.filters, alike: d.alike,
		axes: []int{2, 3, 1, 0}, rows: height * width * d.filters}
}

// Params are bias, weight_g and weight_v, whose first axis is the input channel.
func (d deconvolution) Params() []nn.Param { return d.norm().Params() }

// apply takes x [F, H, W, B] to [F, 2H, 2W, B]. One product gives what every position of the kernel makes of x; rows and columns are
// then joined alternately. No two rows of the kernel meet in one row of the output; of u's three columns the first and the last
// meet in the odd ones: the first from the right neighbour.
func (d deconvolution) apply(w *weights, x *Node) *Node {
	height, width, _ := d.stream.kernel()
	h, cols, batch := x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	if w.Lowering.Fused && !w.Lowering.Native {
		return d.fused(x, w.matrix(d.norm()), w.bias(d.norm()))
	}
	products := nn.Product(w.matrix(d.norm()), Reshape(x, d.filters, h*cols*batch))
	tap := func(a, b int) *Node {
		i := a*width + b
		return Reshape(nn.Channels(products, i*d.filters, (i+1)*d.filters), d.filters, h, cols, batch)
	}
	rows := make([]*Node, height)
	for a := range rows {
		var even, odd *Node
		if d.stream == u {
			even, odd = tap(a, 1), Add(tap(a, 2), moveLeft(tap(a, 0)))
		} else {
			even, odd = tap(a, 0), tap(a, 1)
		}
		rows[a] = Reshape(Stack([]*Node{even, odd}, 3), d.filters, h, 2*cols*batch)
	}
	y := Reshape(Stack(rows, 2), d.filters, 2*h, 2*cols, batch)
	return Add(y, nn.PerChannel(w.bias(d.norm()), y))
}

// fused is the transpose of a convolution with stride 2, whose matrix is [(a, b, out), in].
func (d deconvolution) fused(x, taps, bias *Node) *Node {
	height, width, _ := d.stream.kernel()
	var offsets []offset
	for a := range height {
		for b := range width {
			if d.stream == u {
				b--
			}
			offsets = append(offsets, offset{a, b})
		}
	}
	h, w := x.Shape().Dim(1), x.Shape().Dim(2)
	return nn.WithGradient([]*Node{x, taps, bias},
		func(in []*Node) *Node {
			bias := nn.Linked(in[2], in[0], in[1]) // GoMLX has no gradient of Pad
			y := StopGradient(unstack(nn.PlainProduct(in[1], rowsOf(in[0])), offsets, 2, 2*h, 2*w))
			return Add(y, nn.PerChannel(bias, y))
		},
		func(in []*Node, _, dy *Node) []*Node {
			seen := stack(dy, offsets, 2)
			dx := nn.PlainProduct(Transpose(in[1], 0, 1), seen)
			return []*Node{Reshape(dx, x.Shape().Dimensions...), nn.ProductT(seen, rowsOf(in[0])), nn.SumRows(rowsOf(dy))}
		})
}

// moveLeft moves x [C, H, W, B] left by a column; the last column is 0.
func moveLeft(x *Node) *Node {
	return inFrame(Slice(x, AxisRange(), AxisRange(), AxisRange(1, x.Shape().Dim(2))), 2, 0, 1)
}
