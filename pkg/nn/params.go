package nn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Param declares one parameter of a model: a name such as "scale1/step2/actnorm/loc", a shape in PyTorch's
// layouts, and how it starts.
type Param struct {
	Name  string
	Shape []int
	// Start returns the starting value, row by row; nil means zeros, or what StartTogether says.
	Start func(rng *rand.Rand) []float32
	// Fixed parameters are saved with the model and never trained (the permutation of an LU factorisation).
	Fixed bool
	// Stack is for parameters of steps that repeat: those with the same Stack are alike and may lie one behind the
	// other in one tensor, in their order. "" stands alone. Files know nothing of it: there each has its own name.
	Stack string

	together *together // nil alone
	part     int       // which of its values
}

// together is how some parameters start, for each its values.
type together struct {
	start func(rng *rand.Rand) [][]float32
}

// StartTogether makes parameters, which lie in one folder of names, start from one draw: start returns the values of
// each in their order, row by row, and nil for zeros. So the factors of a matrix are those of one matrix, and it is
// factorised once.
func StartTogether(start func(rng *rand.Rand) [][]float32, params ...Param) []Param {
	all := &together{start}
	for i := range params {
		params[i].together, params[i].part = all, i
	}
	return params
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

// StartUniform starts a parameter uniform in +-bound.
func StartUniform(size int, bound float64) func(*rand.Rand) []float32 {
	return func(rng *rand.Rand) []float32 { return Uniform(rng, size, bound) }
}

// Uniform draws numbers uniform in +-bound.
func Uniform(rng *rand.Rand, size int, bound float64) []float32 {
	values := make([]float32, size)
	for i := range values {
		values[i] = float32(bound * (2*rng.Float64() - 1))
	}
	return values
}

// Linear declares weight [out, in] and bias [out] of a linear map. They start as PyTorch's, uniform in +-1/sqrt(in).
func Linear(name string, in, out int) []Param {
	bound := 1 / math.Sqrt(float64(in))
	return StartTogether(func(rng *rand.Rand) [][]float32 {
		return [][]float32{Uniform(rng, out*in, bound), Uniform(rng, out, bound)}
	},
		Param{Name: name + "/weight", Shape: []int{out, in}},
		Param{Name: name + "/bias", Shape: []int{out}})
}

// StartConstant starts every element of a parameter at value.
func StartConstant(size int, value float32) func(*rand.Rand) []float32 {
	return func(*rand.Rand) []float32 { return slices.Repeat([]float32{value}, size) }
}
