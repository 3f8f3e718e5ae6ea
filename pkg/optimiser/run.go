package optimiser

import (
	"fmt"

	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Optimiser is an update rule at work on the trained parameters of a network.
type Optimiser struct {
	Config
	// Updates counts the updates made.
	Updates int
	// State has, for each of Slots, one tensor a trained parameter.
	State [][]*tensors.Tensor

	backend compute.Backend
	update  *Exec
}

// New starts a fresh optimiser for parameters, of which the fixed ones do not count.
func New(backend compute.Backend, config Config, params []nn.Param) (*Optimiser, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	o := &Optimiser{Config: config, backend: backend, State: make([][]*tensors.Tensor, len(config.Slots()))}
	for _, p := range params {
		if p.Fixed {
			continue
		}
		for slot := range o.State {
			o.State[slot] = append(o.State[slot], tensors.FromFlatDataAndDimensions(make([]float32, p.Size()), p.Shape...))
		}
	}
	var err error
	o.update, err = NewExec(backend, o.graph)
	return o, err
}

// Step makes an update of the trained parameters' weights by their gradients and returns the new weights. The old weights, the
// gradients and the old state give their memory to the new ones and must not be used any more.
func (o *Optimiser) Step(weights, gradients []*tensors.Tensor) ([]*tensors.Tensor, error) {
	var inputs []any
	for _, list := range append([][]*tensors.Tensor{weights, gradients}, o.State...) {
		for _, t := range list {
			buffer, err := DonateTensorBuffer(t, o.backend, 0)
			if err != nil {
				return nil, fmt.Errorf("update %d: %w", o.Updates+1, err)
			}
			inputs = append(inputs, buffer)
		}
	}
	out, err := o.update.Call(append(inputs, o.Rates(o.Updates+1))...)
	if err != nil {
		return nil, fmt.Errorf("update %d: %w", o.Updates+1, err)
	}
	n := len(weights)
	for slot := range o.State {
		o.State[slot] = out[(1+slot)*n : (2+slot)*n]
	}
	o.Updates++
	return out[:n], nil
}

// graph is an update: in are weights, gradients, the state slot by slot, and the rates; out the new weights and state.
func (o *Optimiser) graph(in []*Node) []*Node {
	slots := len(o.State)
	n := (len(in) - 1) / (2 + slots)
	weights, gradients, state, rates := in[:n], in[n:2*n], in[2*n:], in[len(in)-1]
	out := make([]*Node, (1+slots)*n)
	for i := range weights {
		own := make([]*Node, slots)
		for slot := range own {
			own[slot] = state[slot*n+i]
		}
		var updated []*Node
		out[i], updated = o.Update(weights[i], gradients[i], rates, own)
		for slot, node := range updated {
			out[(1+slot)*n+i] = node
		}
	}
	return out
}

// Close frees the compiled update.
func (o *Optimiser) Close() { o.update.Finalize() }
