package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // float64
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// plainAdamax is digest §4 written down once more, on plain numbers.
type plainAdamax struct {
	rate, decay, beta1, beta2, epsilon float64
	warmup                             int

	t    int
	m, u []float64
}

func (a *plainAdamax) update(w, gradient []float64) {
	if a.m == nil {
		a.m, a.u = make([]float64, len(w)), make([]float64, len(w))
	}
	a.t++
	rate := a.rate
	if a.warmup > 0 {
		rate *= math.Min(1, float64(a.t)/float64(a.warmup))
	}
	correction := 1.0
	for range a.t {
		correction *= a.beta1
	}
	for i := range w {
		g := gradient[i] + a.decay*w[i]
		a.m[i] = a.beta1*a.m[i] + (1-a.beta1)*g
		a.u[i] = math.Max(a.beta2*a.u[i], math.Abs(g)+a.epsilon)
		w[i] -= rate / (1 - correction) * a.m[i] / a.u[i]
	}
}

func TestAdamaxAgainstPlainArithmetic(t *testing.T) {
	for _, c := range []struct {
		name   string
		adamax Adamax
	}{
		{"paper", PaperAdamax()},
		{"warm-up", Adamax{Rate: 0.1, WeightDecay: 0.3, Beta1: 0.8, Beta2: 0.5, Epsilon: 1e-3, Warmup: 4}},
		{"no momentum", Adamax{Rate: 0.1, Beta1: 0, Beta2: 0, Epsilon: 1e-8, Warmup: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			backend, err := compute.NewWithConfig("go:parallelism=-1")
			require.NoError(t, err)
			defer backend.Finalize()
			exec, err := NewExec(backend, func(in []*Node) []*Node {
				w, m, u := c.adamax.update(in[0], in[1], in[2], in[3], in[4])
				return []*Node{w, m, u}
			})
			require.NoError(t, err)
			plain := plainAdamax{rate: c.adamax.Rate, decay: c.adamax.WeightDecay, beta1: c.adamax.Beta1,
				beta2: c.adamax.Beta2, epsilon: c.adamax.Epsilon, warmup: c.adamax.Warmup}
			rng := rand.New(rand.NewPCG(1, 2))
			const n = 5
			want := []float64{1, -2, 0, 1e-3, 30}
			got := [3][]float64{append([]float64(nil), want...), make([]float64, n), make([]float64, n)}
			for step := 1; step <= 8; step++ {
				gradient := make([]float64, n)
				for i := range gradient {
					gradient[i] = rng.NormFloat64() * math.Pow(10, float64(i-3))
				}
				if step == 5 {
					gradient = make([]float64, n) // epsilon alone keeps u up where beta2 is 0
				}
				plain.update(want, gradient)
				out, err := exec.Call(got[0], got[1], got[2], gradient, c.adamax.correctedRate(step))
				require.NoError(t, err)
				for i := range got {
					got[i] = tensors.MustCopyFlatData[float64](out[i])
				}
				require.InDeltaSlice(t, want, got[0], 1e-13, "weights, step %d", step)
				require.InDeltaSlice(t, plain.m, got[1], 1e-13, "m, step %d", step)
				require.InDeltaSlice(t, plain.u, got[2], 1e-13, "u, step %d", step)
			}
		})
	}
}

// The first update of a weight is Rate whatever the size of its gradient, S4.1: m/u is 1 - Beta1 and so is the correction.
func TestFirstUpdateIsTheRate(t *testing.T) {
	plain := plainAdamax{rate: 5e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8}
	w := []float64{0, 0}
	plain.update(w, []float64{1e4, -1e-3})
	require.InDeltaSlice(t, []float64{-5e-4, 5e-4}, w, 1e-8)
	require.InDelta(t, 5e-4/(1-0.9), PaperAdamax().correctedRate(1), 1e-15)
	require.InDelta(t, 5e-4, PaperAdamax().correctedRate(1000), 1e-15)
}

func TestWarmupRisesLinearly(t *testing.T) {
	a := Adamax{Rate: 1, Beta1: 0, Beta2: 0.9, Epsilon: 1e-8, Warmup: 4}
	for i, want := range []float64{0.25, 0.5, 0.75, 1, 1, 1} {
		require.Equal(t, want, a.correctedRate(i+1))
	}
}

func TestAdamaxValidate(t *testing.T) {
	require.NoError(t, PaperAdamax().Validate())
	for _, c := range []struct {
		change func(*Adamax)
		want   string
	}{
		{func(a *Adamax) { a.Rate = 0 }, "rate 0"},
		{func(a *Adamax) { a.Rate = math.NaN() }, "rate NaN"},
		{func(a *Adamax) { a.Rate = math.Inf(1) }, "rate +Inf"},
		{func(a *Adamax) { a.WeightDecay = -1 }, "weight_decay -1"},
		{func(a *Adamax) { a.Warmup = -1 }, "warmup -1"},
		{func(a *Adamax) { a.Beta1 = 1 }, "beta1 1"},
		{func(a *Adamax) { a.Beta2 = -0.5 }, "beta2 -0.5"},
		{func(a *Adamax) { a.Epsilon = 0 }, "epsilon 0"},
	} {
		a := PaperAdamax()
		c.change(&a)
		require.ErrorContains(t, a.Validate(), c.want)
	}
}

// A NaN is not negative and not above 1, and must be refused all the same.
func TestAdamaxValidateRefusesNaN(t *testing.T) {
	for name, change := range map[string]func(*Adamax){
		"weight_decay": func(a *Adamax) { a.WeightDecay = math.NaN() },
		"beta1":        func(a *Adamax) { a.Beta1 = math.NaN() },
		"beta2":        func(a *Adamax) { a.Beta2 = math.NaN() },
		"epsilon":      func(a *Adamax) { a.Epsilon = math.NaN() },
	} {
		a := PaperAdamax()
		change(&a)
		require.Error(t, a.Validate(), "%s NaN", name)
	}
}
