package optimiser_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/optimiser"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // float64
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// plain is the update rules written down once more, on plain numbers; rate is the step's, after warm-up and decay.
type plain struct {
	optimiser.Config
	t    int
	m, u []float64
}

func (p *plain) update(w, gradient []float64, rate float64) {
	if p.m == nil {
		p.m, p.u = make([]float64, len(w)), make([]float64, len(w))
	}
	p.t++
	power := func(beta float64) float64 {
		product := 1.0
		for range p.t {
			product *= beta
		}
		return product
	}
	for i := range w {
		g := gradient[i] + p.WeightDecay*w[i]
		switch p.Kind {
		case optimiser.SGD:
			p.m[i] = p.Beta1*p.m[i] + g
			if p.Nesterov {
				w[i] -= rate * (g + p.Beta1*p.m[i])
			} else {
				w[i] -= rate * p.m[i]
			}
		case optimiser.Adam:
			p.m[i] = p.Beta1*p.m[i] + (1-p.Beta1)*g
			p.u[i] = p.Beta2*p.u[i] + (1-p.Beta2)*g*g
			w[i] -= rate * (p.m[i] / (1 - power(p.Beta1))) / (math.Sqrt(p.u[i]/(1-power(p.Beta2))) + p.Epsilon)
		default:
			p.m[i] = p.Beta1*p.m[i] + (1-p.Beta1)*g
			p.u[i] = math.Max(p.Beta2*p.u[i], math.Abs(g)+p.Epsilon)
			w[i] -= rate / (1 - power(p.Beta1)) * p.m[i] / p.u[i]
		}
	}
}

// The rates pass through float32, and no more: they are off by 2^-24, and with them each step's change of a weight.
func TestUpdateAgainstPlainArithmetic(t *testing.T) {
	for _, c := range []struct {
		name   string
		config optimiser.Config
		rate   func(t int) float64
	}{
		{"Glow", optimiser.PaperAdamax(), func(int) float64 { return 5e-4 }},
		{"adamax without momentum", optimiser.Config{Kind: optimiser.Adamax, Rate: 0.1, WeightDecay: 0.3, Epsilon: 1e-3, Warmup: 4},
			func(t int) float64 { return 0.1 * math.Min(1, float64(t)/4) }},
		{"PixelCNN++", optimiser.PaperAdam(3), func(t int) float64 { return 2e-4 * math.Pow(0.999995, float64((t-1)/3)) }},
		{"adam with decay", optimiser.Config{Kind: optimiser.Adam, Rate: 0.1, WeightDecay: 0.3, Beta1: 0.5, Beta2: 0.7, Epsilon: 1e-3},
			func(int) float64 { return 0.1 }},
		{"Wide-ResNet", optimiser.Config{Kind: optimiser.SGD, Rate: 0.1, WeightDecay: 5e-4, Beta1: 0.9, Decay: 0.2, DecayAt: []int{2, 5}},
			func(t int) float64 { return []float64{0.1, 0.1, 0.02, 0.02, 0.02, 0.004, 0.004, 0.004}[t-1] }},
		{"Nesterov", optimiser.Config{Kind: optimiser.SGD, Rate: 0.1, Beta1: 0.9, Nesterov: true}, func(int) float64 { return 0.1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.config.Validate())
			backend, err := compute.NewWithConfig("go:parallelism=-1")
			require.NoError(t, err)
			defer backend.Finalize()
			exec, err := NewExec(backend, func(in []*Node) []*Node {
				w, state := c.config.Update(in[0], in[1], in[2], in[3:])
				return append([]*Node{w}, state...)
			})
			require.NoError(t, err)
			reference := plain{Config: c.config}
			rng := rand.New(rand.NewPCG(1, 2))
			want := []float64{1, -2, 0, 1e-3, 30}
			got := [][]float64{append([]float64(nil), want...)}
			for range c.config.Slots() {
				got = append(got, make([]float64, len(want)))
			}
			for step := 1; step <= 8; step++ {
				gradient := make([]float64, len(want))
				for i := range gradient {
					gradient[i] = rng.NormFloat64() * math.Pow(10, float64(i-3))
				}
				if step == 5 {
					gradient = make([]float64, len(want)) // epsilon alone keeps the norm up where beta2 is 0
				}
				reference.update(want, gradient, c.rate(step))
				inputs := []any{got[0], gradient, c.config.Rates(step)}
				for _, slot := range got[1:] {
					inputs = append(inputs, slot)
				}
				out, err := exec.Call(inputs...)
				require.NoError(t, err)
				for i := range got {
					got[i] = tensors.MustCopyFlatData[float64](out[i])
				}
				for i := range want {
					require.InDelta(t, want[i], got[0][i], 1e-6*float64(step)*math.Max(1, math.Abs(want[i])), "weight %d, step %d", i, step)
				}
				for slot, values := range [][]float64{reference.m, reference.u}[:len(got)-1] {
					for i := range values {
						require.InEpsilon(t, 1+values[i], 1+got[1+slot][i], 1e-6, "%s, step %d", c.config.Slots()[slot], step)
					}
				}
			}
		})
	}
}

