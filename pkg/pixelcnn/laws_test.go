package pixelcnn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// checkGradients compares the gradient of a graph's outputs, in a random combination, with central differences in a random
// direction of each input, in float64.
//
// The step is 1e-4: second derivatives of order 1 jump where an ELU passes 0, which costs at most 1e-4 of what the few elements that
// do it contribute, and smooth parts cost 1e-8. Values of order 10 are rounded by 1e-13 (the mixture's differences of sigmoids
// lose three digits more than a sum does), over the step 1e-9.
func checkGradients(t *testing.T, build func(in []*Node) *Node, names []string, inputs ...*tensors.Tensor) {
	t.Helper()
	checkGradientsTogether(t, 1, build, names, inputs...)
}

// checkGradientsTogether moves so many inputs at once: fewer differences of a network of many parameters, to the same tolerance.
func checkGradientsTogether(t *testing.T, together int, build func(in []*Node) *Node, names []string, inputs ...*tensors.Tensor) {
	t.Helper()
	const step, relative, absolute = 1e-4, 1e-5, 1e-8
	rng := rand.New(rand.NewPCG(11, 12))
	combine := func(in []*Node) *Node {
		y := build(in)
		weights := Sin(AddScalar(MulScalar(IotaFull(y.Graph(), y.Shape()), 1.7), 1))
		return ReduceAllSum(Mul(y, weights))
	}
	// Compiled once; flowtest.Evaluate would compile for every difference.
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	require.NoError(t, err)
	defer backend.Finalize()
	value, err := NewExec(backend, func(in []*Node) *Node { return combine(in) })
	require.NoError(t, err)
	defer value.Finalize()
	gradients := flowtest.Evaluate(t, func(in []*Node) []*Node { return Gradient(combine(in), in...) }, inputs...)
	at := func(first int, directions [][]float64, step float64) float64 {
		moved := make([]any, len(inputs))
		for i, v := range inputs {
			values := tensors.MustCopyFlatData[float64](v) // a tensor belongs to one backend
			if k := i - first; k >= 0 && k < len(directions) {
				for j := range values {
					values[j] += step * directions[k][j]
				}
			}
			moved[i] = tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)
		}
		out, err := value.Call1(moved...)
		require.NoError(t, err)
		return tensors.ToScalar[float64](out)
	}
	first := 0
	for group := range slices.Chunk(gradients, together) {
		var directions [][]float64
		slope := 0.0
		for _, gradient := range group {
			direction := make([]float64, len(gradient))
			for j := range direction {
				direction[j] = rng.NormFloat64() / math.Sqrt(float64(len(gradient)))
				slope += direction[j] * gradient[j]
			}
			directions = append(directions, direction)
		}
		difference := (at(first, directions, step) - at(first, directions, -step)) / (2 * step)
		moved := names[first : first+len(group)]
		require.NotZero(t, difference, "%s changes nothing", moved)
		require.InDelta(t, difference, slope, absolute+relative*math.Abs(difference), "gradient by %s", moved)
		first += len(group)
	}
}

