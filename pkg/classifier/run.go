package classifier

import (
	"context"
	"fmt"

	"strata/pkg/checkpoint"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	"github.com/gomlx/gomlx/core/tensors"
)

// TrainingConfig is all that determines a training run beside network, images and start.
type TrainingConfig struct {
	Optimiser optimiser.Config
	Batch     int
	Steps     int
	Seed      uint64
	// InShare, AugmentIn and AugmentGeneral are those of Mix.
	InShare                   float64
	AugmentIn, AugmentGeneral imageset.Augmentation
}

// Run trains a network to tell in from general for config.Steps steps, going on from the newest whole checkpoint in
// options.Folder if there is one; curve.csv shows the cross-entropy in nats. When ctx ends it saves and returns
// train.ErrStopped. A fresh start standardises the network to the in-distribution images.
func Run(ctx context.Context, network *Network, in, general *imageset.Set, config TrainingConfig, options train.Options) (train.Counts, error) {
	if config.Steps < 1 {
		return train.Counts{}, fmt.Errorf("classifier: steps %d must be at least 1", config.Steps)
	}
	sampler, err := NewSampler(Mix{In: in, General: general, Batch: config.Batch, InShare: config.InShare,
		AugmentIn: config.AugmentIn, AugmentGeneral: config.AugmentGeneral, Seed: config.Seed})
	if err != nil {
		return train.Counts{}, err
	}
	if err := network.fits(in); err != nil {
		return train.Counts{}, err
	}
	stepper, err := NewStepper(network, config.Optimiser)
	if err != nil {
		return train.Counts{}, err
	}
	return train.Loop(ctx, &run{stepper, sampler, in}, config.Steps, config.Batch, options)
}

// run is a train.Trainee.
type run struct {
	stepper *Stepper
	sampler *Sampler
	in      *imageset.Set
}

func (r *run) Measure() string { return "cross_entropy" }

func (r *run) Start(bool, func(string)) error { return r.stepper.Network.Standardise(r.in) }

func (r *run) Step(_ context.Context, step int) (train.Progress, error) {
	outcome, err := r.stepper.Step(r.sampler.Batch(step))
	return train.Progress{Value: outcome.Loss, Skipped: outcome.Skipped}, err
}

func (r *run) Close() { r.stepper.Close() }

// State is weights, running estimates and the optimiser's state.
func (r *run) State() (state []checkpoint.Tensor, updates int) {
	s := r.stepper
	for i, p := range s.Network.params {
		state = append(state, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: s.Network.Floats(i)})
	}
	for i, param := range s.trained {
		p := s.Network.params[param]
		for slot, name := range s.Optimiser.StateNames(p.Name) {
			data := tensors.MustCopyFlatData[float32](s.Optimiser.State[slot][i])
			state = append(state, checkpoint.Tensor{Name: name, Shape: p.Shape, Data: data})
		}
	}
	return state, s.Updates
}

// Restore is its inverse. On an error the stepper is as it was.
func (r *run) Restore(state *checkpoint.State, updates int) error {
	s := r.stepper
	byName := make(map[string][]float32, len(state.Tensors))
	for _, t := range state.Tensors {
		byName[t.Name] = t.Data
	}
	fresh := make([][]*tensors.Tensor, len(s.Optimiser.State))
	for _, param := range s.trained {
		p := s.Network.params[param]
		for slot, name := range s.Optimiser.StateNames(p.Name) {
			if len(byName[name]) != p.Size() {
				return fmt.Errorf("tensor %s has %d values, not %d: was it trained with another optimiser?", name, len(byName[name]), p.Size())
			}
			fresh[slot] = append(fresh[slot], tensors.FromFlatDataAndDimensions(byName[name], p.Shape...))
		}
	}
	if err := s.Network.Set(modelTensors(state)); err != nil {
		return err
	}
	s.Optimiser.State, s.Updates = fresh, updates
	return nil
}
