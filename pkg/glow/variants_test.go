package glow_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"strata/pkg/density"
	"strata/pkg/flow/flowtest"
	"strata/pkg/glow"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func TestPatchGlowObeysTheLaws(t *testing.T) {
	model, err := glow.NewPatch(glow.PatchConfig{Height: 8, Width: 4, Channels: 2, Patch: 4, K: 2, Hidden: 6})
	require.NoError(t, err)
	flowtest.CheckModel(t, model)
}

// exactDense is a dense Glow whose fixed matrices are orthogonal to the last bit, signed permutations, so that float64 laws
// can be asked of it.
type exactDense struct{ *glow.Glow }

func (m exactDense) Params() []nn.Param {
	params := m.Glow.Params()
	for i, p := range params {
		if p.Fixed {
			n := p.Shape[0]
			params[i].Start = func(rng *rand.Rand) []float32 {
				values := make([]float32, n*n)
				for row, column := range rng.Perm(n) {
					values[row*n+column] = float32(1 - 2*rng.IntN(2))
				}
				return values
			}
		}
	}
	return params
}

func TestDenseGlowObeysTheLaws(t *testing.T) {
	model, err := glow.New(glow.Config{Height: 8, Width: 4, Channels: 1, Scales: 2, K: 2, Hidden: 5, Block: glow.Dense})
	require.NoError(t, err)
	flowtest.CheckModel(t, exactDense{model})
}

func noiseImages(seed uint64, h, w, c, batch int) *tensors.Tensor {
	rng := rand.New(rand.NewPCG(seed, 2))
	x := make([]float64, h*w*c*batch)
	for i := range x {
		x[i] = rng.Float64() - 0.5
	}
	return tensors.FromFlatDataAndDimensions(x, c, h, w, batch)
}

// Digest §3.1: ln p of an image is the sum of its patches', and no information crosses their borders: an image and the one
// with two patches exchanged are equally likely, a patch's part does not know its neighbours.
func TestPatchesAreIndependent(t *testing.T) {
	const side, batch = 4, 1
	model, err := glow.NewPatch(glow.PatchConfig{Height: 2 * side, Width: 2 * side, Channels: 1, Patch: side, K: 1, Hidden: 3})
	require.NoError(t, err)
	one, err := glow.New(glow.Config{Height: side, Width: side, Channels: 1, Scales: 1, K: 1, Hidden: 3})
	require.NoError(t, err)
	params := model.Params()
	values := flowtest.RandomValues(params, 3)
	image := noiseImages(1, 2*side, 2*side, 1, batch)
	total := flowtest.Evaluate(t, func(in []*Node) []*Node {
		return []*Node{model.LogLikelihood(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)]).Total}
	}, append(slices.Clone(values), image)...)[0][0]

	pixels := tensors.MustCopyFlatData[float64](image)
	want := 0.0
	for top := 0; top < 2*side; top += side {
		for left := 0; left < 2*side; left += side {
			var patch []float64
			for row := range side {
				patch = append(patch, pixels[(top+row)*2*side+left:(top+row)*2*side+left+side]...)
			}
			// The Glow of a patch has the same parameters in the same order, below scale1.
			own := one.Params()
			want += flowtest.Evaluate(t, func(in []*Node) []*Node {
				return []*Node{one.LogLikelihood(nn.NewWeights(own, in[:len(own)], nn.Products), in[len(own)]).Total}
			}, append(slices.Clone(values), tensors.FromFlatDataAndDimensions(patch, 1, side, side, 1))...)[0][0]
		}
	}
	require.InDelta(t, want, total, 1e-10*math.Abs(want))
}

var threeClasses = glow.ClassConditionalConfig{Classes: 3,
	Glow: glow.Config{Height: 4, Width: 4, Channels: 2, Scales: 2, K: 1, Hidden: 3}}

func TestClassConditionalObeysTheLaws(t *testing.T) {
	model, err := glow.NewClassConditional(threeClasses)
	require.NoError(t, err)
	flowtest.CheckDensity(t, model)
}

