package density_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/flow/flowtest"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

// newNetwork has images of three unlike sides, so that no two axes can be mixed up unseen, and weights that all matter.
func newNetwork(t *testing.T) *density.Network {
	t.Helper()
	model, err := glow.New(glow.Config{Height: 8, Width: 4, Channels: 3, Scales: 2, K: 1, Hidden: 3})
	require.NoError(t, err)
	opened := open(t)
	network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
	values := map[string][]float32{}
	for i, v := range flowtest.RandomValues(model.Params(), 2) {
		wide := tensors.MustCopyFlatData[float64](v)
		narrow := make([]float32, len(wide))
		for j := range wide {
			narrow[j] = float32(wide[j])
		}
		values[network.Params()[i].Name] = narrow
	}
	require.NoError(t, network.Set(values))
	return network
}

// imagesOf is a set of n images of noise; the first images of two sets are the same.
func imagesOf(n int) *imageset.Set {
	rng := rand.New(rand.NewPCG(3, 4))
	set := &imageset.Set{Name: "noise", Split: imageset.Test, Height: 8, Width: 4, Channels: 3, Pixels: make([]uint8, n*96)}
	for i := range set.Pixels {
		set.Pixels[i] = uint8(rng.Uint32())
	}
	return set
}

func floats(n *density.Network) map[string][]float32 {
	values, err := n.Named()
	if err != nil {
		panic(err)
	}
	return values
}

func TestNewNetworkIsSeeded(t *testing.T) {
	opened := open(t)
	start := func(k int, seed uint64) map[string][]float32 {
		model, err := glow.New(glow.Config{Height: 4, Width: 4, Channels: 1, Scales: 1, K: k, Hidden: 2})
		require.NoError(t, err)
		return floats(density.NewNetwork(opened, nn.Products, model, seed))
	}
	one, two := start(1, 5), start(2, 5)
	require.Equal(t, one, start(1, 5))
	for _, name := range []string{"scale1/step1/invconv/l", "scale1/step1/coupling/conv1/weight"} {
		require.NotEqual(t, one[name], start(1, 6)[name], "another seed")
		require.Equal(t, one[name], two[name], "a layer's start does not depend on the others")
	}
	require.NotEqual(t, two["scale1/step1/invconv/l"], two["scale1/step2/invconv/l"])
	require.NotEqual(t, two["scale1/step1/coupling/conv2/weight"], two["scale1/step2/coupling/conv2/weight"])
}

// The factors of a 1x1 convolution are drawn together: P L U of them is orthogonal (digest §2.4). float32 factors of a
// 4x4 matrix are good to some 1e-6.
func TestNewNetworkDrawsFactorsTogether(t *testing.T) {
	model, err := glow.New(glow.Config{Height: 4, Width: 4, Channels: 1, Scales: 1, K: 1, Hidden: 2})
	require.NoError(t, err)
	values := floats(density.NewNetwork(open(t), nn.Products, model, 5))
	p, l, u := mat.NewDense(4, 4, nil), mat.NewDense(4, 4, nil), mat.NewDense(4, 4, nil)
	for i := range 4 {
		for j := range 4 {
			p.Set(i, j, float64(values["scale1/step1/invconv/p"][i*4+j]))
			switch {
			case j < i:
				l.Set(i, j, float64(values["scale1/step1/invconv/l"][i*4+j]))
			case j > i:
				u.Set(i, j, float64(values["scale1/step1/invconv/u"][i*4+j]))
			default:
				l.Set(i, i, 1)
				u.Set(i, i, float64(values["scale1/step1/invconv/sign_s"][i])*math.Exp(float64(values["scale1/step1/invconv/log_s"][i])))
			}
		}
	}
	var w, product mat.Dense
	w.Product(p, l, u)
	product.Mul(w.T(), &w)
	require.True(t, mat.EqualApprox(&product, mat.NewDiagDense(4, []float64{1, 1, 1, 1}), 1e-5), "W'W = %v", mat.Formatted(&product))
}

func TestSetNamesWhatIsWrong(t *testing.T) {
	network := newNetwork(t)
	before := floats(network)
	values := floats(network)
	delete(values, "scale1/step1/actnorm/loc")
	values["scale1/step1/actnorm/log_scale"] = []float32{1, 2}
	values["scale9/ghost"] = []float32{0}
	err := network.Set(values)
	require.ErrorContains(t, err, "parameter scale1/step1/actnorm/loc is missing")
	require.ErrorContains(t, err, "parameter scale1/step1/actnorm/log_scale has 2 values, the model wants 12")
	require.ErrorContains(t, err, "parameter scale9/ghost is not one of the model's")
	require.Equal(t, before, floats(network), "nothing is replaced where something is wrong")

	values = floats(network)
	values["scale1/step1/actnorm/loc"][3] = 7
	require.NoError(t, network.Set(values))
	require.Equal(t, values, floats(network))
}

