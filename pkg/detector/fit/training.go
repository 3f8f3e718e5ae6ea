package fit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"strata/pkg/backend"
	"strata/pkg/checkpoint"
	"strata/pkg/density"
	"strata/pkg/detector"
	"strata/pkg/detector/measure"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/progress"
	"strata/pkg/train"

	"github.com/google/renameio/v2"
)

// training is one network being trained, in a folder from which it goes on where it was stopped.
type training struct {
	options      Options
	config       density.Config
	start        detector.Weights // nil with fresh
	fresh        bool             // from nothing
	images, stop *imageset.Set    // without stop all steps are made
	outliers     *imageset.Set
	general      *detector.General // of the outlier loss
	loss         train.Loss
	augmentation imageset.Augmentation
	rule         optimiser.Config
	steps        int
	label, work  string
}

// trained is what came of it.
type trained struct {
	weights     detector.Weights
	steps, best int
	from, to    float64 // bits/dim of the images to stop by
	astray      []int   // steps at which those were not finite
}

// patience is after how many looks without a gain training ends, and looks how many there are in all steps.
const (
	patience = 4
	looks    = 20
)

func (t *training) run(ctx context.Context) (*trained, error) {
	batch := min(t.options.Batch, t.images.Len())
	if t.outliers != nil {
		batch = min(batch, t.outliers.Len())
	}
	config := train.Config{Optimiser: t.rule, Batch: batch, Steps: t.steps, Seed: t.options.Seed, Augmentation: t.augmentation,
		Loss: t.loss, OutlierAugmentation: t.augmentation}
	if t.outliers == nil {
		config.OutlierAugmentation = imageset.Augmentation{}
	}
	if err := t.claim(config); err != nil {
		return nil, err
	}
	seconds := measure.StepSeconds(t.config) * float64(batch)
	if t.outliers != nil {
		seconds *= 3 // twice the images, and the general network's pass
	}
	on, choice, err := backend.For(backend.Work{Seconds: seconds * float64(t.steps), Programs: 2})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(t.options.Out, "%s: at most %d steps of %d images, on %s\n", t.label, t.steps, batch, choice)
	model, err := t.config.Model()
	if err != nil {
		return nil, err
	}
	network := density.BlankNetwork(on, backend.Lowering(on), model)
	defer network.Close()
	if t.fresh {
		network.Start(t.options.Seed)
	} else if err := network.Set(t.start); err != nil {
		return nil, err
	}
	sources := train.Sources{Images: t.images, Outliers: t.outliers}
	if t.general != nil {
		sources.General = density.BlankNetwork(on, backend.Lowering(on), model)
		defer sources.General.Close()
		if err := sources.General.Set(t.general.Weights); err != nil {
			return nil, err
		}
	}
	bar := progress.New(t.options.Out, t.label, t.steps)
	defer bar.Done("")
	every := max(1, t.steps/looks)
	watch := &watch{training: t, network: network}
	options := train.Options{Folder: t.work, CheckpointEvery: every, Keep: 1, Calibrate: t.fresh, Log: bar.Log,
		Begin: func() (end func()) { return bar.During("the first step") }, // with what compiles it
		Report: func(s train.Status) {
			if s.Step == s.StartedAt+1 {
				bar.StartAt(s.StartedAt)
			}
			info := fmt.Sprintf("%.0f images/s, %.3f bits/dim", s.ImagesPerSecond, s.Value)
			if len(watch.astray) > 0 {
				info += ", not finite on good images to stop by"
			} else if watch.best.Step > 0 || len(watch.Looks) > 1 {
				info += fmt.Sprintf(", %.3f on good images to stop by", watch.Looks[len(watch.Looks)-1].Bits)
			}
			bar.Set(s.Step, info)
		}}
	if t.stop != nil {
		looked := bar.During("the good images to stop by, for a start")
		err := watch.begin(ctx)
		looked()
		if err != nil {
			return nil, err
		}
		options.EvaluateEvery, options.Evaluate = every, watch.look
	}
	_, err = train.Run(ctx, network, sources, config, options)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if t.stop == nil {
		weights, err := network.Named()
		return &trained{weights: weights, steps: t.steps, best: t.steps}, err
	}
	return watch.result()
}

