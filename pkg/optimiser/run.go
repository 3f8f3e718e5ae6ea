package optimiser

import (
	"fmt"
	"slices"

	"strata/pkg/checkpoint"
	"strata/pkg/network"
	"strata/pkg/nn"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Loss builds what a training step makes smaller: w are the weights of the network in training, others those of the networks
// that are only asked, in what Queue was given.
type Loss func(w *nn.Weights, others []*nn.Weights, in []*Node) Terms

// Terms are a loss in a graph.
type Terms struct {
	// Total is the scalar that is differentiated.
	Total *Node
	// Finite is a condition for the update beside finite gradients; nil stands for none.
	Finite *Node
	// Report is read back after every step: float32, one behind the other.
	Report []*Node
}

// Optimiser is an update rule at work on a network. A step is one program: loss, gradients, the check that all is finite, the
// update. Weights and state stay on the device and give their memory to their successors.
//
// Steps are queued and their results read later, so that a device never waits for the host. A step that is not finite changes
// nothing and halts the queue: the steps behind it change nothing either, and Results says so. So the caller can do what the
// rules for such a step say, and queue the others again.
type Optimiser struct {
	Config
	// Updates counts the updates made.
	Updates int
	// State has, for each of Slots, one tensor a trained tensor of the network's layout.
	State [][]*tensors.Tensor

	network *network.Network
	others  []*network.Network
	trained []int // which tensors of the layout
	loss    Loss
	program *network.Shared // its notes are *notes
	halted  *tensors.Tensor
	queued  []*tensors.Tensor // what the steps report
	inputs  []*tensors.Tensor // what they were given
}

// notes are what building a step finds out: which tensors of the layout are not trained and change in it, as running
// estimates do.
type notes struct{ moved []int }

// New starts a fresh optimiser for those parameters of a network that are neither fixed nor frozen (nil freezes none). others
// are the networks that the loss asks. Steps of one identity share a program, see network.Share: it names the models and the
// loss, "" nothing.
func New(of *network.Network, config Config, identity string, frozen func(param string) bool, loss Loss,
	others ...*network.Network) (*Optimiser, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	o := &Optimiser{Config: config, network: of, others: others, loss: loss}
	for _, i := range of.Layout.Trained() {
		if frozen == nil || !frozen(of.Layout.Tensors[i].Name) {
			o.trained = append(o.trained, i)
		}
	}
	o.State = o.zeros()
	if identity != "" {
		identity = fmt.Sprintf("%s, %+v, trains %v", identity, config, o.trained)
	}
	var err error
	o.program, err = network.Share(of.Backend, identity, of.Lowering, func() (*Exec, any, error) {
		found := &notes{}
		// The program must not hold this optimiser's memory: others will use it.
		graph := &Optimiser{Config: config, network: network.New(of.Backend, of.Lowering, of.Params()), trained: o.trained, loss: loss,
			State: make([][]*tensors.Tensor, len(o.State))}
		for _, other := range others {
			graph.others = append(graph.others, network.New(other.Backend, other.Lowering, other.Params()))
		}
		exec, err := NewExec(of.Backend, func(in []*Node) []*Node { return graph.graph(in, found) })
		return exec, found, err
	})
	return o, err
}

func (o *Optimiser) zeros() [][]*tensors.Tensor {
	state := make([][]*tensors.Tensor, len(o.Slots()))
	for slot := range state {
		for _, i := range o.trained {
			state[slot] = append(state[slot], tensors.FromShape(shapes.Make(dtypes.Float32, o.network.Layout.Tensors[i].Shape...)))
		}
	}
	return state
}

func (o *Optimiser) moved() []int { return o.program.Notes.(*notes).moved }

// Result is what came of a queued step.
type Result struct {
	// Updated says that all was finite and the update was made.
	Updated bool
	Report  []float32
}

// Queue hands a step to the device.
func (o *Optimiser) Queue(inputs ...any) error {
	failed := func(err error) error { return fmt.Errorf("training step %d: %w", o.Updates+len(o.queued)+1, err) }
	if o.halted == nil {
		o.halted = tensors.FromValue(false)
	}
	donated := pick(o.network.Values, o.trained)
	for _, slot := range o.State {
		donated = append(donated, slot...)
	}
	lent := append(pick(o.network.Values, o.untrained()), o.halted)
	given := []*tensors.Tensor{tensors.FromValue(o.Rates(o.Updates + len(o.queued) + 1))}
	for _, in := range inputs {
		t, ok := in.(*tensors.Tensor)
		if !ok {
			var err error
			if t, err = tensors.FromAnyValue(in); err != nil {
				return failed(err)
			}
		}
		given = append(given, t)
	}
	o.inputs = append(o.inputs, given...)
	lent = append(lent, given[0])
	for _, other := range o.others {
		lent = append(lent, other.Values...)
	}
	lent = append(lent, given[1:]...)
	// Weights and state are given away below. What can fail before a program runs, to build it above all, fails here.
	var wanted []shapes.Shape
	for _, t := range append(donated, lent...) {
		wanted = append(wanted, t.Shape())
	}
	if _, err := o.program.Exec.Compile(wanted...); err != nil {
		return failed(err)
	}
	var args []any
	for _, t := range donated {
		buffer, err := DonateTensorBuffer(t, o.network.Backend, 0)
		if err != nil {
			return failed(err)
		}
		args = append(args, buffer)
	}
	for _, t := range lent {
		args = append(args, t)
	}
	out, err := o.program.Exec.Call(args...)
	if err != nil {
		return failed(err)
	}
	take := func(n int) []*tensors.Tensor {
		taken := out[:n:n]
		out = out[n:]
		return taken
	}
	for k, t := range take(len(o.trained)) {
		o.network.Values[o.trained[k]] = t
	}
	for slot := range o.State {
		o.State[slot] = take(len(o.trained))
	}
	moved := o.moved()
	for k, t := range take(len(moved)) {
		network.Free(o.network.Values[moved[k]])
		o.network.Values[moved[k]] = t
	}
	network.Free(o.halted)
	o.halted = out[0]
	o.queued = append(o.queued, out[1])
	return nil
}

// Results waits for the queued steps and says what came of each, in their order. After one without an update all are without.
func (o *Optimiser) Results() ([]Result, error) {
	reports, err := network.Floats(o.queued...)
	network.Free(o.halted)
	network.Free(o.inputs...)
	o.queued, o.inputs, o.halted = nil, nil, nil
	if err != nil {
		return nil, fmt.Errorf("training step %d: %w", o.Updates+1, err)
	}
	results := make([]Result, len(reports))
	for i, report := range reports {
		results[i] = Result{Updated: report[0] == 1, Report: report[1:]}
		if results[i].Updated {
			o.Updates++
		}
	}
	return results, nil
}

func (o *Optimiser) untrained() []int {
	var rest []int
	trained := o.trained
	for i := range o.network.Layout.Tensors {
		if len(trained) > 0 && trained[0] == i {
			trained = trained[1:]
			continue
		}
		rest = append(rest, i)
	}
	return rest
}

func pick[T any](from []T, at []int) []T {
	picked := make([]T, len(at))
	for k, i := range at {
		picked[k] = from[i]
	}
	return picked
}

// graph is a step: in are trained weights, the state slot by slot, the other weights, the halt, the rates, the weights of the networks
// that are asked, and what Queue was given. Out are the new weights and state, the other weights that moved, the halt, and the
// report, whose first number is 1 where the update was made.
func (o *Optimiser) graph(in []*Node, found *notes) []*Node {
	next := func(n int) []*Node {
		taken := in[:n:n]
		in = in[n:]
		return taken
	}
	n := len(o.trained)
	trained := next(n)
	state := make([][]*Node, len(o.State))
	donated := slices.Clone(trained)
	for slot := range state {
		state[slot] = next(n)
		donated = append(donated, state[slot]...)
	}
	nn.ReuseMemory(donated)
	untrained := o.untrained()
	fixed := next(len(untrained))
	values := make([]*Node, len(o.network.Layout.Tensors))
	for k, i := range o.trained {
		values[i] = trained[k]
	}
	for k, i := range untrained {
		values[i] = fixed[k]
	}
	halted, rates := next(1)[0], next(1)[0]
	w := o.network.Weights(values)
	others := make([]*nn.Weights, len(o.others))
	for i, other := range o.others {
		others[i] = other.Weights(next(len(other.Layout.Tensors)))
		others[i].ForwardOnly = true
	}
	terms := o.loss(w, others, in)
	gradients := Gradient(terms.Total, trained...)

	ok := LogicalNot(halted)
	if terms.Finite != nil {
		ok = And(ok, terms.Finite)
	}
	checked := gradients
	found.moved = nil
	for k, i := range untrained {
		if now := w.Nodes()[i]; now != fixed[k] {
			found.moved = append(found.moved, i)
			checked = append(checked, now)
		}
	}
	ok = And(ok, nn.AllFinite(joined(checked)))
	newValues, newState := make([]*Node, n), make([][]*Node, len(state))
	for k := range trained {
		own := make([]*Node, len(state))
		for slot := range state {
			own[slot] = state[slot][k]
		}
		value, updated := o.Update(trained[k], gradients[k], rates, own)
		newValues[k] = Where(ok, value, trained[k])
		for slot := range state {
			newState[slot] = append(newState[slot], Where(ok, updated[slot], own[slot]))
		}
	}
	out := newValues
	for _, slot := range newState {
		out = append(out, slot...)
	}
	for _, i := range found.moved {
		out = append(out, Where(ok, w.Nodes()[i], values[i]))
	}
	report := []*Node{Reshape(ConvertDType(ok, dtypes.Float32), 1)}
	for _, r := range terms.Report {
		report = append(report, Reshape(ConvertDType(r, dtypes.Float32), r.Shape().Size()))
	}
	return append(out, LogicalNot(ok), Concatenate(report, 0))
}

// small is the number of elements up to which a tensor is joined with others to be checked: a network has hundreds of small
// ones (biases, scales, 1x1 convolutions), and each would be a program of its own to compile and to start.
const small = 1 << 15

// joined are nodes with all small ones one behind the other in a vector.
func joined(nodes []*Node) []*Node {
	var large, flat []*Node
	for _, v := range nodes {
		if v.Shape().Size() > small {
			large = append(large, v)
		} else {
			flat = append(flat, Reshape(v, v.Shape().Size()))
		}
	}
	if flat == nil {
		return large
	}
	return append(large, Concatenate(flat, 0))
}

// Tensors are the network's parameters and the optimiser's state, for a checkpoint.
func (o *Optimiser) Tensors() ([]checkpoint.Tensor, error) {
	layout := o.network.Layout
	values, err := o.network.Host()
	if err != nil {
		return nil, err
	}
	var all []checkpoint.Tensor
	for i, p := range layout.Params {
		all = append(all, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: values[i]})
	}
	bySlot := make([][][]float32, len(o.State))
	for slot := range o.State {
		if bySlot[slot], err = layout.Unpack(o.spread(o.State[slot])); err != nil {
			return nil, err
		}
	}
	for i, p := range layout.Params {
		for slot, name := range o.StateNames(p.Name) {
			if data := bySlot[slot][i]; data != nil {
				all = append(all, checkpoint.Tensor{Name: name, Shape: p.Shape, Data: data})
			}
		}
	}
	return all, nil
}

