package classifier

import (
	"fmt"

	"strata/pkg/nn"
	"strata/pkg/objective"
	"strata/pkg/optimiser"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Stepper makes training steps on the cross-entropy: it changes weights, the optimiser's state and the running estimates of
// the batch norms only by a step in which all of them are finite.
type Stepper struct {
	Network *Network
	*optimiser.Optimiser
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
	s := &Stepper{Network: network}
	var err error
	s.Optimiser, err = optimiser.New(network.Network, config, network.Model.Identity()+", train", nil, lossOf(network.Model))
	return s, err
}

// Step makes one step. A batch whose sizes disagree or that has a label beyond the classes is an error; so is one of a single
// image, of which a batch norm of one position has no variance.
func (s *Stepper) Step(batch Batch) (Outcome, error) {
	outcomes, err := s.Steps([]Batch{batch})
	if err != nil {
		return Outcome{}, err
	}
	return outcomes[0], nil
}

// Steps makes a step on each batch, one after the other. All are queued before the first result is read; those behind a step
// that was skipped are queued again.
func (s *Stepper) Steps(batches []Batch) ([]Outcome, error) {
	for _, batch := range batches {
		if err := s.check(batch); err != nil {
			return nil, err
		}
	}
	var outcomes []Outcome
	for len(outcomes) < len(batches) {
		for _, batch := range batches[len(outcomes):] {
			if err := s.Queue([]uint64{batch.Seed, 0, 0}, s.Network.pixelTensor(batch.Pixels, len(batch.Labels)),
				batch.Labels); err != nil {
				return nil, err
			}
		}
		results, err := s.Results()
		if err != nil {
			return nil, err
		}
		for _, result := range results {
			batch := batches[len(outcomes)]
			outcome := Outcome{Loss: float64(result.Report[0]), Skipped: !result.Updated}
			for i, logits := range byImage(result.Report[1:], len(batch.Labels)) {
				if isLargest(logits, int(batch.Labels[i])) {
					outcome.Accuracy += 1 / float64(len(batch.Labels))
				}
			}
			outcomes = append(outcomes, outcome)
			if outcome.Skipped {
				break
			}
		}
	}
	return outcomes, nil
}

func (s *Stepper) check(batch Batch) error {
	c := s.Network.Model.config
	images, size := len(batch.Labels), c.Height*c.Width*c.Channels
	if images < 2 || len(batch.Pixels) != images*size {
		return fmt.Errorf("classifier: a batch of %d labels and %d values: expected 2 labels or more and %d values each", images,
			len(batch.Pixels), size)
	}
	for i, label := range batch.Labels {
		if label < 0 || int(label) >= c.Classes {
			return fmt.Errorf("classifier: image %d of the batch has label %d: expected 0 to %d", i, label, c.Classes-1)
		}
	}
	return nil
}

func isLargest(logits []float64, class int) bool {
	for i, v := range logits {
		if i != class && !(logits[class] > v) {
			return false
		}
	}
	return true
}

// lossOf is the cross-entropy in the step's program. It reports its value and the logits.
func lossOf(model *Model) optimiser.Loss {
	return func(w *nn.Weights, _ []*nn.Weights, in []*Node) optimiser.Terms {
		pixels, labels := in[1], in[2]
		w.Random = in[0]
		logits := model.Logits(w, model.Input(w, pixels), true)
		classes := shapes.Make(labels.DType(), logits.Shape().Dimensions...)
		oneHot := Equal(Iota(labels.Graph(), classes, 0), BroadcastToShape(Reshape(labels, 1, -1), classes))
		loss := objective.CrossEntropy(logits, ConvertDType(oneHot, logits.DType()))
		return optimiser.Terms{Total: loss, Finite: nn.AllFinite([]*Node{loss}), Report: []*Node{loss, logits}}
	}
}
