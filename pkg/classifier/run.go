package classifier

import (
	"context"
	"fmt"

	"strata/pkg/checkpoint"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/train"
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
func Run(ctx context.Context, network *Network, in, general *imageset.Set, config TrainingConfig,
	options train.Options) (train.Counts, error) {
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

func (r *run) Steps(_ context.Context, step, n int) ([]train.Progress, error) {
	batches := make([]Batch, n)
	for i := range batches {
		batches[i] = r.sampler.Batch(step + i)
	}
	outcomes, err := r.stepper.Steps(batches)
	if err != nil {
		return nil, err
	}
	all := make([]train.Progress, n)
	for i, o := range outcomes {
		all[i] = train.Progress{Value: o.Loss, Skipped: o.Skipped}
	}
	return all, nil
}

func (r *run) Close() { r.stepper.Close() }

// State is weights, running estimates and the optimiser's state.
func (r *run) State() (state []checkpoint.Tensor, updates int, err error) {
	state, err = r.stepper.Tensors()
	return state, r.stepper.Updates, err
}

// Restore is its inverse. On an error the stepper is as it was.
func (r *run) Restore(state *checkpoint.State, updates int) error {
	return r.stepper.Restore(state.Tensors, updates)
}
