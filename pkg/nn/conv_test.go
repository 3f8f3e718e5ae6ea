package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func random[T float32 | float64](rng *rand.Rand, dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	values := make([]T, n)
	for i := range values {
		values[i] = T(rng.NormFloat64())
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// convCase runs one convolution with both lowerings and returns output and gradients of sum(y*probe) of each.
func convCase[T float32 | float64](t *testing.T, in, out, size, h, w int, withReLU bool) (outputs map[Lowering][]*tensors.Tensor) {
	outputs = map[Lowering][]*tensors.Tensor{}
	t.Helper()
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, uint64(in*100+out)))
	const batch = 3
	args := []any{random[T](rng, in, h, w, batch), random[T](rng, out, in, size, size), random[T](rng, out),
		random[T](rng, out, h, w, batch)}
	for _, lowering := range []Lowering{Products, {Fused: true}, Native} {
		exec, err := NewExec(backend, func(a []*Node) []*Node {
			y := Conv(lowering, a[0], a[1], a[2], withReLU)
			loss := ReduceAllSum(Mul(y, a[3]))
			return append([]*Node{y}, Gradient(loss, a[0], a[1], a[2])...)
		})
		require.NoError(t, err)
		outputs[lowering], err = exec.Call(args...)
		require.NoError(t, err)
	}
	return outputs
}

func maxRelative[T float32 | float64](t *testing.T, got, want *tensors.Tensor) float64 {
	t.Helper()
	g, w := tensors.MustCopyFlatData[T](got), tensors.MustCopyFlatData[T](want)
	require.Equal(t, len(w), len(g))
	worst, largest := 0.0, 0.0
	for i := range g {
		worst = math.Max(worst, math.Abs(float64(g[i])-float64(w[i])))
		largest = math.Max(largest, math.Abs(float64(w[i])))
	}
	require.NotZero(t, largest)
	return worst / largest
}

// Both lowerings add the same products in another order. Each rounding is at most eps/2 of a partial sum, and a
// sum has at most 9*max(in, out)*columns terms, so float32 may differ by a few 1e-6 of the largest and float64 by 1e-14.
func TestLoweringsAgree(t *testing.T) {
	for _, c := range []struct {
		in, out, size, h, w int
		relu                bool
	}{
		{2, 5, 3, 4, 4, false}, {2, 5, 3, 4, 6, true}, {6, 2, 3, 4, 4, false}, {6, 2, 3, 5, 4, true},
		{4, 4, 1, 4, 4, false}, {3, 7, 1, 2, 3, true}, {3, 3, 3, 1, 2, false},
		{16, 16, 3, 4, 6, false}, {64, 65, 3, 2, 4, false}, // by Winograd where fused
	} {
		pair := convCase[float32](t, c.in, c.out, c.size, c.h, c.w, c.relu)
		for i := range pair[Native] {
			for _, lowering := range []Lowering{Products, {Fused: true}} {
				require.Less(t, maxRelative[float32](t, pair[lowering][i], pair[Native][i]), 5e-6, "%+v %s array %d in float32", c,
					lowering, i)
			}
		}
		pair = convCase[float64](t, c.in, c.out, c.size, c.h, c.w, c.relu)
		for i := range pair[Native] {
			for _, lowering := range []Lowering{Products, {Fused: true}} {
				require.Less(t, maxRelative[float64](t, pair[lowering][i], pair[Native][i]), 1e-13, "%+v %s array %d in float64", c,
					lowering, i)
			}
		}
	}
}

