package flow_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func TestActNorm(t *testing.T) {
	flowtest.CheckLayer(t, flow.ActNorm{Name: "norm", Channels: 3}, 3, 4, 2)
}

func TestActNormWithEps(t *testing.T) {
	flowtest.CheckLayer(t, flow.ActNorm{Name: "norm", Channels: 3, Eps: 1e-8}, 3, 4, 2)
}

// The smallest scale that Eps allows shows that the log-determinant is that of the scale with Eps, not of log_scale.
func TestActNormCountsEps(t *testing.T) {
	norm := flow.ActNorm{Name: "norm", Channels: 1, Eps: 1e-8}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		y, logDet := norm.Forward(nn.NewWeights(norm.Params(), in[:2], nn.Products), in[2])
		return []*Node{y, logDet}
	}, column(0.25), column(-100), tensors.FromFlatDataAndDimensions([]float64{1, 2}, 1, 2, 1, 1))
	require.InEpsilonSlice(t, []float64{1.25e-8, 2.25e-8}, out[0], 1e-12)
	require.InEpsilon(t, 2*math.Log(1e-8), out[1][0], 1e-12)
}

// The norm of a latent is over its elements, [C*H*W, 1, 1, B].
func TestActNormOverFlattenedLatent(t *testing.T) {
	flowtest.CheckLayer(t, flow.ActNorm{Name: "latent_actnorm", Channels: 24, Eps: 1e-8}, 24, 1, 1)
}

// Digest §2.3: after the data-dependent start the images that set it leave with mean 0 and the variance 1 of the n-1
// estimator, whatever the parameters were before.
func TestActNormStartsFromData(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name                           string
		channels, height, width, batch int
	}{{"image", 3, 4, 2, 5}, {"latent", 6, 1, 1, 4}} {
		t.Run(c.name, func(t *testing.T) {
			norm := flow.ActNorm{Name: "norm", Channels: c.channels}
			n := c.height * c.width * c.batch
			x := make([]float64, c.channels*n)
			for i := range x {
				x[i] = 3*rng.NormFloat64() + float64(i/n) - 1
			}
			params := norm.Params()
			before := flowtest.RandomValues(params, 1)
			out := flowtest.Evaluate(t, func(in []*Node) []*Node {
				w := nn.NewWeights(params, in[:2], nn.Products)
				w.Calibrate = true
				y, logDet := norm.Forward(w, in[2])
				return append(w.Nodes(), y, logDet)
			}, before[0], before[1], tensors.FromFlatDataAndDimensions(x, c.channels, c.height, c.width, c.batch))
			loc, logScale, y, logDet := out[0], out[1], out[2], out[3]
			sumLogScale := 0.0
			for channel := range c.channels {
				mean, variance := moments(x[channel*n : (channel+1)*n])
				require.InDelta(t, -mean, loc[channel], 1e-12)
				require.InDelta(t, -0.5*math.Log(variance), logScale[channel], 1e-12)
				mean, variance = moments(y[channel*n : (channel+1)*n])
				require.InDelta(t, 0, mean, 1e-12)
				require.InDelta(t, 1, variance, 1e-12)
				sumLogScale += logScale[channel]
			}
			require.InDelta(t, sumLogScale*float64(c.height*c.width), logDet[0], 1e-10)
		})
	}
}

// A channel that never changes has no deviation to divide by: 1e-6 stands in (digest §2.3).
func TestActNormStartsFromConstantChannel(t *testing.T) {
	norm := flow.ActNorm{Name: "norm", Channels: 1}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		w := nn.NewWeights(norm.Params(), in[:2], nn.Products)
		w.Calibrate = true
		y, _ := norm.Forward(w, in[2])
		return append(w.Nodes(), y)
	}, column(0), column(0), tensors.FromFlatDataAndDimensions([]float64{0.5, 0.5, 0.5}, 1, 1, 1, 3))
	require.Equal(t, []float64{-0.5}, out[0])
	require.InDelta(t, math.Log(1e6), out[1][0], 1e-9)
	require.Equal(t, []float64{0, 0, 0}, out[2])
}

func column(v float64) *tensors.Tensor { return tensors.FromFlatDataAndDimensions([]float64{v}, 1) }

// moments are the mean and the variance of the n-1 estimator.
func moments(v []float64) (mean, variance float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		variance += (x - mean) * (x - mean) / float64(len(v)-1)
	}
	return mean, variance
}
