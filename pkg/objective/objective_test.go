package objective_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/objective"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // float64
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// The paper's T and lambda (digest §4.3).
const temperature, lambda = 1000, 6000

// evaluate runs a loss of vectors in float64 and gives its value, then its gradient by each of them.
func evaluate(t *testing.T, loss func(in []*Node) *Node, inputs ...[]float64) (value float64, gradients [][]float64) {
	t.Helper()
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	require.NoError(t, err)
	defer backend.Finalize()
	exec, err := NewExec(backend, func(in []*Node) []*Node {
		l := loss(in)
		return append([]*Node{l}, Gradient(l, in...)...)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	args := make([]any, len(inputs))
	for i, v := range inputs {
		args[i] = tensors.FromFlatDataAndDimensions(v, len(v))
	}
	out, err := exec.Call(args...)
	require.NoError(t, err)
	for _, g := range out[1:] {
		gradients = append(gradients, tensors.MustCopyFlatData[float64](g))
	}
	return tensors.ToScalar[float64](out[0]), gradients
}

func outlier(in []*Node) *Node {
	return objective.Outlier(in[0], in[1], uniform(in[0], in[0].Shape().Dim(0)), temperature, lambda)
}

// uniform weighs n images alike.
func uniform(like *Node, n int) *Node {
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = 1 / float64(n)
	}
	return Const(like.Graph(), weights)
}

func inlier(in []*Node) *Node { return objective.Inlier(in[0], in[1]) }

// Digest §11: 6000 ln 2 at d = 0 whatever the batch, 6000 softplus(1) at d = 1000 nats.
func TestOutlierValues(t *testing.T) {
	for _, c := range []struct{ d, want float64 }{{0, 4158.88}, {1000, 7879.57}} {
		for _, batch := range []int{1, 3, 64} {
			logIn, logGeneral := make([]float64, batch), make([]float64, batch)
			for i := range logIn {
				logGeneral[i] = 9900 - 100*float64(i)
				logIn[i] = logGeneral[i] + c.d
			}
			value, _ := evaluate(t, outlier, logIn, logGeneral)
			require.InDelta(t, c.want, value, 0.005, "d = %g, batch %d", c.d, batch)
		}
	}
}

// Digest §4.3: the slope by ln p_in of one outlier is 6 sigmoid(d/T), 3 at d = 0 and 6 at most, over the batch; the
// general model gets none.
func TestOutlierGradients(t *testing.T) {
	d := []float64{0, 1000, -1000, 250, 1e5, -1e5}
	_, gradients := evaluate(t, outlier, d, make([]float64, len(d)))
	for i, v := range d {
		want := 6 / (1 + math.Exp(-v/temperature))
		require.InDelta(t, want, gradients[0][i]*float64(len(d)), 1e-12, "d = %g", v)
	}
	require.InDelta(t, 3, gradients[0][0]*float64(len(d)), 1e-12)
	require.Equal(t, make([]float64, len(d)), gradients[1], "the general model is not trained")
}

// Likelihoods far apart, d/T = +-1e5, at which e^(d/T) overflows.
func TestOutlierStaysFinite(t *testing.T) {
	value, gradients := evaluate(t, outlier, []float64{1e8, -1e8}, []float64{0, 0})
	require.InEpsilon(t, lambda*1e5/2, value, 1e-12)
	require.InDeltaSlice(t, []float64{3, 0}, gradients[0], 1e-12)
}

// A random direction, by central differences of a function that is smooth on the scale of T = 1000: step 1e-2 leaves
// 1e-10 of curvature and 1e-16*4000/1e-2 of rounding.
func TestOutlierSlope(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, step = 7, 1e-2
	logIn, logGeneral, direction := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		logIn[i], logGeneral[i], direction[i] = 2000*rng.NormFloat64(), 2000*rng.NormFloat64(), rng.NormFloat64()
	}
	at := func(step float64) float64 {
		moved := make([]float64, n)
		for i := range n {
			moved[i] = logIn[i] + step*direction[i]
		}
		value, _ := evaluate(t, outlier, moved, logGeneral)
		return value
	}
	_, gradients := evaluate(t, outlier, logIn, logGeneral)
	slope := 0.0
	for i := range n {
		slope += gradients[0][i] * direction[i]
	}
	require.InDelta(t, (at(step)-at(-step))/(2*step), slope, 1e-8)
}

// The mean is over the images that count; what is left out gets no gradient.
func TestInlierIsAWeightedMean(t *testing.T) {
	value, gradients := evaluate(t, inlier, []float64{10, 99, 20}, []float64{0.5, 0, 0.5})
	require.InDelta(t, 15, value, 1e-12)
	require.Equal(t, []float64{0.5, 0, 0.5}, gradients[0])
}

// An image that was dropped counts in no loss and moves nothing, whatever its likelihood is.
func TestDroppedImagesCountNothing(t *testing.T) {
	half := func(g *Graph) *Node { return Const(g, []float64{0.5, 0, 0.5}) }
	for name, c := range map[string]struct {
		loss    func(in []*Node) *Node
		trained int
	}{
		"outlier": {func(in []*Node) *Node {
			return objective.Outlier(in[0], in[1], half(in[0].Graph()), temperature, lambda)
		}, 0},
		"margin": {func(in []*Node) *Node { return objective.Margin(in[0], in[1], half(in[0].Graph()), 3000) }, 1},
		"wrong class": {func(in []*Node) *Node {
			return objective.WrongClass(Reshape(in[0], 1, 3), ZerosLike(Reshape(in[0], 1, 3)), in[1], half(in[0].Graph()), temperature,
				lambda)
		}, 0},
	} {
		value, gradients := evaluate(t, c.loss, []float64{100, 5e6, -200}, []float64{300, 7, 50})
		other, _ := evaluate(t, c.loss, []float64{100, -3, -200}, []float64{300, 1e6, 50})
		require.Equal(t, value, other, name)
		require.Zero(t, gradients[c.trained][1], name)
		require.NotZero(t, gradients[c.trained][0], name)
	}
}

