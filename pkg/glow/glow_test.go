package glow_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/flow/flowtest"
	"strata/pkg/glow"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// tiny has all parts of a Glow: two scales, so one split, and two steps.
var tiny = glow.Config{Height: 8, Width: 8, Channels: 3, Scales: 2, K: 2, Hidden: 4}

// Every variant, as one layer: Inverse undoes it, and its log-determinant is that of the full Jacobian (digest §2.7, §2.8).
func TestGlowObeysTheLaws(t *testing.T) {
	for _, c := range []struct {
		name   string
		config glow.Config
		slow   bool
	}{
		{"RGB", tiny, false},
		{"grey, three scales", glow.Config{Height: 8, Width: 8, Channels: 1, Scales: 3, K: 1, Hidden: 4}, true},
		{"conditioned", glow.Config{Height: 8, Width: 4, Channels: 2, Scales: 2, K: 1, Hidden: 4, Prior: glow.Conditioned}, false},
		{"conditioned, learned top", glow.Config{Height: 8, Width: 4, Channels: 2, Scales: 2, K: 1, Hidden: 4, Prior: glow.ConditionedTop},
			true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.slow && testing.Short() {
				t.Skip("another model of the same layers")
			}
			model, err := glow.New(c.config)
			require.NoError(t, err)
			flowtest.CheckModel(t, model)
		})
	}
}

// Paper Eq. 3: the contributions of the scales add up to the log-likelihood, each holds its prior, and the prior is the
// standard normal density of the latents. One c_i is what its own scale does: a change of the last scale's weights
// leaves the others alone.
func TestScalesAddUp(t *testing.T) {
	model, err := glow.New(tiny)
	require.NoError(t, err)
	params := model.Params()
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 3*8*8*2)
	for i := range x {
		x[i] = rng.Float64() - 0.5
	}
	images := tensors.FromFlatDataAndDimensions(x, 3, 8, 8, 2)
	evaluate := func(values []*tensors.Tensor) [][]float64 {
		return flowtest.Evaluate(t, func(in []*Node) []*Node {
			l := model.LogLikelihood(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)])
			return []*Node{l.Total, l.Scales[0], l.Scales[1], l.LogPriors[0], l.LogPriors[1], l.Latents[0], l.Latents[1]}
		}, append(values[:len(values):len(values)], images)...)
	}
	values := flowtest.RandomValues(params, 3)
	out := evaluate(values)
	total, c1, c2 := out[0], out[1], out[2]
	for i := range total {
		require.InDelta(t, total[i], c1[i]+c2[i], 1e-10)
		for scale, latents := range out[5:] {
			require.Len(t, latents, 2*96, "half of the 192 dimensions leave after the first scale")
			want := 0.0
			for j := i; j < len(latents); j += 2 {
				want -= latents[j]*latents[j]/2 + math.Log(2*math.Pi)/2
			}
			require.InDelta(t, want, out[3+scale][i], 1e-10)
		}
	}

	for i, p := range params {
		if p.Name == "scale2/step2/actnorm/log_scale" {
			moved := tensors.MustCopyFlatData[float64](values[i])
			moved[0]++
			values[i] = tensors.FromFlatDataAndDimensions(moved, p.Shape...)
		}
	}
	moved := evaluate(values)
	require.Equal(t, c1, moved[1])
	require.NotEqual(t, c2, moved[2])
}

