package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
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

// Weights are the parameters' nodes in the graph that is being built.
type Weights struct {
	Lowering Lowering
	// Calibrate makes layers with a data-dependent start compute their parameters from the data that flows
	// through, instead of using them (digest §2.3); Set records what they compute.
	Calibrate bool
	// Random is the state of GoMLX's random numbers in a training step; what draws from it replaces it. nil wherever
	// nothing is random: scoring, sampling, the laws.
	Random *Node

	nodes map[string]*Node
}

// NewWeights names the nodes of params, in their order.
func NewWeights(params []Param, nodes []*Node, lowering Lowering) *Weights {
	if len(params) != len(nodes) {
		panic(fmt.Errorf("nn.NewWeights: %d parameters but %d nodes", len(params), len(nodes)))
	}
	w := &Weights{Lowering: lowering, nodes: make(map[string]*Node, len(params))}
	for i, p := range params {
		w.nodes[p.Name] = nodes[i]
	}
	return w
}

// Get is the node of the parameter called name; a model that asks for what it did not declare panics.
func (w *Weights) Get(name string) *Node {
	node, ok := w.nodes[name]
	if !ok {
		panic(fmt.Errorf("nn: the model declares no parameter %q", name))
	}
	return node
}

// Set replaces a parameter's node: while calibrating, and where a training step moves running estimates.
func (w *Weights) Set(name string, value *Node) {
	if old := w.Get(name); !old.Shape().Equal(value.Shape()) {
		panic(fmt.Errorf("nn: parameter %q has shape %s, not %s", name, old.Shape(), value.Shape()))
	}
	w.nodes[name] = value
}

// Nodes returns the nodes of params in their order.
func (w *Weights) Nodes(params []Param) []*Node {
	nodes := make([]*Node, len(params))
	for i, p := range params {
		nodes[i] = w.Get(p.Name)
	}
	return nodes
}
