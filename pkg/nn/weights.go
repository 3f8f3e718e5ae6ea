package nn

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// Weights are the parameters' nodes in the graph that is being built.
type Weights struct {
	Lowering Lowering
	// Calibrate makes layers with a data-dependent start compute their parameters from the data that flows
	// through, instead of using them (digest §2.3); Set records what they compute.
	Calibrate bool
	// ForwardOnly says that nobody will ask for a gradient: loops then keep nothing for one.
	ForwardOnly bool
	// Random is the state of GoMLX's random numbers in a training step; what draws from it replaces it. nil wherever
	// nothing is random: scoring, sampling, the laws.
	Random *Node

	layout *Layout
	places map[string]int // of each parameter in layout
	nodes  []*Node        // of the layout's tensors
}

// NewWeights names the nodes of params, one each, in their order.
func NewWeights(params []Param, nodes []*Node, lowering Lowering) *Weights {
	return NewLayout(params, Lowering{}).Weights(nodes, lowering)
}

// Weights names the nodes of the layout's tensors.
func (l *Layout) Weights(nodes []*Node, lowering Lowering) *Weights {
	if len(l.Tensors) != len(nodes) {
		panic(fmt.Errorf("nn: %d tensors of parameters but %d nodes", len(l.Tensors), len(nodes)))
	}
	if len(nodes) > 0 {
		allowTF32(nodes[0].Graph().Backend(), lowering.TF32)
	}
	w := &Weights{Lowering: lowering, layout: l, places: make(map[string]int, len(l.Params))}
	for i, p := range l.Params {
		w.places[p.Name] = i
	}
	w.nodes = append(w.nodes, nodes...)
	return w
}

func (w *Weights) place(name string) place {
	i, ok := w.places[name]
	if !ok {
		panic(fmt.Errorf("nn: the model declares no parameter %q", name))
	}
	return w.layout.place[i]
}

// Get is the node of the parameter called name; a model that asks for what it did not declare panics.
func (w *Weights) Get(name string) *Node {
	at := w.place(name)
	node := w.nodes[at.tensor]
	if !w.layout.Tensors[at.tensor].Stacked {
		return node
	}
	return Reshape(Slice(node, AxisElem(at.member)), node.Shape().Dimensions[1:]...)
}

// Set replaces a parameter's node: while calibrating, and where a training step moves running estimates.
func (w *Weights) Set(name string, value *Node) {
	at := w.place(name)
	if w.layout.Tensors[at.tensor].Stacked {
		panic(fmt.Errorf("nn: parameter %q lies in a stack, which is replaced as a whole", name))
	}
	if old := w.nodes[at.tensor]; !old.Shape().Equal(value.Shape()) {
		panic(fmt.Errorf("nn: parameter %q has shape %s, not %s", name, old.Shape(), value.Shape()))
	}
	w.nodes[at.tensor] = value
}

// Stack is the stack [n, ...] of parameters that repeat. Where they do not lie in one tensor they are joined.
func (w *Weights) Stack(names []string) *Node {
	if at := w.place(names[0]); w.layout.Tensors[at.tensor].Stacked {
		if len(w.layout.Tensors[at.tensor].Members) != len(names) {
			panic(fmt.Errorf("nn: a stack of %d parameters is asked for %d", len(w.layout.Tensors[at.tensor].Members), len(names)))
		}
		return w.nodes[at.tensor]
	}
	rows := make([]*Node, len(names))
	for k, name := range names {
		rows[k] = ExpandAxes(w.Get(name), 0)
	}
	return Concatenate(rows, 0)
}

// SetStack replaces the parameters of a stack.
func (w *Weights) SetStack(names []string, stack *Node) {
	if at := w.place(names[0]); w.layout.Tensors[at.tensor].Stacked {
		w.nodes[at.tensor] = stack
		return
	}
	for k, name := range names {
		w.Set(name, Reshape(Slice(stack, AxisElem(k)), stack.Shape().Dimensions[1:]...))
	}
}

// Nodes returns the nodes of the layout's tensors, in their order: of the parameters, where nothing is stacked.
func (w *Weights) Nodes() []*Node { return w.nodes }