// Digest §2.6: the first half of the channels leaves as the latent, in the order (C, H, W), the second goes on. With
// every layer but the squeezes the identity up to constants, latents are pixels: element (c, h, w) of z_1 is channel c of
// the squeezed image.
func TestFirstHalfLeaves(t *testing.T) {
	model, err := glow.New(glow.Config{Height: 4, Width: 4, Channels: 1, Scales: 2, K: 1, Hidden: 1})
	require.NoError(t, err)
	params := model.Params()
	var inputs []*tensors.Tensor
	for _, p := range params {
		values := make([]float64, p.Size())
		switch {
		case strings.HasSuffix(p.Name, "invconv/p"):
			for i := range p.Shape[0] {
				values[i*p.Shape[0]+i] = 1
			}
		case strings.HasSuffix(p.Name, "sign_s"):
			for i := range values {
				values[i] = 1
			}
		case strings.HasSuffix(p.Name, "conv3/bias"):
			for i := 1; i < len(values); i += 2 {
				values[i] = 1000 // raw scales, so that the sigmoids are 1
			}
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(values, p.Shape...))
	}
	x := make([]float64, 16)
	for i := range x {
		x[i] = float64(i)
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		return model.LogLikelihood(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)]).Latents
	}, append(inputs, tensors.FromFlatDataAndDimensions(x, 1, 4, 4, 1))...)
	// The scale of a latent norm at log_scale 0 is 1 + 1e-8 (digest §2.3).
	scaled := func(pixels ...float64) []float64 {
		for i := range pixels {
			pixels[i] *= 1 + 1e-8
		}
		return pixels
	}
	// The squeezed channels: even rows and columns, even rows and odd columns, then the odd rows.
	require.InDeltaSlice(t, scaled(0, 2, 8, 10, 1, 3, 9, 11), out[0], 1e-12)
	// Of the odd rows [[4 6] [12 14]] and [[5 7] [13 15]] went on, each squeezed to four channels.
	require.InDeltaSlice(t, scaled(4, 6, 12, 14, 5, 7, 13, 15), out[1], 1e-12)
}

// After the data-dependent start every latent element of the images that set it has mean 0 and variance 1 (digest §2.3).
func TestGlowStartsFromData(t *testing.T) {
	model, err := glow.New(tiny)
	require.NoError(t, err)
	params := model.Params()
	const batch = 12
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 3*8*8*batch)
	for i := range x {
		x[i] = rng.Float64() - 0.5
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		w := nn.NewWeights(params, in[:len(params)], nn.Products)
		w.Calibrate = true
		return model.LogLikelihood(w, in[len(params)]).Latents
	}, append(flowtest.RandomValues(params, 3), tensors.FromFlatDataAndDimensions(x, 3, 8, 8, batch))...)
	for _, latents := range out {
		for i := 0; i < len(latents); i += batch {
			mean, variance := 0.0, 0.0
			for _, z := range latents[i : i+batch] {
				mean += z / batch
			}
			for _, z := range latents[i : i+batch] {
				variance += (z - mean) * (z - mean) / (batch - 1)
			}
			require.InDelta(t, 0, mean, 1e-10)
			require.InDelta(t, 1, variance, 1e-6, "latentEps adds 1e-8 to scales of order 1")
		}
	}
}

// Digest §2.9, as stored: l and u are full matrices, and the inverse of a fixed matrix is its transpose.
func TestParameterCounts(t *testing.T) {
	paper := glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 32, Hidden: 512}
	grey, dense, greyDense := paper, paper, paper
	grey.Channels, greyDense.Channels = 1, 1
	dense.K, dense.Block = 8, glow.Dense
	greyDense.K, greyDense.Block = 8, glow.Dense
	build := func(model density.Model, err error) density.Model {
		require.NoError(t, err)
		return model
	}
	for _, c := range []struct {
		name           string
		model          density.Model
		trained, fixed int
	}{
		{"RGB", build(glow.New(paper)), 44_155_008, -1},
		{"grey", build(glow.New(grey)), 31_583_616, -1},
		{"patch", build(glow.NewPatch(glow.PatchConfig{Height: 32, Width: 32, Channels: 3, Patch: 8, K: 32, Hidden: 512})), 11_119_872, -1},
		{"dense", build(glow.New(dense)), 39_481_344, 198_180_864 / 2},
		{"grey dense", build(glow.New(greyDense)), 17_371_136, 22_020_096 / 2},
		{"10 classes", build(glow.NewClassConditional(glow.ClassConditionalConfig{Glow: paper, Classes: 10})), 44_155_008 + 122_880, -1},
		{"100 classes", build(glow.NewClassConditional(glow.ClassConditionalConfig{Glow: paper, Classes: 100})),
			44_155_008 + 1_228_800, -1},
	} {
		trained, fixed := 0, 0
		names := map[string]bool{}
		for _, p := range c.model.Params() {
			require.False(t, names[p.Name], "two parameters are called %s", p.Name)
			names[p.Name] = true
			if p.Fixed {
				fixed += p.Size()
			} else {
				trained += p.Size()
			}
		}
		require.Equal(t, c.trained, trained, c.name)
		if c.fixed >= 0 {
			require.Equal(t, c.fixed, fixed, c.name)
		}
	}
}

