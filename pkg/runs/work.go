package runs

import (
	"fmt"

	"strata/pkg/backend"
	"strata/pkg/glow"
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
	return networkOf(spec).model
}

// scoringWork is that of one pass of so many images through a run's network.
func scoringWork(spec Spec, images int) backend.Work {
	const passes = 3. // of a training step, one forward and two back
	return backend.Work{Seconds: imageSeconds(spec) / passes * float64(images)}
}

// network is what decides how fast a network is: width and depth in the order of the name.
type network struct {
	model       string
	depth, wide int
}

func networkOf(s Spec) network {
	ofGlow := func(c glow.Config) network {
		if c.Block == glow.Dense {
			return network{"dense", c.K, c.Hidden}
		}
		return network{"glow", c.K, c.Hidden}
	}
	switch m := s.Model; {
	case s.Classifier != nil:
		return network{"classifier", s.Classifier.Depth, s.Classifier.Widen}
	case m.Glow != nil:
		return ofGlow(*m.Glow)
	case m.ClassConditionalGlow != nil:
		return ofGlow(m.ClassConditionalGlow.Glow)
	case m.PatchGlow != nil:
		return network{"patch", m.PatchGlow.K, m.PatchGlow.Hidden}
	case m.PixelCNN != nil:
		return network{"pixelcnn", m.PixelCNN.ResNets, m.PixelCNN.Filters}
	}
	return network{}
}

func declared(n plan.Networks, model string) network {
	switch model {
	case "glow":
		return network{model, n.Glow.K, n.Glow.Hidden}
	case "dense":
		return network{model, n.Dense.K, n.Dense.Hidden}
	case "patch":
		return network{model, n.Patch.K, n.Patch.Hidden}
	case "pixelcnn":
		return network{model, n.PixelCNN.ResNets, n.PixelCNN.Filters}
	}
	return network{model, n.Classifier.Depth, n.Classifier.Widen}
}

// products is in proportion to the multiplications of a network, among those of one model.
func (n network) products() float64 { return float64(n.depth) * float64(n.wide) * float64(n.wide) }

// imageSeconds is an image's share of a training step. It is that of the size with the same network, or else the paper's, by the number of
// products, which is too little for small ones: those are quick in any case.
func imageSeconds(s Spec) float64 {
	of := networkOf(s)
	var seconds float64
	for _, name := range plan.SizeNames() {
		size, err := plan.LoadSize(name)
		if err != nil {
			return 0 // a test sees to it that all can be read
		}
		batch, _ := size.BudgetOf(of.model, false)
		own := declared(size.Networks, of.model)
		seconds = size.Seconds[of.model] / float64(batch)
		if own == of {
			return seconds
		}
		seconds *= of.products() / own.products()
	}
	return seconds
}

// Choices are where runs of a size that start from nothing would be computed, by the names of their models.
func Choices(s plan.Size) map[string]backend.Choice {
	choices := map[string]backend.Choice{}
	for _, model := range append(plan.ModelNames(), "classifier") {
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
