package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"strata/pkg/checkpoint"
)

// Trainee is what a loop trains: a density model, a classifier. A step is a pure function of its number and of the state.
type Trainee interface {
	// Measure names the value of a step in the curve: "bits_per_dim".
	Measure() string
	// Start prepares a run that starts from nothing.
	Start(calibrate bool, log func(string)) error
	// Steps makes n steps from the one with this number, counted from 0, and says what came of each.
	Steps(ctx context.Context, step, n int) ([]Progress, error)
	// State is all that a checkpoint must hold beside the counts of steps and of non-finite values, Restore its inverse.
	State() (state []checkpoint.Tensor, updates int, err error)
	Restore(state *checkpoint.State, updates int) error
	// Close frees what Step holds.
	Close()
}

// Progress is what came of a step: its measure, the loss on outliers, and what was not finite.
type Progress struct {
	Value, Outlier float64
	Dropped        int
	Skipped        bool
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
	// Begin, if not nil, is called before the first step is prepared, which takes a compiler up to minutes, and what it
	// returns, perhaps several times, once that step is made or has failed.
	Begin func() (end func())
	// Report, if not nil, hears of every step.
	Report func(Status)
	// Evaluate, if not nil, is called after every EvaluateEvery steps and may look at the network, not change it. It is called
	// again for the same step where a run goes on from there: what it was stopped in is made up for, and what it has done it need
	// not do twice.
	Evaluate      func(ctx context.Context, step int) error
	EvaluateEvery int
	// Log, if not nil, hears what a person should know, a line at a time.
	Log func(line string)
}

