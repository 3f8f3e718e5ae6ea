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
	Network   *density.Network
	Optimiser optimiser.Config
	// Updates counts the updates made.
	Updates int
	// State is the optimiser's: for each of its slots, one tensor a trained parameter.
	State [][]*tensors.Tensor

	trained           []int // which parameters are trained
	gradients, update *Exec
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
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Stepper{Network: network, Optimiser: config}
	s.State = make([][]*tensors.Tensor, len(config.Slots()))
	for i, p := range network.Params() {
		if p.Fixed {
			continue
		}
		s.trained = append(s.trained, i)
		for slot := range s.State {
			s.State[slot] = append(s.State[slot], tensors.FromFlatDataAndDimensions(make([]float32, p.Size()), p.Shape...))
		}
	}
	var err error
	if s.gradients, err = NewExec(network.Backend, s.gradientGraph); err != nil {
		return nil, err
	}
	s.update, err = NewExec(network.Backend, s.updateGraph)
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

// accept makes the update. Old weights, state and gradients give their memory to the new ones.
func (s *Stepper) accept(gradients []*tensors.Tensor) error {
	var inputs []any
	donate := func(list []*tensors.Tensor) error {
		for _, t := range list {
			buffer, err := DonateTensorBuffer(t, s.Network.Backend, 0)
			if err != nil {
				return err
			}
			inputs = append(inputs, buffer)
		}
		return nil
	}
	n := len(s.trained)
	weights := make([]*tensors.Tensor, n)
	for i, param := range s.trained {
		weights[i] = s.Network.Values[param]
	}
	for _, list := range append([][]*tensors.Tensor{weights, gradients}, s.State...) {
		if err := donate(list); err != nil {
			return fmt.Errorf("training step %d: %w", s.Updates+1, err)
		}
	}
	out, err := s.update.Call(append(inputs, s.Optimiser.Rates(s.Updates+1))...)
	if err != nil {
		return fmt.Errorf("training step %d: %w", s.Updates+1, err)
	}
	for i, param := range s.trained {
		s.Network.Values[param] = out[i]
	}
	for slot := range s.State {
		s.State[slot] = out[(1+slot)*n : (2+slot)*n]
	}
	s.Updates++
	return nil
}

// gradientGraph is the first half of a step: in are all weights, pixels, noise, weights of the images and the random state.
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

// updateGraph is the second half: in are the trained weights, their gradients, the optimiser's state slot by slot, and its
// rates; out the new weights and state.
func (s *Stepper) updateGraph(in []*Node) []*Node {
	n, slots := len(s.trained), len(s.State)
	weights, gradients, state, rates := in[:n], in[n:2*n], in[2*n:], in[(2+slots)*n]
	out := make([]*Node, (1+slots)*n)
	for i := range weights {
		own := make([]*Node, slots)
		for slot := range own {
			own[slot] = state[slot*n+i]
		}
		var updated []*Node
		out[i], updated = s.Optimiser.Update(weights[i], gradients[i], rates, own)
		for slot, node := range updated {
			out[(1+slot)*n+i] = node
		}
	}
	return out
}

func isFinite(v float32) bool { return v-v == 0 }

// Close frees the compiled step; the network stays.
func (s *Stepper) Close() {
	s.gradients.Finalize()
	s.update.Finalize()
}