// normals are normal deviates.
func normals(rng *rand.Rand, std float64, dims ...int) *tensors.Tensor {
	size := 1
	for _, d := range dims {
		size *= d
	}
	values := make([]float64, size)
	for i := range values {
		values[i] = std * rng.NormFloat64()
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

func paramNames(params []nn.Param) []string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	return names
}

// onGrid are images of random integers on the [-1, 1] scale, [C, H, W, B].
func onGrid(rng *rand.Rand, dims ...int) *tensors.Tensor {
	x := normals(rng, 1, dims...)
	values := tensors.MustCopyFlatData[float64](x)
	for i := range values {
		values[i] = float64(rng.IntN(256))/127.5 - 1
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// evaluator runs a model in float64 with random weights.
func evaluator(t *testing.T, model *PixelCNN, lowering nn.Lowering,
	build func(w *nn.Weights, x *Node) *Node) func(x *tensors.Tensor) []float64 {
	params := model.Params()
	values := flowtest.RandomValues(params, 7)
	return func(x *tensors.Tensor) []float64 {
		return flowtest.Evaluate(t, func(in []*Node) []*Node {
			n := len(params)
			return []*Node{build(nn.NewWeights(params, in[:n], lowering), in[n])}
		}, append(values[:len(values):len(values)], x)...)[0]
	}
}

func TestGradientsOfTheLikelihood(t *testing.T) {
	for _, channels := range []int{1, 3} {
		for _, lowering := range lowerings {
			if testing.Short() && (lowering != nn.Products || channels == 1) {
				continue // seconds, and all lowerings are checked layer by layer
			}
			together := 1
			if testing.Short() {
				together = 8
			}
			model := mustNew(t, tiny(channels))
			params := model.Params()
			n := len(params)
			rng := rand.New(rand.NewPCG(1, 2))
			// Not by x: its values are on a grid, and at the edges of the first and last bins the likelihood has a step.
			x := onGrid(rng, channels, 4, 8, 1)
			checkGradientsTogether(t, together, func(in []*Node) *Node {
				return model.LogLikelihood(nn.NewWeights(params, in, lowering), ConstTensor(in[0].Graph(), x)).Total
			}, paramNames(params), flowtest.RandomValues(params, 7)[:n]...)
		}
	}
}

// A pixel's distribution depends on the pixels before it only: when a pixel changes, no parameter of that pixel or one before it in
// raster order changes in any bit, with either lowering; and what comes after does see it.
func TestDistributionsAreCausal(t *testing.T) {
	for _, lowering := range lowerings {
		const channels, h, w, batch = 3, 8, 12, 2
		model := mustNew(t, Config{Height: h, Width: w, Channels: channels, ResNets: 1, Filters: 3, Mixtures: 2})
		run := evaluator(t, model, lowering, model.Distributions)
		rng := rand.New(rand.NewPCG(3, 4))
		x := onGrid(rng, channels, h, w, batch)
		before := run(x)
		pixels := []int{0, w - 1, w, 3*w + 5, 4*w + 4, 5*w + 7, h*w - 1}
		if testing.Short() {
			pixels = pixels[3:5]
		}
		for _, pixel := range pixels {
			values := tensors.MustCopyFlatData[float64](x)
			for c := range channels {
				values[(c*h*w+pixel)*batch] *= -0.9 // of the first image
			}
			after := run(tensors.FromFlatDataAndDimensions(values, channels, h, w, batch))
			seen := map[int]bool{}
			for i := range before {
				position, image := i/batch%(h*w), i%batch
				if math.Float64bits(before[i]) != math.Float64bits(after[i]) {
					require.Zero(t, image, "a change of image 0 at pixel %d reaches image 1", pixel)
					require.Greater(t, position, pixel, "a change of pixel %d reaches pixel %d", pixel, position)
					seen[position] = true
				}
			}
			// Everything after sees it, less the last rows' far ends at most; the next pixel and the one below it always do.
			for _, next := range []int{pixel + 1, pixel + w} {
				if next < h*w && (next%w != 0 || next == pixel+w) {
					require.True(t, seen[next], "a change of pixel %d does not reach pixel %d", pixel, next)
				}
			}
		}
	}
}

// The likelihood is the sum of the pixels', each given those before it: a change of one changes none before it in any bit, and its
// own. Sums of 96 numbers below 100 in float64 are rounded by 1e-13 of them.
func TestPixelsAddUpToTheLikelihood(t *testing.T) {
	for _, channels := range []int{1, 3} {
		model := mustNew(t, Config{Height: 8, Width: 12, Channels: channels, ResNets: 1, Filters: 3, Mixtures: 2})
		pixels := evaluator(t, model, nn.Products, func(w *nn.Weights, x *Node) *Node { return model.LogLikelihood(w, x).Pixels })
		total := evaluator(t, model, nn.Products, func(w *nn.Weights, x *Node) *Node { return model.LogLikelihood(w, x).Total })
		const size, batch, changed = 8 * 12, 2, 4*12 + 5
		x := onGrid(rand.New(rand.NewPCG(9, 10)), channels, 8, 12, batch)
		before, want := pixels(x), total(x)
		require.Len(t, before, size*batch)
		for b := range batch {
			sum := 0.0
			for p := range size {
				sum += before[p*batch+b]
			}
			require.InEpsilon(t, want[b], sum, 1e-12)
		}
		values := tensors.MustCopyFlatData[float64](x)
		values[changed*batch] *= -0.9 // a colour of the first image
		after := pixels(tensors.FromFlatDataAndDimensions(values, channels, 8, 12, batch))
		for p := range size {
			require.Equal(t, before[p*batch+1], after[p*batch+1], "the other image")
			if p < changed {
				require.Equal(t, before[p*batch], after[p*batch], "pixel %d comes before %d", p, changed)
			}
		}
		require.NotEqual(t, before[changed*batch], after[changed*batch])
		require.NotEqual(t, before[(changed+1)*batch], after[(changed+1)*batch])
	}
}

// Images of a batch do not see each other. The order of a product's sums may depend on the batch: 1e-12 of float64's 1e-16.
func TestImagesAloneAndTogether(t *testing.T) {
	model := mustNew(t, tiny(3))
	run := evaluator(t, model, nn.Products, func(w *nn.Weights, x *Node) *Node { return model.LogLikelihood(w, x).Total })
	const size, batch = 3 * 4 * 8, 3
	x := onGrid(rand.New(rand.NewPCG(5, 6)), 3, 4, 8, batch)
	together := run(x)
	values := tensors.MustCopyFlatData[float64](x)
	for b := range batch {
		one := make([]float64, size)
		for i := range one {
			one[i] = values[i*batch+b]
		}
		alone := run(tensors.FromFlatDataAndDimensions(one, 3, 4, 8, 1))
		require.InEpsilon(t, alone[0], together[b], 1e-12)
	}
}

func TestHardImagesAreFinite(t *testing.T) {
	for _, channels := range []int{1, 3} {
		model := mustNew(t, tiny(channels))
		run := evaluator(t, model, nn.Products, func(w *nn.Weights, x *Node) *Node { return model.LogLikelihood(w, x).Total })
		size := channels * 4 * 8
		rng := rand.New(rand.NewPCG(7, 8))
		const kinds = 5
		x := make([]float64, size*kinds)
		for i := range size {
			x[i*kinds] = -1                                   // black
			x[i*kinds+1] = 1                                  // white
			x[i*kinds+2] = float64(i/32*60)/127.5 - 1         // one colour
			x[i*kinds+3] = float64(rng.IntN(256))/127.5 - 1   // noise
			x[i*kinds+4] = float64(rng.IntN(2)*255)/127.5 - 1 // black and white noise
		}
		for i, v := range run(tensors.FromFlatDataAndDimensions(x, channels, 4, 8, kinds)) {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "image %d: %g", i, v)
		}
	}
}
