package train

import (
	"fmt"
	"slices"

	"strata/pkg/density"
	"strata/pkg/nn"
	"strata/pkg/objective"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Stepper makes training steps: it holds the optimiser's state beside the network's weights, and replaces both only
// by an update whose gradients are finite.
type Stepper struct {
	Network *density.Network
	Adamax  Adamax
	// Updates counts the updates made, t of Adamax.
	Updates int
	// M and U are Adamax's state, one a trained parameter.
	M, U []*tensors.Tensor

	trained []int // which parameters are trained
	exec    *Exec
}

// NewStepper starts a fresh optimiser for a network.
func NewStepper(network *density.Network, adamax Adamax) (*Stepper, error) {
	if err := adamax.Validate(); err != nil {
		return nil, err
	}
	s := &Stepper{Network: network, Adamax: adamax}
	for i, p := range network.Params() {
		if p.Fixed {
			continue
		}
		s.trained = append(s.trained, i)
		s.M = append(s.M, tensors.FromFlatDataAndDimensions(make([]float32, p.Size()), p.Shape...))
		s.U = append(s.U, tensors.FromFlatDataAndDimensions(make([]float32, p.Size()), p.Shape...))
	}
	var err error
	s.exec, err = NewExec(network.Backend, s.graph)
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

// Step makes one step on pixels [B, H, W, C] with noise in [0, 1) of the same shape, by the rules of digest §4.4: images with a
// non-finite likelihood are dropped and the step computed again on the rest, if more than a quarter of the batch
// remains; if no more remains, or a gradient is not finite, the update is skipped, which leaves weights and optimiser
// untouched.
func (s *Stepper) Step(pixels []uint8, noise []float32) (Outcome, error) {
	dims := density.Dims(s.Network.Model)
	batch := len(pixels) / dims
	weights := make([]float32, batch)
	for i := range weights {
		weights[i] = 1 / float32(batch)
	}
	dropped := 0
	for {
		result, err := s.call(pixels, noise, weights, batch)
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
		if len(invalid) > 0 && len(valid) > batch/4 {
			dropped += len(invalid)
			pixels, noise = slices.Clone(pixels), slices.Clone(noise)
			keepOnly(valid, pixels, noise, weights, dims)
			continue
		}
		outcome := Outcome{NLL: float64(result.loss), Dropped: dropped, Skipped: len(invalid) > 0 || !result.finite}
		if !outcome.Skipped {
			s.accept(result)
		}
		return outcome, nil
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
	nll     []float32
	loss    float32
	finite  bool
	updated []*tensors.Tensor // trained weights, then M, then U
}

func (s *Stepper) call(pixels []uint8, noise, weights []float32, batch int) (stepResult, error) {
	h, w, c := s.Network.Model.Shape()
	inputs := make([]any, 0, len(s.Network.Values)+2*len(s.trained)+4)
	for _, v := range [][]*tensors.Tensor{s.Network.Values, s.M, s.U} {
		for _, t := range v {
			inputs = append(inputs, t)
		}
	}
	inputs = append(inputs,
		tensors.FromFlatDataAndDimensions(pixels, batch, h, w, c),
		tensors.FromFlatDataAndDimensions(noise, batch, h, w, c),
		tensors.FromFlatDataAndDimensions(weights, batch),
		float32(s.Adamax.correctedRate(s.Updates+1)))
	out, err := s.exec.Call(inputs...)
	if err != nil {
		return stepResult{}, fmt.Errorf("training step %d: %w", s.Updates+1, err)
	}
	updated, rest := out[:3*len(s.trained)], out[3*len(s.trained):]
	return stepResult{
		nll:     tensors.MustCopyFlatData[float32](rest[0]),
		loss:    tensors.ToScalar[float32](rest[1]),
		finite:  isFinite(tensors.ToScalar[float32](rest[2])),
		updated: updated,
	}, nil
}

func (s *Stepper) accept(r stepResult) {
	n := len(s.trained)
	for i, param := range s.trained {
		s.Network.Values[param] = r.updated[i]
	}
	s.M, s.U = r.updated[n:2*n], r.updated[2*n:]
	s.Updates++
}

// graph is the step: in are all weights, M, U, pixels, noise, weights of the images and the corrected rate.
func (s *Stepper) graph(in []*Node) []*Node {
	params, n := s.Network.Params(), len(s.trained)
	values := in[:len(params)]
	state := in[len(params):]
	rest := state[2*n:]
	pixels, noise, imageWeights, rate := rest[0], rest[1], rest[2], rest[3]

	model := s.Network.Model
	w := nn.NewWeights(params, values, s.Network.Lowering)
	likelihood := model.LogLikelihood(w, density.FromPixels(pixels, noise))
	nll := density.NLL(likelihood.Total, density.Dims(model))
	loss := objective.Inlier(nll, imageWeights)

	trained := make([]*Node, n)
	for i, param := range s.trained {
		trained[i] = values[param]
	}
	gradients := Gradient(loss, trained...)
	newW, newM, newU := make([]*Node, n), make([]*Node, n), make([]*Node, n)
	finite := make([]*Node, n)
	for i, g := range gradients {
		newW[i], newM[i], newU[i] = s.Adamax.update(trained[i], state[i], state[n+i], g, rate)
		finite[i] = zeroIfFinite(g)
	}
	out := append(append(newW, newM...), newU...)
	return append(out, nll, loss, ReduceAllSum(Concatenate(finite, 0)))
}

// zeroIfFinite is [0] if all of x is finite and [NaN] otherwise: 0*Inf and 0*NaN are NaN.
func zeroIfFinite(x *Node) *Node {
	flat := Reshape(x, 1, x.Shape().Size())
	return Reshape(DotGeneral(flat, []int{1}, nil, ZerosLike(flat), []int{1}, nil), 1)
}

func isFinite(v float32) bool { return v-v == 0 }

// Close frees the compiled step; the network stays.
func (s *Stepper) Close() { s.exec.Finalize() }
