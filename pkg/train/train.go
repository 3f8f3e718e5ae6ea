// Package train trains density models: Adamax on nats per image, the data-dependent start, the rules for non-finite
// values, checkpoints, resuming and the learning curve (digest §4).
//
// A run is a pure function of its Config, its images, its start and the backend: batches and noise of a step depend on
// the seed and the step alone, so a run that was killed and resumed ends bit-equal to one that was not (on the Go
// backend, which is deterministic).
package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"time"

	"strata/pkg/checkpoint"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"

	"github.com/gomlx/gomlx/core/tensors"
)

// Config is all that determines a training run beside model, images and start.
type Config struct {
	Optimiser    optimiser.Config      `json:"optimiser" yaml:"optimiser"`
	Batch        int                   `json:"batch" yaml:"batch"`
	Steps        int                   `json:"steps" yaml:"steps"`
	Seed         uint64                `json:"seed" yaml:"seed"`
	Augmentation imageset.Augmentation `json:"augmentation" yaml:"augmentation"`
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	if c.Batch < 1 || c.Steps < 1 {
		return fmt.Errorf("train: batch %d and steps %d must be at least 1", c.Batch, c.Steps)
	}
	return errors.Join(c.Optimiser.Validate(), c.Augmentation.Validate())
}

// Options are about how a run is carried out; they do not change its result.
type Options struct {
	// Folder receives the checkpoints and curve.csv.
	Folder string
	// CheckpointEvery is the number of steps between checkpoints: what a kill can cost. 0 saves at the end only.
	CheckpointEvery int
	// Keep is how many checkpoints stay; 0 stands for 2.
	Keep int
	// CurveEvery is the number of steps of a row of the curve; 0 stands for 10.
	CurveEvery int
	// Calibrate runs the data-dependent start; not wanted when finetuning (digest §2.3).
	Calibrate bool
	// Report, if not nil, hears of every step.
	Report func(Status)
	// Log, if not nil, hears what a person should know, a line at a time.
	Log func(line string)
}

// Status is how far a run is.
type Status struct {
	Step, Steps, StartedAt int
	BitsPerDim             float64 // mean of the last steps
	ImagesPerSecond        float64
	Counts                 Counts
}

// Counts are the non-finite values met so far (digest §4.4).
type Counts struct {
	Dropped int `json:"dropped_images"`
	Skipped int `json:"skipped_updates"`
}

// String is "" as long as all was finite.
func (c Counts) String() string {
	if c == (Counts{}) {
		return ""
	}
	return fmt.Sprintf("%d images dropped, %d updates skipped (not finite)", c.Dropped, c.Skipped)
}

// ErrStopped says that a run was asked to stop: it has saved a checkpoint and can be resumed.
var ErrStopped = errors.New("stopped; what was done is saved")

// meta goes into a checkpoint beside the tensors.
type meta struct {
	Updates int    `json:"updates"`
	Counts  Counts `json:"counts"`
	// CurveTotal and CurveSteps are the unfinished row of the curve.
	CurveTotal float64 `json:"curve_total"`
	CurveSteps int     `json:"curve_steps"`
}

// noiseStream separates the noise of dequantisation from the streams of package imageset.
const noiseStream = 0x6465717561 // "dequa"

// dropoutStream separates what a model drops out from both.
const dropoutStream = 0x64726f70 // "drop"