// Paper §3.2 and digest §3.3, written down once more for one class, scale and element at a time.
func TestClassDensities(t *testing.T) {
	const batch = 2
	model, err := glow.NewClassConditional(threeClasses)
	require.NoError(t, err)
	base, err := glow.New(threeClasses.Glow)
	require.NoError(t, err)
	params, own := model.Params(), base.Params()
	values := flowtest.RandomValues(params, 3)
	byName := map[string][]float64{}
	for i, p := range params {
		byName[p.Name] = tensors.MustCopyFlatData[float64](values[i])
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		l := model.LogLikelihood(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)])
		shared := base.LogLikelihood(nn.NewWeights(own, in[:len(own)], nn.Products), in[len(params)])
		logDet := func(i int) *Node { return Sub(shared.Scales[i], shared.LogPriors[i]) }
		return []*Node{l.Total, l.Classes, l.Scales[0], l.Scales[1], shared.Latents[0], shared.Latents[1], logDet(0), logDet(1)}
	}, append(values, noiseImages(1, 4, 4, 2, batch))...)

	logMeanExp := func(v []float64) float64 {
		total := 0.0
		for _, x := range v {
			total += math.Exp(x - v[0])
		}
		return v[0] + math.Log(total/float64(len(v)))
	}
	for image := range batch {
		var classes []float64
		scales := make([][]float64, 2)
		for class := range 3 {
			total := 0.0
			for scale := range 2 {
				c := out[6+scale][image]
				get := func(name string) []float64 { return byName[fmt.Sprintf("class%d/scale%d/%s", class, scale+1, name)] }
				for d := range get("mean") {
					s := math.Exp(get("actnorm/log_scale")[d]) + 1e-8
					v := s * (out[4+scale][d*batch+image] + get("actnorm/loc")[d])
					u := (v - get("mean")[d]) / math.Exp(get("log_std")[d])
					c += math.Log(s) - get("log_std")[d] - u*u/2 - math.Log(2*math.Pi)/2
				}
				scales[scale] = append(scales[scale], c)
				total += c
			}
			classes = append(classes, total)
			require.InDelta(t, total, out[1][class*batch+image], 1e-10*math.Abs(total))
		}
		require.InDelta(t, logMeanExp(classes), out[0][image], 1e-9)
		require.InDelta(t, logMeanExp(scales[0]), out[2][image], 1e-9)
		require.InDelta(t, logMeanExp(scales[1]), out[3][image], 1e-9)
	}
}

// Digest §11: with fresh classes every ln p(x|y), and their mixture, is the Glow's ln p(x). The class norms' epsilon moves
// it by D (1 - z^2) 1e-8, and no more.
func TestClassesStartAsTheGlow(t *testing.T) {
	model, err := glow.NewClassConditional(threeClasses)
	require.NoError(t, err)
	base, err := glow.New(threeClasses.Glow)
	require.NoError(t, err)
	params, own := model.Params(), base.Params()
	values := flowtest.RandomValues(params, 3)
	for i, p := range params {
		if strings.HasPrefix(p.Name, "class") {
			values[i] = tensors.FromFlatDataAndDimensions(make([]float64, p.Size()), p.Shape...)
		}
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		l := model.LogLikelihood(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)])
		return []*Node{base.LogLikelihood(nn.NewWeights(own, in[:len(own)], nn.Products), in[len(params)]).Total, l.Total, l.Classes}
	}, append(values, noiseImages(1, 4, 4, 2, 1))...)
	for _, v := range append(out[1], out[2]...) {
		require.InDelta(t, out[0][0], v, 1e-5)
		require.Equal(t, out[1][0], v, "all classes are alike")
	}
}

// Draw undoes a class's norm and density: latents drawn for a class from u have, under it, the density of u and the
// volume of the map.
func TestDraw(t *testing.T) {
	model, err := glow.NewClassConditional(threeClasses)
	require.NoError(t, err)
	params := model.Params()
	const batch = 3
	oneHot := tensors.FromFlatDataAndDimensions([]float64{0, 1, 0, 0, 0, 1, 1, 0, 0}, 3, batch) // classes 2, 0, 1
	u1, u2 := noiseImages(1, 16, 1, 1, batch), noiseImages(2, 16, 1, 1, batch)
	values := flowtest.RandomValues(params, 3)
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		w, rest := nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params):]
		return model.Draw(w, rest[0], []*Node{Reshape(rest[1], 16, batch), Reshape(rest[2], 16, batch)})
	}, append(slices.Clone(values), oneHot, u1, u2)...)
	byName := map[string][]float64{}
	for i, p := range params {
		byName[p.Name] = tensors.MustCopyFlatData[float64](values[i])
	}
	for image, class := range []int{2, 0, 1} {
		for scale, u := range []*tensors.Tensor{u1, u2} {
			get := func(name string) []float64 { return byName[fmt.Sprintf("class%d/scale%d/%s", class, scale+1, name)] }
			for d := range 16 {
				z := out[scale][d*batch+image]
				v := (math.Exp(get("actnorm/log_scale")[d]) + 1e-8) * (z + get("actnorm/loc")[d])
				require.InDelta(t, tensors.MustCopyFlatData[float64](u)[d*batch+image], (v-get("mean")[d])/math.Exp(get("log_std")[d]),
					1e-12)
			}
		}
	}
}

