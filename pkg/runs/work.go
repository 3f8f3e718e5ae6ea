package runs

import (
	"fmt"

	"strata/pkg/backend"
	"strata/pkg/models"
	"strata/pkg/plan"
	"strata/pkg/train"

	"github.com/gomlx/compute"
)

// What a backend is chosen by is how long the work ahead takes on the Go backend on two cores, by the seconds of experiments/sizes.yaml.

// trainingWork is that of training what a request asks for. It counts all steps, resumed or not: a run stays where it began.
func (q Request) trainingWork(spec Spec) backend.Work {
	w := backend.Work{Seconds: q.Size.StepSeconds(q.kind(spec), q.Labels, q.Loss != "") * float64(spec.Train.Steps), Programs: 1}
	if q.Parent == nil && spec.Classifier == nil {
		w.Programs++ // the data-dependent start
	}
	if q.Size.CurvePoints > 0 && len(q.Watch) > 0 {
		w.Programs++ // scoring while it trains
	}
	return w
}

// kind is the name of the request's model in a size; a parent's model is its own.
func (q Request) kind(spec Spec) string {
	if q.Parent == nil && q.Model != "" {
		return q.Model
	}
	kind, _ := spec.cost()
	return kind
}

// scoringWork is that of one pass of so many images through a run's network.
func scoringWork(spec Spec, images int) backend.Work {
	const passes = 3. // of a training step, one forward and two back
	return backend.Work{Seconds: imageSeconds(spec) / passes * float64(images)}
}

// cost is the kind of a spec's network, and what its time grows with; see density.Config.
func (s Spec) cost() (kind string, products float64) {
	switch {
	case s.Classifier != nil:
		return s.Classifier.Cost()
	case s.Model.Config != nil:
		return s.Model.Config.Cost()
	}
	return "", 0
}

// imageSeconds is an image's share of a training step. It is that of the size with a network of the same cost, or else
// the largest size's, in proportion, which is too little for small ones: those are quick in any case.
func imageSeconds(s Spec) float64 {
	kind, products := s.cost()
	var seconds float64
	for _, name := range plan.SizeNames() {
		size, err := plan.LoadSize(name)
		if err != nil {
			return 0 // a test sees to it that all can be read
		}
		own := size.Products(kind)
		if own == 0 {
			continue
		}
		batch, _ := size.BudgetOf(kind, false)
		seconds = size.Seconds[kind] / float64(batch)
		if own == products {
			return seconds
		}
		seconds *= products / own
	}
	return seconds
}

// Choices are where runs of a size that start from nothing would be computed, by the names of their models.
func Choices(s plan.Size) map[string]backend.Choice {
	choices := map[string]backend.Choice{}
	for _, model := range append(models.Names(), plan.Classifier) {
		if s.Products(model) == 0 {
			continue // the size has no network of it
		}
		_, steps := s.BudgetOf(model, false)
		q := Request{Model: model, Size: s, Watch: []string{"some"}}
		choices[model] = backend.Choose(q.trainingWork(Spec{Train: train.Config{Steps: steps}}))
	}
	return choices
}

// backendFor is the backend for some work. Each that is used is told of once.
func (e *Engine) backendFor(work backend.Work) (compute.Backend, error) {
	opened, choice, err := backend.For(work)
	if err != nil {
		return nil, err
	}
	key := choice.Config
	if choice.Missed != nil {
		key += choice.Missed.Error()
	}
	if !e.told[key] {
		fmt.Fprintf(e.Out, "computing on %s\n", choice)
	}
	if e.told == nil {
		e.told = map[string]bool{}
	}
	e.told[key] = true
	return opened, nil
}
