package nn

import (
	"os"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

var Variant = os.Getenv("WV")

// winogradKernel is G (x) G, [16, 9].
func kernelTransform(like *Node) *Node {
	g := [4][3]float32{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}}
	all := make([]float32, 0, 16*9)
	for a := range 4 {
		for b := range 4 {
			for i := range 3 {
				for j := range 3 {
					all = append(all, g[a][i]*g[b][j])
				}
			}
		}
	}
	return ConvertDType(ConstTensor(like.Graph(), tensors.FromFlatDataAndDimensions(all, 16, 9)), like.DType())
}

func winograd(x, kernel, bias *Node) *Node {
	in, h, w, b := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	out := kernel.Shape().Dim(0)
	tiles := h / 2 * w / 2 * b
	var u *Node
	y := WithGradient([]*Node{x, kernel, bias}, func(inputs []*Node) *Node {
		x, kernel, bias := inputs[0], inputs[1], inputs[2]
		u = Reshape(DotGeneral(kernelTransform(x), []int{1}, nil, Reshape(kernel, out*in, 9), []int{1}, nil), 16, out, in)
		v := Reshape(tileInputs(x, false), 16, in, tiles)
		m := DotGeneral(u, []int{2}, []int{0}, v, []int{1}, []int{0})
		y := tileOutputs(Reshape(m, 16, out, h/2, w/2, b), false)
		y = Add(y, spread(bias, y))
		return linked(StopGradient(y), inputs...)
	}, func(inputs []*Node, _, dy *Node) []*Node {
		x, kernel := inputs[0], inputs[1]
		v := Reshape(tileInputs(dy, true), 16, out, tiles)
		m := DotGeneral(u, []int{1}, []int{0}, v, []int{1}, []int{0})
		dx := tileOutputs(Reshape(m, 16, in, h/2, w/2, b), true)
		ax := Reshape(tileProbes(x), 16, in, tiles)
		du := DotGeneral(v, []int{2}, []int{0}, ax, []int{2}, []int{0})
		dKernel := DotGeneral(Reshape(du, 16, out*in), []int{0}, nil, kernelTransform(x), []int{0}, nil)
		return []*Node{dx, Reshape(dKernel, kernel.Shape().Dimensions...), sumRows(Reshape(dy, out, h*w*b))}
	})
	return y
}

func turned(a int, turn bool) int {
	if turn && a%3 == 0 {
		return 3 - a
	}
	return a
}

// tileInputs is B^T d B of every 4x4 tile d of x [C, H, W, B] in a frame of zeros: [16, C, H/2, W/2, B].
func tileInputs(x *Node, turn bool) *Node {
	h, w := x.Shape().Dim(1), x.Shape().Dim(2)
	frame := Pad(x, ScalarZero(x.Graph(), x.DType()), compute.PadAxis{}, compute.PadAxis{Start: 1, End: 1}, compute.PadAxis{Start: 1, End: 1})
	combine := func(a int, at func(i int) *Node) *Node {
		switch turned(a, turn) {
		case 0:
			return Sub(at(0), at(2))
		case 1:
			return Add(at(1), at(2))
		case 2:
			return Sub(at(2), at(1))
		}
		return Sub(at(1), at(3))
	}
	planes := make([]*Node, 0, 16)
	if Variant == "sep" {
		d := dims(x)
		for a := range 4 {
			p := combine(a, func(i int) *Node { return Slice(frame, AxisRange(), AxisRange(i, i+h-1).Stride(2)) })
			planes = append(planes, Reshape(p, 1, d[0], h/2, w+2, d[3]))
		}
		rows := Concatenate(planes, 0)
		planes = nil
		for b := range 4 {
			p := combine(b, func(j int) *Node {
				return Slice(rows, AxisRange(), AxisRange(), AxisRange(), AxisRange(j, j+w-1).Stride(2))
			})
			planes = append(planes, Reshape(p, 4, 1, d[0], h/2, w/2, d[3]))
		}
		return Concatenate(planes, 1)
	}
	for a := range 4 {
		for b := range 4 {
			plane := combine(a, func(i int) *Node {
				return combine(b, func(j int) *Node {
					return Slice(frame, AxisRange(), AxisRange(i, i+h-1).Stride(2), AxisRange(j, j+w-1).Stride(2))
				})
			})
			planes = append(planes, Reshape(plane, append([]int{1}, dims(plane)...)...))
		}
	}
	return Concatenate(planes, 0)
}

// tileOutputs is A^T m A: [16, C, H/2, W/2, B] -> [C, H, W, B].
func tileOutputs(m *Node, turn bool) *Node {
	d := dims(m)
	at := func(a, b int) *Node { return Slice(m, AxisElem(4*turned(a, turn)+turned(b, turn))) }
	combine := func(p int, at func(a int) *Node) *Node {
		if p == 0 {
			return Add(Add(at(0), at(1)), at(2))
		}
		return Sub(Sub(at(1), at(2)), at(3))
	}
	var rows []*Node
	for p := range 2 {
		var columns []*Node
		for q := range 2 {
			y := combine(p, func(a int) *Node { return combine(q, func(b int) *Node { return at(a, b) }) })
			columns = append(columns, Reshape(y, d[1], d[2], 1, d[3], 1, d[4]))
		}
		rows = append(rows, Concatenate(columns, 4))
	}
	return Reshape(Concatenate(rows, 2), d[1], 2*d[2], 2*d[3], d[4])
}

// tileProbes is A y A^T of every 2x2 tile, planes turned: [C, H, W, B] -> [16, C, H/2, W/2, B].
func tileProbes(y *Node) *Node {
	combine := func(a int, at func(p int) *Node) *Node {
		switch turned(a, true) {
		case 0:
			return at(0)
		case 1:
			return Add(at(0), at(1))
		case 2:
			return Sub(at(0), at(1))
		}
		return Neg(at(1))
	}
	d := dims(y)
	h, w := d[1]/2, d[2]/2
	pairs := Reshape(y, d[0], h, 2, d[2], d[3])
	var rows, columns []*Node
	for a := range 4 {
		p := combine(a, func(p int) *Node { return Slice(pairs, AxisRange(), AxisRange(), AxisElem(p)) })
		rows = append(rows, Reshape(p, 1, d[0], h, w, 2, d[3]))
	}
	joined := Concatenate(rows, 0)
	for b := range 4 {
		p := combine(b, func(q int) *Node { return Slice(joined, AxisRange(), AxisRange(), AxisRange(), AxisRange(), AxisElem(q)) })
		columns = append(columns, Reshape(p, 4, 1, d[0], h, w, d[3]))
	}
	return Reshape(Concatenate(columns, 1), 16, d[0], h, w, d[3])
}
