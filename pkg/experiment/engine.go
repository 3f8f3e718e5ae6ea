package experiment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"strata/pkg/backend"
	"strata/pkg/checkpoint"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/nn"
	"strata/pkg/optimiser"
	"strata/pkg/progress"
	"strata/pkg/score"
	"strata/pkg/train"

	"github.com/gomlx/compute"
)

// Engine trains runs and scores images, each once.
type Engine struct {
	// Data is the folder of image sets, "" for the procedural ones alone; Runs is the run store.
	Data, Runs string
	// Out receives progress and notes.
	Out io.Writer
	// Resume lets Train go on with a run that was cut off; without it such a run is an error that says so.
	Resume bool

	backend compute.Backend
	sets    map[string]*imageset.Set
	hashes  map[*imageset.Set]string
}

// Available are the names of the sets at hand.
func (e *Engine) Available() ([]string, error) {
	infos, err := imageset.List(e.Data)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, info := range infos {
		if info.Problem == nil {
			names = append(names, info.Name)
		}
	}
	return names, nil
}

// Set opens a split of a set, and keeps it.
func (e *Engine) Set(name, split string) (*imageset.Set, error) {
	key := name + "/" + split
	if set, ok := e.sets[key]; ok {
		return set, nil
	}
	set, err := imageset.Open(e.Data, name, split)
	if err != nil {
		return nil, err
	}
	if e.sets == nil {
		e.sets = map[string]*imageset.Set{}
	}
	e.sets[key] = set
	return set, nil
}

// subsetSeed chooses which images of a set are used where a size uses some of them only. It is one for all seeds of a
// run, so that scores of different runs are of the same images.
const subsetSeed = 2020

// trainingSet is the part of a set that a size trains on.
func (e *Engine) trainingSet(name string, images int) (*imageset.Set, string, error) {
	set, err := e.Set(name, imageset.Train)
	if err != nil {
		return nil, "", err
	}
	part := set.Subset(images, subsetSeed)
	if e.hashes == nil {
		e.hashes = map[*imageset.Set]string{}
	}
	if e.hashes[part] == "" {
		e.hashes[part] = part.Hash()
	}
	return part, e.hashes[part], nil
}

// Request is a run that somebody wants.
type Request struct {
	Set string
	// Model is one of ModelNames, "" for the first; a parent's model is its own.
	Model  string
	Size   Size
	Seed   uint64
	Parent *Run // nil from scratch
	// Steps, Rate and Flip change the size's; zero values do not.
	Steps int
	Rate  float64
	Flip  *bool
}

// Spec works out what a request would train.
func (e *Engine) Spec(q Request) (Spec, error) {
	set, hash, err := e.trainingSet(q.Set, q.Size.TrainImages)
	if err != nil {
		return Spec{}, err
	}
	flip := Flip(q.Set)
	if q.Flip != nil {
		flip = *q.Flip
	}
	model, err := q.Size.Networks.Spec(q.Model, set.Height, set.Width, set.Channels)
	if err != nil {
		return Spec{}, err
	}
	augmentation := imageset.Augmentation{Translate: imageset.PaperAugmentation.Translate, Flip: flip}
	rule := optimiser.PaperAdamax()
	if q.Parent != nil {
		model = q.Parent.Info.Spec.Model
	}
	if model.PixelCNN != nil {
		// Digest §5: Adam, and images as they are.
		rule = optimiser.PaperAdam(max(1, set.Len()/q.Size.Batch))
		augmentation = imageset.Augmentation{}
	}
	config := train.Config{
		Optimiser: q.Size.Optimiser.apply(rule), Batch: q.Size.Batch, Steps: q.Size.Steps, Seed: q.Seed,
		Augmentation: augmentation,
	}
	spec := Spec{
		Model: model, Set: q.Set, SetHash: hash, TrainImages: set.Len(), CodeVersion: codeVersion,
	}
	if q.Parent != nil {
		spec.Parent = q.Parent.Info.ID
		config.Steps, config.Optimiser = q.Size.FinetuneSteps, q.Size.Finetune.apply(config.Optimiser)
	}
	if q.Steps > 0 {
		config.Steps = q.Steps
	}
	if q.Rate > 0 {
		config.Optimiser.Rate = q.Rate
	}
	spec.Train = config
	_, err = spec.Model.New()
	return spec, errors.Join(err, config.Validate())
}

