package tests

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/nn"
	"strata/pkg/objective"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
)

// The paper's T and lambda (S4.4), named in the arrays.
const temperature, lambda = 1000, 6000

// glowParity compares the multi-scale Glow, convolutional or dense.
func glowParity(t *testing.T, c *parityCase) {
	images := c.get(t, "in/images_uint8")
	config := glow.Config{Height: images.shape[2], Width: images.shape[3], Channels: c.Channels, Scales: c.Scales, K: c.K, Hidden: c.Hidden}
	switch {
	case c.Block == "conv" && c.Permutation == "invconv" && c.LU:
	case c.Block == "dense" && c.Permutation == "invconvfixed":
		config.Block = glow.Dense
	default:
		t.Fatalf("block %q with permutation %q, lu %t: no such Glow in the paper", c.Block, c.Permutation, c.LU)
	}
	model, err := glow.New(config)
	require.NoError(t, err)
	eachLowering(t, c.backend, func(t *testing.T, lowering nn.Lowering) { multiScale(t, c, model, lowering) })
	if c.has("init/after/") {
		t.Run("start", func(t *testing.T) { dataDependentStart(t, c, model) })
	}
	if c.has("adamax/") {
		t.Run("adamax", func(t *testing.T) { adamaxSteps(t, c, model) })
	}
}

// multiScale compares outputs, losses, and the gradient of loss/total = mean(nll_in) + outlier loss.
func multiScale(t *testing.T, c *parityCase, model *glow.Glow, lowering nn.Lowering) {
	network := c.network(t, model, "param/")
	networks := []*density.Network{network}
	inputs := append(c.imageInputs(t, "in/images_uint8"), c.imageInputs(t, "in/outliers_uint8")...)
	// The general model's likelihoods are computed where the case has its weights, and are given where it has not.
	generalIsGiven := !c.has("general_param/")
	if generalIsGiven {
		inputs = append(inputs, c.float32s(t, "loss/general_nll_in"), c.float32s(t, "loss/general_nll_out"))
	} else {
		networks = append(networks, c.network(t, model, "general_param/"))
	}
	dims := density.Dims(model)
	c.compareGraph(t, lowering, networks, inputs, func(weights []*nn.Weights, in []*Node) map[string]*Node {
		images, outliers := model.Input(in[0], in[1]), model.Input(in[2], in[3])
		nll := func(logLikelihood *Node) *Node { return density.NLL(logLikelihood, dims) }
		own := model.LogLikelihood(weights[0], images)
		onOutliers := model.LogLikelihood(weights[0], outliers).Total
		named := likelihoodArrays(own)
		named["out/bits_per_dim"] = DivScalar(nll(own.Total), float64(dims)*math.Ln2)
		named["loss/nll_in"], named["loss/nll_out"] = nll(own.Total), nll(onOutliers)

		var generalOut *Node
		if generalIsGiven {
			generalOut = nll(in[5]) // density.NLL is its own inverse
		} else {
			generalOut = model.LogLikelihood(weights[1], outliers).Total
			named["loss/general_nll_in"] = nll(model.LogLikelihood(weights[1], images).Total)
			named["loss/general_nll_out"] = nll(generalOut)
		}
		outlier := objective.Outlier(onOutliers, generalOut, uniform(onOutliers), temperature, lambda)
		total := Add(objective.Inlier(nll(own.Total), uniform(own.Total)), outlier)
		named["loss/outlier_T1000_lambda6000"], named["loss/total"] = outlier, total
		named["loss/margin"] = objective.Margin(nll(own.Total), nll(onOutliers), uniform(own.Total), dims)
		c.addGradients(named, "grad_total/", total, network, weights[0])
		return named
	})
}

// uniform weighs a batch's images alike.
func uniform(v *Node) *Node { return DivScalar(OnesLike(v), float64(v.Shape().Dim(0))) }

// likelihoodArrays are the arrays of a likelihood by scales.
func likelihoodArrays(l density.Likelihood) map[string]*Node {
	named := map[string]*Node{"out/log_prob": l.Total}
	for i := range l.Scales {
		named[fmt.Sprintf("out/c%d", i+1)] = l.Scales[i]
		named[fmt.Sprintf("out/log_prior_z%d", i+1)] = l.LogPriors[i]
		named[fmt.Sprintf("out/z%d", i+1)] = Transpose(l.Latents[i], 0, 1)
	}
	return named
}

// addGradients adds the gradient of a loss by every trained parameter, if the case has such gradients.
func (c *parityCase) addGradients(named map[string]*Node, prefix string, loss *Node, network *density.Network, weights *nn.Weights) {
	if !c.has(prefix) {
		return
	}
	for name, gradient := range trainedGradients(loss, network.Layout, weights.Nodes()) {
		named[prefix+name] = gradient
	}
}