// LogLikelihoods against the model in float64 on pixels that were scaled by hand: what is left is the float32 rounding of
// sums of some hundred terms of order 1, 1e-5 of them at the worst.
func TestLogLikelihoods(t *testing.T) {
	network := newNetwork(t)
	const images = 5
	set := imagesOf(images)
	rows, err := network.LogLikelihoods(set, density.Noise{}, nil)
	require.NoError(t, err)
	require.Len(t, rows, images)

	x := make([]float64, len(set.Pixels))
	for b := range images {
		for h := range 8 {
			for w := range 4 {
				for c := range 3 {
					x[((c*8+h)*4+w)*images+b] = (float64(set.Image(b)[(h*4+w)*3+c])+0.5)/256 - 0.5
				}
			}
		}
	}
	params := network.Params()
	want := flowtest.Evaluate(t, func(in []*Node) []*Node {
		l := network.Model.LogLikelihood(nn.NewWeights(params, in[:len(params)], nn.Native), in[len(params)])
		return append([]*Node{l.Total}, l.Scales...)
	}, append(flowtest.RandomValues(params, 2), tensors.FromFlatDataAndDimensions(x, 3, 8, 4, images))...)
	worst := 0.0
	for i, row := range rows {
		require.Len(t, row, 3, "ln p, c_1, c_2")
		for j, got := range row {
			require.InEpsilon(t, want[j][i], got, 1e-5)
			worst = max(worst, math.Abs(got/want[j][i]-1))
		}
	}
	t.Logf("float32 against float64: %.1e", worst)
}

// What an image scores depends on nothing but the image: not on its place in the set, nor on how full its batch is.
func TestLogLikelihoodsDoNotDependOnTheSet(t *testing.T) {
	network := newNetwork(t)
	long := imagesOf(density.ScoreBatch + 6)
	want, err := network.LogLikelihoods(long, density.Noise{}, nil)
	require.NoError(t, err)
	require.Len(t, want, long.Len())
	for _, n := range []int{0, 1, 3, density.ScoreBatch} {
		rows, err := network.LogLikelihoods(imagesOf(n), density.Noise{}, nil)
		require.NoError(t, err)
		require.Len(t, rows, n)
		for i := range rows {
			require.InEpsilonSlice(t, want[i], rows[i], 1e-5)
		}
	}
	reversed := &imageset.Set{Name: "reversed", Height: 8, Width: 4, Channels: 3}
	for i := range long.Len() {
		reversed.Pixels = append(reversed.Pixels, long.Image(long.Len()-1-i)...)
	}
	rows, err := network.LogLikelihoods(reversed, density.Noise{}, nil)
	require.NoError(t, err)
	for i := range rows {
		require.InEpsilonSlice(t, want[long.Len()-1-i], rows[i], 1e-5)
	}
}

func TestLogLikelihoodsTellProgressAndStop(t *testing.T) {
	network := newNetwork(t)
	const batch = 2 * density.ScoreBatch // on the Go backend
	var told []int
	_, err := network.LogLikelihoods(imagesOf(2*batch+1), density.Noise{}, func(done int) error {
		told = append(told, done)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []int{batch, 2 * batch, 2*batch + 1}, told)

	stop := errors.New("stop")
	calls := 0
	_, err = network.LogLikelihoods(imagesOf(2*batch), density.Noise{}, func(int) error { calls++; return stop })
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, calls)
}

// The noise of an image depends on the seed and on its place, not on how many are scored at once: a GPU's batches give the same.
func TestNoiseDoesNotDependOnTheBatch(t *testing.T) {
	network := newNetwork(t)
	set, noise := imagesOf(9*density.ScoreBatch+5), density.Noise{Sample: true, Seed: 3}
	small, err := network.LogLikelihoods(set, noise, nil)
	require.NoError(t, err)
	lowering := network.Lowering
	lowering.LargeBatches = true
	large := network.As(lowering)
	defer large.Release()
	rows, err := large.LogLikelihoods(set, noise, nil)
	require.NoError(t, err)
	for i := range rows {
		require.InEpsilonSlice(t, small[i], rows[i], 1e-5, i)
	}
	other, err := network.LogLikelihoods(set, density.Noise{Sample: true, Seed: 4}, nil)
	require.NoError(t, err)
	require.NotEqual(t, small[0], other[0])
}

