// Package optimiser holds the update rules that the paper's networks are trained with, in PyTorch's arithmetic: Adamax for
// Glow (S4.1), Adam for PixelCNN++ (S4.2) and stochastic gradient descent with momentum for the Wide-ResNet (S9).
//
// GoMLX has optimisers of its own. These differ in where epsilon and weight decay enter, and their state is plain
// tensors, so that a step with a gradient that is not finite can leave everything as it was (digest §4.4).
package optimiser

import (
	"fmt"
	"math"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
)

// Kind names an update rule.
type Kind string

// The update rules. g is the gradient plus WeightDecay times the weight, t = 1, 2, ... counts updates.
const (
	// Adamax: m = Beta1 m + (1 - Beta1) g; u = max(Beta2 u, |g| + Epsilon); w -= Rate/(1 - Beta1^t) m/u.
	Adamax Kind = "adamax"
	// Adam: m as above; v = Beta2 v + (1 - Beta2) g^2; w -= Rate/(1 - Beta1^t) m/(sqrt(v/(1 - Beta2^t)) + Epsilon).
	Adam Kind = "adam"
	// SGD: m = Beta1 m + g; w -= Rate m, or Rate (g + Beta1 m) with Nesterov's momentum.
	SGD Kind = "sgd"
)

// Config is an update rule and its settings.
type Config struct {
	Kind        Kind    `json:"kind" yaml:"kind"`
	Rate        float64 `json:"rate" yaml:"rate"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
	Beta1       float64 `json:"beta1" yaml:"beta1"` // SGD's momentum
	Beta2       float64 `json:"beta2,omitempty" yaml:"beta2"`
	Epsilon     float64 `json:"epsilon,omitempty" yaml:"epsilon"`
	Nesterov    bool    `json:"nesterov,omitempty" yaml:"nesterov"`
	// Warmup is the number of updates over which the rate rises linearly; the paper has none.
	Warmup int `json:"warmup,omitempty" yaml:"warmup"`
	// The rate is multiplied by Decay after every DecayEvery updates, and after each of the updates in DecayAt.
	Decay      float64 `json:"decay,omitempty" yaml:"decay"`
	DecayEvery int     `json:"decay_every,omitempty" yaml:"decay_every"`
	DecayAt    []int   `json:"decay_at,omitempty" yaml:"decay_at"`
}

// PaperAdamax are Glow's settings (S4.1).
func PaperAdamax() Config {
	return Config{Kind: Adamax, Rate: 5e-4, WeightDecay: 5e-5, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
}

// PaperAdam are PixelCNN++'s settings (S4.2): the rate falls by 5e-6 of itself an epoch of that many updates.
func PaperAdam(updatesPerEpoch int) Config {
	return Config{Kind: Adam, Rate: 2e-4, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Decay: 0.999995, DecayEvery: updatesPerEpoch}
}

// PaperSGD are the Wide-ResNet's settings (S9, digest §9): the rate falls to a fifth after 60, 120 and 160 epochs.
func PaperSGD(updatesPerEpoch int) Config {
	return Config{Kind: SGD, Rate: 0.1, WeightDecay: 5e-4, Beta1: 0.9, Decay: 0.2,
		DecayAt: []int{60 * updatesPerEpoch, 120 * updatesPerEpoch, 160 * updatesPerEpoch}}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	switch c.Kind {
	case Adamax, Adam, SGD:
	default:
		return fmt.Errorf("optimiser: no kind %q, only %s, %s and %s", c.Kind, Adamax, Adam, SGD)
	}
	switch {
	case !(c.Rate > 0) || math.IsInf(c.Rate, 0):
		return fmt.Errorf("%s: rate %g must be above 0", c.Kind, c.Rate)
	case !(c.WeightDecay >= 0) || math.IsInf(c.WeightDecay, 0) || c.Warmup < 0:
		return fmt.Errorf("%s: weight_decay %g and warmup %d must not be negative", c.Kind, c.WeightDecay, c.Warmup)
	case !(c.Beta1 >= 0 && c.Beta1 < 1):
		return fmt.Errorf("%s: beta1 %g must be in [0, 1)", c.Kind, c.Beta1)
	case c.Kind != SGD && (!(c.Beta2 >= 0 && c.Beta2 < 1) || !(c.Epsilon > 0)):
		return fmt.Errorf("%s: beta2 %g must be in [0, 1), epsilon %g above 0", c.Kind, c.Beta2, c.Epsilon)
	case c.Kind == SGD && (c.Beta2 != 0 || c.Epsilon != 0) || c.Kind != SGD && c.Nesterov:
		return fmt.Errorf("%s has no %s", c.Kind, map[bool]string{true: "beta2 and epsilon", false: "nesterov"}[c.Kind == SGD])
	case c.DecayEvery < 0 || (c.DecayEvery > 0 || len(c.DecayAt) > 0) && !(c.Decay > 0 && c.Decay <= 1):
		return fmt.Errorf("%s: decay %g must be in (0, 1] and decay_every %d not negative", c.Kind, c.Decay, c.DecayEvery)
	}
	return nil
}

// Slots names the tensors of state that a parameter has beside its value, each of its shape and zero at the start.
func (c Config) Slots() []string {
	switch c.Kind {
	case Adamax:
		return []string{"m", "u"}
	case Adam:
		return []string{"m", "v"}
	}
	return []string{"m"}
}

// statePrefix begins the names of an optimiser's state in a checkpoint.
const statePrefix = "optimiser/"

// StateNames are the names of a parameter's state in a checkpoint, in the order of Slots: "optimiser/m/scale1/...".
func (c Config) StateNames(param string) []string {
	names := c.Slots()
	for i := range names {
		names[i] = statePrefix + names[i] + "/" + param
	}
	return names
}

// IsState says whether a tensor of a checkpoint is an optimiser's and not the model's.
func IsState(name string) bool { return strings.HasPrefix(name, statePrefix) }

// Rates are the numbers that change from one update to the next, for update t = 1, 2, ...; Update wants them. The first is
// the rate over the bias correction of m, the second the bias correction of Adam's v.
func (c Config) Rates(t int) []float32 {
	rate := c.Rate
	if t < c.Warmup {
		rate *= float64(t) / float64(c.Warmup)
	}
	if c.DecayEvery > 0 {
		rate *= math.Pow(c.Decay, float64((t-1)/c.DecayEvery))
	}
	for _, at := range c.DecayAt {
		if t > at {
			rate *= c.Decay
		}
	}
	if c.Kind == SGD {
		return []float32{float32(rate), 1}
	}
	return []float32{float32(rate / (1 - math.Pow(c.Beta1, float64(t)))), float32(1 - math.Pow(c.Beta2, float64(t)))}
}

// Update builds one update of the weights w with their state, in the order of Slots; rates is the node of Rates, [2].
func (c Config) Update(w, gradient, rates *Node, state []*Node) (newW *Node, newState []*Node) {
	number := func(i int) *Node {
		return ConvertDType(Reshape(Slice(rates, AxisElem(i))), w.DType())
	}
	g := gradient
	if c.WeightDecay != 0 {
		g = Add(gradient, MulScalar(w, c.WeightDecay))
	}
	switch c.Kind {
	case SGD:
		m := Add(MulScalar(state[0], c.Beta1), g)
		direction := m
		if c.Nesterov {
			direction = Add(g, MulScalar(m, c.Beta1))
		}
		return Sub(w, Mul(number(0), direction)), []*Node{m}
	case Adam:
		m := Add(MulScalar(state[0], c.Beta1), MulScalar(g, 1-c.Beta1))
		v := Add(MulScalar(state[1], c.Beta2), MulScalar(Mul(g, g), 1-c.Beta2))
		denominator := AddScalar(Sqrt(Div(v, number(1))), c.Epsilon)
		return Sub(w, Mul(number(0), Div(m, denominator))), []*Node{m, v}
	}
	m := Add(MulScalar(state[0], c.Beta1), MulScalar(g, 1-c.Beta1))
	u := Max(MulScalar(state[1], c.Beta2), AddScalar(Abs(g), c.Epsilon))
	return Sub(w, Mul(number(0), Div(m, u))), []*Node{m, u}
}