// wrongClass takes ln p(x|c) and one-hot classes as [N*B].
func wrongClass(classes int) func(in []*Node) *Node {
	return func(in []*Node) *Node {
		batch := in[2].Shape().Dim(0)
		return objective.WrongClass(Reshape(in[0], classes, batch), StopGradient(Reshape(in[1], classes, batch)), in[2],
			uniform(in[0], batch), temperature, lambda)
	}
}

func margin(dims int) func(in []*Node) *Node {
	return func(in []*Node) *Node {
		return objective.Margin(in[0], in[1], uniform(in[0], min(in[0].Shape().Dim(0), in[1].Shape().Dim(0))), dims)
	}
}

// Digest §4.3, one pair at a time; a longer batch's rest has no partner.
func TestMargin(t *testing.T) {
	nllIn, nllOut := []float64{100, 100, 100, 1e6}, []float64{100, 109, 120}
	value, gradients := evaluate(t, margin(10), nllIn, nllOut)
	require.InDelta(t, (10+1+0)/3., value, 1e-12)
	require.Equal(t, make([]float64, 4), gradients[0], "the inlier's part is not trained")
	require.InDeltaSlice(t, []float64{-1. / 3, -1. / 3, 0}, gradients[1], 1e-12)
}

// Digest §4.3, one image and class at a time: the weight of a class is 6000/N, true classes count in the mean and add nothing.
func TestWrongClass(t *testing.T) {
	const classes = 3
	logClasses := []float64{10, -2000, 500, 3000, 0, 700} // [class][image]
	oneHot := []float64{1, 0, 0, 1, 0, 0}
	general := []float64{100, -300}
	value, gradients := evaluate(t, wrongClass(classes), logClasses, oneHot, general)
	want := 0.0
	for class := range classes {
		for image := range 2 {
			i := class*2 + image
			slope := 0.0
			if oneHot[i] == 0 {
				d := (logClasses[i] - general[image]) / temperature
				want += lambda * math.Log1p(math.Exp(d)) / 6
				slope = lambda / (1 + math.Exp(-d)) / temperature / 6
			}
			require.InDelta(t, slope, gradients[0][i], 1e-12)
		}
	}
	require.InEpsilon(t, want, value, 1e-12)
	require.Equal(t, make([]float64, 2), gradients[2], "the general model is not trained")
}

func TestOfClass(t *testing.T) {
	// A class that is not an image's own may be anything, infinite too.
	value, gradients := evaluate(t, func(in []*Node) *Node {
		own := objective.OfClass(Reshape(in[0], 2, 3), StopGradient(Reshape(in[1], 2, 3)))
		return ReduceAllSum(Mul(own, Const(own.Graph(), []float64{1, 10, 100})))
	}, []float64{1, math.Inf(-1), 3, 4, 5, 6}, []float64{1, 0, 1, 0, 1, 0})
	require.Equal(t, 1+50+300., value)
	require.Equal(t, []float64{1, 0, 100, 0, 10, 0}, gradients[0])
}

// Every loss in random directions against central differences, in float64. A step of 1e-3 nats changes losses of order
// 1e3 to 1e4 by 1e-3 relative to 1e-12 of rounding, and their third derivatives by T are of order lambda/T^3.
func TestLossesInRandomDirections(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	draw := func(n int, scale float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = scale * rng.NormFloat64()
		}
		return v
	}
	for _, c := range []struct {
		name   string
		loss   func(in []*Node) *Node
		inputs [][]float64
		by     int // the input that is trained
	}{
		{"inlier", inlier, [][]float64{draw(5, 1000), {0.2, 0, 0.3, 0.4, 0.1}}, 0},
		{"outlier", outlier, [][]float64{draw(5, 2000), draw(5, 2000)}, 0},
		{"margin", margin(500), [][]float64{draw(6, 1000), draw(5, 1000)}, 1},
		{"wrong class", wrongClass(3), [][]float64{draw(6, 2000), {1, 0, 0, 1, 0, 0}, draw(2, 2000)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, gradients := evaluate(t, c.loss, c.inputs...)
			for range 3 {
				direction := draw(len(c.inputs[c.by]), 1)
				slope := 0.0
				for i, g := range gradients[c.by] {
					slope += g * direction[i]
				}
				at := func(step float64) float64 {
					moved := append([][]float64(nil), c.inputs...)
					moved[c.by] = append([]float64(nil), c.inputs[c.by]...)
					for i := range direction {
						moved[c.by][i] += step * direction[i]
					}
					value, _ := evaluate(t, c.loss, moved...)
					return value
				}
				const step = 1e-3
				require.InDelta(t, slope, (at(step)-at(-step))/(2*step), 1e-6*math.Max(1, math.Abs(slope)))
			}
		})
	}
}
