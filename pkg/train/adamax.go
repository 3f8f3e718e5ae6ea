package train

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// Adamax is the paper's optimiser (digest §4): with g the gradient plus WeightDecay times the weight,
//
//	m = Beta1 m + (1 - Beta1) g
//	u = max(Beta2 u, |g| + Epsilon)
//	w = w - Rate/(1 - Beta1^t) m/u
//
// GoMLX's own Adamax adds epsilon elsewhere and decays weights apart from the gradient.
type Adamax struct {
	Rate        float64 `json:"rate" yaml:"rate"`
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
	Beta1       float64 `json:"beta1" yaml:"beta1"`
	Beta2       float64 `json:"beta2" yaml:"beta2"`
	Epsilon     float64 `json:"epsilon" yaml:"epsilon"`
	// Warmup is the number of steps over which the rate rises linearly; the paper has none.
	Warmup int `json:"warmup" yaml:"warmup"`
}

// PaperAdamax are the settings of S4.1.
func PaperAdamax() Adamax {
	return Adamax{Rate: 5e-4, WeightDecay: 5e-5, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
}

// Validate says what is wrong with the settings.
func (a Adamax) Validate() error {
	switch {
	case !(a.Rate > 0) || math.IsInf(a.Rate, 0):
		return fmt.Errorf("adamax: rate %g must be above 0", a.Rate)
	case !(a.WeightDecay >= 0) || math.IsInf(a.WeightDecay, 0) || a.Warmup < 0:
		return fmt.Errorf("adamax: weight_decay %g and warmup %d must not be negative", a.WeightDecay, a.Warmup)
	case !(a.Beta1 >= 0 && a.Beta1 < 1) || !(a.Beta2 >= 0 && a.Beta2 < 1) || !(a.Epsilon > 0):
		return fmt.Errorf("adamax: beta1 %g and beta2 %g must be in [0, 1), epsilon %g above 0", a.Beta1, a.Beta2, a.Epsilon)
	}
	return nil
}

// correctedRate is Rate/(1 - Beta1^t) for update t = 1, 2, ..., warmed up.
func (a Adamax) correctedRate(t int) float64 {
	rate := a.Rate
	if t < a.Warmup {
		rate *= float64(t) / float64(a.Warmup)
	}
	return rate / (1 - math.Pow(a.Beta1, float64(t)))
}

// update builds one update of weights w with moment m and norm u.
func (a Adamax) update(w, m, u, gradient, correctedRate *Node) (newW, newM, newU *Node) {
	g := Add(gradient, MulScalar(w, a.WeightDecay))
	newM = Add(MulScalar(m, a.Beta1), MulScalar(g, 1-a.Beta1))
	newU = Max(MulScalar(u, a.Beta2), AddScalar(Abs(g), a.Epsilon))
	newW = Sub(w, Mul(correctedRate, Div(newM, newU)))
	return newW, newM, newU
}
