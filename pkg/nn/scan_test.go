package nn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/backend/backendtest"
	"strata/pkg/nn"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func normal(seed uint64, dims ...int) *tensors.Tensor {
	rng := rand.New(rand.NewPCG(seed, 1))
	shape := shapes.Make(dtypes.Float64, dims...)
	values := make([]float64, shape.Size())
	for i := range values {
		values[i] = rng.NormFloat64()
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// A loop gives what the turns written out give, values and gradients by carry and by what the turns read, in both directions,
// with something that the turns keep, with a second carry that only adds up, and with what a turn writes. All in float64: a
// few hundred operations on numbers of order 1.
func TestScanIsItsTurnsWrittenOut(t *testing.T) {
	const n, rows, columns = 4, 3, 5
	body := func(carry, x []*Node) (next, y []*Node) {
		// The gradient of the product reads what was kept.
		product := nn.WithGradient([]*Node{carry[0], x[0]}, func(in []*Node) *Node {
			return nn.Keep(Tanh(Mul(in[0], in[1])), in...)
		}, func(in []*Node, y, dy *Node) []*Node {
			slope := Mul(dy, OneMinus(Mul(y, y)))
			return []*Node{Mul(slope, in[1]), Mul(slope, in[0])}
		})
		moved := Add(product, MulScalar(x[1], 0.5))
		return []*Node{moved, Add(carry[1], nn.SumPerImage(moved))}, []*Node{MulScalar(moved, 2)}
	}
	args := []any{normal(1, rows, columns), normal(2, n, rows, columns), normal(3, n, rows, columns), normal(4, rows, columns),
		normal(5, columns), normal(6, n, rows, columns)}
	for _, reversed := range []bool{false, true} {
		run := func(loop bool) [][]float64 {
			out, err := CallOnceN(backendtest.XLA(t), func(in []*Node) []*Node {
				start := []*Node{in[0], Zeros(in[0].Graph(), shapes.Make(dtypes.Float64, columns))}
				stacks := []*Node{in[1], in[2]}
				var last, ys []*Node
				if loop {
					last, ys = nn.Scan(n, reversed, false, start, stacks, []bool{false, true}, body)
				} else {
					last = start
					written := make([]*Node, n)
					for k := range n {
						i := k
						if reversed {
							i = n - 1 - k
						}
						var y []*Node
						last, y = body(last, []*Node{Reshape(Slice(stacks[0], AxisElem(i)), rows, columns),
							Reshape(Slice(stacks[1], AxisElem(i)), rows, columns)})
						written[i] = ExpandAxes(y[0], 0)
					}
					ys = []*Node{Concatenate(written, 0)}
				}
				loss := Add(Add(ReduceAllSum(Mul(last[0], in[3])), ReduceAllSum(Mul(last[1], in[4]))), ReduceAllSum(Mul(ys[0], in[5])))
				return append([]*Node{last[0], last[1], ys[0]}, Gradient(loss, in[0], in[1])...)
			}, args...)
			require.NoError(t, err)
			flat := make([][]float64, len(out))
			for i, v := range out {
				flat[i] = tensors.MustCopyFlatData[float64](v)
			}
			return flat
		}
		want, got := run(false), run(true)
		for i := range want {
			require.InDeltaSlice(t, want[i], got[i], 1e-12, "reversed %v, output %d", reversed, i)
		}
	}
}

func TestScanForwardOnlyRefusesAGradient(t *testing.T) {
	_, err := CallOnce(backendtest.XLA(t), func(in []*Node) *Node {
		last, _ := nn.Scan(2, false, true, []*Node{in[0]}, []*Node{in[1]}, nil, func(carry, x []*Node) (next, y []*Node) {
			return []*Node{Mul(carry[0], x[0])}, nil
		})
		return Gradient(ReduceAllSum(last[0]), in[0])[0]
	}, []float32{1, 2}, [][]float32{{1, 2}, {3, 4}})
	require.ErrorContains(t, err, "forwards only")
}

func TestScanRefusesACarryThatChangesItsShape(t *testing.T) {
	_, err := CallOnce(backendtest.XLA(t), func(in []*Node) *Node {
		last, _ := nn.Scan(2, false, true, []*Node{in[0]}, []*Node{in[1]}, nil, func(carry, x []*Node) (next, y []*Node) {
			return []*Node{Concatenate([]*Node{carry[0], x[0]}, 0)}, nil
		})
		return last[0]
	}, []float32{1, 2}, [][]float32{{1, 2}, {3, 4}})
	require.ErrorContains(t, err, "carry 0")
}

// Digest §4.4 drops single images whose likelihood is not finite: one must not spoil the others of its batch, neither in a
// convolution nor in a loop, in no form.
func TestOneImageThatIsNotFiniteLeavesTheOthersAlone(t *testing.T) {
	const c, h, w, b = 2, 2, 2, 3
	x := make([]float32, c*h*w*b)
	for i := range x {
		x[i] = float32(i)
	}
	x[0] = float32(math.Inf(1)) // image 0
	image := tensors.FromFlatDataAndDimensions(x, c, h, w, b)
	check := func(t *testing.T, out *tensors.Tensor) {
		t.Helper()
		bad := [b]int{}
		for i, v := range tensors.MustCopyFlatData[float32](out) {
			if v-v != 0 {
				bad[i%b]++
			}
		}
		require.NotZero(t, bad[0])
		require.Zero(t, bad[1])
		require.Zero(t, bad[2])
	}
	kernel, bias := [][][][]float32{{{{1}}, {{1}}}, {{{1}}, {{2}}}}, []float32{0, 1}
	for _, lowering := range []nn.Lowering{nn.Products, nn.Native, {Fused: true}} {
		out, err := CallOnce(backendtest.Go(t), func(in []*Node) *Node { return nn.Conv(lowering, in[0], in[1], in[2], false) },
			tensors.FromFlatDataAndDimensions(x, c, h, w, b), kernel, bias)
		require.NoError(t, err)
		check(t, out)
	}
	out, err := CallOnce(backendtest.XLA(t), func(in []*Node) *Node {
		last, _ := nn.Scan(2, false, false, []*Node{in[0]}, []*Node{Stack([]*Node{in[1], in[1]}, 0)}, nil,
			func(carry, own []*Node) (next, y []*Node) {
				return []*Node{nn.Conv(nn.Fused, carry[0], own[0], Zeros(own[0].Graph(), shapes.Make(dtypes.Float32, 2)), false)}, nil
			})
		return last[0]
	}, image, kernel)
	require.NoError(t, err)
	check(t, out)
}

// Why newClosure reaches into GoMLX and go-xla: on the day that this fails, they do without, and it can go.
func TestClosuresNeedHelp(t *testing.T) {
	for name, operation := range map[string]func(x *Node) *Node{
		"a scalar":    func(x *Node) *Node { return AddScalar(x, 7) },
		"a reduction": func(x *Node) *Node { return Mul(x, BroadcastToShape(ReduceAllSum(x), x.Shape())) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := CallOnce(backendtest.XLA(t), func(x *Node) *Node {
				g := x.Graph()
				declare := func(g *Graph) (i, x *Node) {
					return Parameter(g, "i", shapes.Make(dtypes.Int32)), Parameter(g, "x", shapes.Make(dtypes.Float32, 2))
				}
				x = operation(x) // outside first: the closure is handed what was made here
				cond := NewClosure(g, func(g *Graph) []*Node {
					i, _ := declare(g)
					return []*Node{LessThan(i, Const(g, int32(2)))}
				})
				body := NewClosure(g, func(g *Graph) []*Node {
					i, x := declare(g)
					return []*Node{Add(i, Const(g, int32(1))), operation(x)}
				})
				return While(cond, body, Const(g, int32(0)), x)[1]
			}, []float32{1, 2})
			require.Error(t, err, "GoMLX and go-xla build closures by themselves now: nn.newClosure can become NewClosure")
		})
	}
}

// The way into go-xla by which inputs give their memory to outputs is there: without it training needs a second copy of
// weights and state.
func TestReuseMemoryReachesTheProgram(t *testing.T) {
	reached := false
	out, err := CallOnceN(backendtest.XLA(t), func(in []*Node) []*Node {
		reached = nn.ReuseMemory(in[:1])
		return []*Node{AddScalar(in[0], 1)}
	}, []float32{1, 2})
	require.NoError(t, err)
	require.True(t, reached)
	require.Equal(t, []float32{2, 3}, tensors.MustCopyFlatData[float32](out[0]))
}