// claim makes the work folder this training's own. What another one left there is not gone on with.
func (t *training) claim(config train.Config) error {
	text, err := json.Marshal(struct {
		Network density.Config
		Train   train.Config
		Sets    []string
		Start   string
	}{t.config, config, []string{hashOrNone(t.images), hashOrNone(t.stop), hashOrNone(t.outliers)}, weightsHash(t.start)})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	own := hex.EncodeToString(sum[:])
	path := filepath.Join(t.work, "fit")
	before, err := os.ReadFile(path)
	switch {
	case err == nil && string(before) == own:
		return nil
	case err == nil:
		return fmt.Errorf("fit: %s has what is left of a fit that was stopped, of other images or with other options: repeat that "+
			"one to go on, or remove the folder", t.options.Work)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(t.work, 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(own), 0o644)
}

func hashOrNone(set *imageset.Set) string {
	if set == nil {
		return ""
	}
	return set.Hash()
}

func weightsHash(weights detector.Weights) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		fmt.Fprintln(h, name)
		for _, v := range weights[name] {
			b := math.Float32bits(v)
			h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// errEnough ends a training that no longer gains.
var errEnough = errors.New("no gain")

// watch looks at a network in training, and keeps its best weights in the work folder.
type watch struct {
	training *training
	network  *density.Network
	Looks    []seen // those that were finite
	astray   []int  // steps, since the best, at which they were not
	best     seen
}

// seen is what a look found: the bits/dim of the images to stop by.
type seen struct {
	Step int     `json:"step"`
	Bits float64 `json:"bits_per_dim"`
}

// begin goes on from what is in the work folder, or looks at the start.
func (w *watch) begin(ctx context.Context) error {
	state, _, err := checkpoint.Latest(w.bestFolder())
	if errors.Is(err, checkpoint.ErrNone) {
		return w.look(ctx, 0)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(state.Meta, &w.Looks); err != nil || len(w.Looks) == 0 {
		return fmt.Errorf("fit: %s is damaged: remove %s to fit anew", w.bestFolder(), w.training.options.Work)
	}
	w.best = w.Looks[len(w.Looks)-1]
	return nil
}

func (w *watch) bestFolder() string { return filepath.Join(w.training.work, "best") }

// look scores the images to stop by.
func (w *watch) look(ctx context.Context, step int) error {
	if slices.ContainsFunc(w.Looks, func(s seen) bool { return s.Step == step }) {
		return w.enough()
	}
	bits, err := bitsPerDim(w.network, w.training.stop, ctx.Err)
	if err != nil {
		return err
	}
	return w.saw(step, bits)
}

// saw keeps the weights if they are the best so far. What is not finite, on either side, is none: training went off, and may come back.
func (w *watch) saw(step int, bits float64) error {
	switch {
	case !math.IsNaN(bits) && !math.IsInf(bits, 0):
		now := seen{step, bits}
		w.Looks = append(w.Looks, now)
		if len(w.Looks) == 1 || bits < w.best.Bits {
			w.best, w.astray = now, nil
			if err := w.keep(); err != nil {
				return err
			}
		}
	case len(w.Looks) == 0:
		return fmt.Errorf("fit: the network that training begins from gives the good images to stop by %g bits/dim, which is not finite: "+
			"it is broken, or not one of such images; begin from another one", bits)
	default:
		w.astray = append(w.astray, step)
	}
	return w.enough()
}

// keep saves the weights with the looks so far, of which the last is theirs.
func (w *watch) keep() error {
	meta, err := json.Marshal(w.Looks)
	if err != nil {
		return err
	}
	values, err := w.network.Host()
	if err != nil {
		return err
	}
	state := &checkpoint.State{Step: w.best.Step, Meta: meta}
	for i, p := range w.network.Params() {
		state.Tensors = append(state.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: values[i]})
	}
	return checkpoint.Save(w.bestFolder(), state, 1)
}

func (w *watch) enough() error {
	since := len(w.astray)
	for _, s := range w.Looks {
		if s.Step > w.best.Step {
			since++
		}
	}
	if since >= patience {
		return errEnough
	}
	return nil
}

func (w *watch) result() (*trained, error) {
	state, _, err := checkpoint.Latest(w.bestFolder())
	if err != nil {
		return nil, err
	}
	weights := detector.Weights{}
	for _, tensor := range state.Tensors {
		weights[tensor.Name] = tensor.Data
	}
	steps := slices.Max(append([]int{w.Looks[len(w.Looks)-1].Step}, w.astray...))
	return &trained{weights, steps, w.best.Step, w.Looks[0].Bits, w.best.Bits, w.astray}, nil
}

// warning says what went off, "" for nothing.
func (t *trained) warning() string {
	if len(t.astray) == 0 {
		return ""
	}
	return fmt.Sprintf("training went off: at step %d, and at %d looks in all, bits/dim of the good images to stop by were not finite; "+
		"the weights of step %d are kept; a lower rate may help", t.astray[0], len(t.astray), t.best)
}
