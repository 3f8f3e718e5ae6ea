package pixelcnn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// component is one component of a pixel's mixture, written with plain distribution functions.
type component struct {
	weight           float64
	means, logScales [3]float64
	coefficients     [3]float64 // tanh taken
}

func plainComponent(m Mixture, params []float32, i int) component {
	get := func(block int) float64 { return float64(params[block*m.Components+i]) }
	total := 0.0
	for _, logit := range params[:m.Components] {
		total += math.Exp(float64(logit))
	}
	c := component{weight: math.Exp(get(0)) / total}
	for colour := range m.Channels {
		c.means[colour], c.logScales[colour] = get(1+3*colour), max(get(2+3*colour), -7)
		if m.Channels == 3 {
			c.coefficients[colour] = math.Tanh(get(3 + 3*colour))
		}
	}
	return c
}

// bin is the probability of value k of a colour, given the values of the colours before.
func (c component) bin(colour, k int, before ...int) float64 {
	onScale := func(k int) float64 { return float64(k)/127.5 - 1 }
	mean := c.means[colour]
	switch colour {
	case 1:
		mean += c.coefficients[0] * onScale(before[0])
	case 2:
		mean += c.coefficients[1]*onScale(before[0]) + c.coefficients[2]*onScale(before[1])
	}
	scale := math.Exp(c.logScales[colour])
	plus, minus := (onScale(k)-mean+1.0/255)/scale, (onScale(k)-mean-1.0/255)/scale
	switch k {
	case 0:
		return 1 / (1 + math.Exp(-plus))
	case 255:
		return 1 / (1 + math.Exp(minus))
	}
	if minus > 0 { // the upper tail, where both distribution functions are near 1, mirrored
		plus, minus = -minus, -plus
	}
	return 1/(1+math.Exp(-plus)) - 1/(1+math.Exp(-minus))
}

// mixtureGraph evaluates LogProb, and its gradient by the parameters, in float64 on pixels laid side by side: params[pixel] and
// values[pixel]. The form for compilers gives the same.
func mixtureGraph(t *testing.T, m Mixture, params [][]float32, values [][]float64) (logProbs, gradients []float64) {
	t.Helper()
	n := len(values)
	p, x := make([]float64, m.Params()*n), make([]float64, m.Channels*n)
	for pixel := range n {
		for i, v := range params[pixel] {
			p[i*n+pixel] = float64(v)
		}
		for c, v := range values[pixel] {
			x[c*n+pixel] = v
		}
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		logProb := m.LogProb(in[0], in[1])
		fused := nn.SumPerImage(m.pixels(nn.Lowering{Fused: true}, in[0], in[1]))
		return []*Node{logProb, Gradient(ReduceAllSum(logProb), in[0])[0], fused, Gradient(ReduceAllSum(fused), in[0])[0]}
	}, tensors.FromFlatDataAndDimensions(p, m.Params(), 1, 1, n), tensors.FromFlatDataAndDimensions(x, m.Channels, 1, 1, n))
	require.InDeltaSlice(t, out[0], out[2], 1e-10)
	require.InDeltaSlice(t, out[1], out[3], 1e-10)
	return out[0], out[1]
}

// randomMixtures draws parameters: logits and means of standard deviation 1, log-scales between lowest and 0.
func randomMixtures(rng *rand.Rand, m Mixture, n int, lowest float64) [][]float32 {
	all := make([][]float32, n)
	for i := range all {
		all[i] = make([]float32, m.Params())
		for j := range all[i] {
			all[i][j] = float32(rng.NormFloat64())
			if block := j / m.Components; block > 0 && block%3 == 2 {
				all[i][j] = float32(lowest * rng.Float64())
			}
		}
	}
	return all
}

// Where no bin between the first and the last is below 1e-5, LogProb is ln of a sum of products of differences of the
// logistic's distribution function. The difference of two sigmoids is rounded by 1e-16 and is at least 1e-5: 1e-11, and
// 1e-10 with what a few operations add.
func TestLogProbIsThatOfTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, channels := range []int{1, 3} {
		m := Mixture{Components: 3, Channels: channels}
		params := randomMixtures(rng, m, 4000, -3)
		var used [][]float32
		var values [][]float64
		var want []float64
		for i, p := range params {
			k := make([]int, channels)
			for c := range k {
				k[c] = []int{rng.IntN(256), rng.IntN(256), 0, 255}[i%4]
			}
			sum, comparable := 0.0, true
			for j := range m.Components {
				c := plainComponent(m, p, j)
				product := c.weight
				for colour := range k {
					b := c.bin(colour, k[colour], k[:colour]...)
					comparable = comparable && (b > 1e-5 || k[colour] == 0 || k[colour] == 255)
					product *= b
				}
				sum += product
			}
			if comparable {
				x := make([]float64, channels)
				for c := range x {
					x[c] = float64(k[c])/127.5 - 1
				}
				used, values, want = append(used, p), append(values, x), append(want, math.Log(sum))
			}
		}
		require.Greater(t, len(want), 100)
		got, _ := mixtureGraph(t, m, used, values)
		for i := range want {
			require.InDelta(t, want[i], got[i], 1e-10, "%v %v", used[i], values[i])
		}
	}
}

// Digest §5: one component, mean 0, log-scale 0, x = 0 has ln tanh(1/510) = -6.234.
func TestLogProbAtTheCentre(t *testing.T) {
	got, _ := mixtureGraph(t, Mixture{Components: 1, Channels: 1}, [][]float32{{0, 0, 0}}, [][]float64{{0}})
	require.InDelta(t, math.Log(math.Tanh(1.0/510)), got[0], 1e-12)
	require.InDelta(t, -6.234, got[0], 5e-4)
}

