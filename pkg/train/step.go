package train

import (
	"fmt"
	"strings"

	"strata/pkg/density"
	"strata/pkg/network"
	"strata/pkg/nn"
	"strata/pkg/optimiser"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Stepper makes training steps of a density model, by the rules of digest §4.4 for what is not finite. A step is one program
// on the device, noise and the general model's likelihoods included.
type Stepper struct {
	Network *density.Network
	*optimiser.Optimiser

	objective Objective
}

// Objective is what a step makes smaller, and for which part of the model. The zero value is the negative log-likelihood for
// all of it.
type Objective struct {
	Loss Loss
	// General is the general model, which is only asked; needed where Loss.NeedsGeneral.
	General *density.Network
	// FrozenScales is the number of scales, finest first, whose parameters stay as they are (the idea of paper §7).
	FrozenScales int
}

// Batch is what a step is made on.
type Batch struct {
	// Pixels are [B, H, W, C]. Noise, in [0, 1), is of the same shape, or nil: then it is drawn on the device.
	Pixels []uint8
	Noise  []float32
	// Seed chooses the noise that is drawn, and what a model drops out.
	Seed uint64
	// Labels are the images' classes, for a loss with labels.
	Labels []int32
	// Outliers and OutlierNoise are the outliers, for a loss on them, of as many images as there may be, with noise or without
	// like Pixels.
	Outliers     []uint8
	OutlierNoise []float32
}

// NewStepper starts a fresh optimiser for a network.
func NewStepper(of *density.Network, config optimiser.Config, objective Objective) (*Stepper, error) {
	if err := objective.validate(of.Model); err != nil {
		return nil, err
	}
	frozen := func(param string) bool {
		for scale := range objective.FrozenScales {
			if strings.HasPrefix(param, fmt.Sprintf("scale%d/", scale+1)) {
				return true
			}
		}
		return false
	}
	s := &Stepper{Network: of, objective: objective}
	var err error
	identity := density.Identify(of.Model, fmt.Sprintf("train, %+v", objective.Loss))
	// The program outlives the step's networks: it knows their models only.
	graph := &Stepper{Network: &density.Network{Model: of.Model}, objective: Objective{Loss: objective.Loss}}
	var others []*network.Network
	if objective.Loss.NeedsGeneral() {
		general := objective.General
		graph.objective.General = &density.Network{Model: general.Model}
		others = append(others, general.Network)
		if of := density.Identify(general.Model); identity == "" || of == "" {
			identity = ""
		} else {
			identity += ", general " + of
		}
	}
	s.Optimiser, err = optimiser.New(of.Network, config, identity, frozen, graph.loss, others...)
	return s, err
}

func (o Objective) validate(model density.Model) error {
	if err := o.Loss.Validate(); err != nil {
		return err
	}
	if o.Loss.NeedsGeneral() && o.General == nil {
		return fmt.Errorf("train: the outlier loss compares with a general model, and there is none")
	}
	if _, ok := model.(density.ClassConditional); o.Loss.WrongClass && !ok {
		return fmt.Errorf("train: the wrong-class loss wants a class-conditional model, not %s", model)
	}
	if o.FrozenScales < 0 || o.FrozenScales > 0 && o.FrozenScales >= model.Scales() {
		return fmt.Errorf("train: %d frozen scales of a model of %d: at least the last one must be trained", o.FrozenScales, model.Scales())
	}
	return nil
}

// Outcome is what happened in a step.
type Outcome struct {
	// NLL is the mean negative log-likelihood of the images that counted, in nats: of an image's own class, with labels.
	NLL float64
	// Outlier is the loss on outliers and wrong classes, in nats, 0 without.
	Outlier float64
	// Dropped is the number of images left out because their likelihood was not finite.
	Dropped int
	// Skipped says that no update was made: too few images were left, or a gradient was not finite.
	Skipped bool
}

// Step makes one step on a batch.
func (s *Stepper) Step(batch Batch) (Outcome, error) {
	outcomes, err := s.Steps([]Batch{batch})
	if err != nil {
		return Outcome{}, err
	}
	return outcomes[0], nil
}

// Steps makes a step on each batch, one after the other, by the rules of digest §4.4: images with a
// non-finite likelihood, under the model or the general one, are dropped and the step computed again on the rest, if more than
// a quarter of the batch remains; if no more remains, or a gradient is not finite, the update is skipped, which leaves weights
// and optimiser untouched. Inliers and outliers are looked at apart, and a bad batch of either skips the update.
//
// All steps are queued before the first result is read. One that is not finite, which is rare, halts those behind it: they are
// queued again when the rules have been applied to it.
func (s *Stepper) Steps(batches []Batch) ([]Outcome, error) {
	steps := make([]*step, len(batches))
	for i, batch := range batches {
		var err error
		if steps[i], err = s.newStep(batch); err != nil {
			return nil, err
		}
	}
	outcomes := make([]Outcome, len(batches))
	for done := 0; done < len(steps); {
		for _, step := range steps[done:] {
			if err := s.Queue(step.inputs()...); err != nil {
				return nil, err
			}
		}
		results, err := s.Results()
		if err != nil {
			return nil, err
		}
		for _, result := range results {
			step := steps[done]
			read := s.read(step, result)
			outcomes[done] = Outcome{NLL: read.inlier, Outlier: read.outlier, Dropped: step.dropped}
			if result.Updated {
				done++
				continue
			}
			if !step.drop(read) {
				outcomes[done].Skipped = true
				done++
			}
			break // what was queued behind it has to be queued again
		}
	}
	return outcomes, nil
}

// step is a batch on its way through the rules.
type step struct {
	batch   Batch
	in, out *group // out is nil where the loss has no outliers
	margin  bool
	dropped int
	h, w, c int
}

// group is the inliers or the outliers of a step. Those that count come first in its order.
type group struct {
	pixels  []uint8
	noise   []float32
	order   []int32   // the images, in the order in which the loss sees them
	weights []float32 // of these: 1/n for the n that count, 0 for the rest
}

func (s *Stepper) newStep(batch Batch) (*step, error) {
	dims, loss := density.Dims(s.Network.Model), s.objective.Loss
	st := &step{batch: batch, margin: loss.Outliers == Margin}
	if !loss.WrongClass {
		st.batch.Labels = nil
	}
	st.h, st.w, st.c = s.Network.Model.Shape()
	groupOf := func(what string, pixels []uint8, noise []float32) (*group, error) {
		images := len(pixels) / dims
		if images == 0 || len(pixels)%dims != 0 || (noise == nil) != (batch.Noise == nil) || noise != nil && len(noise) != len(pixels) {
			return nil, fmt.Errorf("training step: %d values and %d of noise of %s: expected as many, or no noise, and a multiple of %d",
				len(pixels), len(noise), what, dims)
		}
		g := &group{pixels: pixels, noise: noise, weights: uniform(images, images)}
		for i := range images {
			g.order = append(g.order, int32(i))
		}
		return g, nil
	}
	var err error
	if st.in, err = groupOf("inliers", batch.Pixels, batch.Noise); err != nil {
		return nil, err
	}
	if loss.WrongClass {
		classes := s.Network.Model.(density.ClassConditional).Classes()
		if len(batch.Labels) != st.in.images() {
			return nil, fmt.Errorf("training step: %d labels for %d images", len(batch.Labels), st.in.images())
		}
		for i, label := range batch.Labels {
			if label < 0 || int(label) >= classes {
				return nil, fmt.Errorf("training step: image %d has label %d: expected 0 to %d", i, label, classes-1)
			}
		}
	}
	if loss.Outliers != NoOutliers {
		st.out, err = groupOf("outliers", batch.Outliers, batch.OutlierNoise)
	}
	return st, err
}

func (g *group) images() int { return len(g.weights) }

// counting is the number of images that count.
func (g *group) counting() int {
	n := 0
	for _, w := range g.weights {
		if w > 0 {
			n++
		}
	}
	return n
}

// split finds the places of the images that count and are valid, and the number of those that are not.
func (g *group) split(check []float32) (valid []int, invalid int) {
	for i, w := range g.weights {
		switch {
		case w == 0: // dropped before
		case isFinite(check[i]):
			valid = append(valid, i)
		default:
			invalid++
		}
	}
	return valid, invalid
}

// keepOnly moves the valid images to the front, in their order, with equal weights, and puts a valid one that counts nothing
// in every place behind them: shapes stay, and so does the compiled program.
func (g *group) keepOnly(valid []int) {
	order := make([]int32, len(g.order))
	for i := range order {
		order[i] = g.order[valid[0]]
		if i < len(valid) {
			order[i] = g.order[valid[i]]
		}
	}
	g.order, g.weights = order, uniform(len(valid), len(order))
}

// uniform gives the first n of some images the weight 1/n.
func uniform(n, images int) []float32 {
	weights := make([]float32, images)
	for i := range n {
		weights[i] = 1 / float32(n)
	}
	return weights
}

// drop leaves out the images that are not finite, by the rules, and says whether the step is to be made again on the rest.
func (st *step) drop(read reading) (again bool) {
	for _, g := range []struct {
		*group
		check []float32
	}{{st.in, read.checkIn}, {st.out, read.checkOut}} {
		if g.group == nil {
			continue
		}
		if valid, invalid := g.split(g.check); invalid > 0 && len(valid) > g.images()/4 {
			g.keepOnly(valid)
			st.dropped += invalid
			again = true
		}
	}
	return again
}

// inputs are what the step's program takes, in the order in which loss reads it.
func (st *step) inputs() []any {
	inputs := []any{[]uint64{st.batch.Seed, 0, 0}}
	for _, g := range []*group{st.in, st.out} {
		if g == nil {
			continue
		}
		images := g.images()
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(g.pixels, images, st.h, st.w, st.c), g.order, g.weights)
		if g.noise != nil {
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(g.noise, images, st.h, st.w, st.c))
		}
	}
	if st.batch.Labels != nil {
		inputs = append(inputs, st.batch.Labels)
	}
	if st.margin {
		pairs := min(st.in.images(), st.out.images())
		inputs = append(inputs, uniform(min(st.in.counting(), st.out.counting()), pairs))
	}
	return inputs
}

