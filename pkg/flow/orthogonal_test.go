package flow_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

// reflection is an orthogonal layer whose matrix is I - 2/n v v', v of signs: with n a power of two float32 holds it
// exactly, so that float64 laws can be asked of it.
type reflection struct{ flow.Orthogonal }

func (r reflection) Params() []nn.Param { return exactly(r.Orthogonal.Params()) }

func exactly(params []nn.Param) []nn.Param {
	for i, p := range params {
		if !p.Fixed {
			continue
		}
		n := p.Shape[0]
		params[i].Start = func(rng *rand.Rand) []float32 {
			v, values := make([]float32, n), make([]float32, n*n)
			for i := range v {
				v[i] = float32(1 - 2*rng.IntN(2))
			}
			for i := range values {
				values[i] = -2 / float32(n) * v[i/n] * v[i%n]
				if i/n == i%n {
					values[i]++
				}
			}
			return values
		}
	}
	return params
}

func TestOrthogonal(t *testing.T) {
	flowtest.CheckLayer(t, reflection{flow.Orthogonal{Name: "q", Channels: 8}}, 8, 2, 1)
}

// The drawn matrix is orthogonal, and its log-determinant 0, up to the float32 rounding of its elements: each is off by at
// most 2^-25 of its size, so rows' products by 2^-24 times the sum of |q_i q_j|, below 2^-24.
func TestOrthogonalStart(t *testing.T) {
	const n = 96
	values := flow.Orthogonal{Name: "q", Channels: n}.Params()[0].Start(rand.New(rand.NewPCG(1, 2)))
	q := mat.NewDense(n, n, nil)
	for i, v := range values {
		q.Set(i/n, i%n, float64(v))
	}
	var product mat.Dense
	product.Mul(q, q.T())
	for i := range n {
		for j := range n {
			want := 0.0
			if i == j {
				want = 1
			}
			require.InDelta(t, want, product.At(i, j), math.Pow(2, -24))
		}
	}
	logDet, _ := mat.LogDet(q)
	require.InDelta(t, 0, logDet, 1e-7)
}

func TestDenseCoupling(t *testing.T) {
	flowtest.CheckLayer(t, flow.DenseCoupling{Name: "coupling", Channels: 8, Hidden: 5}, 8, 1, 1)
}

// Digest §3.2: PyTorch's usual start, uniform in +-1/sqrt(fan_in), and biases are draws of their own.
func TestDenseCouplingStart(t *testing.T) {
	params := flow.DenseCoupling{Name: "c", Channels: 200, Hidden: 50}.Params()
	require.Equal(t, "c/dense1/weight", params[0].Name)
	require.Equal(t, []int{50, 100}, params[0].Shape)
	start := nn.StartValues(params, 1)
	weight, bias := start[0], start[1]
	largest := float32(0)
	for _, v := range weight {
		largest = max(largest, v, -v)
	}
	require.LessOrEqual(t, largest, float32(0.1))
	require.Greater(t, largest, float32(0.099), "5000 draws from +-0.1 come near the end")
	for i, v := range bias {
		require.NotEqual(t, weight[i], v)
		require.LessOrEqual(t, max(v, -v), float32(0.1))
	}
}

type denseStep struct{ flow.DenseStep }

func (s denseStep) Params() []nn.Param { return exactly(s.DenseStep.Params()) }

func TestDenseStep(t *testing.T) {
	flowtest.CheckLayer(t, denseStep{flow.NewDenseStep("step", 16, 5)}, 4, 2, 2)
}

func ExampleNewDenseStep() {
	step := flow.NewDenseStep("scale1/step1", 3072, 512)
	trained := 0
	for _, p := range step.Params() {
		if !p.Fixed {
			trained += p.Size()
		}
	}
	fmt.Println(step.Orthogonal.Name, trained)
	// Output: scale1/step1/invconv 2631680
}

func TestZeroConvStartsAtZero(t *testing.T) {
	params := flow.ZeroConv{Name: "z", In: 2, Out: 4}.Params()
	for i, values := range nn.StartValues(params, 1) {
		require.Equal(t, make([]float32, params[i].Size()), values, params[i].Name)
	}
}
