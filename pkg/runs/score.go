package runs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"strata/pkg/backend"
	"strata/pkg/classifier"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/nn"
	"strata/pkg/opened"
	"strata/pkg/progress"
	"strata/pkg/result"
	"strata/pkg/train"

	"github.com/gomlx/compute"
)

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
	_, warnings, err := train.LoadNetwork(run.Folder, network.Network)
	e.tell(warnings)
	if err != nil {
		network.Close()
		return nil, err
	}
	return network, nil
}

// tell tells of damaged checkpoints.
func (e *Engine) tell(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintln(e.Out, w)
	}
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

// Expect says how many images runs will score in turn, of all sets. Where that is done is chosen by all images of all networks of one
// architecture, for those are compiled once.
func (e *Engine) Expect(images map[*Run]int) {
	e.expected = map[string]int{}
	for run, n := range images {
		e.expected[run.Info.Spec.architecture()] += n
	}
}

// scoringWork is that of so many images under a run, or of the many that are expected.
func (e *Engine) scoringWork(run *Run, images int) backend.Work {
	spec := run.Info.Spec
	return scoringWork(spec, max(images, e.expected[spec.architecture()]))
}

// scorer is Network for scoring set after set: it keeps the last one, which is closed when another run's is wanted.
func (e *Engine) scorer(run *Run, images int) (*density.Network, error) {
	on, err := e.backendFor(e.scoringWork(run, images))
	if err != nil {
		return nil, err
	}
	if e.last.network != nil && e.last.id == run.Info.ID && e.last.network.Backend == on {
		return e.last.network, nil
	}
	if err := e.damaged[run.Info.ID]; err != nil {
		return nil, err
	}
	e.closeLast()
	network, err := e.load(on, run)
	if err != nil {
		return nil, e.remember(run, err)
	}
	e.last.id, e.last.network = run.Info.ID, network
	return network, nil
}

// remember keeps why a run could not be loaded: each of its cells asks for it, and checkpoints are large.
func (e *Engine) remember(run *Run, err error) error {
	if e.damaged == nil {
		e.damaged = map[string]error{}
	}
	e.damaged[run.Info.ID] = err
	return err
}

// judge is scorer for a classifier.
func (e *Engine) judge(run *Run, images int) (*classifier.Network, error) {
	on, err := e.backendFor(e.scoringWork(run, images))
	if err != nil {
		return nil, err
	}
	if e.last.classifier != nil && e.last.id == run.Info.ID && e.last.classifier.Backend == on {
		return e.last.classifier, nil
	}
	if err := e.damaged[run.Info.ID]; err != nil {
		return nil, err
	}
	e.closeLast()
	network, err := newClassifier(on, run.Info.Spec, "float32") // as in load
	if err != nil {
		return nil, err
	}
	_, warnings, err := train.LoadNetwork(run.Folder, network.Network)
	e.tell(warnings)
	if err != nil {
		network.Close()
		return nil, e.remember(run, err)
	}
	e.last.id, e.last.classifier = run.Info.ID, network
	return network, nil
}

func (e *Engine) closeLast() {
	switch {
	case e.last.network != nil:
		e.last.network.Close()
	case e.last.classifier != nil:
		e.last.classifier.Close()
	default:
		return
	}
	e.last.network, e.last.classifier = nil, nil
	backend.TrimMemory() // what compiling has left
}

// Scores returns the log-likelihoods of images of a set's test split under a run, scoring them if no file has them:
// columns log_likelihood, c1, c2, ... in nats, as computed, so not always finite.
func (e *Engine) Scores(ctx context.Context, run *Run, setName string, images int, noise density.Noise) (*result.Scores, error) {
	return e.SplitScores(ctx, run, setName, imageset.Test, images, noise)
}

// SplitScores is Scores for any split.
func (e *Engine) SplitScores(ctx context.Context, run *Run, setName, split string, images int,
	noise density.Noise) (*result.Scores, error) {
	if !run.Info.Done {
		return nil, fmt.Errorf("run %s is not finished: strata train --resume goes on with it", run.Info.ID)
	}
	whole, err := e.Set(setName, split)
	if err != nil {
		return nil, err
	}
	subset := e.Use(whole, images)
	// What one model scores is there to be compared.
	e.WarnOfHistories(append(e.scored[run.Info.ID], whole)...)
	if e.scored == nil {
		e.scored = map[string][]*imageset.Set{}
	}
	if !slices.Contains(e.scored[run.Info.ID], whole) {
		e.scored[run.Info.ID] = append(e.scored[run.Info.ID], whole)
	}
	chosen := subset.Places()
	path := run.scoreFile(subset, noise)
	if _, err := os.Stat(path); err == nil {
		return readScores(path, chosen)
	}
	set := subset.Open()
	bar := progress.New(e.Out, e.label+"score "+setName+" by "+run.Info.ID, set.Len())
	started := time.Now()
	begun := func() {}
	report := func(done int) error {
		begun()
		bar.Set(done, fmt.Sprintf("images, %.0f a second", float64(done)/time.Since(started).Seconds()))
		return ctx.Err()
	}
	var table *result.Scores
	if run.Info.Spec.Classifier != nil {
		table, err = e.logOdds(ctx, run, setName, chosen, set)
	} else {
		var network *density.Network
		if network, err = e.scorer(run, set.Len()); err == nil {
			begun = bar.During("the first images")
			table, err = scoreTable(setName, chosen, network, set, noise, report)
			begun()
		}
	}
	bar.Done("images")
	if err != nil {
		return nil, err
	}
	return table, writeScores(table, path)
}

