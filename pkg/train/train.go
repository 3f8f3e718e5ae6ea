// Package train trains density models: Adamax on nats per image, the data-dependent start, the rules for non-finite
// values, checkpoints, resuming and the learning curve (digest §4).
//
// A run is a pure function of its Config, its images, its start and the backend: batches and noise of a step depend on
// the seed and the step alone, so a run that was killed and resumed ends bit-equal to one that was not (on the Go
// backend, which is deterministic).
package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"

	"strata/pkg/checkpoint"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/nn"
	"strata/pkg/optimiser"
)

// Config is all that determines a training run beside model, images and start.
type Config struct {
	Optimiser    optimiser.Config      `json:"optimiser" yaml:"optimiser"`
	Batch        int                   `json:"batch" yaml:"batch"`
	Steps        int                   `json:"steps" yaml:"steps"`
	Seed         uint64                `json:"seed" yaml:"seed"`
	Augmentation imageset.Augmentation `json:"augmentation" yaml:"augmentation"`
	// Loss is what is trained beside the likelihood; OutlierAugmentation is that of the outliers' own set.
	Loss                Loss                  `json:"loss,omitzero" yaml:"loss"`
	OutlierAugmentation imageset.Augmentation `json:"outlier_augmentation,omitzero" yaml:"outlier_augmentation"`
	// FrozenScales is the number of scales, finest first, that are not trained.
	FrozenScales int `json:"frozen_scales,omitempty" yaml:"frozen_scales"`
	// Precision is that of the network's lowering: "" is float32, see nn.Lowering.WithPrecision. It is here because it
	// determines the result; who makes the network applies it.
	Precision string `json:"precision,omitempty" yaml:"precision"`
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	if c.Batch < 1 || c.Steps < 1 {
		return fmt.Errorf("train: batch %d and steps %d must be at least 1", c.Batch, c.Steps)
	}
	_, precision := nn.Lowering{}.WithPrecision(c.Precision)
	return errors.Join(precision, c.Optimiser.Validate(), c.Augmentation.Validate(), c.Loss.Validate(), c.OutlierAugmentation.Validate())
}

// noiseStream separates the noise of the data-dependent start from the streams of package imageset.
const noiseStream = 0x6465717561 // "dequa"

// outlierStream separates the outliers from the images.
const outlierStream = 0x6f75746c69 // "outli"

// stepStream separates what is drawn on the device from all of them.
const stepStream = 0x64726f70 // "drop"

// prefetched is how many batches are made ahead, side by side: as many as are queued at once, which hold theirs until all are
// done, and some for a disk that answers slowly and in parallel.
const prefetched = mostAtOnce + 4

// Sources are what a run trains on.
type Sources struct {
	Images *imageset.Set
	// Outliers and General are the outliers' set and the general model, where the loss wants them.
	Outliers *imageset.Set
	General  *density.Network
}

// Run trains the network for config.Steps steps, going on from the newest whole checkpoint in options.Folder if there is one.
// When ctx ends it saves and returns ErrStopped.
func Run(ctx context.Context, network *density.Network, sources Sources, config Config, options Options) (Counts, error) {
	if err := config.Validate(); err != nil {
		return Counts{}, err
	}
	m, err := newModel(network, sources, config)
	if err != nil {
		return Counts{}, err
	}
	return Loop(ctx, m, config.Steps, config.Batch, options)
}

// model is a density model in training.
type model struct {
	config           Config
	stepper          *Stepper
	images, outliers *imageset.Sampler
	labels           []int32
	batches          <-chan imageset.Batch
	outlierBatches   <-chan imageset.Batch
	nextBatch        int
	stopPrefetching  context.CancelFunc
}

func newModel(network *density.Network, sources Sources, config Config) (*model, error) {
	m := &model{config: config}
	var err error
	sampler := func(set *imageset.Set, augmentation imageset.Augmentation, seed uint64) (*imageset.Sampler, error) {
		if h, w, c := network.Model.Shape(); set.Height != h || set.Width != w || set.Channels != c {
			return nil, fmt.Errorf("train: set %s holds %dx%dx%d images, the model wants %dx%dx%d", set.Name, set.Height,
				set.Width, set.Channels, h, w, c)
		}
		return imageset.NewSampler(set, config.Batch, augmentation, seed)
	}
	if m.images, err = sampler(sources.Images, config.Augmentation, config.Seed); err != nil {
		return nil, err
	}
	if config.Loss.Outliers != NoOutliers {
		if sources.Outliers == nil {
			return nil, fmt.Errorf("train: the %s loss wants a set of outliers, and there is none", config.Loss.Outliers)
		}
		if m.outliers, err = sampler(sources.Outliers, config.OutlierAugmentation, config.Seed^outlierStream); err != nil {
			return nil, fmt.Errorf("outliers: %w", err)
		}
	}
	if config.Loss.WrongClass {
		if m.labels = sources.Images.Labels; m.labels == nil {
			return nil, fmt.Errorf("train: the wrong-class loss wants labels, and set %s has none", sources.Images.Name)
		}
	}
	m.stepper, err = NewStepper(network, config.Optimiser, Objective{Loss: config.Loss, General: sources.General,
		FrozenScales: config.FrozenScales})
	return m, err
}

