package runs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"strata/pkg/backend"
	"strata/pkg/checkpoint"
	"strata/pkg/classifier"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/models"
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
	// Cache is the folder of prepared sets, "" to keep all in memory; Context stops what takes long while they are made.
	Cache   string
	Context context.Context
	// Out receives progress and notes.
	Out io.Writer
	// Resume lets Train go on with a run that was cut off; without it such a run is an error that says so.
	Resume bool

	// label stands before what is shown of a run: its place in a plan.
	label  string
	told   map[string]bool // where it computes
	sets   map[string]*imageset.Set
	warned map[string]bool
	scored map[string][]*imageset.Set // by run
	used   map[string]Subset
	// last is the network that scored last, kept for the next set.
	last struct {
		id      string
		network *density.Network
	}
}

// Library opens image sets.
func (e *Engine) Library() *imageset.Library {
	return &imageset.Library{Data: e.Data, Cache: e.Cache, Out: e.Out, Context: e.Context}
}

// Available are the names of the sets at hand.
func (e *Engine) Available() ([]string, error) {
	infos, err := e.Library().List()
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

// Set opens a split of a set, or makes it as experiments/sets.yaml declares, and keeps it.
func (e *Engine) Set(name, split string) (*imageset.Set, error) {
	if set, ok := e.sets[name+"/"+split]; ok {
		return set, nil
	}
	sets, err := declaredSets()
	if err != nil {
		return nil, err
	}
	recipe := sets.recipe(name)
	raw, err := e.keep(recipe.Raw().Key()+"/"+split, func() (*imageset.Set, error) { return e.Library().Open(recipe.Raw(), recipe.Of, split) })
	if err != nil {
		return nil, err
	}
	return e.keep(name+"/"+split, func() (*imageset.Set, error) { return e.Library().Derive(recipe, name, raw) })
}

// keep makes a set once.
func (e *Engine) keep(key string, make func() (*imageset.Set, error)) (*imageset.Set, error) {
	if set, ok := e.sets[key]; ok {
		return set, nil
	}
	set, err := make()
	if err != nil {
		return nil, err
	}
	if e.sets == nil {
		e.sets = map[string]*imageset.Set{}
	}
	e.sets[key] = set
	return set, nil
}

// warnOfHistories tells, once, which of the sets that are compared went through different codecs or resizing.
func (e *Engine) warnOfHistories(sets ...*imageset.Set) {
	for _, line := range imageset.CompareHistories(sets...) {
		if !e.warned[line] {
			fmt.Fprintln(e.Out, line)
		}
		if e.warned == nil {
			e.warned = map[string]bool{}
		}
		e.warned[line] = true
	}
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
	subset := e.use(set, images)
	return subset.set, subset.SHA256, nil
}

// Request is a run that somebody wants.
type Request struct {
	Set string
	// Model is one of ModelNames or "classifier", "" for the first of ModelNames; a parent's model is its own.
	Model  string plan.Size   Size
	Seed   uint64
	Parent *Run // nil from scratch
	// Loss, on images of the set Outliers, compares with General where it is Eq. 2. A classifier has Outliers and no loss.
	Loss     train.OutlierLoss
	Outliers string
	General  *Run
	// Labels makes a class-conditional model of the parent's and trains it with the wrong-class loss.
	Labels       bool
	FrozenScales int
	// Steps, Rate and Flip change the size's; zero values do not.
	Steps int
	Rate  float64
	Flip  *bool
	// Watch are sets whose scores are looked at while the run trains. They do not change it.
	Watch []string
}

// Spec works out what a request would train.
func (e *Engine) Spec(q Request) (Spec, error) {
	set, hash, err := e.trainingSet(q.Set, q.Size.TrainImages)
	if err != nil {
		return Spec{}, err
	}
	if q.Model == "" {
		q.Model = plan.ModelNames()[0]
	}
	spec := Spec{Set: q.Set, SetHash: hash, TrainImages: set.Len(), CodeVersion: codeVersion}
	batch, steps := q.Size.BudgetOf(q.Model, q.Parent != nil)
	spec.Train = train.Config{Batch: batch, Steps: steps, Seed: q.Seed, Loss: train.PaperLoss(q.Loss, q.Labels), FrozenScales: q.FrozenScales, Precision: q.Size.Precision}
	augmentation := func(set string) imageset.Augmentation {
		a := imageset.PaperAugmentation
		if q.Model == "classifier" {
			a = imageset.WideResNetAugmentation
		}
		a.Flip = plan.Flip(set)
		return a
	}
	spec.Train.Augmentation = augmentation(q.Set)
	if q.Flip != nil {
		spec.Train.Augmentation.Flip = *q.Flip
	}
	if q.Outliers != "" {
		_, outliersHash, err := e.trainingSet(q.Outliers, q.Size.TrainImages)
		if err != nil {
			return Spec{}, fmt.Errorf("outliers: %w", err)
		}
		spec.Outliers, spec.OutliersHash = q.Outliers, outliersHash
		spec.Train.OutlierAugmentation = augmentation(q.Outliers)
	}
	if q.General != nil {
		spec.General = q.General.Info.ID
	}
	perEpoch := imageset.BatchesPerEpoch(set.Len(), batch)
	rule := optimiser.PaperAdamax()
	switch q.Model {
	case "classifier":
		size := q.Size.Networks.Classifier
		spec.Classifier = &classifier.Config{Height: set.Height, Width: set.Width, Channels: set.Channels,
			Depth: size.Depth, Widen: size.Widen, Dropout: size.Dropout, Classes: 2}
		// The paper's rate falls after 60, 120 and 160 of 200 epochs: after these shares of any budget.
		rule = optimiser.PaperSGD(1)
		for i, epoch := range rule.DecayAt {
			rule.DecayAt[i] = steps * epoch / 200
		}
	default:
		if spec.Model, err = q.Size.Networks.Spec(q.Model, set.Height, set.Width, set.Channels); err != nil {
			return Spec{}, err
		}
		if q.Parent != nil {
			spec.Model = q.Parent.Info.Spec.Model
		}
		if spec.Model.PixelCNN != nil {
			// Digest §5: Adam, and images as they are.
			rule = optimiser.PaperAdam(perEpoch)
			spec.Train.Augmentation, spec.Train.OutlierAugmentation = imageset.Augmentation{}, imageset.Augmentation{}
		}
		if q.Labels {
			if spec.Model.Glow == nil {
				return Spec{}, fmt.Errorf("labels: a class-conditional model is made of a Glow's run, by Parent")
			}
			spec.Model = models.Spec{ClassConditionalGlow: &glow.ClassConditionalConfig{Glow: *spec.Model.Glow, Classes: len(set.Classes)}}
		}
		rule = q.Size.Optimiser.apply(rule)
	}
	if q.Parent != nil {
		spec.Parent = q.Parent.Info.ID
		rule = q.Size.Finetune.apply(rule)
	}
	spec.Train.Optimiser = rule
	if q.Steps > 0 {
		spec.Train.Steps = q.Steps
	}
	if q.Rate > 0 {
		spec.Train.Optimiser.Rate = q.Rate
	}
	if spec.Classifier != nil {
		return spec, errors.Join(spec.Classifier.Validate(), spec.Train.Validate())
	}
	_, err = spec.Model.New()
	return spec, errors.Join(err, spec.Train.Validate())
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
	// One process trains a run and writes its record; whoever comes second finds it finished.
	unlock, err := checkpoint.Lock(run.Folder)
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
	set, _, err := e.trainingSet(q.Set, q.Size.TrainImages)
	if err != nil {
		return nil, err
	}
	var outliers *imageset.Set
	if q.Outliers != "" {
		if outliers, _, err = e.trainingSet(q.Outliers, q.Size.TrainImages); err != nil {
			return nil, err
		}
		e.warnOfHistories(set, outliers)
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
	started, before := time.Now(), run.Info.Seconds
	unit := "bits/dim"
	if spec.Classifier != nil {
		unit = "nats cross-entropy"
	}
	options := train.Options{
		Folder: run.Folder, CheckpointEvery: q.Size.CheckpointEvery, Calibrate: q.Parent == nil,
		Log: bar.Log,
		Report: func(s train.Status) {
			if s.Step == s.StartedAt+1 {
				bar.StartAt(s.StartedAt)
			}
			run.Info.LastValue = s.Value
			run.Info.Seconds = before + time.Since(started).Seconds()
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
	run.Info.Seconds = before + time.Since(started).Seconds()
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

// place records where a run is computed. Where that is not where its first steps were, both are recorded and a line says so: such a run goes
// on, but not bit by bit as it would have where it began.
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
		fmt.Fprintf(e.Out, "%s: its first %d steps were computed on %s, the rest is on %s\n", run.Info.ID, last, before.Describe(), place.Describe())
		run.Info.Earlier = append(run.Info.Earlier, Stretch{Until: last, Place: before})
	}
	run.Info.Place = place
	return nil
}

func (e *Engine) trainModel(ctx context.Context, run *Run, on compute.Backend, q Request, fresh bool, sources train.Sources, options train.Options) (train.Counts, error) {
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
		options.EvaluateEvery = max(1, spec.Train.Steps/q.Size.CurvePoints)
		options.Evaluate = func(step int) error { return e.watch(ctx, run, network, q, step) }
	}
	return train.Run(ctx, network, sources, spec.Train, options)
}

// inShare is the share of in-distribution images in a classifier's batches: the paper is silent (digest §9).
const inShare = 0.5

func (e *Engine) trainClassifier(ctx context.Context, run *Run, on compute.Backend, in, general *imageset.Set, options train.Options) (train.Counts, error) {
	network, err := newClassifier(on, run.Info.Spec, run.Info.Spec.Train.Precision)
	if err != nil {
		return train.Counts{}, err
	}
	defer network.Close()
	if err := run.save(); err != nil {
		return train.Counts{}, err
	}
	c := run.Info.Spec.Train
	return classifier.Run(ctx, network, in, general, classifier.TrainingConfig{Optimiser: c.Optimiser, Batch: c.Batch, Steps: c.Steps, Seed: c.Seed,
		InShare: inShare, AugmentIn: c.Augmentation, AugmentGeneral: c.OutlierAugmentation}, options)
}

func newClassifier(on compute.Backend, spec Spec, precision string) (*classifier.Network, error) {
	model, err := classifier.New(*spec.Classifier)
	if err != nil {
		return nil, err
	}
	lowering, err := backend.Lowering(on).WithPrecision(precision)
	if err != nil {
		return nil, err
	}
	return classifier.NewNetwork(on, lowering, model, spec.Train.Seed), nil
}

// watch scores some images of each watched set in the middle of a run, with a noise sample of the step's own (digest §4.5).
// Scores are float32, whatever is trained in.
func (e *Engine) watch(ctx context.Context, run *Run, network *density.Network, q Request, step int) error {
	plain, err := network.Lowering.WithPrecision("float32")
	if err != nil {
		return err
	}
	if network.Lowering != plain {
		network = network.As(plain)
		defer network.Release()
	}
	for _, name := range q.Watch {
		set, err := e.TestImages(name, q.Size.CurveImages)
		if err != nil {
			return err
		}
		whole, err := e.Set(name, imageset.Test)
		if err != nil {
			return err
		}
		table, err := scoreTable(name, whole.Choose(q.Size.CurveImages, subsetSeed), network, set, density.Noise{Sample: true, Seed: uint64(step)}, func(int) error { return ctx.Err() })
		if errors.Is(err, context.Canceled) {
			return nil // the loop will notice, save, and look again when it resumes from before this step
		}
		if err != nil {
			return err
		}
		path := watchFile(run, name, step)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := table.Write(path); err != nil {
			return err
		}
	}
	return nil
}

func watchFile(run *Run, set string, step int) string {
	return filepath.Join(run.Folder, "curve", fmt.Sprintf("%s-%08d.csv", safeName(set), step))
}

// Network builds a run's network with its trained weights, on the backend for so many passes of an image through it.
func (e *Engine) Network(run *Run, images int) (*density.Network, error) {
	on, err := e.backendFor(scoringWork(run.Info.Spec, images))
	if err != nil {
		return nil, err
	}
	return e.load(on, run)
}

// load builds a run's network with its trained weights on a backend.
func (e *Engine) load(on compute.Backend, run *Run) (*density.Network, error) {
	network, err := newNetwork(on, run.Info.Spec, "float32", blank) // scores are float32, whatever was trained in
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

func newNetwork(on compute.Backend, spec Spec, precision string, start starter) (*density.Network, error) {
	model, err := spec.Model.New()
	if err != nil {
		return nil, err
	}
	lowering, err := backend.Lowering(on).WithPrecision(precision)
	if err != nil {
		return nil, err
	}
	return start(on, lowering, model, spec.Train.Seed), nil
}

// scorer is Network for scoring set after set: it keeps the last one, which is closed when another run's is wanted.
func (e *Engine) scorer(run *Run, images int) (*density.Network, error) {
	on, err := e.backendFor(scoringWork(run.Info.Spec, images))
	if err != nil {
		return nil, err
	}
	if e.last.network != nil {
		if e.last.id == run.Info.ID && e.last.network.Backend == on {
			return e.last.network, nil
		}
		e.last.network.Close()
		e.last.network = nil
	}
	network, err := e.load(on, run)
	if err == nil {
		e.last.id, e.last.network = run.Info.ID, network
	}
	return network, err
}

// Scores returns the log-likelihoods of images of a set's test split under a run, scoring them if no file has them:
// columns log_likelihood, c1, c2, ... in nats, as computed, so not always finite.
func (e *Engine) Scores(ctx context.Context, run *Run, setName string, images int, noise density.Noise) (*score.Table, error) {
	return e.splitScores(ctx, run, setName, imageset.Test, images, noise)
}

// splitScores is Scores for any split.
func (e *Engine) splitScores(ctx context.Context, run *Run, setName, split string, images int, noise density.Noise) (*score.Table, error) {
	if !run.Info.Done {
		return nil, fmt.Errorf("run %s is not finished: strata train --resume goes on with it", run.Info.ID)
	}
	whole, err := e.Set(setName, split)
	if err != nil {
		return nil, err
	}
	subset := e.use(whole, images)
	set := subset.set
	// What one model scores is there to be compared.
	e.warnOfHistories(append(e.scored[run.Info.ID], set)...)
	if e.scored == nil {
		e.scored = map[string][]*imageset.Set{}
	}
	if !slices.Contains(e.scored[run.Info.ID], set) {
		e.scored[run.Info.ID] = append(e.scored[run.Info.ID], set)
	}
	kind := "middle"
	if noise.Sample {
		kind = fmt.Sprintf("noise%d", noise.Seed)
	}
	path := filepath.Join(run.Folder, "scores", fmt.Sprintf("%s-%s-%d-%s-%s.csv", safeName(setName), split, set.Len(), kind, subset.SHA256[:12]))
	if _, err := os.Stat(path); err == nil {
		return score.Read(path)
	}
	bar := progress.New(e.Out, e.label+"score "+setName+" by "+run.Info.ID, set.Len())
	chosen := whole.Choose(images, subsetSeed)
	report := func(done int) error {
		bar.Set(done, "images")
		return ctx.Err()
	}
	var table *score.Table
	if run.Info.Spec.Classifier != nil {
		table, err = e.logOdds(run, setName, chosen, set)
	} else {
		var network *density.Network
		if network, err = e.scorer(run, set.Len()); err == nil {
			table, err = scoreTable(setName, chosen, network, set, noise, report)
		}
	}
	bar.Done("images")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return table, table.Write(path)
}

// scoreTable scores the images of a set; chosen are their places in its split.
func scoreTable(name string, chosen []int, network *density.Network, set *imageset.Set, noise density.Noise, report func(int) error) (*score.Table, error) {
	rows, err := network.LogLikelihoods(set, noise, report)
	if err != nil {
		return nil, err
	}
	table := &score.Table{Columns: []string{"log_likelihood"}}
	for i := range network.Model.Scales() {
		table.Columns = append(table.Columns, fmt.Sprintf("c%d", i+1))
	}
	for i, index := range chosen {
		table.Rows = append(table.Rows, score.Row{Set: name, Index: index, Values: rows[i]})
	}
	return table, nil
}

// logOdds scores images by a classifier: column log_odds, of in-distribution against general.
func (e *Engine) logOdds(run *Run, name string, chosen []int, set *imageset.Set) (*score.Table, error) {
	odds, err := e.classify(run, set)
	if err != nil {
		return nil, err
	}
	table := &score.Table{Columns: []string{"log_odds"}}
	for i, index := range chosen {
		table.Rows = append(table.Rows, score.Row{Set: name, Index: index, Values: []float64{odds[i]}})
	}
	return table, nil
}

// classify are a classifier's log-odds of any images: above 0 is in-distribution.
func (e *Engine) classify(run *Run, set *imageset.Set) ([]float64, error) {
	on, err := e.backendFor(scoringWork(run.Info.Spec, set.Len()))
	if err != nil {
		return nil, err
	}
	network, err := newClassifier(on, run.Info.Spec, "float32") // as in load
	if err != nil {
		return nil, err
	}
	defer network.Close()
	if _, _, err := classifier.LoadNetwork(run.Folder, network); err != nil {
		return nil, err
	}
	return network.Scores(set)
}

// TestImages is the part of a test split that Scores scores.
func (e *Engine) TestImages(setName string, images int) (*imageset.Set, error) {
	set, err := e.Set(setName, imageset.Test)
	if err != nil {
		return nil, err
	}
	return e.use(set, images).set, nil
}