// The probabilities of the 256 values of a colour, given those before, add up to 1. Only bins below 1e-5, whose probability is
// taken from the density at their middle, are not exact. A logistic's tail falls by exp(-h) from bin to bin, h being the bin's
// width over the scale, so those of a tail hold at most 1e-5/(1-exp(-h)), of which the density at the middle misses
// 1 - h/(2 sinh(h/2)): in all less than 1e-5 a tail, whatever h is.
func TestTheValuesOfAColourAddUpToOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, channels := range []int{1, 3} {
		m := Mixture{Components: 2, Channels: channels}
		params := randomMixtures(rng, m, 20, -8) // some below the clamp
		before := make([][2]int, len(params))
		for i := range before {
			before[i] = [2]int{rng.IntN(256), rng.IntN(256)}
		}
		for colour := range channels {
			n := 256 * len(params)
			p, x := make([]float64, m.Params()*n), make([]float64, channels*n)
			for i := range params {
				for k := range 256 {
					at := i*256 + k
					for j, v := range params[i] {
						p[j*n+at] = float64(v)
					}
					for c := range channels {
						value := k // colours after this one do not matter
						if c < colour {
							value = before[i][c]
						}
						x[c*n+at] = float64(value)/127.5 - 1
					}
				}
			}
			// ln P(colours up to this one) and ln P(colours before it)
			out := flowtest.Evaluate(t, func(in []*Node) []*Node {
				logWeights, logProbs := m.components(nn.Products, in[0], in[1])
				upTo := func(colours int) *Node {
					joint := logWeights
					for _, l := range logProbs[:colours] {
						joint = Add(joint, l)
					}
					return logSumExp(nn.Products, joint)
				}
				return []*Node{upTo(colour + 1), upTo(colour)}
			}, tensors.FromFlatDataAndDimensions(p, m.Params(), 1, 1, n), tensors.FromFlatDataAndDimensions(x, channels, 1, 1, n))
			for i := range params {
				sum := 0.0
				for k := range 256 {
					sum += math.Exp(out[0][i*256+k] - out[1][i*256+k])
				}
				require.InDelta(t, 1, sum, 2e-5, "colour %d of %d, parameters %v", colour, channels, params[i])
			}
		}
	}
}

// Which colours a colour's probability sees, in bits: R none, G only R, B both.
func TestColoursSeeTheOnesBefore(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	m := Mixture{Components: 3, Channels: 3}
	params := randomMixtures(rng, m, 1, -3)
	evaluate := func(x [3]float64) (bits [3][]float64) {
		p := make([]float64, m.Params())
		for i, v := range params[0] {
			p[i] = float64(v)
		}
		out := flowtest.Evaluate(t, func(in []*Node) []*Node {
			_, logProbs := m.components(nn.Products, in[0], in[1])
			return logProbs
		}, tensors.FromFlatDataAndDimensions(p, m.Params(), 1, 1, 1), tensors.FromFlatDataAndDimensions(x[:], 3, 1, 1, 1))
		copy(bits[:], out)
		return bits
	}
	start := [3]float64{0.2, -0.1, 0.4}
	base := evaluate(start)
	for changed := range 3 {
		x := start
		x[changed] += 0.1
		moved := evaluate(x)
		for colour := range 3 {
			name := fmt.Sprintf("colour %d after a change of colour %d", colour, changed)
			if colour < changed {
				require.Equal(t, base[colour], moved[colour], name)
			} else {
				require.NotEqual(t, base[colour], moved[colour], name)
			}
		}
	}
}

// Parameters far outside of what training gives have finite likelihoods and gradients, at every kind of value.
func TestExtremesAreFinite(t *testing.T) {
	for _, channels := range []int{1, 3} {
		m := Mixture{Components: 1, Channels: channels}
		var params [][]float32
		var values [][]float64
		for _, mean := range []float32{-1e4, -1, 0, 1, 1e4} {
			for _, logScale := range []float32{-1e4, -7, 0, 20} {
				for _, x := range []float64{-1, -0.992, 0, 0.992, 1} {
					p := make([]float32, m.Params())
					for c := range channels {
						p[1+3*c], p[2+3*c] = mean, logScale
						if channels == 3 {
							p[3+3*c] = mean
						}
					}
					v := make([]float64, channels)
					for c := range v {
						v[c] = x
					}
					params, values = append(params, p), append(values, v)
				}
			}
		}
		logProbs, gradients := mixtureGraph(t, m, params, values)
		for i, v := range append(logProbs, gradients...) {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "element %d: %g", i, v)
		}
	}
}

func TestLogProbRefusesOtherShapes(t *testing.T) {
	require.Equal(t, 30, Mixture{Components: 10, Channels: 1}.Params())
	require.Equal(t, 100, Mixture{Components: 10, Channels: 3}.Params())
	network := newNetwork(t, tiny(1), 1)
	_, err := CallOnce(network.Backend, func(params, x *Node) *Node {
		return Mixture{Components: 2, Channels: 1}.LogProb(params, x)
	}, tensors.FromFlatDataAndDimensions(make([]float32, 7), 7, 1, 1, 1), tensors.FromFlatDataAndDimensions(make([]float32, 1), 1, 1, 1, 1))
	require.ErrorContains(t, err, "takes parameters [6, H, W, B]")
}
