package runs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"strata/pkg/backend"
	"strata/pkg/checkpoint"
	"strata/pkg/classifier"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/progress"
	"strata/pkg/train"

	"github.com/gomlx/compute"
)

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
	unlock, err := e.claim(ctx, run)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if run, err = openOrStart(e.Runs, spec); err != nil || run.Info.Done {
		return run, err
	}
	saved, err := checkpoint.Steps(filepath.Join(run.Folder, "checkpoints"))
	if err != nil {
		return nil, err
	}
	if len(saved) > 0 && !e.Resume {
		return nil, fmt.Errorf("run %s has %d of %d steps: add --resume to go on", spec.ID(), saved[len(saved)-1], spec.Train.Steps)
	}
	set, _, err := e.TrainingImages(q.Set, q.Size.TrainImages)
	if err != nil {
		return nil, err
	}
	var outliers *imageset.Set
	if q.Outliers != "" {
		if outliers, _, err = e.TrainingImages(q.Outliers, q.Size.TrainImages); err != nil {
			return nil, err
		}
		e.WarnOfHistories(set, outliers)
	}
	if run.Info.Started.IsZero() {
		run.Info.Started = time.Now().UTC()
	}
	on, err := e.backendFor(q.trainingWork(spec))
	if err != nil {
		return nil, err
	}
	if err := e.place(run, on, saved); err != nil {
		return nil, err
	}
	run.Info.Toolchain = fmt.Sprintf("%s %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())

	bar := progress.New(e.Out, e.label+spec.ID(), spec.Train.Steps)
	watch, before := startStopwatch(), run.Info.Seconds
	defer watch.stop()
	unit := "bits/dim"
	if spec.Classifier != nil {
		unit = "nats cross-entropy"
	}
	options := train.Options{
		Folder: run.Folder, CheckpointEvery: q.Size.CheckpointEvery, Calibrate: q.Parent == nil,
		Log: bar.Log,
		Begin: func() (end func()) {
			if run.Info.Place.Kind() == "xla" {
				return bar.During("compiling the training step")
			}
			return bar.During("the first step")
		},
		Report: func(s train.Status) {
			if s.Step == s.StartedAt+1 {
				bar.StartAt(s.StartedAt)
			}
			run.Info.LastValue = s.Value
			run.Info.Seconds = before + watch.seconds()
			if s.Step%q.Size.CheckpointEvery == 0 {
				run.save() // a killed run's seconds count too; if it fails, the save at the end will say so
			}
			info := fmt.Sprintf("%.0f images/s, %.3f %s", s.ImagesPerSecond, s.Value, unit)
			if spec.Train.Loss != (train.Loss{}) {
				info += fmt.Sprintf(", %.0f nats on outliers", s.Outlier)
			}
			if text := s.Counts.String(); text != "" {
				info += ", " + text
			}
			bar.Set(s.Step, info)
		},
	}
	fresh := len(saved) == 0
	var counts train.Counts
	if spec.Classifier != nil {
		counts, err = e.trainClassifier(ctx, run, on, set, outliers, options)
	} else {
		counts, err = e.trainModel(ctx, run, on, q, fresh, train.Sources{Images: set, Outliers: outliers}, options)
	}
	bar.Done("")
	backend.TrimMemory() // what compiling has left
	run.Info.Seconds = before + watch.seconds()
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

// claim takes a run for this process: one trains it and writes its record. Whoever waits finds it as the other left it.
func (e *Engine) claim(ctx context.Context, run *Run) (unlock func(), err error) {
	if !e.Wait {
		return checkpoint.Lock(run.Folder)
	}
	return checkpoint.LockWhenFree(ctx, run.Folder, func(owner string) {
		fmt.Fprintf(e.Out, "waiting for %s, which process %s trains\n", run.Info.ID, owner)
	})
}

// place records where a run is computed. Where that is not where its first steps were, both are recorded and a line
// says so: such a run goes on, but not bit by bit as it would have where it began.
func (e *Engine) place(run *Run, on compute.Backend, saved []int) error {
	place, err := backend.PlaceOf(on)
	if err != nil {
		return err
	}
	if place, err = place.In(run.Info.Spec.Train.Precision); err != nil {
		return err
	}
	if before := run.Info.Place; len(saved) > 0 && !place.Same(before) {
		last := saved[len(saved)-1]
		fmt.Fprintf(e.Out, "%s: its first %d steps were computed on %s, the rest is on %s\n", run.Info.ID, last,
			before.Describe(), place.Describe())
		run.Info.Earlier = append(run.Info.Earlier, Stretch{Until: last, Place: before})
	}
	run.Info.Place = place
	return nil
}

func (e *Engine) trainModel(ctx context.Context, run *Run, on compute.Backend, q Request, fresh bool, sources train.Sources,
	options train.Options) (train.Counts, error) {
	spec := run.Info.Spec
	start := density.NewNetwork
	if !fresh || q.Parent != nil && !q.Labels {
		start = blank
	}
	network, err := newNetwork(on, spec, spec.Train.Precision, start)
	if err != nil {
		return train.Counts{}, err
	}
	defer network.Close()
	if fresh && q.Parent != nil {
		warnings, err := train.LoadParent(q.Parent.Folder, network)
		if err != nil {
			return train.Counts{}, fmt.Errorf("parent: %w", err)
		}
		for _, w := range warnings {
			fmt.Fprintln(e.Out, "parent:", w)
		}
	}
	if q.General != nil {
		if sources.General, err = e.load(on, q.General); err != nil {
			return train.Counts{}, fmt.Errorf("general model: %w", err)
		}
		defer sources.General.Close()
	}
	if err := run.save(); err != nil {
		return train.Counts{}, err
	}
	if q.Size.CurvePoints > 0 && len(q.Watch) > 0 {
		options.EvaluateEvery = WatchEvery(q.Size, spec.Train.Steps)
		options.Evaluate = func(ctx context.Context, step int) error { return e.watch(ctx, run, network, q, step) }
	}
	return train.Run(ctx, network, sources, spec.Train, options)
}

// inShare is the share of in-distribution images in a classifier's batches: the paper is silent (digest §9).
const inShare = 0.5

func (e *Engine) trainClassifier(ctx context.Context, run *Run, on compute.Backend, in, general *imageset.Set,
	options train.Options) (train.Counts, error) {
	network, err := newClassifier(on, run.Info.Spec, run.Info.Spec.Train.Precision)
	if err != nil {
		return train.Counts{}, err
	}
	defer network.Close()
	if err := run.save(); err != nil {
		return train.Counts{}, err
	}
	c := run.Info.Spec.Train
	return classifier.Run(ctx, network, in, general, classifier.TrainingConfig{Optimiser: c.Optimiser, Batch: c.Batch,
		Steps: c.Steps, Seed: c.Seed, InShare: inShare, AugmentIn: c.Augmentation, AugmentGeneral: c.OutlierAugmentation}, options)
}
