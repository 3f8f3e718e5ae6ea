package pixelcnn

import (
	"fmt"
	"strings"

	"strata/pkg/nn"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// convolution is a weight-normed convolution whose kernel reaches up and to the sides, but not down: element (i, j) of its output
// sees rows i-height+1 to i and columns j-left to j-left+width-1 of its input, zero outside of the image. With a stride it keeps every
// second row and column.
type convolution struct {
	name                string
	in, out             int
	height, width, left int
	stride              int
	linear              bool   // a 1x1 kernel stored as the matrix of a linear layer
	alike               string // see weightNorm
}

// shifted is a convolution of a stream.
func shifted(name string, s stream, in, out int) convolution {
	height, width, left := s.kernel()
	return convolution{name: name, in: in, out: out, height: height, width: width, left: left, stride: 1}
}

// pointwise is a linear layer at every position, the "nin" of the reference.
func pointwise(name string, in, out int) convolution {
	return convolution{name: name, in: in, out: out, height: 1, width: 1, stride: 1, linear: true}
}

func (c convolution) norm() weightNorm {
	n := weightNorm{name: c.name, shape: []int{c.out, c.in, c.height, c.width}, outputs: c.out, alike: c.alike, rows: c.out}
	switch {
	case c.linear:
		n.shape = n.shape[:2]
	case c.stacksInput():
		n.axes = []int{0, 2, 3, 1} // [out, (a, b, in)]
	default:
		n.axes, n.rows = []int{2, 3, 0, 1}, c.height*c.width*c.out // [(a, b, out), in]
	}
	return n
}

// Params are bias, weight_g and weight_v.
func (c convolution) Params() []nn.Param { return c.norm().Params() }

// apply convolves x [in, H, W, B] to [out, H/stride, W/stride, B].
func (c convolution) apply(w *weights, x *Node) *Node {
	if w.Lowering.Fused && !w.Lowering.Native {
		matrix, bias := w.matrix(c.norm()), w.bias(c.norm())
		// The weight norm stays float32; the first and the last layer are no residual network, and the mixture reads the last.
		if half, back := w.Lowering.Halved(x); half != nil && strings.Contains(c.name, "_layers/") {
			return back(c.fused(half(x), half(matrix), half(bias)))
		}
		return c.fused(x, matrix, bias)
	}
	kernel := Reshape(c.norm().kernel(w.Weights), c.out, c.in, c.height, c.width)
	return c.convolve(w.Lowering, x, kernel, w.bias(c.norm()))
}

// convolve is apply with the kernel [out, in, height, width] and the bias [out] given.
func (c convolution) convolve(lowering nn.Lowering, x, kernel, bias *Node) *Node {
	c.check(x)
	forward, backward := c.products, c.productsGradient
	switch {
	case lowering.Native:
		forward, backward = c.native, c.nativeGradient
	case lowering.Fused:
		return c.fused(x, c.norm().layOut(kernel, 1), bias)
	}
	return nn.WithGradient([]*Node{x, kernel, bias}, func(in []*Node) *Node {
		y := forward(in[0], in[1], in[2])
		if c.stride == 1 {
			return y
		}
		return Slice(y, AxisRange(), AxisRange().Stride(c.stride), AxisRange().Stride(c.stride))
	}, func(in []*Node, _, dy *Node) []*Node {
		dBias := nn.SumRows(rowsOf(dy))
		if c.stride > 1 {
			gaps := compute.PadAxis{End: c.stride - 1, Interior: c.stride - 1}
			dy = Pad(dy, ScalarZero(dy.Graph(), dy.DType()), compute.PadAxis{}, gaps, gaps)
		}
		dx, dKernel := backward(in[0], in[1], dy)
		return []*Node{dx, dKernel, dBias}
	})
}

func (c convolution) check(x *Node) {
	if x.Rank() != 4 || x.Shape().Dim(0) != c.in || x.Shape().Dim(1)%c.stride != 0 || x.Shape().Dim(2)%c.stride != 0 {
		panic(fmt.Errorf("pixelcnn: %s takes [%d, H, W, B] that divides by %d, not %s", c.name, c.in, c.stride, x.Shape()))
	}
}

func (c convolution) right() int { return c.width - 1 - c.left }

// products writes the convolution as one matrix product. All that the kernel's positions (a, b) see are copies of the image, each
// at its place in a common frame that is height-1 rows and width-1 columns larger. Stacked, they are the right factor; the image's
// part of the result is then cut out of the frame:
//
//	y(i, j) = bias + sum over a, b of K_ab x(i+a-height+1, j+b-left)
func (c convolution) products(x, kernel, bias *Node) *Node {
	h, w, batch := x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	matrix := Reshape(kernel, c.out, c.in*c.height*c.width)
	y := DotGeneral(matrix, []int{1}, nil, c.stack(x, func(size, tap int) int { return size - 1 - tap }), []int{0}, nil)
	y = Reshape(y, c.out, h+c.height-1, w+c.width-1, batch)
	if c.height*c.width > 1 {
		y = Slice(y, AxisRange(), AxisRange(0, h), AxisRange(c.right(), c.right()+w))
	}
	return Add(y, nn.PerChannel(bias, y))
}

// productsGradient moves dy the other way. One stack gives both gradients, so that nothing is kept of the forward pass:
//
//	dx(i, j) = sum over a, b of K_ab^T dy(i-a+height-1, j-b+left)
//	dK_ab = sum over i, j of dy(i-a+height-1, j-b+left) x(i, j)^T
func (c convolution) productsGradient(x, kernel, dy *Node) (dx, dKernel *Node) {
	h, w, batch := x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	frameH, frameW := h+c.height-1, w+c.width-1
	rows := c.stack(dy, func(_, tap int) int { return tap }) // [(out, a, b), ...]
	matrix := Reshape(Transpose(kernel, 0, 1), c.in, c.out*c.height*c.width)
	dx = Reshape(DotGeneral(matrix, []int{1}, nil, rows, []int{0}, nil), c.in, frameH, frameW, batch)
	seen := x
	if c.height*c.width > 1 {
		dx = Slice(dx, AxisRange(), AxisRange(c.height-1, frameH), AxisRange(c.left, c.left+w))
		seen = inFrame(inFrame(x, 2, c.left, c.right()), 1, c.height-1, 0)
	}
	dKernel = DotGeneral(rows, []int{1}, nil, Reshape(seen, c.in, frameH*frameW*batch), []int{1}, nil)
	return dx, TransposeAllAxes(Reshape(dKernel, c.out, c.height, c.width, c.in), 0, 3, 1, 2)
}

// stack copies x [C, H, W, B] into the frame once for each position (a, b) of the kernel: [(C, a, b), (H+height-1) (W+width-1) B].
// before(size, tap) is how many of the size-1 rows or columns of zeros come before the image.
//
// It only joins blocks of memory: first columns, which are [B], then whole images with the rows between them. With the rows of the
// stack in this order, the kernel [out, in, a, b] is the other factor as it is. Pad would do the same and take twice the
// time, as it first fills with zeros.
func (c convolution) stack(x *Node, before func(size, tap int) int) *Node {
	d := x.Shape().Dimensions
	frameH, frameW := d[1]+c.height-1, d[2]+c.width-1
	columns := make([]*Node, c.width)
	for b := range columns {
		left := before(c.width, b)
		columns[b] = inFrame(x, 2, left, c.width-1-left)
	}
	var parts []*Node
	for a := range c.height {
		above := before(c.height, a)
		for _, image := range columns {
			parts = append(parts, framed(image, 1, above, c.height-1-above)...)
		}
	}
	return Reshape(joined(parts, 1), d[0]*c.height*c.width, frameH*frameW*d[3])
}

// native uses the backend's convolution, whose gradient in GoMLX refuses kernels of even size: it stands apart, behind StopGradient,
// and the bias carries the path to what it is made of.
func (c convolution) native(x, kernel, bias *Node) *Node {
	bias = nn.Linked(bias, x, kernel)
	y := ConvGeneral(StopGradient(x), StopGradient(kernel), ConvolveAxesConfig{
		InputChannels: 0, InputSpatial: []int{1, 2}, InputBatch: 3,
		KernelOutputChannels: 0, KernelInputChannels: 1, KernelSpatial: []int{2, 3},
		OutputChannels: 0, OutputSpatial: []int{1, 2}, OutputBatch: 3,
	}, nil, [][2]int{{c.height - 1, 0}, {c.left, c.right()}}, nil, nil, 1, 1)
	return Add(y, nn.PerChannel(bias, y))
}

// nativeGradient writes the sums of productsGradient as convolutions: of dy with the reversed kernel; and of x with dy as a
// kernel, where the images of the batch are what is summed over.
func (c convolution) nativeGradient(x, kernel, dy *Node) (dx, dKernel *Node) {
	dx = ConvGeneral(dy, Reverse(kernel, 2, 3), ConvolveAxesConfig{
		InputChannels: 0, InputSpatial: []int{1, 2}, InputBatch: 3,
		KernelOutputChannels: 1, KernelInputChannels: 0, KernelSpatial: []int{2, 3},
		OutputChannels: 0, OutputSpatial: []int{1, 2}, OutputBatch: 3,
	}, nil, [][2]int{{0, c.height - 1}, {c.right(), c.left}}, nil, nil, 1, 1)
	dKernel = ConvGeneral(x, dy, ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelOutputChannels: 0, KernelSpatial: []int{1, 2}, KernelInputChannels: 3,
		OutputChannels: 0, OutputBatch: 1, OutputSpatial: []int{2, 3},
	}, nil, [][2]int{{c.height - 1, 0}, {c.left, c.right()}}, nil, nil, 1, 1)
	return dx, dKernel
}