func TestModelDescribesItself(t *testing.T) {
	model, err := glow.New(tiny)
	require.NoError(t, err)
	require.Equal(t, tiny, model.Config())
	require.Equal(t, "glow", model.Kind())
	require.Equal(t, 2, model.Scales())
	require.Equal(t, 704, model.CalibrationImages())
	require.Equal(t, 192, density.Dims(model))
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, tiny.Validate())
	for _, c := range []struct {
		change func(*glow.Config)
		want   string
	}{
		{func(c *glow.Config) { c.Scales = 0 }, "scales 0"},
		{func(c *glow.Config) { c.Scales = -1 }, "scales -1"},
		{func(c *glow.Config) { c.K = 0 }, "k 0"},
		{func(c *glow.Config) { c.Hidden = -3 }, "hidden -3"},
		{func(c *glow.Config) { c.Channels = 0 }, "channels 0"},
		{func(c *glow.Config) { c.Height = 10 }, "10x8 does not divide by 4"},
		{func(c *glow.Config) { c.Width = 0 }, "8x0 does not divide by 4"},
		{func(c *glow.Config) { c.Scales = 4 }, "8x8 does not divide by 16"},
		{func(c *glow.Config) { c.Block = "convolutional" }, `no block "convolutional"`},
		{func(c *glow.Config) { c.Prior = "learned" }, `no prior "learned"`},
	} {
		config := tiny
		c.change(&config)
		require.ErrorContains(t, config.Validate(), c.want)
		_, err := glow.New(config)
		require.Equal(t, config.Validate(), err)
	}
}

// A number of scales at which 2^scales leaves an int is a mistake as any other.
func TestConfigValidateRefusesHugeScales(t *testing.T) {
	for _, scales := range []int{62, 63, 64, 100} {
		config := tiny
		config.Scales = scales
		require.NotPanics(t, func() {
			require.ErrorContains(t, config.Validate(), fmt.Sprintf("%d scales", scales))
		}, "%d scales", scales)
	}
}

func TestLogLikelihoodRefusesOtherShapes(t *testing.T) {
	model, err := glow.New(tiny)
	require.NoError(t, err)
	require.PanicsWithError(t, "glow: 1 latents for 2 scales", func() { model.Inverse(nil, make([]*Node, 1)) })
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	defer opened.Finalize()
	exec, err := NewExec(opened, func(x *Node) *Node { return model.LogLikelihood(nil, x).Total })
	require.NoError(t, err)
	defer exec.Finalize()
	_, err = exec.Call1(tensors.FromFlatDataAndDimensions(make([]float32, 192), 1, 8, 8, 3))
	require.ErrorContains(t, err, "images are [C, H, W, B] = [3, 8, 8, B]")
}

func ExampleNew() {
	model, err := glow.New(glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 32, Hidden: 512})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(model, model.Scales(), density.Dims(model), len(model.Params()))

	_, err = glow.New(glow.Config{Height: 28, Width: 28, Channels: 1, Scales: 3, K: 32, Hidden: 512})
	fmt.Println(err)
	// Output:
	// Glow L3 K32 H512 3 3072 1542
	// glow: 3 scales halve the image 3 times, and 28x28 does not divide by 8
}
