package nn

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// ConvLayer is y = Scale * (Kernel conv x) + Bias, then ReLU if asked: stride 1, zero padding that keeps the size.
type ConvLayer struct {
	Kernel *Node // [out, in, k, k], k = 1 or 3
	Scale  *Node // [out], a folded activation norm; nil is 1
	Bias   *Node // [out]
	ReLU   bool
}

// Conv convolves x [in, H, W, B] with kernel [out, in, k, k] for k = 1 or 3, adds bias [out] and, if asked, applies ReLU.
// It returns [out, H, W, B].
func Conv(lowering Lowering, x, kernel, bias *Node, withReLU bool) *Node {
	return ConvNet(lowering, x, ConvLayer{Kernel: kernel, Bias: bias, ReLU: withReLU})
}

// ConvNet applies layers one after the other to x [in, H, W, B].
//
// All lowerings compute the same sums in another order; conv_test.go holds them together.
func ConvNet(lowering Lowering, x *Node, layers ...ConvLayer) *Node {
	channels := 0
	if x.Rank() == 4 {
		channels = x.Shape().Dim(0)
	}
	for _, l := range layers {
		if x.Rank() != 4 || l.Kernel.Rank() != 4 || l.Kernel.Shape().Dim(1) != channels {
			panic(fmt.Errorf("nn.Conv: x %s is not [in, H, W, B] or kernel %s not [out, in, k, k]", x.Shape(), l.Kernel.Shape()))
		}
		if size := l.Kernel.Shape().Dim(2); size != l.Kernel.Shape().Dim(3) || size != 1 && size != 3 {
			panic(fmt.Errorf("nn.Conv: kernels are 1x1 or 3x3, not %s", l.Kernel.Shape()))
		}
		channels = l.Kernel.Shape().Dim(0)
	}
	if half, back := lowering.Halved(x); half != nil {
		halves := make([]ConvLayer, len(layers))
		for i, l := range layers {
			halves[i] = ConvLayer{Kernel: half(l.Kernel), Scale: half(l.Scale), Bias: half(l.Bias), ReLU: l.ReLU}
		}
		lowering.Half = false
		return back(ConvNet(lowering, half(x), halves...))
	}
	switch first := layers[0]; {
	case lowering.Native:
	case len(layers) == 1 && first.Scale == nil && !first.ReLU && byWinograd(lowering, x, first):
		return winograd(x, first.Kernel, first.Bias)
	default:
		return convProducts(lowering, x, layers)
	}
	for _, l := range layers {
		kernel := l.Kernel
		if l.Scale != nil {
			kernel = Mul(kernel, PerChannel(l.Scale, kernel))
		}
		x = convNative(x, kernel, l.Bias, 1, l.ReLU)
	}
	return x
}

func convNative(x, kernel, bias *Node, stride int, withReLU bool) *Node {
	y := ConvGeneral(x, kernel, ConvolveAxesConfig{
		InputChannels: 0, InputSpatial: []int{1, 2}, InputBatch: 3,
		KernelOutputChannels: 0, KernelInputChannels: 1, KernelSpatial: []int{2, 3},
		OutputChannels: 0, OutputSpatial: []int{1, 2}, OutputBatch: 3,
	}, []int{stride, stride}, samePadding(kernel.Shape().Dim(2)), nil, nil, 1, 1)
	y = Add(y, PerChannel(bias, y))
	if withReLU {
		y = relu(y)
	}
	return y
}

func samePadding(size int) [][2]int {
	p := size / 2
	return [][2]int{{p, p}, {p, p}}
}

// kernelMatrix lays kernel [out, in, k, k] out as [out, (column, in, row)], the order of taps.
func kernelMatrix(kernel *Node) *Node {
	d := dims(kernel)
	if d[2] == 1 {
		return Reshape(kernel, d[0], d[1])
	}
	return Reshape(TransposeAllAxes(kernel, 0, 3, 1, 2), d[0], 9*d[1])
}

// tapMatrix lays kernel [out, in, 3, 3] out as [(column, out, row), in], the order of sumTaps.
func tapMatrix(kernel *Node) *Node {
	d := dims(kernel)
	return Reshape(TransposeAllAxes(kernel, 3, 0, 2, 1), 9*d[0], d[1])
}

// A tap is one of the nine positions of a 3x3 kernel. seen says which shift tap k = 0, 1, 2 of a row or column
// stands for: a position of the output sees the input at +k-1; the other way round, a position of the input is
// seen from the output at 1-k.
type tapDirection int

const (
	seenByOutput  tapDirection = 1
	sentFromInput tapDirection = -1
)

// taps stacks the nine shifted copies of x [C, H, W, B]: [3C, 3H, W*B], whose rows are (column tap, channel, row
// tap, row), zero outside of the image. Column shifts are cut and joined in memory, row shifts are a product with
// a fixed matrix of zeros and ones.
func taps(fused bool, x *Node, direction tapDirection) *Node {
	if fused {
		return tapsFused(x, direction)
	}
	c, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	zeros := Zeros(x.Graph(), shapeLike(x, c, h, 1, b))
	copies := []*Node{
		Concatenate([]*Node{zeros, Slice(x, AxisRange(), AxisRange(), AxisRange(0, w-1))}, 2), // what lies left
		x,
		Concatenate([]*Node{Slice(x, AxisRange(), AxisRange(), AxisRange(1, w)), zeros}, 2), // what lies right
	}
	if direction == sentFromInput {
		copies[0], copies[2] = copies[2], copies[0]
	}
	columns := Reshape(Concatenate(copies, 0), 3*c, h, w*b)
	return DotGeneral(rowShifts(x, 3*c, h, 1, direction, false), []int{2}, []int{0}, columns, []int{1}, []int{0})
}

