package nn

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Scan is a counted loop of n turns that a compiler sees once, with a gradient:
//
//	for k in 0 .. n-1 (or n-1 .. 0, if reversed):
//		carry, ys[k] = body(carry, xs[k])
//
// xs and ys are stacks [n, ...] of what a turn reads and writes. body builds one turn; it may use nothing from outside but
// constants of its own. It returns the last carry and the stacks.
//
// GoMLX's While has no gradient. Here the loop forwards keeps the carry that each turn began with, and with Keep what the turn
// asks for, and a second loop runs through the turns the other way round: it builds each again from what was kept and
// differentiates it there. Where forwardOnly is set nothing is kept and a gradient is refused.
//
// Integer carries and stacks have no gradient. stop says which of xs need none either (fixed parameters); nil stands for none.
func Scan(n int, reversed, forwardOnly bool, carry, xs []*Node, stop []bool, body func(carry, x []*Node) (next,
	y []*Node)) (last, ys []*Node) {
	s := &scan{n: n, reversed: reversed, body: body, carries: len(carry), keeps: !forwardOnly}
	s.stop = make([]bool, len(carry)+len(xs))
	for i, v := range append(slices.Clone(carry), xs...) {
		s.stop[i] = !v.DType().IsFloat() || i >= len(carry) && stop != nil && stop[i-len(carry)]
	}
	for _, x := range xs {
		if x.Shape().Dim(0) != n {
			panic(fmt.Errorf("nn.Scan: a stack %s for %d turns", x.Shape(), n))
		}
	}
	inputs := append(slices.Clone(carry), xs...)
	outputs := withGradients(inputs, s.forward, s.backward)
	return outputs[:len(carry)], outputs[len(carry):]
}

type scan struct {
	n          int
	reversed   bool
	keeps      bool
	carries    int
	stop       []bool
	body       func(carry, x []*Node) (next, y []*Node)
	outs       int // number of ys
	keptShapes []shapes.Shape
	kept       []*Node // stacks: the carry at the start of each turn, then what the turns asked to keep
}

// at is element i of a stack, put replaces it.
func at(stack, i *Node) *Node {
	d := slices.Clone(stack.Shape().Dimensions)
	d[0] = 1
	return Reshape(DynamicSlice(stack, starts(stack, i), d), d[1:]...)
}

func put(stack, v, i *Node) *Node {
	return DynamicUpdateSlice(stack, Reshape(v, append([]int{1}, v.Shape().Dimensions...)...), starts(stack, i))
}

func starts(stack, i *Node) []*Node {
	all := []*Node{i}
	for range stack.Rank() - 1 {
		all = append(all, Const(stack.Graph(), int32(0)))
	}
	return all
}

func stackOf(n int, s shapes.Shape) shapes.Shape {
	return shapes.Make(s.DType, append([]int{n}, s.Dimensions...)...)
}

func shapesOf(nodes []*Node) []shapes.Shape {
	all := make([]shapes.Shape, len(nodes))
	for i, v := range nodes {
		all[i] = v.Shape()
	}
	return all
}

// count runs a loop over the indices of the turns. state is what a turn gets and gives, without the index.
func (s *scan) count(g *Graph, backwards bool, state []*Node, turn func(i *Node, state []*Node) []*Node) []*Node {
	declare := func(g *Graph) (*Node, []*Node) {
		i := Parameter(g, "i", shapes.Make(dtypes.Int32))
		all := make([]*Node, len(state))
		for j, v := range state {
			all[j] = Parameter(g, fmt.Sprint("s", j), v.Shape())
		}
		return i, all
	}
	down := s.reversed != backwards
	cond := newClosure(g, func(g *Graph) []*Node {
		i, _ := declare(g)
		return []*Node{LessThan(i, Const(g, int32(s.n)))}
	})
	body := newClosure(g, func(g *Graph) []*Node {
		i, all := declare(g)
		at := i
		if down { // the loop itself counts up, from which XLA reads how many turns it has
			at = Sub(Const(g, int32(s.n-1)), i)
		}
		return append([]*Node{Add(i, Const(g, int32(1)))}, turn(at, all)...)
	})
	first := append([]*Node{Const(g, int32(0))}, state...)
	return While(cond, body, first...)[1:]
}

// forward is the loop; it returns carry and ys.
func (s *scan) forward(in []*Node) []*Node {
	g := in[0].Graph()
	var differentiable []*Node
	for i, v := range in {
		if !s.stop[i] {
			differentiable = append(differentiable, v)
		}
	}
	carry, xs := in[:s.carries], in[s.carries:]
	yShapes := s.outline(g, carry, xs)
	s.outs = len(yShapes)
	written := slices.Clone(yShapes)
	if s.keeps {
		written = append(append(written, shapesOf(carry)...), s.keptShapes...)
	}
	state := slices.Clone(carry)
	for _, shape := range written {
		state = append(state, Zeros(g, stackOf(s.n, shape)))
	}
	state = append(state, xs...)
	out := s.count(g, false, state, func(i *Node, state []*Node) []*Node {
		carry, stacks, xs := state[:s.carries], state[s.carries:s.carries+len(written)], state[s.carries+len(written):]
		var next, y []*Node
		kept := recording(g, s.keepsInside(), func() { next, y = s.body(carry, allAt(xs, i)) })
		values := y
		if s.keeps {
			values = append(append(slices.Clone(y), carry...), kept...)
		}
		result := slices.Clone(next)
		for j, v := range values {
			result = append(result, put(stacks[j], v, i))
		}
		return append(result, xs...)
	})
	results := out[:s.carries+s.outs]
	s.kept = nil
	for _, v := range out[s.carries+s.outs : s.carries+len(written)] {
		s.kept = append(s.kept, StopGradient(v))
	}
	for i, r := range results {
		results[i] = StopGradient(r)
		if r.DType().IsFloat() {
			results[i] = Linked(results[i], differentiable...)
		}
	}
	return results
}

