package nn

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// This file is 3x3 convolution by the minimal filtering F(2x2, 3x3) of Winograd (Lavin and Gray 2016): every tile of 2x2
// outputs, with the 4x4 inputs that it sees, takes 16 products of a channel with a channel in place of 36. Kernels, inputs and
// outputs pass through fixed sums,
//
//	y = A^T (G k G^T * B^T x B) A,
//
// and what stands between is 16 matrix products, one for each position of a tile. In float32 it rounds about as the other
// forms do, by conv_test.go; in bfloat16 the sums would cost what little there is.

// byWinograd says where that was measured to be faster than nine shifted copies and one product (tapsFused), forwards and
// backwards together, milliseconds of two Zen 4 cores under XLA v0.81 (v0.115 is alike), in and out channels, side, batch:
//
//	640 640  8  4:  49 to 43    64 64  8 32:  5.3 to 3.0     16 160 32  4:  4.9 to  6.7
//	160 320 32  4:  98 to 52    32 32 16 32:  5.1 to 4.2     16  64 32 16:  9.4 to 12.0
//	 64 128 32 16:  58 to 52    16 16 32 32:  9.0 to 6.4     16  32 32 32: 12.9 to 13.3
//
// The fixed sums write 4 numbers for each input and read 4 for each output, the copies write 9 for each input: that pays
// where there are as many inputs, or products enough. Of GPUs nothing is known.
func byWinograd(lowering Lowering, x *Node, l ConvLayer) bool {
	out, in := l.Kernel.Shape().Dim(0), l.Kernel.Shape().Dim(1)
	switch {
	case !lowering.Fused || lowering.LargeBatches || x.DType() == dtypes.BFloat16:
		return false
	case l.Kernel.Shape().Dim(2) != 3 || x.Shape().Dim(1)%2 != 0 || x.Shape().Dim(2)%2 != 0:
		return false
	}
	return in == out && in >= 16 || in < out && in >= 64
}

// winograd convolves x [in, H, W, B], H and W even, with kernel [out, in, 3, 3], and adds bias [out].
//
// The gradient by x is itself such a convolution: of dy, with the kernel turned by half a circle, inputs and outputs
// exchanged. Turning exchanges the first and the last of the four rows and columns of G k G^T and leaves the others, so the
// kernels' sums are those of forwards. The kernel's gradient is that of this second convolution, and nothing is kept but x.
func winograd(x, kernel, bias *Node) *Node {
	in, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	out, tiles := kernel.Shape().Dim(0), h/2*w/2*b
	var kernels *Node // [16, out, in]
	return WithGradient([]*Node{x, kernel, bias}, func(inputs []*Node) *Node {
		x, kernel, bias := inputs[0], inputs[1], inputs[2]
		kernels = DotGeneral(kernelSums(x), []int{1}, nil, Reshape(kernel, out*in, 9), []int{1}, nil)
		kernels = Reshape(kernels, 16, out, in)
		y := DotGeneral(kernels, []int{2}, []int{0}, Reshape(inputSums(x, false), 16, in, tiles), []int{1}, []int{0})
		y = outputSums(Reshape(y, 16, out, h/2, w/2, b), false)
		return Linked(StopGradient(Add(y, spread(bias, y))), inputs...)
	}, func(inputs []*Node, _, dy *Node) []*Node {
		x := inputs[0]
		d := Reshape(inputSums(dy, true), 16, out, tiles)
		dx := DotGeneral(kernels, []int{1}, []int{0}, d, []int{1}, []int{0})
		dx = outputSums(Reshape(dx, 16, in, h/2, w/2, b), true)
		dKernels := DotGeneral(d, []int{2}, []int{0}, Reshape(outputSumsT(x, true), 16, in, tiles), []int{2}, []int{0})
		dKernel := DotGeneral(Reshape(dKernels, 16, out*in), []int{0}, nil, kernelSums(x), []int{0}, nil)
		return []*Node{dx, Reshape(dKernel, out, in, 3, 3), SumRows(Reshape(dy, out, h*w*b))}
	})
}

// kernelSums is G for both directions of a kernel, [16, 9].
func kernelSums(like *Node) *Node {
	g := [4][3]float32{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}}
	all := make([]float32, 0, 16*9)
	for i := range 16 {
		for j := range 9 {
			all = append(all, g[i/4][j/3]*g[i%4][j%3])
		}
	}
	return ConvertDType(ConstTensor(like.Graph(), tensors.FromFlatDataAndDimensions(all, 16, 9)), like.DType())
}

