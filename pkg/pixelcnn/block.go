package pixelcnn

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// gatedBlock is the gated residual block of digest §5. With ce = concat-ELU,
//
//	h = conv_input(ce(x)) + nin_skip(ce(sides))
//	p, q = the halves of conv_out(dropout(ce(h)))
//	y = x + p sigmoid(q)
//
// Dropout drops whole feature maps, in training only.
type gatedBlock struct {
	name    string
	stream  stream
	filters int
	sides   int // number of side inputs, 0 to 2
	dropout float64
}

func (b gatedBlock) convInput() convolution {
	return shifted(b.name+"/conv_input/conv", b.stream, 2*b.filters, b.filters)
}

func (b gatedBlock) skip() convolution {
	return pointwise(b.name+"/nin_skip/lin_a", 2*b.sides*b.filters, b.filters)
}

func (b gatedBlock) convOut() convolution {
	return shifted(b.name+"/conv_out/conv", b.stream, 2*b.filters, 2*b.filters)
}

// Params are those of conv_input, nin_skip if there are side inputs, and conv_out.
func (b gatedBlock) Params() []nn.Param {
	params := b.convInput().Params()
	if b.sides > 0 {
		params = append(params, b.skip().Params()...)
	}
	return append(params, b.convOut().Params()...)
}

// apply returns maps of the shape of x, [F, H, W, B].
func (b gatedBlock) apply(w *nn.Weights, x *feature, sides []*feature) *Node {
	h := b.convInput().apply(w, x.concatELU())
	if b.sides > 0 {
		h = Add(h, b.applySkip(w, sides))
	}
	h = b.convOut().apply(w, nn.DropChannels(w, concatELU(h), b.dropout))
	return Add(x.values, gate(h))
}

// gate is p sigmoid(q) of the halves p, q of h: [2F, ...] -> [F, ...]. With s = sigmoid(q), dp = s dy and dq = p s (1-s) dy.
func gate(h *Node) *Node {
	filters := h.Shape().Dim(0) / 2
	var p, s *Node
	return nn.WithGradient([]*Node{h},
		func(in []*Node) *Node {
			p, s = Slice(in[0], AxisRange(0, filters)), Sigmoid(Slice(in[0], AxisRange(filters, 2*filters)))
			return Mul(p, s)
		},
		func(_ []*Node, y, dy *Node) []*Node {
			dp := Mul(s, dy)
			return []*Node{Concatenate([]*Node{dp, Mul(y, Sub(dy, dp))}, 0)}
		})
}

// applySkip is nin_skip of the concat-ELU of all side inputs one behind the other: first the ELU of all, then that of all their
// negatives. Each has its own concat-ELU already, so the matrix's columns are brought to that order instead of the maps.
func (b gatedBlock) applySkip(w *nn.Weights, sides []*feature) *Node {
	skip := b.skip()
	kernel := Reshape(skip.norm().kernel(w), b.filters, 2, b.sides, b.filters)
	kernel = Reshape(TransposeAllAxes(kernel, 0, 2, 1, 3), b.filters, skip.in, 1, 1)
	if w.Lowering.Fused { // a product of each is less to write than all of them joined
		bySide := Reshape(kernel, b.filters, b.sides, 2*b.filters)
		h := nn.PerChannel(skip.norm().bias(w), sides[0].values)
		for i, side := range sides {
			part := Reshape(Slice(bySide, AxisRange(), AxisElem(i)), b.filters, 2*b.filters)
			h = Add(h, Reshape(nn.Product(part, rowsOf(side.concatELU())), h.Shape().Dimensions...))
		}
		return h
	}
	maps := make([]*Node, len(sides))
	for i, side := range sides {
		maps[i] = side.concatELU()
	}
	return skip.convolve(w.Lowering, Concatenate(maps, 0), kernel, skip.norm().bias(w))
}
