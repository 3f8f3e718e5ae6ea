package classifier_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/classifier"
	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"
	"strata/pkg/objective"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// small has every kind of block, and sides that are unlike each other.
var small = classifier.Config{Height: 8, Width: 4, Channels: 3, Depth: 10, Widen: 1, Classes: 2}

func newModel(t *testing.T, config classifier.Config) *classifier.Model {
	t.Helper()
	model, err := classifier.New(config)
	require.NoError(t, err)
	return model
}

// wideValues are float64 parameters that all matter, the running estimates too.
func wideValues(params []nn.Param, seed uint64) []*tensors.Tensor {
	all := flowtest.RandomValues(params, seed)
	rng := rand.New(rand.NewPCG(seed, 9))
	for i, p := range params {
		values := make([]float64, p.Size())
		for j := range values {
			switch {
			case strings.HasSuffix(p.Name, "mean"):
				values[j] = 0.3 * rng.NormFloat64()
			case strings.HasSuffix(p.Name, "running_var"), p.Name == "input/std":
				values[j] = 0.5 + rng.Float64()
			}
		}
		if p.Fixed {
			all[i] = tensors.FromFlatDataAndDimensions(values, p.Shape...)
		}
	}
	return all
}

// WRN-28-10 with 10 classes has 36,479,194 trained scalars without biases of the convolutions (the number that its authors
// and everyone since print), and 10,096 of those: 16 of the stem, 9 convolutions of each group of 160, 320 and 640.
func TestNumberOfParameters(t *testing.T) {
	config := classifier.Paper()
	config.Classes = 10
	trained, biases := 0, 0
	names := map[string]bool{}
	for _, p := range newModel(t, config).Params() {
		require.False(t, names[p.Name], "%s is declared twice", p.Name)
		names[p.Name] = true
		if !p.Fixed {
			trained += p.Size()
		}
		if strings.HasSuffix(p.Name, "/bias") && (strings.Contains(p.Name, "conv") || strings.Contains(p.Name, "shortcut")) {
			biases += p.Size()
		}
	}
	require.Equal(t, 16+9*(160+320+640), biases)
	require.Equal(t, 36_479_194+biases, trained)
}

func TestValidate(t *testing.T) {
	require.NoError(t, classifier.Paper().Validate())
	for want, change := range map[string]func(*classifier.Config){
		"images of 30x32x3": func(c *classifier.Config) { c.Height = 30 },
		"images of 32x0x3":  func(c *classifier.Config) { c.Width = 0 },
		"images of 32x32x0": func(c *classifier.Config) { c.Channels = 0 },
		"depth 4":           func(c *classifier.Config) { c.Depth = 4 },
		"depth 12":          func(c *classifier.Config) { c.Depth = 12 },
		"widen 0":           func(c *classifier.Config) { c.Widen = 0 },
		"dropout 1 ":        func(c *classifier.Config) { c.Dropout = 1 },
		"dropout NaN":       func(c *classifier.Config) { c.Dropout = math.NaN() },
		"1 classes":         func(c *classifier.Config) { c.Classes = 1 },
	} {
		config := classifier.Paper()
		change(&config)
		_, err := classifier.New(config)
		require.ErrorContains(t, err, want)
	}
}

// Xavier's bound for 16 -> 16 channels is sqrt(2) sqrt(6/(32*9)) = 0.2041; 2304 draws come within 1 % of it. Other starts are
// those of W: 1 and 0 for norms, 0 for the biases of convolutions, PyTorch's for the linear layer.
func TestStart(t *testing.T) {
	params := newModel(t, small).Params()
	for i, values := range nn.StartValues(params, 3) {
		largest := float64(max(slices.Max(values), -slices.Min(values)))
		switch name := params[i].Name; {
		case name == "group1/block1/conv1/weight":
			require.InEpsilon(t, 0.2041, largest, 0.01)
		case name == "linear/weight": // 128 draws
			require.InEpsilon(t, 1./8, largest, 0.1)
		case name == "linear/bias":
			require.NotZero(t, values[0])
			require.LessOrEqual(t, largest, 1./8)
		case strings.HasSuffix(name, "norm1/weight"), strings.HasSuffix(name, "norm2/weight"), strings.HasSuffix(name, "running_var"):
			require.Equal(t, slices.Repeat([]float32{1}, len(values)), values, name)
		case strings.HasSuffix(name, "/bias"), strings.HasSuffix(name, "running_mean"):
			require.Zero(t, largest, name)
		}
	}
}

