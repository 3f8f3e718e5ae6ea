package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/backend/backendtest"
	"strata/pkg/classifier"
	"strata/pkg/nn"
	"strata/pkg/objective"
	"strata/pkg/optimiser"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// wideResNetCase is what tests/reference/wide_resnet.py wrote. Of large arrays it holds every SampleEvery-th element.
type wideResNetCase struct {
	*parityCase
	Depth int
	Widen int
	SGD   struct {
		Rate        float64 `json:"lr"`
		Momentum    float64 `json:"momentum"`
		WeightDecay float64 `json:"weight_decay"`
	} `json:"sgd"`
	SampleAbove int `json:"sample_above"`
	SampleEvery int `json:"sample_every"`
}

// The Wide-ResNet against PyTorch: logits in evaluation, and two steps of training with their losses, gradients,
// running estimates and weights. The reference computed in float64; the tolerances are those of every parity case.
func TestWideResNetParity(t *testing.T) {
	path := filepath.Join("testdata", "classifier", "wide_resnet")
	c := wideResNetCase{parityCase: readParityCase(t, path)}
	text, err := os.ReadFile(path + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &c))
	model, err := classifier.New(classifier.Config{Height: 32, Width: 32, Channels: 3, Depth: c.Depth, Widen: c.Widen, Classes: c.Classes})
	require.NoError(t, err)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		c := c
		c.parityCase = c.on(b)
		eachLowering(t, c.backend, func(t *testing.T, lowering nn.Lowering) {
			network := c.classifier(t, model, lowering)
			c.compareGradients(t, network)
			c.compareSteps(t, network)
		})
		c.requireAllUsed(t)
	})
}

func (c *wideResNetCase) classifier(t *testing.T, model *classifier.Model, lowering nn.Lowering) *classifier.Network {
	t.Helper()
	network := classifier.NewNetwork(c.backend, lowering, model, 0)
	values := map[string][]float32{}
	for key := range c.arrays {
		if name, ok := strings.CutPrefix(key, "param/"); ok {
			values[name] = c.float32s(t, key)
		}
	}
	require.NoError(t, network.Set(values))
	return network
}

func (c *wideResNetCase) compareSampled(t *testing.T, key string, got []float32, tolerance float64) {
	t.Helper()
	if len(got) > c.SampleAbove {
		var sample []float32
		for i := 0; i < len(got); i += c.SampleEvery {
			sample = append(sample, got[i])
		}
		got = sample
	}
	c.compare(t, key, got, tolerance)
}

// compareGradients takes the gradients of the first batch from the graph, before any optimiser.
func (c *wideResNetCase) compareGradients(t *testing.T, network *classifier.Network) {
	params := network.Params()
	pixels, n := c.pixels(t, "in/images1")
	oneHot := make([]float32, c.Classes*n)
	for i, label := range c.get(t, "in/labels1").values {
		oneHot[int(label)*n+i] = 1
	}
	var names []string
	exec, err := NewExec(network.Backend, func(in []*Node) []*Node {
		own := len(network.Values)
		values, pixels, oneHot := in[:own], in[own], in[own+1]
		evaluating, training := network.Weights(values), network.Weights(values)
		evaluated := network.Model.Logits(evaluating, network.Model.Input(evaluating, pixels), false)
		logits := network.Model.Logits(training, network.Model.Input(training, pixels), true)
		loss := objective.CrossEntropy(logits, oneHot)
		byImage := func(logits *Node) *Node { return Transpose(logits, 0, 1) }
		out := []*Node{byImage(evaluated), byImage(logits), loss}
		gradients := trainedGradients(loss, network.Layout, values)
		names = slices.Sorted(maps.Keys(gradients))
		for _, name := range names {
			out = append(out, gradients[name])
		}
		return out
	})
	require.NoError(t, err)
	defer exec.Finalize()
	inputs := append(network.Inputs(), tensors.FromFlatDataAndDimensions(pixels, n, 32, 32, 3),
		tensors.FromFlatDataAndDimensions(oneHot, c.Classes, n))
	out, err := exec.Call(inputs...)
	require.NoError(t, err)
	flat := func(i int) []float32 { return tensors.MustCopyFlatData[float32](out[i]) }
	c.compare(t, "out/evaluation_logits", flat(0), outputTolerance)
	c.compare(t, "out/training_logits1", flat(1), outputTolerance)
	for i, name := range names {
		if weight, isConv := convolutionOfBias(params, name); isConv {
			c.compareZero(t, "grad/"+name, flat(3+i), "grad/"+weight)
			continue
		}
		c.compareSampled(t, "grad/"+name, flat(3+i), gradientTolerance)
	}
}