// ScoreFile is where SplitScores keeps the scores of images of a split, and looks for them.
func (e *Engine) ScoreFile(run *Run, setName, split string, images int, noise density.Noise) (string, error) {
	whole, err := e.Set(setName, split)
	if err != nil {
		return "", err
	}
	return run.scoreFile(e.Part(whole, images), noise), nil
}

// HasScores says whether Scores would read a file, and make nothing.
func (e *Engine) HasScores(run *Run, setName, split string, images int, noise density.Noise) bool {
	path, err := e.ScoreFile(run, setName, split, images, noise)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

func (r *Run) scoreFile(of opened.Subset, noise density.Noise) string {
	kind := "middle"
	if noise.Sample {
		kind = fmt.Sprintf("noise%d", noise.Seed)
	}
	name := fmt.Sprintf("%s-%s-%d-%s-%s.csv", opened.SafeName(of.Set), of.Split, of.Images, kind, of.SHA256[:12])
	return filepath.Join(r.Folder, "scores", name)
}

// readScores reads a score file, which must have a row for each of the places that were scored, in their order: a
// copy that broke off at the end of a line is damaged too.
func readScores(path string, places []int) (*result.Scores, error) {
	table, err := result.ReadScores(path)
	if err != nil {
		return nil, err
	}
	if len(table.Rows) != len(places) {
		return nil, fmt.Errorf("score file %s has %d of %d images: remove it, and they are scored again", path,
			len(table.Rows), len(places))
	}
	for i, row := range table.Rows {
		if row.Index != places[i] {
			return nil, fmt.Errorf("score file %s, line %d: image %d where %d was scored: remove it, and they are scored again", path,
				i+2, row.Index, places[i])
		}
	}
	return table, nil
}

// ScoreMade scores images that strata made, which are of no set, under a run. They are kept beside its scores under a
// name and found by the images' hash.
func (e *Engine) ScoreMade(ctx context.Context, run *Run, name string, set *imageset.Set) (*result.Scores, error) {
	every := make([]int, set.Len())
	for i := range every {
		every[i] = i
	}
	path := filepath.Join(run.Folder, "scores", fmt.Sprintf("%s-%d-%s.csv", name, set.Len(), set.Hash()[:12]))
	if _, err := os.Stat(path); err == nil {
		return readScores(path, every)
	}
	network, err := e.scorer(run, set.Len())
	if err != nil {
		return nil, err
	}
	table, err := scoreTable(name, every, network, set, density.Noise{}, func(int) error { return ctx.Err() })
	if err != nil {
		return nil, err
	}
	return table, writeScores(table, path)
}

func writeScores(table *result.Scores, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return table.Write(path)
}

// scoreTable scores the images of a set; chosen are their places in its split.
func scoreTable(name string, chosen []int, network *density.Network, set *imageset.Set, noise density.Noise,
	report func(int) error) (*result.Scores, error) {
	rows, err := network.LogLikelihoods(set, noise, report)
	if err != nil {
		return nil, err
	}
	table := &result.Scores{Columns: []string{"log_likelihood"}}
	for i := range network.Model.Scales() {
		table.Columns = append(table.Columns, fmt.Sprintf("c%d", i+1))
	}
	for i, index := range chosen {
		table.Rows = append(table.Rows, result.ScoreRow{Set: name, Index: index, Values: rows[i]})
	}
	return table, nil
}

// logOdds scores images by a classifier: column log_odds, of in-distribution against general.
func (e *Engine) logOdds(ctx context.Context, run *Run, name string, chosen []int, set *imageset.Set) (*result.Scores, error) {
	odds, err := e.Classify(ctx, run, set)
	if err != nil {
		return nil, err
	}
	table := &result.Scores{Columns: []string{"log_odds"}}
	for i, index := range chosen {
		table.Rows = append(table.Rows, result.ScoreRow{Set: name, Index: index, Values: []float64{odds[i]}})
	}
	return table, nil
}

// Classify are a classifier's log-odds of any images: above 0 is in-distribution.
func (e *Engine) Classify(ctx context.Context, run *Run, set *imageset.Set) ([]float64, error) {
	network, err := e.judge(run, set.Len())
	if err != nil {
		return nil, err
	}
	return network.Scores(ctx, set)
}
