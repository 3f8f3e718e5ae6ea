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
	Network *Network
	*optimiser.Optimiser

	trained   []int // which parameters are trained
	gradients *Exec
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
	rule, err := optimiser.New(network.Backend, config, network.params)
	if err != nil {
		return nil, err
	}
	s := &Stepper{Network: network, Optimiser: rule}
	for i, p := range network.params {
		if !p.Fixed {
			s.trained = append(s.trained, i)
		}
	}
	s.gradients, err = NewExec(network.Backend, s.graph)
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
	inputs := append(s.Network.inputs(), s.Network.pixelTensor(batch.Pixels, images), oneHot, []uint64{batch.Seed, 0, 0})
	out, err := s.gradients.Call(inputs...)
	if err != nil {
		return Outcome{}, fmt.Errorf("training step %d: %w", s.Updates+1, err)
	}
	loss, finite := tensors.ToScalar[float32](out[1]), tensors.ToScalar[float32](out[2])
	outcome := Outcome{Loss: float64(loss), Skipped: finite != 0 || loss-loss != 0}
	for i, logits := range byImage(tensors.MustCopyFlatData[float32](out[0]), images) {
		if isLargest(logits, int(batch.Labels[i])) {
			outcome.Accuracy += 1 / float64(images)
		}
	}
	if outcome.Skipped {
		return outcome, nil
	}
	return outcome, s.accept(out[3:3+len(s.trained)], out[3+len(s.trained):])
}

// accept makes the update and takes over the running estimates.
func (s *Stepper) accept(gradients, estimates []*tensors.Tensor) error {
	weights := make([]*tensors.Tensor, len(s.trained))
	for i, param := range s.trained {
		weights[i] = s.Network.Values[param]
	}
	updated, err := s.Optimiser.Step(weights, gradients)
	if err != nil {
		return fmt.Errorf("training step: %w", err)
	}
	for i, param := range s.trained {
		s.Network.Values[param] = updated[i]
	}
	for i, p := range s.Network.params {
		if p.Fixed {
			s.Network.Values[i], estimates = estimates[0], estimates[1:]
		}
	}
	return nil
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

// graph is the step up to its gradients: in are all weights, pixels, one-hot labels and the random state. It gives the logits,
// the loss, 0 if all is finite, the gradients of the trained parameters, and the new values of the others, the running
// estimates.
func (s *Stepper) graph(in []*Node) []*Node {
	params := s.Network.params
	values, rest := in[:len(params)], in[len(params):]
	pixels, oneHot := rest[0], rest[1]

	w := nn.NewWeights(params, values, s.Network.Lowering)
	w.Random = rest[2]
	model := s.Network.Model
	logits := model.Logits(w, model.Input(w, pixels), true)
	loss := objective.CrossEntropy(logits, oneHot)

	trained := make([]*Node, len(s.trained))
	for i, param := range s.trained {
		trained[i] = values[param]
	}
	results := Gradient(loss, trained...)
	for i, value := range w.Nodes(params) {
		if params[i].Fixed {
			results = append(results, value)
		}
	}
	finite := make([]*Node, len(results))
	for i, r := range results {
		finite[i] = nn.ZeroIfFinite(r)
	}
	return append([]*Node{logits, loss, ReduceAllSum(Concatenate(finite, 0))}, results...)
}

// Close frees the compiled step; the network stays.
func (s *Stepper) Close() {
	s.gradients.Finalize()
	s.Optimiser.Close()
}
