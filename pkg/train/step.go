package train

import (
	"fmt"
	"slices"
	"strings"

	"strata/pkg/density"
	"strata/pkg/nn"
	"strata/pkg/optimiser"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Stepper makes training steps: it holds the optimiser's state beside the network's weights, and changes both only by an
// update whose gradients are finite. It needs memory for weights, state, gradients and activations, and for nothing twice.
type Stepper struct {
	Network *density.Network
	*optimiser.Optimiser

	objective Objective
	params    []nn.Param // with the frozen ones fixed
	trained   []int      // which parameters are trained
	gradients *Exec
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
	// Pixels are [B, H, W, C] and Noise, in [0, 1), of the same shape.
	Pixels []uint8
	Noise  []float32
	// Seed chooses what a model drops out.
	Seed uint64
	// Labels are the images' classes, for a loss with labels.
	Labels []int32
	// Outliers and OutlierNoise are the outliers, for a loss on them, of as many images as there may be.
	Outliers     []uint8
	OutlierNoise []float32
}

// NewStepper starts a fresh optimiser for a network.
func NewStepper(network *density.Network, config optimiser.Config, objective Objective) (*Stepper, error) {
	if err := objective.validate(network.Model); err != nil {
		return nil, err
	}
	params := slices.Clone(network.Params())
	for i := range params {
		for scale := range objective.FrozenScales {
			params[i].Fixed = params[i].Fixed || strings.HasPrefix(params[i].Name, fmt.Sprintf("scale%d/", scale+1))
		}
	}
	rule, err := optimiser.New(network.Backend, config, params)
	if err != nil {
		return nil, err
	}
	s := &Stepper{Network: network, Optimiser: rule, objective: objective, params: params}
	for i, p := range params {
		if !p.Fixed {
			s.trained = append(s.trained, i)
		}
	}
	s.gradients, err = NewExec(network.Backend, s.gradientGraph)
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

// Step makes one step on a batch, by the rules of digest §4.4: images with a
// non-finite likelihood, under the model or the general one, are dropped and the step computed again on the rest, if more than
// a quarter of the batch remains; if no more remains, or a gradient is not finite, the update is skipped, which leaves weights
// and optimiser untouched. Inliers and outliers are looked at apart, and a bad batch of either skips the update.
func (s *Stepper) Step(batch Batch) (Outcome, error) {
	in, out, err := s.groups(batch)
	if err != nil {
		return Outcome{}, err
	}
	dropped := 0
	for {
		result, err := s.call(in, out, batch.Seed)
		if err != nil {
			return Outcome{}, err
		}
		again, bad := false, !result.finite
		for _, g := range []struct {
			*group
			check []float32
		}{{in, result.checkIn}, {out, result.checkOut}} {
			if g.group == nil {
				continue
			}
			valid, invalid := g.split(g.check)
			switch {
			case invalid > 0 && len(valid) > g.images()/4:
				g.keepOnly(valid)
				dropped += invalid
				again = true
			case invalid > 0:
				bad = true
			}
		}
		if again {
			continue
		}
		outcome := Outcome{NLL: float64(result.inlier), Outlier: float64(result.outlier), Dropped: dropped, Skipped: bad}
		if !outcome.Skipped {
			err = s.accept(result.gradients)
		}
		return outcome, err
	}
}

// group is the inliers or the outliers of a step. Those that count come first.
type group struct {
	pixels  []uint8
	noise   []float32
	classes []int32
	general []float32 // ln p_g of each image; nil where the loss does not ask
	weights []float32 // 1/n for the n images that count, 0 for the rest
	dims    int
}

func (s *Stepper) groups(batch Batch) (in, out *group, err error) {
	dims, loss := density.Dims(s.Network.Model), s.objective.Loss
	groupOf := func(what string, pixels []uint8, noise []float32, asksGeneral bool) (*group, error) {
		images := len(pixels) / dims
		if images == 0 || len(pixels)%dims != 0 || len(noise) != len(pixels) {
			return nil, fmt.Errorf("training step: %d values and %d of noise of %s: expected as many, and a multiple of %d", len(pixels), len(noise), what, dims)
		}
		g := &group{pixels: pixels, noise: noise, weights: uniform(images, images), dims: dims}
		if asksGeneral {
			rows, err := s.objective.General.Score(pixels, noise, images)
			if err != nil {
				return nil, fmt.Errorf("training step: general model: %w", err)
			}
			for _, row := range rows {
				g.general = append(g.general, float32(row[0]))
			}
		}
		return g, nil
	}
	if in, err = groupOf("inliers", batch.Pixels, batch.Noise, loss.WrongClass); err != nil {
		return nil, nil, err
	}
	if loss.WrongClass {
		classes := s.Network.Model.(density.ClassConditional).Classes()
		if len(batch.Labels) != in.images() {
			return nil, nil, fmt.Errorf("training step: %d labels for %d images", len(batch.Labels), in.images())
		}
		for i, label := range batch.Labels {
			if label < 0 || int(label) >= classes {
				return nil, nil, fmt.Errorf("training step: image %d has label %d: expected 0 to %d", i, label, classes-1)
			}
		}
		in.classes = batch.Labels
	}
	if loss.Outliers != NoOutliers {
		out, err = groupOf("outliers", batch.Outliers, batch.OutlierNoise, loss.Outliers == Eq2)
	}
	return in, out, err
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

// split finds the images that count and are valid, and the number of those that are not.
func (g *group) split(check []float32) (valid []int, invalid int) {
	for i, w := range g.weights {
		switch {
		case w == 0: // dropped before
		case isFinite(check[i]) && (g.general == nil || isFinite(g.general[i])):
			valid = append(valid, i)
		default:
			invalid++
		}
	}
	return valid, invalid
}

// keepOnly moves the valid images to the front, in their order, with equal weights, and puts a valid one that counts nothing
// in every place behind them: shapes stay, and so does the compiled program. The caller's batch is left alone.
func (g *group) keepOnly(valid []int) {
	images := g.images()
	from := func(i int) int {
		if i < len(valid) {
			return valid[i]
		}
		return valid[0]
	}
	pixels, noise := make([]uint8, 0, len(g.pixels)), make([]float32, 0, len(g.noise))
	for i := range images {
		at := from(i) * g.dims
		pixels, noise = append(pixels, g.pixels[at:at+g.dims]...), append(noise, g.noise[at:at+g.dims]...)
	}
	pick32 := func(v []float32) []float32 {
		if v == nil {
			return nil
		}
		picked := make([]float32, images)
		for i := range picked {
			picked[i] = v[from(i)]
		}
		return picked
	}
	if g.classes != nil {
		classes := make([]int32, images)
		for i := range classes {
			classes[i] = g.classes[from(i)]
		}
		g.classes = classes
	}
	g.pixels, g.noise, g.general, g.weights = pixels, noise, pick32(g.general), uniform(len(valid), images)
}

// uniform gives the first n of some images the weight 1/n.
func uniform(n, images int) []float32 {
	weights := make([]float32, images)
	for i := range n {
		weights[i] = 1 / float32(n)
	}
	return weights
}

type stepResult struct {
	checkIn, checkOut []float32
	inlier, outlier   float32
	finite            bool
	gradients         []*tensors.Tensor // of the trained parameters
}

func (s *Stepper) call(in, out *group, seed uint64) (stepResult, error) {
	h, w, c := s.Network.Model.Shape()
	var inputs []any
	for _, v := range s.Network.Values {
		inputs = append(inputs, v)
	}
	imagesOf := func(g *group) {
		inputs = append(inputs,
			tensors.FromFlatDataAndDimensions(g.pixels, g.images(), h, w, c),
			tensors.FromFlatDataAndDimensions(g.noise, g.images(), h, w, c),
			tensors.FromFlatDataAndDimensions(g.weights, g.images()))
		if g.general != nil {
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(g.general, g.images()))
		}
	}
	inputs = append(inputs, []uint64{seed, 0, 0})
	imagesOf(in)
	if s.objective.Loss.WrongClass {
		classes := s.Network.Model.(density.ClassConditional).Classes()
		oneHot := make([]float32, classes*in.images())
		for i, class := range in.classes {
			oneHot[int(class)*in.images()+i] = 1
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(oneHot, classes, in.images()))
	}
	if out != nil {
		imagesOf(out)
		if s.objective.Loss.Outliers == Margin {
			pairs := min(in.images(), out.images())
			inputs = append(inputs, uniform(min(in.counting(), out.counting()), pairs))
		}
	}
	results, err := s.gradients.Call(inputs...)
	if err != nil {
		return stepResult{}, fmt.Errorf("training step %d: %w", s.Updates+1, err)
	}
	return stepResult{
		inlier:    tensors.ToScalar[float32](results[0]),
		outlier:   tensors.ToScalar[float32](results[1]),
		finite:    isFinite(tensors.ToScalar[float32](results[2])),
		checkIn:   tensors.MustCopyFlatData[float32](results[3]),
		checkOut:  tensors.MustCopyFlatData[float32](results[4]),
		gradients: results[5:],
	}, nil
}

// accept makes the update.
func (s *Stepper) accept(gradients []*tensors.Tensor) error {
	weights := make([]*tensors.Tensor, len(s.trained))
	for i, param := range s.trained {
		weights[i] = s.Network.Values[param]
	}
	updated, err := s.Optimiser.Step(weights, gradients)
	if err != nil {
		return fmt.Errorf("training step: %w", err)
	}
	for i, param := range s.trained {
		s.Network.Values[param] = updated[i]
	}
	return nil
}

// gradientGraph is the step up to its gradients. in are all weights, the random state, and what call adds in its order.
func (s *Stepper) gradientGraph(in []*Node) []*Node {
	values, rest := in[:len(s.params)], in[len(s.params):]
	next := func() *Node {
		node := rest[0]
		rest = rest[1:]
		return node
	}
	loss := s.objective.Loss
	w := nn.NewWeights(s.params, values, s.Network.Lowering)
	w.Random = next()
	var of lossInputs
	of.pixels, of.noise, of.weightsIn = next(), next(), next()
	if loss.WrongClass {
		of.generalIn, of.oneHot = next(), next()
	}
	switch loss.Outliers {
	case Eq2:
		of.outliers, of.noise2, of.weightsOut, of.generalOut = next(), next(), next(), next()
	case Margin:
		of.outliers, of.noise2, of.weightsOut, of.pairs = next(), next(), next(), next()
	}
	t := loss.build(s.Network.Model, w, of)
	none := ScalarZero(t.total.Graph(), t.total.DType())
	if t.outlier == nil {
		t.outlier, t.checkOut = none, none
	} else if t.checkOut == nil {
		t.checkOut = none
	}

	trained := make([]*Node, len(s.trained))
	for i, param := range s.trained {
		trained[i] = values[param]
	}
	gradients := Gradient(t.total, trained...)
	finite := make([]*Node, len(gradients))
	for i, g := range gradients {
		finite[i] = nn.ZeroIfFinite(g)
	}
	return append([]*Node{t.inlier, t.outlier, ReduceAllSum(Concatenate(finite, 0)), t.checkIn, t.checkOut}, gradients...)
}

func isFinite(v float32) bool { return v-v == 0 }

// Close frees the compiled step; the network stays.
func (s *Stepper) Close() {
	s.gradients.Finalize()
	s.Optimiser.Close()
}
