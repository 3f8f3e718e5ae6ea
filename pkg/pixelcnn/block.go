package pixelcnn

import (
	"fmt"

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
	c := shifted(b.name+"/conv_input/conv", b.stream, 2*b.filters, b.filters)
	c.alike = fmt.Sprintf("conv_input/%s", b.stream)
	return c
}

func (b gatedBlock) skip() convolution {
	return pointwise(b.name+"/nin_skip/lin_a", 2*b.sides*b.filters, b.filters)
}

func (b gatedBlock) convOut() convolution {
	c := shifted(b.name+"/conv_out/conv", b.stream, 2*b.filters, 2*b.filters)
	c.alike = fmt.Sprintf("conv_out/%s", b.stream)
	return c
}

// Params are those of conv_input, nin_skip if there are side inputs, and conv_out.
func (b gatedBlock) Params() []nn.Param {
	params := b.convInput().Params()
	if b.sides > 0 {
		params = append(params, b.skipNorm().Params()...)
	}
	return append(params, b.convOut().Params()...)
}

// norms are those of the layers in the order of Params.
func (b gatedBlock) norms() []weightNorm {
	norms := []weightNorm{b.convInput().norm()}
	if b.sides > 0 {
		norms = append(norms, b.skipNorm())
	}
	return append(norms, b.convOut().norm())
}

// skipNorm lays nin_skip out as one matrix a side, [F, 2F], one below the other.
func (b gatedBlock) skipNorm() weightNorm {
	n := b.skip().norm()
	n.alike = fmt.Sprintf("nin_skip/%d", b.sides)
	n.view, n.axes, n.rows = []int{b.filters, 2, b.sides, b.filters}, []int{2, 0, 1, 3}, b.sides*b.filters
	return n
}

// apply returns maps of the shape of x, [F, H, W, B].
func (b gatedBlock) apply(w *weights, x *feature, sides []*feature) *Node {
	h := b.convInput().apply(w, x.concatELU())
	if b.sides > 0 {
		h = Add(h, b.applySkip(w, sides))
	}
	h = b.convOut().apply(w, nn.DropChannels(w.Weights, concatELU(h), b.dropout))
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
func (b gatedBlock) applySkip(w *weights, sides []*feature) *Node {
	skip := b.skip()
	if w.Lowering.Fused && !w.Lowering.Native { // a product of each is less to write than all of them joined
		h := nn.PerChannel(w.bias(b.skipNorm()), sides[0].values)
		for i, part := range nn.Parts(w.matrix(b.skipNorm()), b.sides) {
			h = Add(h, Reshape(nn.Product(part, rowsOf(sides[i].concatELU())), h.Shape().Dimensions...))
		}
		return h
	}
	kernel := Reshape(skip.norm().kernel(w.Weights), b.filters, 2, b.sides, b.filters)
	kernel = Reshape(TransposeAllAxes(kernel, 0, 2, 1, 3), b.filters, skip.in, 1, 1)
	maps := make([]*Node, len(sides))
	for i, side := range sides {
		maps[i] = side.concatELU()
	}
	return skip.convolve(w.Lowering, Concatenate(maps, 0), kernel, w.bias(skip.norm()))
}
