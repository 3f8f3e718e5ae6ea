// Package network is a network on a backend: named parameters, their values in the backend's memory, and the programs that
// were compiled for them. Density models and classifiers are trained and asked through it.
package network

import (
	"errors"
	"fmt"

	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Network is parameters with their values. It is not safe for concurrent use. Close gives its memory back.
type Network struct {
	Backend  compute.Backend
	Lowering nn.Lowering
	// Layout says in which tensors the parameters lie, and Values are those tensors, float32; nil before the first Set or
	// Start.
	Layout *nn.Layout
	Values []*tensors.Tensor

	programs []*Program
}

// New is a network without values, for Set or Start: to draw a start that is replaced at once can take long.
func New(backend compute.Backend, lowering nn.Lowering, params []nn.Param) *Network {
	return &Network{Backend: backend, Lowering: lowering, Layout: nn.NewLayout(params, lowering)}
}

// Start draws the parameters' starting values from a seed, see nn.StartValues.
func (n *Network) Start(seed uint64) {
	n.Replace(n.Layout.Pack(nn.StartValues(n.Layout.Params, seed)))
}

// Params are the parameters, in the order of the model that declared them.
func (n *Network) Params() []nn.Param { return n.Layout.Params }

// Set replaces the values of the parameters; it refuses unknown, missing and misshapen ones by name and leaves all as it was.
func (n *Network) Set(values map[string][]float32) error {
	ordered, err := nn.NamedValues(n.Layout.Params, values)
	if err != nil {
		return err
	}
	n.Replace(n.Layout.Pack(ordered))
	return nil
}

// Replace puts other tensors in the place of the values and frees those.
func (n *Network) Replace(values []*tensors.Tensor) {
	old := n.Values
	n.Values = values
	for _, v := range old {
		free(v)
	}
}

// Host copies the values of all parameters to the host, in the order of Params.
func (n *Network) Host() ([][]float32, error) {
	if n.Values == nil {
		return nil, errors.New("the network has no values: it was neither started nor loaded")
	}
	return n.Layout.Unpack(n.Values)
}

// Named are the same by name.
func (n *Network) Named() (map[string][]float32, error) {
	values, err := n.Host()
	if err != nil {
		return nil, err
	}
	named := make(map[string][]float32, len(values))
	for i, p := range n.Layout.Params {
		named[p.Name] = values[i]
	}
	return named, nil
}

// Weights names the nodes of Values in a graph.
func (n *Network) Weights(nodes []*Node) *nn.Weights { return n.Layout.Weights(nodes, n.Lowering) }

// Inputs are Values as arguments of a program.
func (n *Network) Inputs() []any {
	in := make([]any, len(n.Values))
	for i, v := range n.Values {
		in[i] = v
	}
	return in
}

// Program makes a program that goes forward only: build gets the network's weights and what Call is given. Programs of one
// identity, on one backend, are compiled once for all networks, whose weights are arguments: identity has to name all that
// build depends on, model and settings. Where it is "" the program is this network's own.
func (n *Network) Program(identity string, build func(w *nn.Weights, in []*Node) []*Node) (*Program, error) {
	layout, lowering := n.Layout, n.Lowering
	shared, err := Share(n.Backend, identity, lowering, func() (*Exec, any, error) {
		exec, err := NewExec(n.Backend, func(in []*Node) []*Node {
			own := len(layout.Tensors)
			w := layout.Weights(in[:own], lowering)
			w.ForwardOnly = true
			return build(w, in[own:])
		})
		return exec, nil, err
	})
	if err != nil {
		return nil, err
	}
	p := &Program{n, shared}
	n.programs = append(n.programs, p)
	return p, nil
}

// Program is a compiled graph of a network. The network closes it.
type Program struct {
	network *Network
	shared  *Shared
}

// Call runs the program. What it returns is the caller's to free.
func (p *Program) Call(inputs ...any) ([]*tensors.Tensor, error) {
	if p.network.Values == nil {
		return nil, errors.New("the network has no values: it was neither started nor loaded")
	}
	return p.shared.Exec.Call(append(p.network.Inputs(), inputs...)...)
}

// Close gives back the programs and frees the values; the network is empty afterwards. It may be called twice.
func (n *Network) Close() {
	n.Release()
	n.Replace(nil)
}

// Release gives back the programs alone.
func (n *Network) Release() {
	for _, p := range n.programs {
		p.shared.Release()
	}
	n.programs = nil
}

// Floats copies tensors to the host and frees them on the device.
func Floats(all ...*tensors.Tensor) ([][]float32, error) {
	defer Free(all...)
	flat := make([][]float32, len(all))
	for i, t := range all {
		var err error
		if flat[i], err = tensors.CopyFlatData[float32](t); err != nil {
			return nil, fmt.Errorf("reading a result from the device: %w", err)
		}
	}
	return flat, nil
}

// free gives a tensor's memory back at once: Go's garbage collector does not see a device's.
func free(t *tensors.Tensor) {
	if t != nil && t.Ok() {
		_ = t.FinalizeAll() // what cannot be freed now goes with the backend
	}
}

// Free gives tensors' memory back.
func Free(all ...*tensors.Tensor) {
	for _, t := range all {
		free(t)
	}
}