// outline builds a turn that nobody calls, for the shapes of what a turn gives and keeps.
func (s *scan) outline(g *Graph, carry, xs []*Node) (y []shapes.Shape) {
	newClosure(g, func(g *Graph) []*Node {
		var c, x []*Node
		for i, v := range carry {
			c = append(c, Parameter(g, fmt.Sprint("c", i), v.Shape()))
		}
		for i, v := range xs {
			x = append(x, Parameter(g, fmt.Sprint("x", i), shapes.Make(v.DType(), v.Shape().Dimensions[1:]...)))
		}
		var next, ys []*Node
		kept := recording(g, s.keeps, func() { next, ys = s.body(c, x) })
		y, s.keptShapes = shapesOf(ys), shapesOf(kept)
		for i := range next {
			if !next[i].Shape().Equal(c[i].Shape()) {
				panic(fmt.Errorf("nn.Scan: carry %d is %s at the start of a turn and %s at its end", i, c[i].Shape(), next[i].Shape()))
			}
		}
		return next
	})
	var size int64
	for _, shape := range s.keptShapes {
		size += int64(s.n) * shape.ByteSize()
	}
	if size > keepAtMost {
		s.keptShapes = nil
	}
	return y
}

// keepAtMost is how many bytes a loop may keep for its gradient beside the carries. What would be more is computed again:
// a third more work in the products of a coupling network, which is what its hidden activations cost.
const keepAtMost = 4 << 30

func (s *scan) keepsInside() bool { return s.keeps && len(s.keptShapes) > 0 }

// backward is the loop the other way round.
func (s *scan) backward(in, _, dys []*Node) []*Node {
	g := in[0].Graph()
	if !s.keeps {
		panic(fmt.Errorf("nn.Scan: a gradient of a loop that was built for going forwards only"))
	}
	carry, xs := in[:s.carries], in[s.carries:]
	var state []*Node
	var carryAt, xAt []int // those with gradients
	for i, c := range carry {
		if s.stop[i] {
			continue
		}
		carryAt = append(carryAt, i)
		d := dys[i]
		if d == nil {
			d = ZerosLike(c)
		}
		state = append(state, d)
	}
	for j, x := range xs {
		if !s.stop[s.carries+j] {
			xAt = append(xAt, j)
			state = append(state, ZerosLike(x))
		}
	}
	var yAt []int // those with dy
	written := len(state)
	for j, d := range dys[s.carries:] {
		if d != nil {
			yAt = append(yAt, j)
			state = append(state, d)
		}
	}
	state = append(append(state, s.kept...), xs...)
	out := s.count(g, true, state, func(i *Node, state []*Node) []*Node {
		dCarry, dxs := state[:len(carryAt)], state[len(carryAt):written]
		dy, rest := state[written:written+len(yAt)], state[written+len(yAt):]
		kept, xs := allAt(rest[:len(s.kept)], i), rest[len(s.kept):]
		c, x := kept[:s.carries], allAt(xs, i)
		var next, y []*Node
		replaying(g, kept[s.carries:], func() { next, y = s.body(c, x) })
		var loss *Node
		reaches := func(v, d *Node) {
			e := Reshape(Slice(IdentityWithCustomGradient(v, func(_, _ *Node) *Node { return d }), firstElement(v)...))
			if e = ConvertDType(e, dtypes.Float32); loss == nil {
				loss = e
			} else {
				loss = Add(loss, e)
			}
		}
		for q, j := range carryAt {
			reaches(next[j], dCarry[q])
		}
		for q, j := range yAt {
			reaches(y[j], at(dy[q], i))
		}
		var by []*Node
		for _, j := range carryAt {
			by = append(by, c[j])
		}
		for _, j := range xAt {
			by = append(by, x[j])
		}
		gradients := Gradient(loss, by...)
		result := slices.Clone(gradients[:len(carryAt)])
		for q := range xAt {
			result = append(result, put(dxs[q], gradients[len(carryAt)+q], i))
		}
		return append(result, state[written:]...)
	})
	gradients := make([]*Node, len(in))
	for q, j := range carryAt {
		gradients[j] = out[q]
	}
	for q, j := range xAt {
		gradients[s.carries+j] = out[len(carryAt)+q]
	}
	return gradients
}

func allAt(stacks []*Node, i *Node) []*Node {
	all := make([]*Node, len(stacks))
	for j, stack := range stacks {
		all[j] = at(stack, i)
	}
	return all
}

// firstElement is the place of the first element of v, [0, 0, ...].
func firstElement(v *Node) []SliceAxisSpec {
	place := make([]SliceAxisSpec, v.Rank())
	for axis := range place {
		place[axis] = AxisElem(0)
	}
	return place
}
