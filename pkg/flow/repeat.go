package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Repeat is steps of one kind, one after the other: the K steps of a scale (digest §2.1). They differ in their parameters
// alone, so a backend that compiles needs to compile one: there Repeat is a counted loop over the stacks of the steps'
// parameters (see nn.Scan). Elsewhere it is the steps written out.
type Repeat struct{ Steps []Layer }

// Params are those of the steps. Each is in a stack with its like of the other steps, named by the first.
func (r Repeat) Params() []nn.Param {
	first := r.Steps[0].Params()
	var params []nn.Param
	for _, step := range r.Steps {
		for j, p := range step.Params() {
			if len(r.Steps) > 1 {
				p.Stack = first[j].Name
			}
			params = append(params, p)
		}
	}
	return params
}

// Forward is the steps in their order.
func (r Repeat) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	if !w.Lowering.Loops || len(r.Steps) == 1 {
		return Chain(r.Steps).Forward(w, x)
	}
	return r.loop(w, x, false, Layer.Forward)
}

// Inverse undoes them, last one first.
func (r Repeat) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	if !w.Lowering.Loops || len(r.Steps) == 1 {
		return Chain(r.Steps).Inverse(w, y)
	}
	return r.loop(w, y, true, Layer.Inverse)
}

func (r Repeat) loop(w *nn.Weights, x *Node, reversed bool, apply func(Layer, *nn.Weights, *Node) (y, logDet *Node)) (y, logDet *Node) {
	params := r.Steps[0].Params()
	names := make([][]string, len(params)) // of each parameter in all steps
	for _, step := range r.Steps {
		for j, p := range step.Params() {
			names[j] = append(names[j], p.Name)
		}
	}
	stacks, fixed := make([]*Node, len(params)), make([]bool, len(params))
	for j := range params {
		stacks[j], fixed[j] = w.Stack(names[j]), params[j].Fixed
	}
	var calibrated []int // the parameters that a turn sets
	zeros := nn.SumPerImage(ZerosLike(x))
	last, ys := nn.Scan(len(r.Steps), reversed, w.ForwardOnly || w.Calibrate, []*Node{x, zeros}, stacks, fixed,
		func(carry, own []*Node) (next, y []*Node) {
			turn := nn.NewWeights(params, own, w.Lowering)
			turn.Calibrate, turn.ForwardOnly = w.Calibrate, w.ForwardOnly
			x, logDet := apply(r.Steps[0], turn, carry[0])
			calibrated = nil
			for j, node := range turn.Nodes() {
				if node != own[j] {
					calibrated = append(calibrated, j)
					y = append(y, node)
				}
			}
			return []*Node{x, Add(carry[1], logDet)}, y
		})
	for i, j := range calibrated {
		w.SetStack(names[j], ys[i])
	}
	return last[0], last[1]
}