// dataDependentStart compares the activation norms after the start from data. The dense case does not hold the weights that
// it started from (those in param/ were moved afterwards), so there only the first norm is determined, by the images alone.
func dataDependentStart(t *testing.T, c *parityCase, model density.Model) {
	before, determined := "init/before/", func(string) bool { return true }
	if !c.has(before) {
		before, determined = "param/", func(name string) bool { return strings.HasPrefix(name, "scale1/step1/actnorm/") }
	}
	network := c.network(t, model, before)
	pixels, _ := c.pixels(t, "in/images_uint8")
	require.NoError(t, network.Calibrate(pixels, halfBins(len(pixels))))
	values := hostValues(t, network.Network)
	for i, p := range network.Params() {
		switch key := "init/after/" + p.Name; {
		case !c.has(key):
		case determined(p.Name):
			c.compare(t, key, values[i], outputTolerance)
		default:
			t.Logf("%-60s not determined: the case has no init/before/", key)
			c.get(t, key)
		}
	}
}

// adamaxSteps makes three steps on the mean negative log-likelihood.
func adamaxSteps(t *testing.T, c *parityCase, model density.Model) {
	network := c.network(t, model, "param/")
	pixels, _ := c.pixels(t, "in/images_uint8")
	stepper, err := train.NewStepper(network, optimiser.PaperAdamax(), train.Objective{})
	require.NoError(t, err)
	defer stepper.Close()
	var losses []float32
	for range c.get(t, "adamax/losses_nll").values {
		outcome, err := stepper.Step(train.Batch{Pixels: pixels, Noise: halfBins(len(pixels))})
		require.NoError(t, err)
		require.False(t, outcome.Skipped)
		losses = append(losses, float32(outcome.NLL))
	}
	c.compare(t, "adamax/losses_nll", losses, outputTolerance)
	values := hostValues(t, network.Network)
	for i, p := range network.Params() {
		c.compareWhere(t, fmt.Sprintf("adamax/after%d/%s", len(losses), p.Name), values[i], gradientTolerance, usedEntry(p))
	}
}

// patchParity compares the local-patch Glow.
func patchParity(t *testing.T, c *parityCase) {
	images := c.get(t, "in/images_uint8")
	model, err := glow.NewPatch(glow.PatchConfig{Height: images.shape[2], Width: images.shape[3], Channels: c.Channels,
		Patch: c.Patch, K: c.K, Hidden: c.Hidden})
	require.NoError(t, err)
	network := c.network(t, model, "param/")
	eachLowering(t, c.backend, func(t *testing.T, lowering nn.Lowering) {
		c.compareGraph(t, lowering, []*density.Network{network}, c.imageInputs(t, "in/images_uint8"),
			func(weights []*nn.Weights, in []*Node) map[string]*Node {
				return map[string]*Node{"out/log_prob": model.LogLikelihood(weights[0], model.Input(in[0], in[1])).Total}
			})
	})
}

// classConditionalParity compares the class-conditional Glow and its losses.
func classConditionalParity(t *testing.T, c *parityCase) {
	images := c.get(t, "in/images_uint8")
	scales := 0
	for c.has(fmt.Sprintf("param/scale%d/", scales+1)) {
		scales++
	}
	model, err := glow.NewClassConditional(glow.ClassConditionalConfig{Classes: c.Classes, Glow: glow.Config{
		Height: images.shape[2], Width: images.shape[3], Channels: c.Channels, Scales: scales, K: c.K, Hidden: c.Hidden}})
	require.NoError(t, err)
	network := c.network(t, model, "param/")
	oneHot := c.get(t, "in/y_onehot")
	rows := make([][]float32, len(oneHot.values)/c.Classes)
	for i := range rows {
		for _, v := range oneHot.values[i*c.Classes : (i+1)*c.Classes] {
			rows[i] = append(rows[i], float32(v))
		}
	}
	inputs := append(c.imageInputs(t, "in/images_uint8"), rows, c.float32s(t, "loss/general_nll"))
	dims := density.Dims(model)
	eachLowering(t, c.backend, func(t *testing.T, lowering nn.Lowering) {
		c.compareGraph(t, lowering, []*density.Network{network}, inputs, func(weights []*nn.Weights, in []*Node) map[string]*Node {
			l := model.LogLikelihood(weights[0], model.Input(in[0], in[1]))
			labels, general := Transpose(in[2], 0, 1), density.NLL(in[3], dims)
			labelled := objective.OfClass(l.Classes, labels)
			return map[string]*Node{
				"out/log_prob_per_class": Transpose(l.Classes, 0, 1),
				"out/log_prob_mixture":   l.Total,
				"out/log_prob_labelled":  labelled,
				"loss/wrong_class_T1000_lambda6000": objective.WrongClass(l.Classes, labels, general, uniform(general), temperature,
					lambda),
				"loss/nll_correct_class": ReduceAllMean(density.NLL(labelled, dims)),
			}
		})
	})
}

// usedEntry leaves out what the l and u of a 1x1 convolution hold outside of their triangles: weight decay moves it, and
// nothing uses it.
func usedEntry(p nn.Param) func(i int) bool {
	switch {
	case strings.HasSuffix(p.Name, "/invconv/l"):
		return func(i int) bool { return i%p.Shape[1] < i/p.Shape[1] }
	case strings.HasSuffix(p.Name, "/invconv/u"):
		return func(i int) bool { return i%p.Shape[1] > i/p.Shape[1] }
	}
	return func(int) bool { return true }
}