// Digest §2.6: in the public implementations the second half leaves, measured by a normal with mean and log standard
// deviation from the first; the learned top has them a channel. With all else the identity, latents are pixels.
func TestConditionedPrior(t *testing.T) {
	model, err := glow.New(glow.Config{Height: 4, Width: 4, Channels: 1, Scales: 2, K: 1, Hidden: 1, Prior: glow.ConditionedTop})
	require.NoError(t, err)
	params := model.Params()
	var inputs []*tensors.Tensor
	for _, p := range params {
		values := make([]float64, p.Size())
		set := func(v ...float64) { copy(values, v) }
		switch {
		case strings.HasSuffix(p.Name, "invconv/p"):
			for i := range p.Shape[0] {
				values[i*p.Shape[0]+i] = 1
			}
		case strings.HasSuffix(p.Name, "sign_s"):
			set(slices.Repeat([]float64{1}, p.Size())...)
		case strings.HasSuffix(p.Name, "conv3/bias"):
			for i := 1; i < len(values); i += 2 {
				values[i] = 1000 // raw scales, so that the sigmoids are 1
			}
		case p.Name == "scale1/split_prior/bias":
			set(1, math.Log(2), 3, math.Log(4)) // means 1 and 3, deviations 2 and 4
		case p.Name == "top_prior/bias":
			set(1, 2, 3, 4, 5, 6, 7, 8, math.Log(2)) // means, then logarithms, of eight channels; the first deviates by 2
		case p.Name == "top_prior/logs":
			set(math.Log(2) / 3) // exp(3 logs) doubles the first mean
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(values, p.Shape...))
	}
	x := make([]float64, 16)
	for i := range x {
		x[i] = float64(i)
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		l := model.LogLikelihood(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)])
		return append(l.Latents, Sub(l.Scales[0], l.LogPriors[0]), Sub(l.Scales[1], l.LogPriors[1]))
	}, append(inputs, tensors.FromFlatDataAndDimensions(x, 1, 4, 4, 1))...)
	// The odd rows leave: even columns, then odd ones.
	require.InDeltaSlice(t, []float64{1.5, 2.5, 5.5, 6.5, 0.5, 1, 2.5, 3}, out[0], 1e-12)
	require.InDelta(t, -4*math.Log(2)-4*math.Log(4), out[2][0], 1e-12)
	// The even rows [[0 2] [8 10]] and [[1 3] [9 11]] went on. The top's means are 2, 2, 3, ..., 8: the second differs by 0.
	require.InDeltaSlice(t, []float64{(0 - 2.) / 2, 0, 8 - 3, 10 - 4, 1 - 5, 3 - 6, 9 - 7, 11 - 8}, out[1], 1e-12)
	require.InDelta(t, -math.Log(2), out[3][0], 1e-12)
}

func TestVariantsRefuse(t *testing.T) {
	_, err := glow.NewPatch(glow.PatchConfig{Height: 32, Width: 30, Channels: 3, Patch: 8, K: 1, Hidden: 1})
	require.ErrorContains(t, err, "32x30 images are not made of 8x8 patches")
	_, err = glow.NewPatch(glow.PatchConfig{Height: 32, Width: 32, Channels: 3, Patch: 8, Hidden: 1})
	require.ErrorContains(t, err, "k 0")
	config := threeClasses
	config.Classes = 0
	_, err = glow.NewClassConditional(config)
	require.ErrorContains(t, err, "classes 0")
	config = threeClasses
	config.Glow.Prior = glow.Conditioned
	_, err = glow.NewClassConditional(config)
	require.ErrorContains(t, err, `not on the prior "conditioned"`)
	config = threeClasses
	config.Glow.K = 0
	_, err = glow.NewClassConditional(config)
	require.ErrorContains(t, err, "k 0")
}

func ExampleNewPatch() {
	model, err := glow.NewPatch(glow.PatchConfig{Height: 32, Width: 32, Channels: 3, Patch: 8, K: 32, Hidden: 512})
	fmt.Println(model, density.Dims(model), err)
	// Output: patch Glow 8x8 K32 H512 3072 <nil>
}

func ExampleNewClassConditional() {
	base := glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 32, Hidden: 512}
	model, err := glow.NewClassConditional(glow.ClassConditionalConfig{Glow: base, Classes: 10})
	fmt.Println(model, err)
	// Output: class-conditional Glow L3 K32 H512, 10 classes <nil>
}