// spread puts one tensor a trained one at its place in the layout, nil elsewhere.
func (o *Optimiser) spread(state []*tensors.Tensor) []*tensors.Tensor {
	all := make([]*tensors.Tensor, len(o.network.Layout.Tensors))
	for k, i := range o.trained {
		all[i] = state[k]
	}
	return all
}

// Restore takes parameters and state from a checkpoint. On an error both are as they were.
func (o *Optimiser) Restore(saved []checkpoint.Tensor, updates int) error {
	layout := o.network.Layout
	byName := make(map[string][]float32, len(saved))
	for _, t := range saved {
		byName[t.Name] = t.Data
	}
	fresh := make([][]*tensors.Tensor, len(o.State))
	for slot := range fresh {
		values := make([][]float32, len(layout.Params))
		for _, i := range o.trained {
			for _, m := range layout.Tensors[i].Members {
				p := layout.Params[m]
				name := o.StateNames(p.Name)[slot]
				if values[m] = byName[name]; len(values[m]) != p.Size() {
					return fmt.Errorf("tensor %s has %d values, not %d: was it trained with another optimiser?", name,
						len(values[m]), p.Size())
				}
			}
			fresh[slot] = append(fresh[slot], layout.PackOne(i, values))
		}
	}
	if err := o.network.Set(Model(saved)); err != nil {
		return err
	}
	for _, slot := range o.State {
		network.Free(slot...)
	}
	o.State, o.Updates = fresh, updates
	return nil
}

// Model are the model's parameters among the tensors of a checkpoint.
func Model(saved []checkpoint.Tensor) map[string][]float32 {
	values := make(map[string][]float32, len(saved))
	for _, t := range saved {
		if !IsState(t.Name) {
			values[t.Name] = t.Data
		}
	}
	return values
}

// Close frees the program and the state; the network stays. It may be called twice.
func (o *Optimiser) Close() {
	if o.program == nil {
		return
	}
	o.program.Release()
	o.program = nil
	for _, slot := range o.State {
		network.Free(slot...)
	}
	network.Free(o.queued...)
	network.Free(o.inputs...)
	network.Free(o.halted)
}
