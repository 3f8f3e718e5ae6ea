package train

import (
	"fmt"
	"slices"

	"strata/pkg/density"
	"strata/pkg/nn"
	"strata/pkg/objective"
	"strata/pkg/optimiser"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Stepper makes training steps: it holds the optimiser's state beside the network's weights, and changes both only by an
// update whose gradients are finite. It needs memory for weights, state, gradients and activations, and for nothing twice.
type Stepper struct {
	Network *density.Network
	*optimiser.Optimiser

	trained   []int // which parameters are trained
	gradients *Exec
}

// Batch is what a step is made on.
type Batch struct {
	// Pixels are [B, H, W, C] and Noise, in [0, 1), of the same shape.
	Pixels []uint8
	Noise  []float32
	// Seed chooses what a model drops out.
	Seed uint64
}

// NewStepper starts a fresh optimiser for a network.
func NewStepper(network *density.Network, config optimiser.Config) (*Stepper, error) {
	rule, err := optimiser.New(network.Backend, config, network.Params())
	if err != nil {
		return nil, err
	}
	s := &Stepper{Network: network, Optimiser: rule}
	for i, p := range network.Params() {
		if !p.Fixed {
			s.trained = append(s.trained, i)
		}
	}
	s.gradients, err = NewExec(network.Backend, s.gradientGraph)
	return s, err
}

// Outcome is what happened in a step.
type Outcome struct {
	// NLL is the mean negative log-likelihood of the images that counted, in nats.
	NLL float64
	// Dropped is the number of images left out because their likelihood was not finite.
	Dropped int
	// Skipped says that no update was made: too few images were left, or a gradient was not finite.
	Skipped bool
}

// Step makes one step on a batch, by the rules of digest §4.4: images with a
// non-finite likelihood are dropped and the step computed again on the rest, if more than a quarter of the batch
// remains; if no more remains, or a gradient is not finite, the update is skipped, which leaves weights and optimiser
// untouched.
func (s *Stepper) Step(batch Batch) (Outcome, error) {
	dims := density.Dims(s.Network.Model)
	images := len(batch.Pixels) / dims
	weights := make([]float32, images)
	for i := range weights {
		weights[i] = 1 / float32(images)
	}
	dropped := 0
	for {
		result, err := s.call(batch, weights)
		if err != nil {
			return Outcome{}, err
		}
		var valid, invalid []int
		for i, nll := range result.nll {
			switch {
			case weights[i] == 0: // dropped before
			case isFinite(nll):
				valid = append(valid, i)
			default:
				invalid = append(invalid, i)
			}
		}
		if len(invalid) > 0 && len(valid) > images/4 {
			dropped += len(invalid)
			batch.Pixels, batch.Noise = slices.Clone(batch.Pixels), slices.Clone(batch.Noise)
			keepOnly(valid, batch.Pixels, batch.Noise, weights, dims)
			continue
		}
		outcome := Outcome{NLL: float64(result.loss), Dropped: dropped, Skipped: len(invalid) > 0 || !result.finite}
		if !outcome.Skipped {
			err = s.accept(result.gradients)
		}
		return outcome, err
	}
}

// keepOnly gives the valid images equal weights and replaces every other one by a valid one that counts nothing: shapes
// stay, and so does the compiled program.
func keepOnly(valid []int, pixels []uint8, noise, weights []float32, dims int) {
	for i := range weights {
		weights[i] = 0
		if !slices.Contains(valid, i) {
			copy(pixels[i*dims:(i+1)*dims], pixels[valid[0]*dims:])
			copy(noise[i*dims:(i+1)*dims], noise[valid[0]*dims:])
		}
	}
	for _, i := range valid {
		weights[i] = 1 / float32(len(valid))
	}
}

type stepResult struct {
	nll       []float32
	loss      float32
	finite    bool
	gradients []*tensors.Tensor // of the trained parameters
}

func (s *Stepper) call(batch Batch, weights []float32) (stepResult, error) {
	h, w, c := s.Network.Model.Shape()
	images := len(weights)
	var inputs []any
	for _, v := range s.Network.Values {
		inputs = append(inputs, v)
	}
	inputs = append(inputs,
		tensors.FromFlatDataAndDimensions(batch.Pixels, images, h, w, c),
		tensors.FromFlatDataAndDimensions(batch.Noise, images, h, w, c),
		tensors.FromFlatDataAndDimensions(weights, images),
		[]uint64{batch.Seed, 0, 0})
	out, err := s.gradients.Call(inputs...)
	if err != nil {
		return stepResult{}, fmt.Errorf("training step %d: %w", s.Updates+1, err)
	}
	return stepResult{
		nll:       tensors.MustCopyFlatData[float32](out[0]),
		loss:      tensors.ToScalar[float32](out[1]),
		finite:    isFinite(tensors.ToScalar[float32](out[2])),
		gradients: out[3:],
	}, nil
}

// accept makes the update.
func (s *Stepper) accept(gradients []*tensors.Tensor) error {
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
	return nil
}

// gradientGraph is the step up to its gradients: in are all weights, pixels, noise, weights of the images and the random state.
func (s *Stepper) gradientGraph(in []*Node) []*Node {
	params := s.Network.Params()
	values, rest := in[:len(params)], in[len(params):]
	pixels, noise, imageWeights := rest[0], rest[1], rest[2]

	model := s.Network.Model
	w := nn.NewWeights(params, values, s.Network.Lowering)
	w.Random = rest[3]
	likelihood := model.LogLikelihood(w, model.Input(pixels, noise))
	nll := density.NLL(likelihood.Total, density.Dims(model))
	loss := objective.Inlier(nll, imageWeights)

	trained := make([]*Node, len(s.trained))
	for i, param := range s.trained {
		trained[i] = values[param]
	}
	gradients := Gradient(loss, trained...)
	finite := make([]*Node, len(gradients))
	for i, g := range gradients {
		finite[i] = nn.ZeroIfFinite(g)
	}
	return append([]*Node{nll, loss, ReduceAllSum(Concatenate(finite, 0))}, gradients...)
}

func isFinite(v float32) bool { return v-v == 0 }

// Close frees the compiled step; the network stays.
func (s *Stepper) Close() {
	s.gradients.Finalize()
	s.Optimiser.Close()
}