// inFrame puts zeros before and behind x along an axis.
func inFrame(x *Node, axis, before, behind int) *Node {
	return joined(framed(x, axis, before, behind), axis)
}

func framed(x *Node, axis, before, behind int) []*Node {
	zeros := func(n int) *Node {
		d := append([]int{}, x.Shape().Dimensions...)
		d[axis] = n
		return Zeros(x.Graph(), shapeLike(x, d...))
	}
	parts := []*Node{x}
	if before > 0 {
		parts = append([]*Node{zeros(before)}, parts...)
	}
	if behind > 0 {
		parts = append(parts, zeros(behind))
	}
	return parts
}

func joined(parts []*Node, axis int) *Node {
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, axis)
}

// moveDown moves x [C, H, W, B] down by a row; the first row is 0.
func moveDown(x *Node) *Node {
	return inFrame(Slice(x, AxisRange(), AxisRange(0, x.Shape().Dim(1)-1)), 1, 1, 0)
}

// moveRight moves x [C, H, W, B] right by a column; the first column is 0.
func moveRight(x *Node) *Node {
	return inFrame(Slice(x, AxisRange(), AxisRange(), AxisRange(0, x.Shape().Dim(2)-1)), 2, 1, 0)
}

func shapeLike(x *Node, dimensions ...int) shapes.Shape { return shapes.Make(x.DType(), dimensions...) }
