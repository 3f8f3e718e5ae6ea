package flow_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"
	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func TestCoupling(t *testing.T) {
	flowtest.CheckLayer(t, flow.Coupling{Name: "coupling", Channels: 4, Hidden: 5}, 4, 4, 2)
}

// More channels than hidden ones, and one row: convolutions then take their other way.
func TestCouplingOfOtherSizes(t *testing.T) {
	t.Run("one row", func(t *testing.T) {
		flowtest.CheckLayer(t, flow.Coupling{Name: "coupling", Channels: 12, Hidden: 5}, 12, 1, 3)
	})
	t.Run("two channels", func(t *testing.T) {
		flowtest.CheckLayer(t, flow.Coupling{Name: "coupling", Channels: 2, Hidden: 4}, 2, 3, 3)
	})
}

// Digest §2.5 and §11: a fresh coupling leaves the first half as it is, multiplies the second by sigmoid(2) = 0.880797,
// and so contributes ln sigmoid(2) = -0.126928 an element.
func TestCouplingStartsConstant(t *testing.T) {
	const channels, height, width, batch = 6, 3, 2, 2
	layer := flow.Coupling{Name: "coupling", Channels: channels, Hidden: 4}
	params := layer.Params()
	var inputs []*tensors.Tensor
	for i, start := range nn.StartValues(params, 1) {
		p, values := params[i], make([]float64, len(start))
		for j, v := range start {
			values[j] = float64(v)
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(values, p.Shape...))
	}
	x := normals(3, channels*height*width*batch)
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		y, logDet := layer.Forward(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)])
		return []*Node{y, logDet}
	}, append(inputs, tensors.FromFlatDataAndDimensions(x, channels, height, width, batch))...)
	for i, v := range x {
		want := v
		if i >= len(x)/2 {
			want *= 0.880797
		}
		require.InDelta(t, want, out[0][i], 1e-6*math.Abs(want))
	}
	for _, logDet := range out[1] {
		require.InDelta(t, -0.126928, logDet/(channels/2*height*width), 5e-7)
	}
}

// Digest §2.5: output channels of the last convolution alternate between shift and raw scale, the shift comes first, and
// the last convolution's output is multiplied by exp(3 logs). With zero kernels its bias is all there is.
func TestCouplingOrder(t *testing.T) {
	layer := flow.Coupling{Name: "coupling", Channels: 4, Hidden: 2}
	params := layer.Params()
	bias, logs := []float64{0.5, -1, 0.25, 3}, []float64{0.1, -0.2, 0.3, 0}
	var inputs []*tensors.Tensor
	for _, p := range params {
		values := make([]float64, p.Size())
		switch p.Name {
		case "coupling/conv3/bias":
			values = bias
		case "coupling/conv3/logs":
			values = logs
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(values, p.Shape...))
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		y, logDet := layer.Forward(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)])
		return []*Node{y, logDet}
	}, append(inputs, tensors.FromFlatDataAndDimensions([]float64{1, 2, 3, 4}, 4, 1, 1, 1))...)
	effective := func(i int) float64 { return bias[i] * math.Exp(3*logs[i]) }
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	s0, s1 := sigmoid(effective(1)+2), sigmoid(effective(3)+2)
	require.InDeltaSlice(t, []float64{1, 2, (3 + effective(0)) * s0, (4 + effective(2)) * s1}, out[0], 1e-12)
	require.InDelta(t, math.Log(s0)+math.Log(s1), out[1][0], 1e-12)
}

