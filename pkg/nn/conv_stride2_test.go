package nn

import (
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// A strided convolution is the one of stride 1, of which every second row and column is kept; both lowerings and their
// gradients against that, written with GoMLX's own strided slice. float64 sums of at most 9*6*15 terms: see
// TestLoweringsAgree for the tolerance.
func TestConvStride2(t *testing.T) {
	backend := newBackend(t)
	for _, c := range []struct{ in, out, size, h, w int }{
		{2, 5, 3, 4, 6}, {6, 2, 3, 6, 4}, {3, 3, 3, 2, 2}, {2, 3, 3, 8, 2}, {2, 5, 1, 4, 6}, {5, 2, 1, 2, 4},
	} {
		const batch = 3
		rng := rand.New(rand.NewPCG(7, uint64(c.in*100+c.h)))
		args := []any{random[float64](rng, c.in, c.h, c.w, batch), random[float64](rng, c.out, c.in, c.size, c.size),
			random[float64](rng, c.out), random[float64](rng, c.out, c.h/2, c.w/2, batch)}
		run := func(conv func(x, kernel, bias *Node) *Node) []*tensors.Tensor {
			out, err := CallOnceN(backend, func(a []*Node) []*Node {
				y := conv(a[0], a[1], a[2])
				return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, a[3])), a[:3]...)...)
			}, args...)
			require.NoError(t, err)
			return out
		}
		want := run(func(x, kernel, bias *Node) *Node {
			return Slice(Conv(Native, x, kernel, bias, false), AxisRange(), AxisRange().Stride(2), AxisRange().Stride(2))
		})
		for _, lowering := range []Lowering{Products, {Fused: true}, Native} {
			got := run(func(x, kernel, bias *Node) *Node { return ConvStride2(lowering, x, kernel, bias) })
			for i := range want {
				require.Equal(t, want[i].Shape().Dimensions, got[i].Shape().Dimensions)
				require.Less(t, maxRelative[float64](t, got[i], want[i]), 1e-13, "%+v, %s, array %d", c, lowering, i)
			}
		}
	}
}

func TestConvStride2RefusesWhatItCannotDo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for want, shapes := range map[string][2][]int{
		"[in, H, W, B]": {{2, 4, 4, 1}, {2, 3, 3, 3}},
		"1x1 or 3x3":    {{2, 4, 4, 1}, {2, 2, 5, 5}},
		"not even":      {{2, 4, 5, 1}, {2, 2, 3, 3}},
	} {
		_, err := CallOnce(newBackend(t), func(x, k, b *Node) *Node { return ConvStride2(Products, x, k, b) },
			random[float64](rng, shapes[0]...), random[float64](rng, shapes[1]...), random[float64](rng, 2))
		require.ErrorContains(t, err, want)
	}
}
