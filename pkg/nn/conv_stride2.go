package nn

import (
	"fmt"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// ConvStride2 convolves x [in, H, W, B], H and W even, with kernel [out, in, k, k] for k = 1 or 3 at every second row and
// column, the first ones included, and adds bias [out]. A 3x3 kernel sees zeros outside of the image. It returns
// [out, H/2, W/2, B].
func ConvStride2(lowering Lowering, x, kernel, bias *Node) *Node {
	if x.Rank() != 4 || kernel.Rank() != 4 || kernel.Shape().Dim(1) != x.Shape().Dim(0) {
		panic(fmt.Errorf("nn.ConvStride2: x %s is not [in, H, W, B] or kernel %s not [out, in, k, k]", x.Shape(), kernel.Shape()))
	}
	size := kernel.Shape().Dim(2)
	if size != kernel.Shape().Dim(3) || size != 1 && size != 3 {
		panic(fmt.Errorf("nn.ConvStride2: kernels are 1x1 or 3x3, not %s", kernel.Shape()))
	}
	if x.Shape().Dim(1)%2 != 0 || x.Shape().Dim(2)%2 != 0 {
		panic(fmt.Errorf("nn.ConvStride2: sides of x %s are not even", x.Shape()))
	}
	if half, back := lowering.Halved(x); half != nil {
		lowering.Half = false
		return back(ConvStride2(lowering, half(x), half(kernel), half(bias)))
	}
	switch {
	case lowering.Native:
		return convNative(x, kernel, bias, 2, false)
	case size == 1:
		return Conv(lowering, everySecond(x), kernel, bias, false)
	case lowering.Fused:
		return convStride2Fused(x, kernel, bias)
	}
	return convStride2Products(x, kernel, bias)
}

// convStride2Fused is convStride2Products with shifts as slices.
func convStride2Fused(x, kernel, bias *Node) *Node {
	in, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	out, columns := kernel.Shape().Dim(0), h/2*w/2*b
	var rows, matrix *Node // the product's two operands
	return WithGradient([]*Node{x, kernel, bias}, func(inputs []*Node) *Node {
		x, kernel, bias := inputs[0], inputs[1], inputs[2]
		rows, matrix = Reshape(tapsStride2Fused(x), 9*in, columns), kernelMatrix(kernel)
		y := Reshape(PlainProduct(matrix, rows), out, h/2, w/2, b)
		return Linked(StopGradient(Add(y, spread(bias, y))), inputs...)
	}, func(_ []*Node, _, dy *Node) []*Node {
		dy = Reshape(dy, out, columns)
		dKernel := Reshape(ProductT(dy, rows), out, 3, in, 3)
		dx := sumTapsStride2Fused(PlainProduct(Transpose(matrix, 0, 1), dy), in, h/2, w/2, b)
		return []*Node{dx, TransposeAllAxes(dKernel, 0, 2, 3, 1), SumRows(dy)}
	})
}

// tapsStride2Fused is tapsStride2 as nine windows of the image in a frame of zeros.
func tapsStride2Fused(x *Node) *Node {
	c, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	frame := Pad(x, ScalarZero(x.Graph(), x.DType()), compute.PadAxis{}, compute.PadAxis{Start: 1}, compute.PadAxis{Start: 1})
	columns := make([]*Node, 3)
	for k := range columns {
		rows := make([]*Node, 3)
		for l := range rows {
			window := Slice(frame, AxisRange(), AxisRange(l, l+h-1).Stride(2), AxisRange(k, k+w-1).Stride(2))
			rows[l] = Reshape(window, c, 1, h/2, w/2*b)
		}
		columns[k] = Reshape(Concatenate(rows, 1), c, 3*h/2, w/2*b)
	}
	return Concatenate(columns, 0)
}

// sumTapsStride2Fused is its transpose, from rows of h x w positions to the image of twice these sides: an even row was seen
// by the middle tap of its own output, an odd one by the last tap of its own and the first of the next.
func sumTapsStride2Fused(t *Node, c, h, w, b int) *Node {
	all := Reshape(t, 3, c, 3, h, w, b)
	tap := func(row, column int) *Node {
		return Reshape(Slice(all, AxisElem(column), AxisRange(), AxisElem(row)), c, h, w, b)
	}
	even := func(row int) *Node { return tap(row, 1) }
	odd := func(row int) *Node { return Add(tap(row, 2), moved(tap(row, 0), 0, -1)) }
	joined := func(even, odd *Node, axis int) *Node { return Concatenate([]*Node{even, odd}, axis) }
	row := func(of func(row int) *Node) *Node { // both rows of the columns that of makes
		below := Add(of(2), moved(of(0), -1, 0))
		return joined(Reshape(of(1), c, h, 1, w, 1, b), Reshape(below, c, h, 1, w, 1, b), 2)
	}
	return Reshape(joined(row(even), row(odd), 4), c, 2*h, 2*w, b)
}

// convStride2Products is the gathered form of convproducts.go, whatever the widths: a 3x3 kernel of stride 2 makes no fewer
// channels than it takes in any network here.
func convStride2Products(x, kernel, bias *Node) *Node {
	in, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	out, columns := kernel.Shape().Dim(0), h/2*w/2*b
	var rows, matrix *Node // the product's two operands, the first with a last row of ones for the bias
	y := WithGradient([]*Node{x, After(kernel, x), After(bias, x)}, func(inputs []*Node) *Node {
		x, kernel, bias := inputs[0], inputs[1], inputs[2]
		rows = Concatenate([]*Node{Reshape(tapsStride2(x), 9*in, columns), Ones(x.Graph(), shapeLike(x, 1, columns))}, 0)
		matrix = kernelMatrix(kernel)
		return PlainProduct(Concatenate([]*Node{matrix, Reshape(bias, out, 1)}, 1), rows)
	}, func(_ []*Node, _, dy *Node) []*Node {
		dMatrix := ProductT(dy, rows)
		dKernel := Reshape(Slice(dMatrix, AxisRange(), AxisRange(0, 9*in)), out, 3, in, 3)
		dBias := Reshape(Slice(dMatrix, AxisRange(), AxisRange(9*in)), out)
		dRows := PlainProduct(Transpose(After(matrix, dy), 0, 1), dy)
		dx := sumTapsStride2(Reshape(dRows, 3*in, 3*h/2, w/2*b), in, h, w, b)
		return []*Node{dx, TransposeAllAxes(dKernel, 0, 2, 3, 1), dBias}
	})
	return Reshape(y, out, h/2, w/2, b)
}

// everySecond keeps rows and columns 0, 2, 4, ... of x [C, H, W, B]: [C, H/2, W/2, B]. Rows in pairs are one axis of 2*W*B
// elements and columns in pairs one of 2*B, so that both cuts and their gradients move whole blocks of memory.
func everySecond(x *Node) *Node {
	c, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	return WithGradient([]*Node{x}, func(in []*Node) *Node {
		rows := firstHalf(Reshape(in[0], c, h/2, 2*w*b))
		return Reshape(firstHalf(Reshape(rows, c, h/2, w/2, 2*b)), c, h/2, w/2, b)
	}, func(_ []*Node, _, dy *Node) []*Node {
		rows := Concatenate([]*Node{dy, ZerosLike(dy)}, -1) // [C, H/2, W/2, 2B]
		rows = Reshape(rows, c, h/2, w*b)
		return []*Node{Reshape(Concatenate([]*Node{rows, ZerosLike(rows)}, -1), c, h, w, b)}
	})
}

// tapsStride2 stacks the nine copies of x [C, H, W, B] that a 3x3 kernel sees at every second position, the order of
// rows being that of taps: [3C, 3H/2, W/2*B]. Output column j sees the columns 2j-1, 2j, 2j+1: the odd columns moved
// by one, the even and the odd ones. The product that shifts rows leaves out every second one.
func tapsStride2(x *Node) *Node {
	c, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	pairs := Reshape(x, c, h, w/2, 2*b)
	even, odd := firstHalf(pairs), secondHalf(pairs)
	zeros := Zeros(x.Graph(), shapeLike(x, c, h, 1, b))
	before := Concatenate([]*Node{zeros, Slice(odd, AxisRange(), AxisRange(), AxisRange(0, w/2-1))}, 2)
	columns := Reshape(Concatenate([]*Node{before, even, odd}, 0), 3*c, h, w/2*b)
	return DotGeneral(rowShifts(x, 3*c, h, 2, seenByOutput, false), []int{2}, []int{0}, columns, []int{1}, []int{0})
}

// sumTapsStride2 is the transpose of tapsStride2, [3C, 3H/2, W/2*B] -> [C, H, W, B].
func sumTapsStride2(t *Node, c, h, w, b int) *Node {
	rows := DotGeneral(rowShifts(t, 3*c, h, 2, seenByOutput, true), []int{2}, []int{0}, t, []int{1}, []int{0})
	rows = Reshape(rows, 3*c, h, w/2, b)
	zeros := Zeros(t.Graph(), shapeLike(t, c, h, 1, b))
	before := Concatenate([]*Node{Slice(rows, AxisRange(0, c), AxisRange(), AxisRange(1, w/2)), zeros}, 2)
	even := Slice(rows, AxisRange(c, 2*c))
	odd := Add(Slice(rows, AxisRange(2*c, 3*c)), before)
	return Reshape(Concatenate([]*Node{even, odd}, -1), c, h, w, b)
}

// firstHalf and secondHalf cut the last axis in the middle.
func firstHalf(x *Node) *Node {
	return Slice(x, AxisRange().Spacer(), AxisRange(0, x.Shape().Dim(-1)/2))
}

func secondHalf(x *Node) *Node { return Slice(x, AxisRange().Spacer(), AxisRange(x.Shape().Dim(-1)/2)) }