// The first update of a weight by Adamax is Rate whatever the size of its gradient: m/u is 1 - Beta1 and so is the correction.
func TestFirstUpdateIsTheRate(t *testing.T) {
	require.InEpsilon(t, 5e-4/(1-0.9), optimiser.PaperAdamax().Rates(1)[0], 1e-6)
	require.InEpsilon(t, 5e-4, optimiser.PaperAdamax().Rates(1000)[0], 1e-6)
}

func TestWarmupRisesLinearly(t *testing.T) {
	c := optimiser.Config{Kind: optimiser.Adamax, Rate: 1, Beta2: 0.9, Epsilon: 1e-8, Warmup: 4}
	for i, want := range []float32{0.25, 0.5, 0.75, 1, 1, 1} {
		require.Equal(t, want, c.Rates(i + 1)[0])
	}
}

// Digest §9: the rate falls after epochs 60, 120 and 160.
func TestPaperSGDFallsAfterEpochs(t *testing.T) {
	c := optimiser.PaperSGD(10)
	for update, want := range map[int]float64{1: 0.1, 600: 0.1, 601: 0.02, 1200: 0.02, 1201: 0.004, 1600: 0.004, 1601: 0.0008} {
		require.InEpsilon(t, want, c.Rates(update)[0], 1e-6, "update %d", update)
	}
}

func TestStateNames(t *testing.T) {
	names := optimiser.PaperAdamax().StateNames("conv/weight")
	require.Equal(t, []string{"optimiser/m/conv/weight", "optimiser/u/conv/weight"}, names)
	require.True(t, optimiser.IsState(names[0]))
	require.False(t, optimiser.IsState("conv/weight"))
}

func TestValidate(t *testing.T) {
	for _, c := range []optimiser.Config{optimiser.PaperAdamax(), optimiser.PaperAdam(781), optimiser.PaperSGD(781)} {
		require.NoError(t, c.Validate())
	}
	for _, c := range []struct {
		start  optimiser.Config
		change func(*optimiser.Config)
		want   string
	}{
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.Kind = "lion" }, `"lion"`},
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.Rate = 0 }, "rate 0"},
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.Rate = math.NaN() }, "rate NaN"},
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.Rate = math.Inf(1) }, "rate +Inf"},
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.WeightDecay = -1 }, "weight_decay -1"},
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.WeightDecay = math.NaN() }, "weight_decay NaN"},
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.Warmup = -1 }, "warmup -1"},
		{optimiser.PaperAdamax(), func(c *optimiser.Config) { c.Beta1 = 1 }, "beta1 1"},
		{optimiser.PaperAdam(1), func(c *optimiser.Config) { c.Beta1 = math.NaN() }, "beta1 NaN"},
		{optimiser.PaperAdam(1), func(c *optimiser.Config) { c.Beta2 = -0.5 }, "beta2 -0.5"},
		{optimiser.PaperAdam(1), func(c *optimiser.Config) { c.Epsilon = 0 }, "epsilon 0"},
		{optimiser.PaperAdam(1), func(c *optimiser.Config) { c.Decay = 0 }, "decay 0"},
		{optimiser.PaperAdam(1), func(c *optimiser.Config) { c.Nesterov = true }, "adam has no nesterov"},
		{optimiser.PaperSGD(1), func(c *optimiser.Config) { c.Beta2 = 0.5 }, "sgd has no beta2"},
		{optimiser.PaperSGD(1), func(c *optimiser.Config) { c.Decay = 2 }, "decay 2"},
	} {
		config := c.start
		c.change(&config)
		require.ErrorContains(t, config.Validate(), c.want)
	}
}

func ExamplePaperAdamax() {
	c := optimiser.PaperAdamax()
	fmt.Println(c.Kind, c.Rate, c.Slots())
	// Output: adamax 0.0005 [m u]
}

func ExamplePaperAdam() {
	fmt.Println(optimiser.PaperAdam(781).Rate)
	// Output: 0.0002
}

func ExamplePaperSGD() {
	fmt.Println(optimiser.PaperSGD(781).DecayAt)
	// Output: [46860 93720 124960]
}