func TestSumPerImageAndPerChannel(t *testing.T) {
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(3, 4))
	x, v, probe := random[float64](rng, 2, 3, 4, 5), random[float64](rng, 2), random[float64](rng, 2, 3, 4, 5)
	exec, err := NewExec(backend, func(a []*Node) []*Node {
		x, v, probe := a[0], a[1], a[2]
		want := Add(ReduceSum(Mul(x, x), 0, 1, 2), ReduceSum(Mul(probe, BroadcastToDims(Reshape(v, 2, 1, 1, 1), 2, 3, 4, 5)), 0, 1, 2))
		got := Add(SumPerImage(Mul(x, x)), SumPerImage(Mul(probe, PerChannel(v, x))))
		weights := IotaFull(x.Graph(), want.Shape())
		out := []*Node{got, want}
		for _, y := range []*Node{got, want} {
			out = append(out, Gradient(ReduceAllSum(Mul(y, weights)), x, v)...)
		}
		return out
	})
	require.NoError(t, err)
	out, err := exec.Call(x, v, probe)
	require.NoError(t, err)
	require.Less(t, maxRelative[float64](t, out[0], out[1]), 1e-14)
	require.Less(t, maxRelative[float64](t, out[2], out[4]), 1e-14)
	require.Less(t, maxRelative[float64](t, out[3], out[5]), 1e-14)
}

func TestConvRefusesWhatItCannotDo(t *testing.T) {
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	require.NoError(t, err)
	exec, err := NewExec(backend, func(x, k, b *Node) *Node { return Conv(Products, x, k, b, false) })
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	_, err = exec.Call(random[float32](rng, 2, 4, 4, 1), random[float32](rng, 2, 3, 3, 3), random[float32](rng, 2))
	require.ErrorContains(t, err, "[in, H, W, B]")
}

// A chain computes what its layers compute one after the other, with either lowering: every order of the three forms, with and
// without a scale and ReLU. Values and gradients are of order 1 to 100 in float64, and sums have at most 9*4*30 terms.
func TestConvNetIsItsLayers(t *testing.T) {
	type shape struct{ out, size int }
	for _, widths := range [][]shape{
		{{8, 3}, {8, 1}, {4, 3}},         // gathered, pointwise, scattered: a coupling network
		{{2, 3}, {2, 3}, {6, 3}, {1, 1}}, // scattered, gathered, gathered, pointwise
		{{5, 1}, {7, 1}},
		{{3, 1}},
	} {
		const in, h, w, batch = 3, 4, 2, 3
		rng := rand.New(rand.NewPCG(5, 5))
		args := []any{random[float64](rng, in, h, w, batch)}
		channels := in
		for _, s := range widths {
			args = append(args, random[float64](rng, s.out, channels, s.size, s.size), random[float64](rng, s.out),
				random[float64](rng, s.out))
			channels = s.out
		}
		args = append(args, random[float64](rng, channels, h, w, batch))
		backend := newBackend(t)
		run := func(lowering Lowering, chained bool) []*tensors.Tensor {
			exec, err := NewExec(backend, func(a []*Node) []*Node {
				y := a[0]
				var chain []ConvLayer
				for i := range widths {
					layer := ConvLayer{Kernel: a[1+3*i], Scale: a[2+3*i], Bias: a[3+3*i], ReLU: i%2 == 0}
					if i == 1 {
						layer.Scale = nil
					}
					if chained {
						chain = append(chain, layer)
						continue
					}
					kernel := layer.Kernel
					if layer.Scale != nil {
						kernel = Mul(kernel, BroadcastToShape(Reshape(layer.Scale, widths[i].out, 1, 1, 1), kernel.Shape()))
					}
					y = Conv(lowering, y, kernel, layer.Bias, layer.ReLU)
				}
				if chained {
					y = ConvNet(lowering, y, chain...)
				}
				return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, a[len(a)-1])), a[:len(a)-1]...)...)
			})
			require.NoError(t, err)
			out, err := exec.Call(args...)
			require.NoError(t, err)
			return out
		}
		want := run(Native, false)
		for _, lowering := range []Lowering{Products, {Fused: true}, Native} {
			for i, got := range run(lowering, true) {
				if i == 6 {
					continue // the scale that is not used
				}
				require.LessOrEqual(t, maxRelative[float64](t, got, want[i]), 1e-12, "%v, %s, output %d", widths, lowering, i)
			}
		}
	}
}