// The hidden norms start from the data that reaches them: after calibration the convolution's output that goes into each
// ReLU has mean 0 and variance 1 (digest §2.3).
func TestCouplingStartsFromData(t *testing.T) {
	const channels, hidden, height, width, batch = 4, 3, 4, 4, 5
	layer := flow.Coupling{Name: "coupling", Channels: channels, Hidden: hidden}
	params := layer.Params()
	x := tensors.FromFlatDataAndDimensions(normals(5, channels*height*width*batch), channels, height, width, batch)
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		w := nn.NewWeights(params, in[:len(params)], nn.Products)
		w.Calibrate = true
		y, _ := layer.Forward(w, in[len(params)])
		w.Calibrate = false
		again, _ := layer.Forward(w, in[len(params)])
		h := nn.Channels(in[len(params)], 0, channels/2)
		results := []*Node{y, again}
		for _, name := range []string{"coupling/conv1", "coupling/conv2"} {
			kernel := w.Get(name + "/weight")
			plain := nn.Conv(nn.Native, h, kernel, Zeros(h.Graph(), w.Get(name+"/actnorm/loc").Shape()), false)
			normed, _ := flow.ActNorm{Name: name + "/actnorm", Channels: hidden}.Forward(w, plain)
			results = append(results, normed)
			h = MaxScalar(normed, 0)
		}
		return results
	}, append(flowtest.RandomValues(params, 6), x)...)
	require.InDeltaSlice(t, out[1], out[0], 1e-12, "the pass that calibrates uses what it finds")
	const n = height * width * batch
	for _, normed := range out[2:] {
		for channel := range hidden {
			mean, variance := moments(normed[channel*n : (channel+1)*n])
			require.InDelta(t, 0, mean, 1e-12)
			require.InDelta(t, 1, variance, 1e-11)
		}
	}
}

// Digest §2.5: the logarithm is of the computed sigmoid, so in float32 a raw scale that drives it to 0 gives -Inf, which
// training and evaluation know how to handle; a finite number here would hide it.
func TestCouplingUnderflowsToMinusInf(t *testing.T) {
	layer := flow.Coupling{Name: "coupling", Channels: 2, Hidden: 1}
	params := layer.Params()
	var inputs []*tensors.Tensor
	for _, p := range params {
		values := make([]float64, p.Size())
		if p.Name == "coupling/conv3/bias" {
			values[1] = -1000 // float64 reaches 0 as well, below -745
		}
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(values, p.Shape...))
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		_, logDet := layer.Forward(nn.NewWeights(params, in[:len(params)], nn.Products), in[len(params)])
		return []*Node{logDet}
	}, append(inputs, tensors.FromFlatDataAndDimensions([]float64{1, 2}, 2, 1, 1, 1))...)
	require.True(t, math.IsInf(out[0][0], -1), "log-determinant %g", out[0][0])
}

// In float32 that is below -88.72, 1/(1+exp(-v)) being 0 there, on every backend: were it later, the likelihood would be finite and
// its gradient not.
func TestCouplingsUnderflowInFloat32(t *testing.T) {
	for name, layer := range map[string]flow.Layer{
		"coupling": flow.Coupling{Name: "coupling", Channels: 2, Hidden: 1},
		"dense":    flow.DenseCoupling{Name: "coupling", Channels: 2, Hidden: 1},
	} {
		params := layer.Params()
		bias := params[len(params)-1].Name
		if name == "coupling" {
			bias = "coupling/conv3/bias"
		}
		for raw, finite := range map[float32]bool{-89: true, -91: false, -100: false} { // plus 2
			backendtest.Each(t, func(t *testing.T, b compute.Backend) {
				var inputs []any
				for _, p := range params {
					values := make([]float32, p.Size())
					if p.Name == bias {
						values[1] = raw
					}
					inputs = append(inputs, tensors.FromFlatDataAndDimensions(values, p.Shape...))
				}
				out, err := CallOnce(b, func(in []*Node) *Node {
					_, logDet := layer.Forward(nn.NewWeights(params, in[:len(params)], backend.Lowering(b)), in[len(params)])
					return logDet
				}, append(inputs, tensors.FromFlatDataAndDimensions([]float32{1, 2}, 2, 1, 1, 1))...)
				require.NoError(t, err)
				got := float64(tensors.MustCopyFlatData[float32](out)[0])
				if finite {
					require.InDelta(t, float64(raw)+2, got, 1e-4, name)
				} else {
					require.True(t, math.IsInf(got, -1), "%s, raw scale %g: log-determinant %g", name, raw, got)
				}
			})
		}
	}
}

func normals(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	values := make([]float64, n)
	for i := range values {
		values[i] = rng.NormFloat64()
	}
	return values
}
