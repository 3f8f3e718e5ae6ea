package pixelcnn

import (
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// This file is the convolutions for compilers that join passes over memory (nn.Lowering.Fused). A kernel's position t sees its
// input from an offset; for all positions together there are
//
//	stack(x):  rows (t, channel), x seen from each offset      z_t(i, j) = x(s i + down_t, s j + right_t)
//	unstack(z): its transpose, the sum of all, sent back       x(s i + down_t, s j + right_t) += z_t(i, j)
//
// with stride s. A convolution is K stack(x) or, which is the same, unstack(K' x) with the offsets the other way round: the product
// comes first, and the shifted results are added in one pass together with the bias and whatever reads them. So that as few
// rows as possible are written, x is stacked where it has the fewer channels, or where a stride leaves a quarter of each.

// offset is where a position of a kernel looks.
type offset struct{ down, right int }

// offsets are those of the kernel's positions (a, b), one behind the other.
func (c convolution) offsets() []offset {
	var all []offset
	for a := range c.height {
		for b := range c.width {
			all = append(all, offset{a - c.height + 1, b - c.left})
		}
	}
	return all
}

func reversed(offsets []offset) []offset {
	all := make([]offset, len(offsets))
	for t, o := range offsets {
		all[t] = offset{-o.down, -o.right}
	}
	return all
}

// inside says which of the n/stride positions along an axis see an element of its n when they look `by` elements on: [from, to).
func inside(n, by, stride int) (from, to int) {
	to = n / stride
	for from < to && from*stride+by < 0 {
		from++
	}
	for to > from && (to-1)*stride+by >= n {
		to--
	}
	return from, to
}

// seenFrom is x [C, H, W, B] from an offset: [C, H/stride, W/stride, B], zero outside of the image.
func seenFrom(x *Node, o offset, stride int) *Node {
	d := x.Shape().Dimensions
	axis := func(n, by int) (seen SliceAxisSpec, frame compute.PadAxis, none bool) {
		from, to := inside(n, by, stride)
		if from == to {
			return seen, frame, true
		}
		return AxisRange(from*stride+by, (to-1)*stride+by+1).Stride(stride), compute.PadAxis{Start: from, End: n/stride - to}, false
	}
	return cutAndFramed(x, axis, o, []int{d[1], d[2]}, []int{d[1] / stride, d[2] / stride})
}

// sentTo is the transpose of seenFrom, [C, H/stride, W/stride, B] -> [C, H, W, B].
func sentTo(z *Node, o offset, stride int) *Node {
	d := z.Shape().Dimensions
	axis := func(n, by int) (sent SliceAxisSpec, frame compute.PadAxis, none bool) {
		from, to := inside(n, by, stride)
		if from == to {
			return sent, frame, true
		}
		return AxisRange(from, to), compute.PadAxis{Start: from*stride + by, End: n - 1 - (to-1)*stride - by, Interior: stride - 1}, false
	}
	full := []int{d[1] * stride, d[2] * stride}
	return cutAndFramed(z, axis, o, full, full)
}

// cutAndFramed cuts rows and columns out of x and puts zeros around and between them. full is the side of the image, to that of the result.
func cutAndFramed(x *Node, axis func(n, by int) (SliceAxisSpec, compute.PadAxis, bool), o offset, full, to []int) *Node {
	rows, above, noRows := axis(full[0], o.down)
	columns, left, noColumns := axis(full[1], o.right)
	if noRows || noColumns { // StableHLO refuses empty slices
		return Zeros(x.Graph(), shapeLike(x, x.Shape().Dim(0), to[0], to[1], x.Shape().Dim(3)))
	}
	x = Slice(x, AxisRange(), rows, columns)
	if above == (compute.PadAxis{}) && left == (compute.PadAxis{}) {
		return x
	}
	return Pad(x, ScalarZero(x.Graph(), x.DType()), compute.PadAxis{}, above, left)
}

// stack is x [C, H, W, B] from all offsets, [(t, C), H/stride W/stride B].
func stack(x *Node, offsets []offset, stride int) *Node {
	parts := make([]*Node, len(offsets))
	for t, o := range offsets {
		seen := seenFrom(x, o, stride)
		parts[t] = Reshape(seen, x.Shape().Dim(0), -1)
	}
	return joined(parts, 0)
}

// unstack is the transpose of stack: [(t, C), ...] -> [C, H, W, B] for an image of h rows and w columns.
func unstack(z *Node, offsets []offset, stride, h, w int) *Node {
	channels := z.Shape().Dim(0) / len(offsets)
	z = Reshape(z, len(offsets)*channels, h/stride, w/stride, -1)
	var sum *Node
	for t, o := range offsets {
		part := sentTo(Slice(z, AxisRange(t*channels, (t+1)*channels)), o, stride)
		if sum == nil {
			sum = part
		} else {
			sum = Add(sum, part)
		}
	}
	return sum
}

// rowsOf is x [C, ...] as a matrix.
func rowsOf(x *Node) *Node { return Reshape(x, x.Shape().Dim(0), -1) }

// stacksInput says which of the two forms a convolution takes.
func (c convolution) stacksInput() bool { return c.stride > 1 || c.in < c.out || c.height*c.width == 1 }

// fused is the convolution [in, H, W, B] -> [out, H/stride, W/stride, B] with its kernel laid out.
func (c convolution) fused(x, taps, bias *Node) *Node {
	c.check(x)
	d := x.Shape().Dimensions
	h, w, batch := d[1], d[2], d[3]
	back := reversed(c.offsets())
	return nn.WithGradient([]*Node{x, taps, bias}, func(in []*Node) *Node {
		x, taps, bias := in[0], in[1], nn.Linked(in[2], in[0], in[1]) // GoMLX has no gradient of Pad
		var y *Node
		if c.stacksInput() {
			y = Reshape(nn.PlainProduct(taps, stack(x, c.offsets(), c.stride)), c.out, h/c.stride, w/c.stride, batch)
		} else {
			y = unstack(nn.PlainProduct(taps, rowsOf(x)), back, 1, h, w)
		}
		return once(Add(StopGradient(y), nn.PerChannel(bias, y)), bias)
	}, func(in []*Node, _, dy *Node) []*Node {
		x, transposed := in[0], Transpose(in[1], 0, 1)
		var dx, dTaps *Node
		if c.stacksInput() {
			dx = unstack(nn.PlainProduct(transposed, rowsOf(dy)), c.offsets(), c.stride, h, w)
			dTaps = nn.ProductT(rowsOf(dy), stack(x, c.offsets(), c.stride))
		} else { // one stack gives both
			seen := stack(dy, back, 1)
			if rows := seen.Shape().Dim(0); rows <= longestRow {
				dx = Reshape(nn.PlainProduct(transposed, seen), d...)
			} else {
				taps := TransposeAllAxes(Reshape(in[1], len(back), c.out, c.in), 0, 2, 1) // [(a, b), in, out]
				dx = unstack(nn.PlainProduct(Reshape(taps, -1, c.out), rowsOf(dy)), c.offsets(), 1, h, w)
			}
			dTaps = nn.ProductT(seen, rowsOf(x))
		}
		return []*Node{dx, dTaps, nn.SumRows(rowsOf(dy))}
	})
}

// longestRow is how many numbers a product adds up for the gradient by a convolution's input; where they would be more, the product comes
// first. At 240 channels in and out and 4 images on two cores XLA v0.81 took 97 to 103 ms of processor time for both
// gradients with the longer rows and 71 to 78 without; a step of the paper's network on v0.115 takes about 7 % more so. Tests change it.
var longestRow = 900

// once keeps a compiler from making y again in everything that reads it, from all that was written for it. It needs to see some other
// node of the graph: go-xla leaves a barrier of one operand away.
func once(y, other *Node) *Node { return OptimizationBarriers(y, other)[0] }