// program is the cross-entropy of x, in float64, with its gradients by x and every trained parameter.
func program(t *testing.T, model *classifier.Model, lowering nn.Lowering, training bool) (run func(values []*tensors.Tensor, x,
	oneHot *tensors.Tensor) (loss float64, gradients [][]float64)) {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	t.Cleanup(opened.Finalize)
	params := model.Params()
	exec, err := NewExec(opened, func(in []*Node) []*Node {
		values, x, oneHot := in[:len(params)], in[len(params)], in[len(params)+1]
		by := []*Node{x}
		for i, p := range params {
			if !p.Fixed {
				by = append(by, values[i])
			}
		}
		loss := objective.CrossEntropy(model.Logits(nn.NewWeights(params, values, lowering), x, training), oneHot)
		return append([]*Node{loss}, Gradient(loss, by...)...)
	})
	require.NoError(t, err)
	return func(values []*tensors.Tensor, x, oneHot *tensors.Tensor) (float64, [][]float64) {
		var args []any
		for _, v := range append(values[:len(values):len(values)], x, oneHot) {
			args = append(args, tensors.FromFlatDataAndDimensions(tensors.MustCopyFlatData[float64](v), v.Shape().Dimensions...))
		}
		out, err := exec.Call(args...)
		require.NoError(t, err)
		var gradients [][]float64
		for _, g := range out[1:] {
			gradients = append(gradients, tensors.MustCopyFlatData[float64](g))
		}
		return tensors.ToScalar[float64](out[0]), gradients
	}
}