// turnedPosition is position i of four, in a kernel that is turned.
func turnedPosition(i int, turned bool) int {
	if turned && (i == 0 || i == 3) {
		return 3 - i
	}
	return i
}

// inputSums is B^T d B of every tile d of x [C, H, W, B] in a frame of zeros, [16, C, H/2, W/2, B]: rows first, for one pass
// for both directions would read each number four times.
func inputSums(x *Node, turned bool) *Node {
	c, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	sum := func(i int, at func(i int) *Node) *Node {
		switch turnedPosition(i, turned) {
		case 0:
			return Sub(at(0), at(2))
		case 1:
			return Add(at(1), at(2))
		case 2:
			return Sub(at(2), at(1))
		}
		return Sub(at(1), at(3))
	}
	frame := Pad(x, ScalarZero(x.Graph(), x.DType()), compute.PadAxis{}, compute.PadAxis{Start: 1, End: 1},
		compute.PadAxis{Start: 1, End: 1})
	rows, columns := make([]*Node, 4), make([]*Node, 4)
	for i := range rows {
		s := sum(i, func(k int) *Node { return Slice(frame, AxisRange(), AxisRange(k, k+h-1).Stride(2)) })
		rows[i] = Reshape(s, 1, c, h/2, w+2, b)
	}
	all := Concatenate(rows, 0)
	for j := range columns {
		s := sum(j, func(k int) *Node {
			return Slice(all, AxisRange(), AxisRange(), AxisRange(), AxisRange(k, k+w-1).Stride(2))
		})
		columns[j] = Reshape(s, 4, 1, c, h/2, w/2, b)
	}
	return Concatenate(columns, 1)
}

// outputSums is A^T m A of every tile, [16, C, H/2, W/2, B] to [C, H, W, B].
func outputSums(m *Node, turned bool) *Node {
	c, h, w, b := m.Shape().Dim(1), m.Shape().Dim(2), m.Shape().Dim(3), m.Shape().Dim(4)
	sum := func(k int, at func(i int) *Node) *Node {
		if k == 0 {
			return Add(Add(at(0), at(1)), at(2))
		}
		return Sub(Sub(at(1), at(2)), at(3))
	}
	rows, columns := make([]*Node, 2), make([]*Node, 2)
	for k := range rows {
		for l := range columns {
			s := sum(k, func(i int) *Node {
				return sum(l, func(j int) *Node {
					return Slice(m, AxisElem(4*turnedPosition(i, turned)+turnedPosition(j, turned)))
				})
			})
			columns[l] = Reshape(s, c, h, 1, w, 1, b)
		}
		rows[k] = Concatenate(columns, 4)
	}
	return Reshape(Concatenate(rows, 2), c, 2*h, 2*w, b)
}

// outputSumsT is the transpose of outputSums, A y A^T of every tile: [C, H, W, B] to [16, C, H/2, W/2, B].
func outputSumsT(y *Node, turned bool) *Node {
	c, h, w, b := y.Shape().Dim(0), y.Shape().Dim(1)/2, y.Shape().Dim(2)/2, y.Shape().Dim(3)
	sum := func(i int, at func(k int) *Node) *Node {
		switch turnedPosition(i, turned) {
		case 0:
			return at(0)
		case 1:
			return Add(at(0), at(1))
		case 2:
			return Sub(at(0), at(1))
		}
		return Neg(at(1))
	}
	tiles := Reshape(y, c, h, 2, w, 2, b)
	rows, columns := make([]*Node, 4), make([]*Node, 4)
	for i := range rows {
		s := sum(i, func(k int) *Node { return Slice(tiles, AxisRange(), AxisRange(), AxisElem(k)) })
		rows[i] = Reshape(s, 1, c, h, w, 2, b)
	}
	all := Concatenate(rows, 0)
	for j := range columns {
		s := sum(j, func(k int) *Node {
			return Slice(all, AxisRange(), AxisRange(), AxisRange(), AxisRange(), AxisElem(k))
		})
		columns[j] = Reshape(s, 4, 1, c, h, w, b)
	}
	return Concatenate(columns, 1)
}