// Train returns the finished run of a request, training it if it is missing.
func (e *Engine) Train(ctx context.Context, q Request) (*Run, error) {
	spec, err := e.Spec(q)
	if err != nil {
		return nil, err
	}
	run, err := openOrStart(e.Runs, spec)
	if err != nil {
		return nil, err
	}
	if run.Info.Done {
		return run, nil
	}
	steps, err := checkpoint.Steps(filepath.Join(run.Folder, "checkpoints"))
	if err != nil {
		return nil, err
	}
	if len(steps) > 0 && !e.Resume {
		return nil, fmt.Errorf("run %s has %d of %d steps: add --resume to go on", spec.ID(), steps[len(steps)-1], spec.Train.Steps)
	}
	start := density.NewNetwork
	if q.Parent != nil || len(steps) > 0 {
		start = blank
	}
	network, err := e.newNetwork(spec, start)
	if err != nil {
		return nil, err
	}
	if q.Parent != nil {
		_, warnings, err := train.LoadNetwork(q.Parent.Folder, network)
		if err != nil {
			return nil, fmt.Errorf("parent: %w", err)
		}
		for _, w := range warnings {
			fmt.Fprintln(e.Out, "parent:", w)
		}
	}
	set, _, err := e.trainingSet(q.Set, q.Size.TrainImages)
	if err != nil {
		return nil, err
	}
	if run.Info.Started.IsZero() {
		run.Info.Started = time.Now().UTC()
	}
	run.Info.Backend, run.Info.Lowering = network.Backend.Description(), network.Lowering.String()
	run.Info.Toolchain = fmt.Sprintf("%s %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if err := run.save(); err != nil {
		return nil, err
	}

	bar := progress.New(e.Out, spec.ID(), spec.Train.Steps)
	started := time.Now()
	counts, err := train.Run(ctx, network, train.Sources{Images: set}, spec.Train, train.Options{
		Folder: run.Folder, CheckpointEvery: q.Size.CheckpointEvery, Calibrate: q.Parent == nil,
		Log: bar.Log,
		Report: func(s train.Status) {
			if s.Step == s.StartedAt+1 {
				bar.StartAt(s.StartedAt)
			}
			run.Info.BitsPerDim = s.Value
			info := fmt.Sprintf("%.0f images/s, %.3f bits/dim", s.ImagesPerSecond, s.Value)
			if text := s.Counts.String(); text != "" {
				info += ", " + text
			}
			bar.Set(s.Step, info)
		},
	})
	bar.Done("")
	run.Info.Seconds += time.Since(started).Seconds()
	run.Info.Counts = counts
	if err != nil {
		if saveErr := run.save(); saveErr != nil {
			return nil, errors.Join(err, saveErr)
		}
		return nil, err
	}
	run.Info.Done, run.Info.Finished = true, time.Now().UTC()
	return run, run.save()
}

// Network builds a run's network with its trained weights.
func (e *Engine) Network(run *Run) (*density.Network, error) {
	network, err := e.newNetwork(run.Info.Spec, blank)
	if err != nil {
		return nil, err
	}
	_, warnings, err := train.LoadNetwork(run.Folder, network)
	for _, w := range warnings {
		fmt.Fprintln(e.Out, w)
	}
	return network, err
}

// starter makes a network, density.NewNetwork or one that leaves the values to be loaded.
type starter func(compute.Backend, nn.Lowering, density.Model, uint64) *density.Network

func blank(b compute.Backend, lowering nn.Lowering, model density.Model, _ uint64) *density.Network {
	return density.BlankNetwork(b, lowering, model)
}

func (e *Engine) newNetwork(spec Spec, start starter) (*density.Network, error) {
	if e.backend == nil {
		opened, err := backend.Open()
		if err != nil {
			return nil, err
		}
		e.backend = opened
	}
	model, err := spec.Model.New()
	if err != nil {
		return nil, err
	}
	return start(e.backend, backend.Lowering(e.backend), model, spec.Train.Seed), nil
}

// Scores returns the log-likelihoods of images of a set's test split under a run, scoring them if no file has them:
// columns log_likelihood, c1, c2, ... in nats, as computed, so not always finite.
func (e *Engine) Scores(ctx context.Context, run *Run, setName string, images int, noise density.Noise) (*score.Table, error) {
	if !run.Info.Done {
		return nil, fmt.Errorf("run %s is not finished: strata train --resume goes on with it", run.Info.ID)
	}
	whole, err := e.Set(setName, imageset.Test)
	if err != nil {
		return nil, err
	}
	set := whole.Subset(images, subsetSeed)
	kind := "middle"
	if noise.Sample {
		kind = fmt.Sprintf("noise%d", noise.Seed)
	}
	path := filepath.Join(run.Folder, "scores", fmt.Sprintf("%s-test-%d-%s-%s.csv", safeName(setName), set.Len(), kind, set.Hash()[:12]))
	if _, err := os.Stat(path); err == nil {
		return score.Read(path)
	}
	network, err := e.Network(run)
	if err != nil {
		return nil, err
	}
	bar := progress.New(e.Out, "score "+setName+" by "+run.Info.ID, set.Len())
	rows, err := network.LogLikelihoods(set, noise, func(done int) error {
		bar.Set(done, "images")
		return ctx.Err()
	})
	bar.Done("images")
	if err != nil {
		return nil, err
	}
	table := &score.Table{Columns: []string{"log_likelihood"}}
	for i := range network.Model.Scales() {
		table.Columns = append(table.Columns, fmt.Sprintf("c%d", i+1))
	}
	for i, index := range whole.Choose(images, subsetSeed) {
		table.Rows = append(table.Rows, score.Row{Set: setName, Index: index, Values: rows[i]})
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return table, table.Write(path)
}

// TestImages is the part of a test split that Scores scores.
func (e *Engine) TestImages(setName string, images int) (*imageset.Set, error) {
	set, err := e.Set(setName, imageset.Test)
	if err != nil {
		return nil, err
	}
	return set.Subset(images, subsetSeed), nil
}
