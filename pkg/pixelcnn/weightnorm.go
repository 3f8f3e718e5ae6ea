package pixelcnn

import (
	"math"
	"math/rand/v2"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// weightNorm is a kernel in two parts, w = g v/|v|: its direction v and, for each index of the first axis, its length g. As
// in PyTorch the norm is taken over all axes but the first, which is the output channel of a convolution and the input
// channel of a transposed one (digest §5).
type weightNorm struct {
	name    string
	shape   []int // of v
	outputs int   // of the bias
}

// Params are bias, weight_g and weight_v. They start as PyTorch's: v and the bias uniform in ±1/sqrt(fan in), where the fan in
// is counted over all axes of v but the first, and g as |v|.
func (n weightNorm) Params() []nn.Param {
	size := 1
	for _, d := range n.shape {
		size *= d
	}
	rows := n.shape[0]
	row := size / rows
	bound := 1 / math.Sqrt(float64(row))
	uniform := func(rng *rand.Rand, size int) []float32 {
		values := make([]float32, size)
		for i := range values {
			values[i] = float32(bound * (2*rng.Float64() - 1))
		}
		return values
	}
	lengths := make([]int, len(n.shape))
	for i := range lengths {
		lengths[i] = 1
	}
	lengths[0] = rows
	// All parameters of a folder start from the same stream of random numbers: v comes first.
	return []nn.Param{
		{Name: n.name + "/bias", Shape: []int{n.outputs}, Start: func(rng *rand.Rand) []float32 {
			uniform(rng, size)
			return uniform(rng, n.outputs)
		}},
		{Name: n.name + "/weight_g", Shape: lengths, Start: func(rng *rand.Rand) []float32 {
			v, g := uniform(rng, size), make([]float32, rows)
			for i := range g {
				g[i] = norm(v[i*row : (i+1)*row])
			}
			return g
		}},
		{Name: n.name + "/weight_v", Shape: n.shape, Start: func(rng *rand.Rand) []float32 { return uniform(rng, size) }},
	}
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
	g, v := w.Get(n.name+"/weight_g"), w.Get(n.name+"/weight_v")
	rows := n.shape[0]
	var inverse, unit *Node // 1/|v| [rows] and e [rows, row]
	kernel := nn.WithGradient([]*Node{Reshape(g, rows), Reshape(v, rows, -1)},
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
	return Reshape(kernel, n.shape...)
}

func (n weightNorm) bias(w *nn.Weights) *Node { return w.Get(n.name + "/bias") }

// rowDots are the products of each row of a [rows, row] with that of b.
func rowDots(a, b *Node) *Node { return DotGeneral(a, []int{1}, []int{0}, b, []int{1}, []int{0}) }

// scaleRows multiplies each row of x [rows, row] by a number.
func scaleRows(s, x *Node) *Node { return Mul(nn.PerChannel(s, x), x) }
