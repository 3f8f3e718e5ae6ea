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
func convCase[T float32 | float64](t *testing.T, in, out, size, h, w int, withReLU bool) (outputs [2][]*tensors.Tensor) {
	t.Helper()
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, uint64(in*100+out)))
	const batch = 3
	args := []any{random[T](rng, in, h, w, batch), random[T](rng, out, in, size, size), random[T](rng, out), random[T](rng, out, h, w, batch)}
	for _, lowering := range []Lowering{Products, Native} {
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
	} {
		pair := convCase[float32](t, c.in, c.out, c.size, c.h, c.w, c.relu)
		for i := range pair[0] {
			require.Less(t, maxRelative[float32](t, pair[Products][i], pair[Native][i]), 5e-6, "%+v array %d in float32", c, i)
		}
		pair = convCase[float64](t, c.in, c.out, c.size, c.h, c.w, c.relu)
		for i := range pair[0] {
			require.Less(t, maxRelative[float64](t, pair[Products][i], pair[Native][i]), 1e-13, "%+v array %d in float64", c, i)
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