// Run trains the network on the set for config.Steps steps, going on from the newest whole checkpoint in
// options.Folder if there is one. When ctx ends it saves and returns ErrStopped.
func Run(ctx context.Context, network *density.Network, set *imageset.Set, config Config, options Options) (Counts, error) {
	if err := config.Validate(); err != nil {
		return Counts{}, err
	}
	if h, w, c := network.Model.Shape(); set.Height != h || set.Width != w || set.Channels != c {
		return Counts{}, fmt.Errorf("train: set %s holds %dx%dx%d images, the model wants %dx%dx%d", set.Name, set.Height, set.Width, set.Channels, h, w, c)
	}
	options = withDefaults(options)
	checkpoints := filepath.Join(options.Folder, "checkpoints")
	unlock, err := checkpoint.Lock(checkpoints)
	if err != nil {
		return Counts{}, err
	}
	defer unlock()
	sampler, err := imageset.NewSampler(set, config.Batch, config.Augmentation, config.Seed)
	if err != nil {
		return Counts{}, err
	}
	stepper, err := NewStepper(network, config.Optimiser)
	if err != nil {
		return Counts{}, err
	}
	defer stepper.Close()

	r := &run{ctx: ctx, config: config, options: options, checkpoints: checkpoints, stepper: stepper}
	var unfinished meta
	switch state, warnings, err := checkpoint.Latest(checkpoints); {
	case errors.Is(err, checkpoint.ErrNone):
		if network.Values == nil {
			return Counts{}, fmt.Errorf("%s: no checkpoint to load, and the network was not started", checkpoints)
		}
		if options.Calibrate && network.Model.CalibrationImages() > 0 {
			options.Log("data-dependent start of the activation norms")
			if err := Calibrate(network, sampler, config.Seed); err != nil {
				return Counts{}, err
			}
		}
	case err != nil:
		return Counts{}, err
	default:
		for _, warning := range warnings {
			options.Log(warning)
		}
		if unfinished, err = r.restore(state); err != nil {
			return Counts{}, fmt.Errorf("%s: %w", checkpoints, err)
		}
	}
	if r.curve, err = openCurve(filepath.Join(options.Folder, "curve.csv"), r.step); err != nil {
		return r.counts, err
	}
	defer r.curve.close()
	r.curve.total, r.curve.n = unfinished.CurveTotal, unfinished.CurveSteps
	return r.counts, r.train(sampler)
}

