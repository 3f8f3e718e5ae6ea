package flowtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"strata/pkg/backend/backendtest"
	"strata/pkg/density"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
)

// CheckModel checks a whole invertible model as one layer, from an image to its normalised latents, and that Inverse tells
// the likelihood of the image that it makes. Images should be as small as the model allows.
func CheckModel(t *testing.T, model density.Invertible) {
	t.Helper()
	h, w, c := model.Shape()
	CheckLayer(t, asLayer{model}, c, h, w)
	CheckDensity(t, model)
	t.Run("likelihood on the way back", func(t *testing.T) {
		s, err := newSubject(asLayer{model}, form{backendtest.Go(t), nn.Products}, c, h, w)
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(1, 2))
		out := Evaluate(t, func(in []*Node) []*Node {
			weights := s.weights(in)
			x, back := model.Inverse(weights, asLayer{model}.latents(in[len(s.params)]))
			there := model.LogLikelihood(weights, x)
			return []*Node{concatenated(there), concatenated(back)}
		}, append(slices.Clone(s.values), stack([][]float64{s.noise(rng), s.noise(rng)}, []int{s.size(), 1, 1}))...)
		require.LessOrEqual(t, relativeError(out[1], out[0]), roundTripTolerance)
	})
}

// asLayer shows a model as one layer.
type asLayer struct{ density.Invertible }

func (l asLayer) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	likelihood := l.LogLikelihood(w, x)
	y = Concatenate(likelihood.Latents, 0)
	return Reshape(y, y.Shape().Dim(0), 1, 1, y.Shape().Dim(1)), logDetOf(likelihood)
}

func (l asLayer) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	x, likelihood := l.Invertible.Inverse(w, l.latents(y))
	return x, Neg(logDetOf(likelihood))
}

func (l asLayer) latents(y *Node) (latents []*Node) {
	flat, from := Reshape(y, y.Shape().Dim(0), y.Shape().Dim(3)), 0
	for _, size := range l.LatentDims() {
		latents = append(latents, Slice(flat, AxisRange(from, from+size)))
		from += size
	}
	return latents
}

// logDetOf takes the prior off the likelihood.
func logDetOf(l density.Likelihood) *Node {
	logDet := l.Total
	for _, prior := range l.LogPriors {
		logDet = Sub(logDet, prior)
	}
	return logDet
}

// CheckDensity checks what every density model promises, in every form: gradients of the likelihood, its scales and
// its classes are those of central differences, images do not see each other, and images that are all black, all white, of
// one colour or noise have finite likelihoods.
func CheckDensity(t *testing.T, model density.Model) {
	t.Helper()
	h, w, c := model.Shape()
	for _, form := range forms(t) {
		params := model.Params()
		s := &subject{form: form, params: params, values: RandomValues(params, 7), inDims: []int{c, h, w}}
		size := 0
		program, err := newProgram(form.backend, func(in []*Node) []*Node {
			all := concatenated(model.LogLikelihood(s.weights(in), in[len(params)]))
			size = all.Shape().Dim(0)
			return []*Node{all}
		})
		require.NoError(t, err)
		evaluate := func(images ...[]float64) [][]float64 {
			out, err := program.call(append(slices.Clone(s.values), stack(images, s.inDims))...)
			require.NoError(t, err)
			return unstack(out[0], len(images))
		}
		rng := rand.New(rand.NewPCG(8, 9))
		t.Run(fmt.Sprintf("%s/images alone and together", form), func(t *testing.T) {
			images := [][]float64{s.noise(rng), s.noise(rng), s.noise(rng)}
			together := evaluate(images...)
			for i, image := range images {
				require.LessOrEqual(t, relativeError(together[i], evaluate(image)[0]), independenceTolerance)
			}
		})
		t.Run(fmt.Sprintf("%s/likelihood gradients", form), func(t *testing.T) {
			worst, err := s.gradientsOf(s.inDims, size, func(weights *nn.Weights, x *Node) (y, logDet *Node) {
				l := model.LogLikelihood(weights, x)
				return concatenated(l), l.Total
			})
			require.NoError(t, err)
			t.Logf("largest error %.1e, allowed %.0e", worst, gradientTolerance)
		})
		t.Run(fmt.Sprintf("%s/hard images", form), func(t *testing.T) {
			for i, values := range evaluate(s.hard(rng)...) {
				for _, v := range values {
					require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "image %d: %g", i, v)
				}
			}
		})
	}
}

// concatenated stacks all numbers of a likelihood, [numbers, B].
func concatenated(l density.Likelihood) *Node {
	batch := l.Total.Shape().Dim(0)
	rows := []*Node{Reshape(l.Total, 1, batch)}
	for _, list := range [][]*Node{l.Scales, l.LogPriors} {
		for _, v := range list {
			rows = append(rows, Reshape(v, 1, batch))
		}
	}
	if l.Classes != nil {
		rows = append(rows, l.Classes)
	}
	return Concatenate(rows, 0)
}
