package tests

import (
	"math"
	"testing"

	"strata/pkg/density"
	"strata/pkg/nn"
	"strata/pkg/pixelcnn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// pixelcnnParity compares PixelCNN++ without dropout: its output, likelihoods, and the gradient of the summed negative
// log-likelihood by every parameter.
func pixelcnnParity(t *testing.T, c *parityCase) {
	images := c.get(t, "in/images_uint8")
	model, err := pixelcnn.New(pixelcnn.Config{
		Height: images.shape[2], Width: images.shape[3], Channels: c.Channels,
		ResNets: c.ResNets, Filters: c.Filters, Mixtures: c.Mixtures, Dropout: 0.5,
	})
	require.NoError(t, err)
	require.Equal(t, "off", c.Dropout, "dropout cannot be compared: its random numbers are not the reference's")
	dims := density.Dims(model)
	eachLowering(t, c.backend, func(t *testing.T, lowering nn.Lowering) {
		network := c.network(t, model, "param/")
		c.compareGraph(t, lowering, []*density.Network{network}, c.imageInputs(t, "in/images_uint8"),
			func(weights []*nn.Weights, in []*Node) map[string]*Node {
				x := model.Input(in[0], in[1])
				nll := density.NLL(model.LogLikelihood(weights[0], x).Total, dims)
				named := map[string]*Node{
					"in/x":             TransposeAllAxes(x, 3, 0, 1, 2),
					"out/params_nchw":  TransposeAllAxes(model.Distributions(weights[0], x), 3, 0, 1, 2),
					"out/log_prob":     Neg(nll),
					"out/bits_per_dim": DivScalar(nll, float64(dims)*math.Ln2),
				}
				c.addGradients(named, "grad_sum_nll/", ReduceAllSum(nll), network, weights[0])
				return named
			})
	})
}

// mixtureParity compares the discretised logistic mixture alone, on values that reach its edges.
func mixtureParity(t *testing.T, c *parityCase) {
	mixture := pixelcnn.Mixture{Components: c.Mixtures, Channels: c.Channels}
	exec, err := NewExec(c.backend, func(params, x *Node) []*Node {
		params, x = TransposeAllAxes(params, 1, 2, 3, 0), TransposeAllAxes(x, 1, 2, 3, 0)
		nll := Neg(ReduceAllSum(mixture.LogProb(params, x)))
		return []*Node{nll, TransposeAllAxes(Gradient(nll, params)[0], 3, 0, 1, 2)}
	})
	require.NoError(t, err)
	defer exec.Finalize()
	tensor := func(key string) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(c.float32s(t, key), c.arrays[key].shape...)
	}
	out, err := exec.Call(tensor("in/params_nchw"), tensor("in/x"))
	require.NoError(t, err)
	c.compare(t, "out/sum_nll", tensors.MustCopyFlatData[float32](out[0]), outputTolerance)
	c.compare(t, "grad/params_nchw", tensors.MustCopyFlatData[float32](out[1]), gradientTolerance)
}