func TestLogLikelihoodsRefuseOtherSizes(t *testing.T) {
	network := newNetwork(t)
	for _, set := range []*imageset.Set{
		{Name: "turned", Height: 4, Width: 8, Channels: 3, Pixels: make([]uint8, 96)},
		{Name: "grey", Height: 8, Width: 4, Channels: 1, Pixels: make([]uint8, 32)},
	} {
		_, err := network.LogLikelihoods(set, density.Noise{}, nil)
		require.ErrorContains(t, err, "set "+set.Name)
		require.ErrorContains(t, err, "the model wants 8x4x3")
	}
}

// A model that has gone wrong scores NaN; it is for the metrics to decide what that means (digest §6).
func TestLogLikelihoodsLeaveNonFiniteValues(t *testing.T) {
	network := newNetwork(t)
	values := floats(network)
	values["scale2/latent_actnorm/log_scale"][0] = float32(math.NaN())
	require.NoError(t, network.Set(values))
	rows, err := network.LogLikelihoods(imagesOf(2), density.Noise{}, nil)
	require.NoError(t, err)
	for _, row := range rows {
		require.True(t, math.IsNaN(row[0]))
		require.False(t, math.IsNaN(row[1]), "c_1 knows nothing of the second scale")
		require.True(t, math.IsNaN(row[2]))
	}
}

// One noise sample an image: reproducible, of the seed alone, and within the bin.
func TestSampledNoise(t *testing.T) {
	network := newNetwork(t)
	score := func(n int, noise density.Noise) [][]float64 {
		rows, err := network.LogLikelihoods(imagesOf(n), noise, nil)
		require.NoError(t, err)
		return rows
	}
	middle := score(3, density.Noise{Seed: 9})
	require.Equal(t, middle, score(3, density.Noise{Seed: 10}), "the middle of the bin has no seed")
	sampled := score(3, density.Noise{Sample: true, Seed: 9})
	require.Equal(t, sampled, score(3, density.Noise{Sample: true, Seed: 9}))
	for i, row := range score(density.ScoreBatch+1, density.Noise{Sample: true, Seed: 9})[:3] {
		require.InEpsilonSlice(t, sampled[i], row, 1e-5, "the first images get the same noise in a longer set")
	}
	other := score(3, density.Noise{Sample: true, Seed: 10})
	for i := range middle {
		require.NotEqual(t, middle[i], sampled[i])
		require.NotEqual(t, sampled[i], other[i])
		// A bin is 1/256 wide, so a likelihood hardly moves within it.
		require.InDelta(t, middle[i][0], sampled[i][0], 0.1*math.Abs(middle[i][0]))
	}
}

// The data-dependent start sets the activation norms, all of them and nothing else, from the images alone: what they were
// before does not matter (digest §2.3).
func TestCalibrate(t *testing.T) {
	network := newNetwork(t)
	set := imagesOf(20)
	noise := make([]float32, len(set.Pixels))
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range noise {
		noise[i] = rng.Float32()
	}
	before := floats(network)
	require.NoError(t, network.Calibrate(set.Pixels, noise))
	after := floats(network)
	for _, p := range network.Params() {
		norm := false
		for _, name := range []string{"actnorm/loc", "actnorm/log_scale"} {
			norm = norm || len(p.Name) > len(name) && p.Name[len(p.Name)-len(name):] == name
		}
		if norm {
			require.NotEqual(t, before[p.Name], after[p.Name], p.Name)
		} else {
			require.Equal(t, before[p.Name], after[p.Name], p.Name)
		}
		for _, v := range after[p.Name] {
			require.False(t, math.IsNaN(float64(v)) || math.IsInf(float64(v), 0), p.Name)
		}
	}
	require.NoError(t, network.Calibrate(set.Pixels, noise))
	require.Equal(t, after, floats(network), "a second time changes nothing")

	// The first norm is known without the model: squeezed channel 0 is the red of even rows and columns.
	sum := 0.0
	for b := range set.Len() {
		for h := 0; h < 8; h += 2 {
			for w := 0; w < 4; w += 2 {
				i := (h*4 + w) * 3
				sum += (float64(set.Image(b)[i])+float64(noise[b*96+i]))/256 - 0.5
			}
		}
	}
	require.InDelta(t, -sum/(20*8), after["scale1/step1/actnorm/loc"][0], 1e-6)
}

func ExampleNewNetwork() {
	opened, err := backend.Choose(backend.Small).Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Finalize()
	model, err := glow.New(glow.Config{Height: 8, Width: 8, Channels: 1, Scales: 2, K: 1, Hidden: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
	set := &imageset.Set{Name: "black", Height: 8, Width: 8, Channels: 1, Pixels: make([]uint8, 64)}
	rows, err := network.LogLikelihoods(set, density.Noise{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d image, %d scales, %d parameters\n", len(rows), len(rows[0])-1, len(network.Params()))
	// Output: 1 image, 2 scales, 36 parameters
}