// Status is how far a run is.
type Status struct {
	Step, Steps, StartedAt int
	Value                  float64 // mean of the last steps, bits/dim or nats
	Outlier                float64 // the loss on outliers, mean of the last steps, in nats
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

// Loop trains for some steps of a batch of images, going on from the newest whole checkpoint in options.Folder if there is
// one. When ctx ends it saves and returns ErrStopped.
func Loop(ctx context.Context, trainee Trainee, steps, batch int, options Options) (Counts, error) {
	defer trainee.Close()
	options = withDefaults(options)
	checkpoints := filepath.Join(options.Folder, "checkpoints")
	unlock, err := checkpoint.Lock(checkpoints)
	if err != nil {
		return Counts{}, err
	}
	defer unlock()
	r := &run{ctx: ctx, steps: steps, batch: batch, options: options, checkpoints: checkpoints, trainee: trainee}
	r.begun = options.Begin()
	defer r.begun()
	var unfinished meta
	switch state, warnings, err := checkpoint.Latest(checkpoints); {
	case errors.Is(err, checkpoint.ErrNone):
		if err := trainee.Start(options.Calibrate, options.Log); err != nil {
			return Counts{}, fmt.Errorf("%s: %w", checkpoints, err)
		}
	case err != nil:
		return Counts{}, err
	default:
		for _, warning := range warnings {
			options.Log(warning)
		}
		if unfinished, err = r.restore(state); err != nil {
			return Counts{}, fmt.Errorf("%s: checkpoint of step %d: %w", checkpoints, state.Step, err)
		}
	}
	if r.curve, err = openCurve(filepath.Join(options.Folder, "curve.csv"), trainee.Measure(), r.step); err != nil {
		return r.counts, err
	}
	defer r.curve.close()
	r.curve.sums = unfinished.Curve
	err = r.train()
	return r.counts, err
}

func withDefaults(o Options) Options {
	if o.Keep < 1 {
		o.Keep = 2
	}
	if o.CurveEvery < 1 {
		o.CurveEvery = 10
	}
	if o.Begin == nil {
		o.Begin = func() func() { return func() {} }
	}
	if o.Report == nil {
		o.Report = func(Status) {}
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o
}

type run struct {
	ctx          context.Context
	steps, batch int
	options      Options
	checkpoints  string
	trainee      Trainee
	curve        *curve
	step         int // steps done
	saved        int // step of the last checkpoint
	counts       Counts
	begun        func() // see Options.Begin; called once or more
}

func (r *run) train() error {
	status := Status{Step: r.step, Steps: r.steps, StartedAt: r.step, Counts: r.counts}
	var values, outliers, seconds window
	queue := 1
	if err := r.evaluate(); err != nil { // a run that was stopped while it was looked at
		return err
	}
	for r.step < r.steps {
		if r.ctx.Err() != nil {
			return r.stop()
		}
		started := time.Now()
		n := r.atOnce(queue)
		progress, err := r.trainee.Steps(r.ctx, r.step, n)
		if err != nil {
			return err
		}
		r.begun()
		took := time.Since(started)
		for _, p := range progress {
			r.step++
			r.counts.Dropped += p.Dropped
			if p.Skipped {
				r.counts.Skipped++
			}
			values.add(p.Value)
			outliers.add(p.Outlier)
			seconds.add(took.Seconds() / float64(n))
			if err := r.curve.add(r.step, p, r.counts, r.options.CurveEvery, r.step == r.steps); err != nil {
				return err
			}
			status.Step, status.Counts = r.step, r.counts
			status.Value, status.Outlier, status.ImagesPerSecond = values.mean(), outliers.mean(), float64(r.batch)/seconds.mean()
			r.options.Report(status)
		}
		if took < patience/2 {
			queue = min(2*queue, mostAtOnce)
		}
		if err := r.evaluate(); err != nil {
			return err
		}
		if every := r.options.CheckpointEvery; r.step == r.steps || every > 0 && r.step%every == 0 {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// evaluate lets Options.Evaluate look at the network where it is time for it. A stop in the middle of that saves the step that was to
// be looked at, and the run that goes on begins by looking at it.
func (r *run) evaluate() error {
	every := r.options.EvaluateEvery
	if r.options.Evaluate == nil || every < 1 || r.step == 0 || r.step%every != 0 {
		return nil
	}
	err := r.options.Evaluate(r.ctx, r.step)
	if err != nil && r.ctx.Err() != nil {
		return r.stop()
	}
	return err
}

// stop saves what is done and says so.
func (r *run) stop() error {
	if err := r.save(); err != nil {
		return err
	}
	return fmt.Errorf("%w at step %d of %d", ErrStopped, r.step, r.steps)
}

// Steps are handed over several at a time, so that a device never waits for the host between them: as many as a fraction of a
// second takes, so that whoever stops a run or looks at it does not wait either.
const (
	patience   = 400 * time.Millisecond
	mostAtOnce = 32
)

// atOnce is how many of n steps can be made before something is to be done between two of them.
func (r *run) atOnce(n int) int {
	n = min(n, r.steps-r.step)
	for _, every := range []int{r.options.CheckpointEvery, r.options.EvaluateEvery} {
		if every > 0 {
			n = min(n, every-r.step%every)
		}
	}
	return n
}

// meta goes into a checkpoint beside the tensors.
type meta struct {
	Updates int    `json:"updates"`
	Counts  Counts `json:"counts"`
	// Curve is the unfinished row of the curve.
	Curve sums `json:"curve"`
}

func (r *run) save() error {
	if r.step == 0 || r.saved == r.step {
		return nil
	}
	if err := r.curve.sync(); err != nil {
		return err
	}
	state, updates, err := r.trainee.State()
	if err != nil {
		return err
	}
	notes, err := json.Marshal(meta{Updates: updates, Counts: r.counts, Curve: r.curve.sums})
	if err != nil {
		return err
	}
	if err := checkpoint.Save(r.checkpoints, &checkpoint.State{Step: r.step, Meta: notes, Tensors: state}, r.options.Keep); err != nil {
		return err
	}
	r.saved = r.step
	return nil
}

func (r *run) restore(state *checkpoint.State) (meta, error) {
	var notes meta
	if err := json.Unmarshal(state.Meta, &notes); err != nil {
		return notes, fmt.Errorf("notes: %w", err)
	}
	if err := r.trainee.Restore(state, notes.Updates); err != nil {
		return notes, err
	}
	r.counts, r.step, r.saved = notes.Counts, state.Step, state.Step
	return notes, nil
}

// window averages the last steps for the display.
type window struct {
	values [50]float64
	n      int
}

func (w *window) add(value float64) {
	w.values[w.n%len(w.values)] = value
	w.n++
}

func (w *window) mean() float64 {
	n := min(w.n, len(w.values))
	total := 0.0
	for _, v := range w.values[:n] {
		total += v
	}
	return total / float64(n)
}