// sumTaps is the transpose of taps, [3C, 3H, W*B] -> [C, H, W, B]: it shifts every tap back and adds.
func sumTaps(fused bool, t *Node, c, h, w, b int, direction tapDirection) *Node {
	if fused {
		return sumTapsFused(t, c, h, w, b, direction)
	}
	rows := DotGeneral(rowShifts(t, 3*c, h, 1, direction, true), []int{2}, []int{0}, t, []int{1}, []int{0})
	rows = Reshape(rows, 3*c, h, w, b)
	left, right := 0, 2
	if direction == sentFromInput {
		left, right = right, left
	}
	zeros := Zeros(t.Graph(), shapeLike(t, c, h, 1, b))
	fromLeft := Slice(rows, AxisRange(left*c, (left+1)*c), AxisRange(), AxisRange(1, w))
	fromRight := Slice(rows, AxisRange(right*c, (right+1)*c), AxisRange(), AxisRange(0, w-1))
	return Add(Slice(rows, AxisRange(c, 2*c)),
		Add(Concatenate([]*Node{fromLeft, zeros}, 2), Concatenate([]*Node{zeros, fromRight}, 2)))
}

// tapsFused is taps as nine windows of the image in a frame of zeros, which a compiler writes in one pass.
func tapsFused(x *Node, direction tapDirection) *Node {
	c, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	frame := Pad(x, ScalarZero(x.Graph(), x.DType()), compute.PadAxis{}, compute.PadAxis{Start: 1, End: 1},
		compute.PadAxis{Start: 1, End: 1})
	columns := make([]*Node, 3)
	for k := range columns {
		rows := make([]*Node, 3)
		for l := range rows {
			i, j := 1+int(direction)*(l-1), 1+int(direction)*(k-1)
			rows[l] = Reshape(Slice(frame, AxisRange(), AxisRange(i, i+h), AxisRange(j, j+w)), c, 1, h, w*b)
		}
		columns[k] = Reshape(Concatenate(rows, 1), c, 3*h, w*b)
	}
	return Concatenate(columns, 0)
}

// sumTapsFused is sumTaps as a sum of nine windows, each of one tap in a frame of zeros.
func sumTapsFused(t *Node, c, h, w, b int, direction tapDirection) *Node {
	all := Reshape(t, 3, c, 3, h, w, b)
	var sum *Node
	for k := range 3 {
		for l := range 3 {
			tap := Reshape(Slice(all, AxisElem(k), AxisRange(), AxisElem(l)), c, h, w, b)
			moved := moved(tap, int(direction)*(l-1), int(direction)*(k-1))
			if sum == nil {
				sum = moved
			} else {
				sum = Add(sum, moved)
			}
		}
	}
	return sum
}

// moved is x [C, H, W, B] moved down and right by at most a row and a column, zeros coming in.
func moved(x *Node, down, right int) *Node {
	h, w := x.Shape().Dim(1), x.Shape().Dim(2)
	switch {
	case down == 0 && right == 0:
		return x
	case h <= max(down, -down) || w <= max(right, -right):
		return ZerosLike(x) // nothing of a single row or column is left, and StableHLO refuses empty slices
	}
	axis := func(n, by int) (SliceAxisSpec, compute.PadAxis) {
		return AxisRange(max(-by, 0), n-max(by, 0)), compute.PadAxis{Start: max(by, 0), End: max(-by, 0)}
	}
	rows, above := axis(h, down)
	columns, left := axis(w, right)
	return Pad(Slice(x, AxisRange(), rows, columns), ScalarZero(x.Graph(), x.DType()), compute.PadAxis{}, above, left)
}

// rowShifts is the fixed matrix S [3H/stride, H] with S[(k, i), j] = 1 where tap k of row i is row j, once for each of n
// channels; transposed [H, 3H/stride] on request.
func rowShifts(like *Node, n, h, stride int, direction tapDirection, transposed bool) *Node {
	rows := h / stride
	one := make([]float32, 3*rows*h)
	for k := range 3 {
		for i := range rows {
			j := stride*i + int(direction)*(k-1)
			switch {
			case j < 0 || j >= h:
			case transposed:
				one[j*3*rows+k*rows+i] = 1
			default:
				one[(k*rows+i)*h+j] = 1
			}
		}
	}
	shape := []int{n, 3 * rows, h}
	if transposed {
		shape = []int{n, h, 3 * rows}
	}
	all := tensors.FromFlatDataAndDimensions(slices.Repeat(one, n), shape...)
	return ConvertDType(ConstTensor(like.Graph(), all), like.DType())
}

func shapeLike(x *Node, dimensions ...int) shapes.Shape { return shapes.Make(x.DType(), dimensions...) }