func noise(seed uint64, dims ...int) *tensors.Tensor {
	rng := rand.New(rand.NewPCG(seed, 1))
	size := 1
	for _, d := range dims {
		size *= d
	}
	values := make([]float64, size)
	for i := range values {
		values[i] = rng.NormFloat64()
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// Gradients by the input and each parameter in a random direction against central differences. A step of 1e-6 leaves some
// 1e-10 of rounding in a slope of order 0.1; the few ReLUs within a step of their corner, of 10^4, change it by as much as the
// step at most. The backend's own convolution, which takes 100 times longer, need only give the same gradients: sums of
// some 10^3 terms in another order, through ten layers.
func TestGradients(t *testing.T) {
	const step = 1e-6
	model := newModel(t, small)
	params := model.Params()
	oneHot := tensors.FromFlatDataAndDimensions([]float64{1, 0, 1, 0, 1, 0}, 2, 3)
	for _, training := range []bool{true, false} {
		t.Run(fmt.Sprintf("training %t", training), func(t *testing.T) {
			run := program(t, model, nn.Products, training)
			values, x := wideValues(params, 4), noise(5, 3, 8, 4, 3)
			_, gradients := run(values, x, oneHot)
			_, native := program(t, model, nn.Native, training)(values, x, oneHot)
			_, fused := program(t, model, nn.Lowering{Fused: true}, training)(values, x, oneHot)
			for i := range native {
				require.InDeltaSlice(t, native[i], fused[i], 1e-12, "fused, gradient %d", i)
			}
			steepest := 0.0
			check := func(name string, tensor **tensors.Tensor, gradient, native []float64) {
				start := *tensor
				dims := start.Shape().Dimensions
				direction := tensors.MustCopyFlatData[float64](noise(uint64(len(name)), dims...))
				slope, losses := 0.0, [2]float64{}
				for i, d := range direction {
					slope += gradient[i] * d
				}
				for side, h := range []float64{step, -step} {
					moved := tensors.MustCopyFlatData[float64](start)
					for i, d := range direction {
						moved[i] += h * d
					}
					*tensor = tensors.FromFlatDataAndDimensions(moved, dims...)
					losses[side], _ = run(values, x, oneHot)
				}
				*tensor = start
				require.InDelta(t, (losses[0]-losses[1])/(2*step), slope, 1e-7*math.Max(1, math.Abs(slope)), name)
				require.InDeltaSlice(t, gradient, native, 1e-12, name)
				steepest = math.Max(steepest, math.Abs(slope))
			}
			check("x", &x, gradients[0], native[0])
			next := 1
			for i, p := range params {
				if !p.Fixed {
					check(p.Name, &values[i], gradients[next], native[next])
					next++
				}
			}
			require.Greater(t, steepest, 0.1)
		})
	}
}

// In evaluation an image's logits do not depend on the others of its batch, nor on its place; in training they do.
func TestImagesAreIndependentInEvaluation(t *testing.T) {
	model := newModel(t, small)
	params := model.Params()
	values := wideValues(params, 4)
	const pixels, batch = 3 * 8 * 4, 3
	x := tensors.MustCopyFlatData[float64](noise(5, pixels, batch))
	turned := make([]float64, len(x)) // images 2, 0 and a new one
	for i := range pixels {
		turned[i*batch], turned[i*batch+1], turned[i*batch+2] = x[i*batch+2], x[i*batch], 5
	}
	logits := func(x []float64, training bool) []float64 {
		images := tensors.FromFlatDataAndDimensions(x, 3, 8, 4, batch)
		return flowtest.Evaluate(t, func(in []*Node) []*Node {
			return []*Node{model.Logits(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)], training)}
		}, append(values[:len(values):len(values)], images)...)[0]
	}
	one, other := logits(x, false), logits(turned, false)
	for class := range 2 {
		require.InDelta(t, one[class*batch+2], other[class*batch], 1e-12)
		require.InDelta(t, one[class*batch], other[class*batch+1], 1e-12)
	}
	require.NotEqual(t, one[0], one[2])
	one, other = logits(x, true), logits(turned, true)
	require.Greater(t, math.Abs(one[2]-other[0]), 1e-6)
}

// What the network sees: (pixel/255 - mean)/std of each channel, channels first and batch last.
func TestInput(t *testing.T) {
	model := newModel(t, small)
	params := model.Params()[:2]
	const batch = 2
	pixels := make([]float64, batch*8*4*3)
	for i := range pixels {
		pixels[i] = float64(i % 256)
	}
	mean, std := []float64{0.1, 0.5, 0.9}, []float64{0.25, 0.5, 2}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		return []*Node{model.Input(nn.NewWeights(params, in[:2], nn.Products), in[2])}
	}, tensors.FromFlatDataAndDimensions(mean, 3), tensors.FromFlatDataAndDimensions(std, 3),
		tensors.FromFlatDataAndDimensions(pixels, batch, 8, 4, 3))[0]
	for c := range 3 {
		for position := range 8 * 4 {
			for image := range batch {
				want := (pixels[(image*32+position)*3+c]/255 - mean[c]) / std[c]
				require.InDelta(t, want, out[(c*32+position)*batch+image], 1e-12)
			}
		}
	}
}

func ExampleNew() {
	model, err := classifier.New(classifier.Paper())
	if err != nil {
		fmt.Println(err)
		return
	}
	trained := 0
	for _, p := range model.Params() {
		if !p.Fixed {
			trained += p.Size()
		}
	}
	fmt.Printf("%s, %.1f million parameters\n", model.Kind(), float64(trained)/1e6)
	// Output: wide-resnet, 36.5 million parameters
}
