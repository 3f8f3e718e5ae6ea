package pixelcnn

import (
	"math"
	"math/rand/v2"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// weightNorm is a kernel in two parts, w = g v/|v|: its direction v and, for each index of the first axis, its length
// g. As in PyTorch the norm is taken over all axes but the first, which is the output channel of a convolution and the
// input channel of a transposed one (digest §5).
type weightNorm struct {
	name    string
	shape   []int // of v
	outputs int   // of the bias
	// alike names those that are alike, for nn.Param.Stack; "" stands alone.
	alike string
	// The kernel as the matrix of a product (fused.go): v is seen with sides view (nil: shape), the axes are put in
	// this order (nil: as they are), and the first of them make up so many rows.
	view, axes []int
	rows       int
}

// Params are bias, weight_g and weight_v. They start as PyTorch's: v and the bias uniform in ±1/sqrt(fan in), where the
// fan in is counted over all axes of v but the first, and g as |v|.
func (n weightNorm) Params() []nn.Param {
	size := 1
	for _, d := range n.shape {
		size *= d
	}
	rows := n.shape[0]
	row := size / rows
	bound := 1 / math.Sqrt(float64(row))
	lengths := make([]int, len(n.shape))
	for i := range lengths {
		lengths[i] = 1
	}
	lengths[0] = rows
	in := func(param string) string {
		if n.alike == "" {
			return ""
		}
		return n.alike + "/" + param
	}
	return nn.StartTogether(func(rng *rand.Rand) [][]float32 {
		v, bias := nn.Uniform(rng, size, bound), nn.Uniform(rng, n.outputs, bound)
		g := make([]float32, rows)
		for i := range g {
			g[i] = norm(v[i*row : (i+1)*row])
		}
		return [][]float32{bias, g, v}
	},
		nn.Param{Name: n.name + "/bias", Stack: in("bias"), Shape: []int{n.outputs}},
		nn.Param{Name: n.name + "/weight_g", Stack: in("weight_g"), Shape: lengths},
		nn.Param{Name: n.name + "/weight_v", Stack: in("weight_v"), Shape: n.shape})
}

func norm(v []float32) float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return float32(math.Sqrt(sum))
}

// kernel is g v/|v|. With the unit vector e = v/|v| of a row and the gradient dw of its kernel,
//
//	dg = e·dw,   dv = (g/|v|) (dw - (e·dw) e).
func (n weightNorm) kernel(w *nn.Weights) *Node {
	return Reshape(n.normed(w.Lowering, w.Get(n.name+"/weight_g"), w.Get(n.name+"/weight_v")), n.shape...)
}

// normed is g v/|v| as rows, for as many kernels as there are in g and v.
func (n weightNorm) normed(lowering nn.Lowering, g, v *Node) *Node {
	rows := g.Shape().Size()
	rowDots, scaleRows := rowDots, scaleRows
	if lowering.Fused {
		rowDots = func(a, b *Node) *Node { return nn.SumRows(Mul(a, b)) }
	}
	var inverse, unit *Node // 1/|v| [rows] and e [rows, row]
	return nn.WithGradient([]*Node{Reshape(g, rows), Reshape(v, rows, -1)},
		func(in []*Node) *Node {
			g, v := in[0], in[1]
			inverse = Reciprocal(Sqrt(rowDots(v, v)))
			unit = scaleRows(inverse, v)
			return scaleRows(g, unit)
		},
		func(in []*Node, _, dw *Node) []*Node {
			g := in[0]
			dg := rowDots(unit, dw)
			return []*Node{dg, scaleRows(Mul(g, inverse), Sub(dw, scaleRows(dg, unit)))}
		})
}

// layOut makes matrices [rows, n] of kernels, one below the other.
func (n weightNorm) layOut(kernels *Node, count int) *Node {
	view := n.view
	if view == nil {
		view = n.shape
	}
	kernels = Reshape(kernels, append([]int{count}, view...)...)
	if n.axes != nil {
		order := []int{0}
		for _, axis := range n.axes {
			order = append(order, axis+1)
		}
		kernels = TransposeAllAxes(kernels, order...)
	}
	return Reshape(kernels, count*n.rows, -1)
}

// weights are the parameters of a graph, and where those that are alike are laid out together (nn.Lowering.Fused) their
// matrices and biases by the layers' names.
type weights struct {
	*nn.Weights
	matrices, biases map[string]*Node
}

// layOutAll makes the matrices of all kernels that are alike in one go: a compiler has few operations to compile, and a
// device few to start.
func layOutAll(w *nn.Weights, norms []weightNorm) *weights {
	all := &weights{Weights: w, matrices: map[string]*Node{}, biases: map[string]*Node{}}
	if !w.Lowering.Fused || w.Lowering.Native {
		return all
	}
	var groups [][]weightNorm
	places := map[string]int{}
	for _, n := range norms {
		i, ok := places[n.alike]
		if n.alike == "" || !ok {
			i = len(groups)
			groups = append(groups, nil)
			if n.alike != "" {
				places[n.alike] = i
			}
		}
		groups[i] = append(groups[i], n)
	}
	for _, group := range groups {
		of := func(param string) *Node {
			names := make([]string, len(group))
			for i, n := range group {
				names[i] = n.name + "/" + param
			}
			return w.Stack(names)
		}
		kernels := group[0].layOut(group[0].normed(w.Lowering, of("weight_g"), of("weight_v")), len(group))
		bias := of("bias")
		matrices := nn.Parts(kernels, len(group))
		biases := nn.Parts(Reshape(bias, bias.Shape().Size()), len(group))
		for i, n := range group {
			all.matrices[n.name], all.biases[n.name] = matrices[i], biases[i]
		}
	}
	return all
}

// matrix is the laid out kernel of a layer.
func (w *weights) matrix(n weightNorm) *Node {
	if m := w.matrices[n.name]; m != nil {
		return m
	}
	return n.layOut(n.kernel(w.Weights), 1)
}

func (w *weights) bias(n weightNorm) *Node {
	if b := w.biases[n.name]; b != nil {
		return b
	}
	return w.Get(n.name + "/bias")
}

// rowDots are the products of each row of a [rows, row] with that of b.
func rowDots(a, b *Node) *Node { return DotGeneral(a, []int{1}, []int{0}, b, []int{1}, []int{0}) }

// scaleRows multiplies each row of x [rows, row] by a number.
func scaleRows(s, x *Node) *Node { return Mul(nn.PerChannel(s, x), x) }
