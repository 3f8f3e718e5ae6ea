package classifier

import (
	"fmt"

	"strata/pkg/nn"
	"strata/pkg/objective"
	"strata/pkg/optimiser"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Stepper makes training steps on the cross-entropy. It holds the optimiser's state beside the network's weights, and
// replaces both, and the running estimates of the batch norms, only by a step in which all of them are finite.
type Stepper struct {
	Network   *Network
	Optimiser optimiser.Config
	// Updates counts the updates made.
	Updates int
	// State is the optimiser's: for each of its slots, one tensor a trained parameter.
	State [][]*tensors.Tensor

	trained []int // which parameters are trained
	exec    *Exec
}

// Batch is what a step is made on.
type Batch struct {
	Pixels []uint8 // [B, H, W, C]
	Labels []int32 // [B], General or InDistribution
	// Seed chooses what is dropped out.
	Seed uint64
}

// Outcome is what happened in a step.
type Outcome struct {
	// Loss is the mean cross-entropy before the update, in nats, and Accuracy the share of images whose own class had the
	// largest logit: both in training's way, with the batch's statistics and dropout.
	Loss, Accuracy float64
	// Skipped says that no update was made, because the loss, a gradient or a running estimate was not finite.
	Skipped bool
}

// NewStepper starts a fresh optimiser for a network; the paper's is optimiser.PaperSGD.
func NewStepper(network *Network, config optimiser.Config) (*Stepper, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Stepper{Network: network, Optimiser: config, State: make([][]*tensors.Tensor, len(config.Slots()))}
	for i, p := range network.params {
		if p.Fixed {
			continue
		}
		s.trained = append(s.trained, i)
		for slot := range s.State {
			s.State[slot] = append(s.State[slot], tensors.FromFlatDataAndDimensions(make([]float32, p.Size()), p.Shape...))
		}
	}
	var err error
	s.exec, err = NewExec(network.Backend, s.graph)
	return s, err
}

// Step makes one step. A batch whose sizes disagree or that has a label beyond the classes is an error; so is one of a single
// image, of which a batch norm of one position has no variance.
func (s *Stepper) Step(batch Batch) (Outcome, error) {
	oneHot, err := s.check(batch)
	if err != nil {
		return Outcome{}, err
	}
	images := len(batch.Labels)
	inputs := s.Network.inputs()
	for _, slot := range s.State {
		for _, t := range slot {
			inputs = append(inputs, t)
		}
	}
	inputs = append(inputs, s.Network.pixelTensor(batch.Pixels, images), oneHot, s.Optimiser.Rates(s.Updates+1), []uint64{batch.Seed, 0, 0})
	out, err := s.exec.Call(inputs...)
	if err != nil {
		return Outcome{}, fmt.Errorf("training step %d: %w", s.Updates+1, err)
	}
	n := len(s.Network.params)
	values, state, rest := out[:n], out[n:n+len(s.State)*len(s.trained)], out[n+len(s.State)*len(s.trained):]
	loss, finite := tensors.ToScalar[float32](rest[1]), tensors.ToScalar[float32](rest[2])
	outcome := Outcome{Loss: float64(loss), Skipped: finite != 0 || loss-loss != 0}
	for i, logits := range byImage(tensors.MustCopyFlatData[float32](rest[0]), images) {
		if isLargest(logits, int(batch.Labels[i])) {
			outcome.Accuracy += 1 / float64(images)
		}
	}
	if outcome.Skipped {
		return outcome, nil
	}
	s.Network.Values = values
	for slot := range s.State {
		s.State[slot] = state[slot*len(s.trained) : (slot+1)*len(s.trained)]
	}
	s.Updates++
	return outcome, nil
}

// check returns the labels as [Classes, B] of ones and zeros.
func (s *Stepper) check(batch Batch) (*tensors.Tensor, error) {
	c := s.Network.Model.config
	images, size := len(batch.Labels), c.Height*c.Width*c.Channels
	if images < 2 || len(batch.Pixels) != images*size {
		return nil, fmt.Errorf("classifier: a batch of %d labels and %d values: expected 2 labels or more and %d values each", images, len(batch.Pixels), size)
	}
	oneHot := make([]float32, c.Classes*images)
	for i, label := range batch.Labels {
		if label < 0 || int(label) >= c.Classes {
			return nil, fmt.Errorf("classifier: image %d of the batch has label %d: expected 0 to %d", i, label, c.Classes-1)
		}
		oneHot[int(label)*images+i] = 1
	}
	return tensors.FromFlatDataAndDimensions(oneHot, c.Classes, images), nil
}

func isLargest(logits []float64, class int) bool {
	for i, v := range logits {
		if i != class && !(logits[class] > v) {
			return false
		}
	}
	return true
}

// graph is the step: in are all weights, the optimiser's state slot by slot, pixels, one-hot labels, the optimiser's rates
// and the random state. It gives the new values of all weights, of the state, the logits, the loss, and 0 if all is finite.
func (s *Stepper) graph(in []*Node) []*Node {
	params, n := s.Network.params, len(s.trained)
	values := in[:len(params)]
	slots := len(s.State)
	state, rest := in[len(params):len(params)+slots*n], in[len(params)+slots*n:]
	pixels, oneHot, rates := rest[0], rest[1], rest[2]

	w := nn.NewWeights(params, values, s.Network.Lowering)
	w.Random = rest[3]
	model := s.Network.Model
	logits := model.Logits(w, model.Input(w, pixels), true)
	loss := objective.CrossEntropy(logits, oneHot)

	trained := make([]*Node, n)
	for i, param := range s.trained {
		trained[i] = values[param]
	}
	var finite []*Node
	newValues := w.Nodes(params) // the running estimates are new already
	for i, p := range params {
		if p.Fixed {
			finite = append(finite, nn.ZeroIfFinite(newValues[i]))
		}
	}
	newState := make([]*Node, slots*n)
	for i, g := range Gradient(loss, trained...) {
		own := make([]*Node, slots)
		for slot := range own {
			own[slot] = state[slot*n+i]
		}
		var updated []*Node
		newValues[s.trained[i]], updated = s.Optimiser.Update(trained[i], g, rates, own)
		for slot, node := range updated {
			newState[slot*n+i] = node
		}
		finite = append(finite, nn.ZeroIfFinite(g))
	}
	return append(append(newValues, newState...), logits, loss, ReduceAllSum(Concatenate(finite, 0)))
}

// Close frees the compiled step; the network stays.
func (s *Stepper) Close() { s.exec.Finalize() }