// Measure is what the curve shows.
func (m *model) Measure() string { return "bits_per_dim" }

// Start runs the data-dependent start where one is wanted.
func (m *model) Start(calibrate bool, log func(string)) error {
	network := m.stepper.Network
	if network.Values == nil {
		return errors.New("no checkpoint to load, and the network was not started")
	}
	if !calibrate || network.Model.CalibrationImages() == 0 {
		return nil
	}
	log("data-dependent start of the activation norms")
	return Calibrate(network, m.images, m.config.Seed)
}

// Steps draws the batches of steps and makes them.
func (m *model) Steps(ctx context.Context, step, n int) ([]Progress, error) {
	if m.batches == nil || m.nextBatch != step {
		if m.stopPrefetching != nil {
			m.stopPrefetching()
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		m.batches, m.stopPrefetching = m.images.Prefetch(ctx, step, prefetched), cancel
		if m.outliers != nil {
			m.outlierBatches = m.outliers.PrefetchRandom(ctx, step, prefetched)
		}
	}
	m.nextBatch = step + n
	batches := make([]Batch, n)
	for i := range batches {
		images := <-m.batches
		defer images.Release()
		batch := &batches[i]
		*batch = Batch{Pixels: images.Pixels, Seed: stepSeed(m.config.Seed, step+i)}
		if m.outliers != nil {
			// Digest §4.3: a fresh random batch each step, so with replacement from step to step.
			outliers := <-m.outlierBatches
			defer outliers.Release()
			batch.Outliers = outliers.Pixels
		}
		if m.labels != nil {
			for _, index := range images.Indices {
				batch.Labels = append(batch.Labels, m.labels[index])
			}
		}
	}
	outcomes, err := m.stepper.Steps(batches)
	if err != nil {
		return nil, err
	}
	dims := float64(density.Dims(m.stepper.Network.Model))
	all := make([]Progress, n)
	for i, o := range outcomes {
		all[i] = Progress{Value: o.NLL / (dims * math.Ln2), Outlier: o.Outlier, Dropped: o.Dropped, Skipped: o.Skipped}
	}
	return all, nil
}

// Close ends what Steps has started and frees what it holds.
func (m *model) Close() {
	if m.stopPrefetching != nil {
		m.stopPrefetching()
	}
	m.stepper.Close()
}

// State is weights and optimiser.
func (m *model) State() ([]checkpoint.Tensor, int, error) {
	state, err := m.stepper.Tensors()
	return state, m.stepper.Updates, err
}

// Restore is its inverse.
func (m *model) Restore(state *checkpoint.State, updates int) error {
	return m.stepper.Restore(state.Tensors, updates)
}

// Calibrate runs the data-dependent start on the first batches of the training stream, augmented and dequantised as in
// training (digest §2.3), cut to the number of images that the model asks for.
func Calibrate(network *density.Network, sampler *imageset.Sampler, seed uint64) error {
	wanted := network.Model.CalibrationImages() * density.Dims(network.Model)
	if wanted == 0 {
		return nil
	}
	pixels := make([]uint8, 0, wanted+sampler.BatchSize())
	for step := 0; len(pixels) < wanted; step++ {
		batch := make([]uint8, sampler.BatchSize())
		sampler.Batch(step, batch)
		pixels = append(pixels, batch...)
	}
	pixels = pixels[:wanted]
	noise := make([]float32, len(pixels))
	fillNoise(noise, seed, -1)
	return network.Calibrate(pixels, noise)
}

// fillNoise draws the noise of a step, uniform in [0, 1).
func fillNoise(noise []float32, seed uint64, step int) {
	rng := rand.New(rand.NewPCG(seed^noiseStream, uint64(step+1)))
	for i := range noise {
		noise[i] = rng.Float32()
	}
}

// stepSeed is that of a step's random numbers on the device: its noise, and what a model drops out.
func stepSeed(seed uint64, step int) uint64 {
	return rand.New(rand.NewPCG(seed^stepStream, uint64(step))).Uint64()
}

// LoadParent sets a network's parameters from those of another run's newest whole checkpoint. What a class-conditional model has
// beyond its parent's Glow keeps its start.
func LoadParent(folder string, network *density.Network) (warnings []string, err error) {
	checkpoints := filepath.Join(folder, "checkpoints")
	state, warnings, err := checkpoint.Latest(checkpoints)
	if err != nil {
		return warnings, fmt.Errorf("%s: %w", checkpoints, err)
	}
	values := optimiser.Model(state.Tensors)
	if network.Values != nil {
		own, err := network.Named()
		if err != nil {
			return warnings, err
		}
		for name, v := range own {
			if values[name] == nil {
				values[name] = v
			}
		}
	}
	if err := network.Set(values); err != nil {
		return warnings, fmt.Errorf("%s: %w", checkpoints, err)
	}
	return warnings, nil
}