// convolutionOfBias says whether a parameter is a convolution's bias, and names its weight.
func convolutionOfBias(params []nn.Param, name string) (weight string, is bool) {
	layer, is := strings.CutSuffix(name, "/bias")
	for _, p := range params {
		if is && p.Name == layer+"/weight" && len(p.Shape) == 4 {
			return p.Name, true
		}
	}
	return "", false
}

// compareZero is for gradients that are 0 but for rounding: every path from a convolution's bias to the loss passes a
// batch norm in training, which takes out what is constant over a channel. The rounding is in proportion to the terms
// that cancel, which are of the size of the weight's gradient.
func (c *wideResNetCase) compareZero(t *testing.T, key string, got []float32, weight string) {
	t.Helper()
	largest, worst := 0.0, 0.0
	for _, v := range c.get(t, weight).values {
		largest = math.Max(largest, math.Abs(v))
	}
	want := c.get(t, key).values
	require.Len(t, got, len(want), key)
	for i, v := range got {
		require.Less(t, math.Abs(want[i]), 1e-12*largest, "PyTorch's %s is not 0 in float64", key)
		off := math.Abs(float64(v))
		worst = math.Max(worst, off)
		if !(off <= outputTolerance*largest) { // also NaN
			t.Errorf("%s[%d] is %.3g of its weight's largest magnitude, and should be 0 within %g", key, i, off/largest, outputTolerance)
		}
	}
	t.Logf("%-60s 0, off by %.2e of its weight's largest %.4g", key, worst/largest, largest)
}

// compareSteps makes the two steps of SGD with the Stepper.
func (c *wideResNetCase) compareSteps(t *testing.T, network *classifier.Network) {
	stepper, err := classifier.NewStepper(network, optimiser.Config{Kind: optimiser.SGD, Rate: c.SGD.Rate, Beta1: c.SGD.Momentum,
		WeightDecay: c.SGD.WeightDecay})
	require.NoError(t, err)
	defer stepper.Close()
	for step := 1; step <= 2; step++ {
		pixels, n := c.pixels(t, fmt.Sprintf("in/images%d", step))
		labels := make([]int32, n)
		for i, label := range c.get(t, fmt.Sprintf("in/labels%d", step)).values {
			labels[i] = int32(label)
		}
		outcome, err := stepper.Step(classifier.Batch{Pixels: pixels, Labels: labels})
		require.NoError(t, err)
		require.False(t, outcome.Skipped)
		c.compare(t, fmt.Sprintf("loss/step%d", step), []float32{float32(outcome.Loss)}, outputTolerance)
		correct, logits := 0, c.get(t, fmt.Sprintf("out/training_logits%d", step)).values
		for i, label := range labels {
			if logits[i*c.Classes+int(label)] > logits[i*c.Classes+1-int(label)] {
				correct++
			}
		}
		require.InDelta(t, float64(correct)/float64(n), outcome.Accuracy, 1e-9)
		values := hostValues(t, network.Network)
		for i, p := range network.Params() {
			if p.Fixed && !strings.HasPrefix(p.Name, "input/") {
				c.compareSampled(t, fmt.Sprintf("running%d/%s", step, p.Name), values[i], outputTolerance)
			}
		}
	}
	values := hostValues(t, network.Network)
	for i, p := range network.Params() {
		if !p.Fixed {
			c.compareSampled(t, "sgd2/"+p.Name, values[i], gradientTolerance)
		}
	}
}