func withDefaults(o Options) Options {
	if o.Keep < 1 {
		o.Keep = 2
	}
	if o.CurveEvery < 1 {
		o.CurveEvery = 10
	}
	if o.Report == nil {
		o.Report = func(Status) {}
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o
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

// dropoutSeed is that of a step's random numbers in the graph.
func dropoutSeed(seed uint64, step int) uint64 {
	return rand.New(rand.NewPCG(seed^dropoutStream, uint64(step))).Uint64()
}

type run struct {
	ctx         context.Context
	config      Config
	options     Options
	checkpoints string
	stepper     *Stepper
	curve       *curve
	step        int // steps done
	saved       int // step of the last checkpoint
	counts      Counts
}

func (r *run) train(sampler *imageset.Sampler) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	batches := sampler.Prefetch(ctx, r.step, 2)
	noise := make([]float32, sampler.BatchSize())
	status := Status{Step: r.step, Steps: r.config.Steps, StartedAt: r.step, Counts: r.counts}
	dims := density.Dims(r.stepper.Network.Model)
	var recent window
	for r.step < r.config.Steps {
		if r.ctx.Err() != nil {
			if err := r.save(); err != nil {
				return err
			}
			return fmt.Errorf("%w at step %d of %d", ErrStopped, r.step, r.config.Steps)
		}
		started := time.Now()
		batch := <-batches
		fillNoise(noise, r.config.Seed, r.step)
		outcome, err := r.stepper.Step(Batch{Pixels: batch.Pixels, Noise: noise, Seed: dropoutSeed(r.config.Seed, r.step)})
		batch.Release()
		if err != nil {
			return err
		}
		r.step++
		r.counts.Dropped += outcome.Dropped
		if outcome.Skipped {
			r.counts.Skipped++
		}
		bits := outcome.NLL / (float64(dims) * math.Ln2)
		recent.add(bits, time.Since(started))
		if err := r.curve.add(r.step, bits, r.counts, r.options.CurveEvery, r.step == r.config.Steps); err != nil {
			return err
		}
		status.Step, status.Counts = r.step, r.counts
		status.BitsPerDim, status.ImagesPerSecond = recent.bits(), float64(r.config.Batch)/recent.seconds()
		r.options.Report(status)
		if every := r.options.CheckpointEvery; r.step == r.config.Steps || every > 0 && r.step%every == 0 {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) save() error {
	if r.step == 0 || r.saved == r.step {
		return nil
	}
	if err := r.curve.sync(); err != nil {
		return err
	}
	notes, err := json.Marshal(meta{Updates: r.stepper.Updates, Counts: r.counts, CurveTotal: r.curve.total, CurveSteps: r.curve.n})
	if err != nil {
		return err
	}
	state := &checkpoint.State{Step: r.step, Meta: notes}
	params := r.stepper.Network.Params()
	for i, p := range params {
		state.Tensors = append(state.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: r.stepper.Network.Floats(i)})
	}
	for i, param := range r.stepper.trained {
		p := params[param]
		for slot, name := range r.stepper.Optimiser.StateNames(p.Name) {
			state.Tensors = append(state.Tensors,
				checkpoint.Tensor{Name: name, Shape: p.Shape, Data: tensors.MustCopyFlatData[float32](r.stepper.State[slot][i])})
		}
	}
	if err := checkpoint.Save(r.checkpoints, state, r.options.Keep); err != nil {
		return err
	}
	r.saved = r.step
	return nil
}

func (r *run) restore(state *checkpoint.State) (meta, error) {
	var notes meta
	if err := json.Unmarshal(state.Meta, &notes); err != nil {
		return notes, fmt.Errorf("checkpoint of step %d: notes: %w", state.Step, err)
	}
	if err := r.stepper.Network.Set(modelTensors(state)); err != nil {
		return notes, fmt.Errorf("checkpoint of step %d: %w", state.Step, err)
	}
	byName := make(map[string][]float32, len(state.Tensors))
	for _, t := range state.Tensors {
		byName[t.Name] = t.Data
	}
	params := r.stepper.Network.Params()
	for i, param := range r.stepper.trained {
		p := params[param]
		for slot, name := range r.stepper.Optimiser.StateNames(p.Name) {
			data := byName[name]
			if len(data) != p.Size() {
				return notes, fmt.Errorf("checkpoint of step %d: tensor %s has %d values, not %d", state.Step, name, len(data), p.Size())
			}
			r.stepper.State[slot][i] = tensors.FromFlatDataAndDimensions(data, p.Shape...)
		}
	}
	r.stepper.Updates, r.counts, r.step, r.saved = notes.Updates, notes.Counts, state.Step, state.Step
	return notes, nil
}

// LoadNetwork sets a network's parameters from the newest whole checkpoint in a run's folder and returns its step and
// the warnings about newer ones that are damaged.
func LoadNetwork(folder string, network *density.Network) (step int, warnings []string, err error) {
	checkpoints := filepath.Join(folder, "checkpoints")
	state, warnings, err := checkpoint.Latest(checkpoints)
	if err != nil {
		return 0, warnings, fmt.Errorf("%s: %w", checkpoints, err)
	}
	if err := network.Set(modelTensors(state)); err != nil {
		return 0, warnings, fmt.Errorf("%s: %w", checkpoints, err)
	}
	return state.Step, warnings, nil
}

func modelTensors(state *checkpoint.State) map[string][]float32 {
	values := make(map[string][]float32, len(state.Tensors))
	for _, t := range state.Tensors {
		if !optimiser.IsState(t.Name) {
			values[t.Name] = t.Data
		}
	}
	return values
}

// window averages the last steps for the display.
type window struct {
	values [50]float64
	times  [50]time.Duration
	n      int
}

func (w *window) add(value float64, took time.Duration) {
	w.values[w.n%len(w.values)], w.times[w.n%len(w.times)] = value, took
	w.n++
}

func (w *window) bits() float64 {
	n := min(w.n, len(w.values))
	total := 0.0
	for _, v := range w.values[:n] {
		total += v
	}
	return total / float64(n)
}

func (w *window) seconds() float64 {
	n := min(w.n, len(w.times))
	var total time.Duration
	for _, t := range w.times[:n] {
		total += t
	}
	return total.Seconds() / float64(n)
}