// reading is the report of a step.
type reading struct {
	inlier, outlier   float64
	checkIn, checkOut []float32
}

func (s *Stepper) read(st *step, result optimiser.Result) reading {
	r := result.Report
	read := reading{inlier: float64(r[0]), outlier: float64(r[1]), checkIn: r[2 : 2+st.in.images()]}
	if st.out != nil {
		read.checkOut = r[2+st.in.images():]
	}
	return read
}

// loss is the objective in the step's program; in is what inputs gives.
func (s *Stepper) loss(w *nn.Weights, others []*nn.Weights, in []*Node) optimiser.Terms {
	next := func() *Node {
		node := in[0]
		in = in[1:]
		return node
	}
	loss := s.objective.Loss
	random := next()
	dtype := w.Nodes()[0].DType()
	withNoise := len(in) == s.inputsWithNoise()
	var of lossInputs
	images := func() (pixels, noise, weights *Node) {
		pixels, order, weights := next(), next(), next()
		if withNoise {
			noise = next()
		} else {
			random, noise = RandomUniform(random, shapes.Make(dtype, pixels.Shape().Dimensions...))
		}
		order = Reshape(order, order.Shape().Dim(0), 1)
		return Gather(pixels, order), Gather(noise, order), weights
	}
	inOrder := in[1]
	of.pixels, of.noise, of.weightsIn = images()
	if loss.Outliers != NoOutliers {
		of.outliers, of.noise2, of.weightsOut = images()
	}
	if loss.WrongClass {
		labels := Gather(next(), Reshape(inOrder, inOrder.Shape().Dim(0), 1))
		classes := s.Network.Model.(density.ClassConditional).Classes()
		oneHot := shapes.Make(labels.DType(), classes, labels.Shape().Dim(0))
		of.oneHot = ConvertDType(Equal(Iota(labels.Graph(), oneHot, 0), BroadcastToShape(Reshape(labels, 1, -1), oneHot)), dtype)
	}
	if loss.Outliers == Margin {
		of.pairs = next()
	}
	if loss.NeedsGeneral() {
		general := s.objective.General.Model
		of.general = func(pixels, noise *Node) *Node {
			return StopGradient(general.LogLikelihood(others[0], general.Input(pixels, noise)).Total)
		}
	}
	w.Random = random
	t := loss.build(s.Network.Model, w, of)
	finite := allFinite(t.checkIn, of.weightsIn)
	report := []*Node{t.inlier, ScalarZero(t.total.Graph(), dtype), t.checkIn}
	if t.outlier != nil {
		report[1] = t.outlier
	}
	if t.checkOut != nil {
		finite = And(finite, allFinite(t.checkOut, of.weightsOut))
		report = append(report, t.checkOut)
	}
	return optimiser.Terms{Total: t.total, Finite: finite, Report: report}
}

// inputsWithNoise is how many inputs a step has behind the random state when noise is given.
func (s *Stepper) inputsWithNoise() int {
	n := 4
	switch s.objective.Loss.Outliers {
	case NoOutliers:
	case Margin:
		n += 5
	default:
		n += 4
	}
	if s.objective.Loss.WrongClass {
		n++
	}
	return n
}

// allFinite says whether the checks of all images that count are finite.
func allFinite(check, weights *Node) *Node {
	counts := GreaterThan(weights, ZerosLike(weights))
	return nn.AllFinite([]*Node{Where(counts, check, ZerosLike(check))})
}

func isFinite(v float32) bool { return v-v == 0 }
