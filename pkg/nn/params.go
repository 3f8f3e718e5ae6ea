package nn

import (
	"math/rand/v2"
	"slices"
)

// Param declares one parameter of a model: a name such as "scale1/step2/actnorm/loc", a shape in PyTorch's
// layouts, and how it starts.
type Param struct {
	Name  string
	Shape []int
	// Start returns the starting value, row by row; nil means zeros.
	Start func(rng *rand.Rand) []float32
	// Fixed parameters are saved with the model and never trained (the permutation of an LU factorisation).
	Fixed bool
	// Stack is for parameters of steps that repeat: those with the same Stack are alike and may lie one behind the other in
	// one tensor, in their order. "" stands alone. Files know nothing of it: there each has its own name.
	Stack string
}

// Size is the number of scalars of the parameter.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// StartNormal starts a parameter from N(0, std^2).
func StartNormal(size int, std float64) func(*rand.Rand) []float32 {
	return func(rng *rand.Rand) []float32 {
		values := make([]float32, size)
		for i := range values {
			values[i] = float32(std * rng.NormFloat64())
		}
		return values
	}
}

// StartUniform starts a parameter uniform in +-bound. Parameters in one folder of names draw from one stream: skip is how
// many numbers of it the layer's other parameters take first.
func StartUniform(size int, bound float64, skip int) func(*rand.Rand) []float32 {
	return func(rng *rand.Rand) []float32 {
		for range skip {
			rng.Float64()
		}
		values := make([]float32, size)
		for i := range values {
			values[i] = float32(bound * (2*rng.Float64() - 1))
		}
		return values
	}
}

// StartConstant starts every element of a parameter at value.
func StartConstant(size int, value float32) func(*rand.Rand) []float32 {
	return func(*rand.Rand) []float32 { return slices.Repeat([]float32{value}, size) }
}
