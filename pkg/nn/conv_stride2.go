package nn

import (
	"fmt"

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
	switch {
	case lowering.Native:
		return convNative(x, kernel, bias, 2, false)
	case size == 1:
		return Conv(lowering, everySecond(x), kernel, bias, false)
	}
	return convStride2Products(x, kernel, bias)
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
		return product(Concatenate([]*Node{matrix, Reshape(bias, out, 1)}, 1), rows)
	}, func(_ []*Node, _, dy *Node) []*Node {
		dMatrix := productT(dy, rows)
		dKernel := Reshape(Slice(dMatrix, AxisRange(), AxisRange(0, 9*in)), out, 3, in, 3)
		dBias := Reshape(Slice(dMatrix, AxisRange(), AxisRange(9*in)), out)
		dRows := product(Transpose(After(matrix, dy), 0, 1), dy)
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
