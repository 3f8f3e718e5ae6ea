package pixelcnn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func newNetwork(t testing.TB, config Config, seed uint64) *density.Network {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	t.Cleanup(opened.Finalize)
	model, err := New(config)
	require.NoError(t, err)
	return density.NewNetwork(opened, nn.Products, model, seed)
}

// distributions runs the network's graph on finished images, NHWC: [B][position][parameter].
func distributions(t *testing.T, network *density.Network, pixels []uint8) [][][]float32 {
	t.Helper()
	model := network.Model.(*PixelCNN)
	h, w, c := model.Shape()
	batch := len(pixels) / density.Dims(model)
	exec, err := NewExec(network.Backend, func(in []*Node) *Node {
		n := len(network.Values)
		x := model.Input(in[n], in[n+1])
		return TransposeAllAxes(model.Distributions(network.Weights(in[:n]), x), 3, 1, 2, 0)
	})
	require.NoError(t, err)
	defer exec.Finalize()
	out, err := exec.Call1(append(network.Inputs(), tensors.FromFlatDataAndDimensions(pixels, batch, h, w, c),
		tensors.FromFlatDataAndDimensions(make([]float32, len(pixels)), batch, h, w, c))...)
	require.NoError(t, err)
	flat := tensors.MustCopyFlatData[float32](out)
	n := model.Mixture().Params()
	images := make([][][]float32, batch)
	for b := range images {
		for range h * w {
			images[b] = append(images[b], flat[:n])
			flat = flat[n:]
		}
	}
	return images
}

// The parameters that the sampler computes before it draws a pixel are those that the whole network has there when
// the image is finished: it keeps what it may keep, and misses no pixel that the network would see. Both compute in
// float32 sums of up to 2*F*6 terms through some 30 layers, which leaves 1e-5 of the largest; a wrong neighbour moves
// parameters by more than 1e-2.
func TestSamplerEqualsTheNetwork(t *testing.T) {
	for _, config := range []Config{
		{Height: 8, Width: 12, Channels: 3, ResNets: 2, Filters: 6, Mixtures: 3, Dropout: 0.5},
		{Height: 12, Width: 8, Channels: 1, ResNets: 1, Filters: 7, Mixtures: 2},
	} {
		network := newNetwork(t, config, 5)
		enlarge(t, network)
		model := network.Model.(*PixelCNN)
		const batch = 2
		weights, err := hostWeights(network)
		require.NoError(t, err)
		s := newSampler(model, weights, batch)
		rng := rand.New(rand.NewPCG(1, 2))
		size := density.Dims(model)
		pixels := make([]uint8, batch*size)
		seen := make([][][]float32, batch)
		for row := range config.Height {
			s.row(row, func(column int, params []float32) {
				for b := range batch {
					n := model.Mixture().Params()
					seen[b] = append(seen[b], append([]float32{}, params[b*n:(b+1)*n]...))
					at := b*size + (row*config.Width+column)*config.Channels
					pixel := pixels[at : at+config.Channels]
					for c := range pixel {
						pixel[c] = uint8(rng.Uint32())
					}
					s.set(row, column, b, pixel)
				}
			})
		}
		want := distributions(t, network, pixels)
		worst, largest := 0.0, 0.0
		for b := range want {
			for position := range want[b] {
				for i, v := range want[b][position] {
					worst = math.Max(worst, math.Abs(float64(seen[b][position][i]-v)))
					largest = math.Max(largest, math.Abs(float64(v)))
				}
			}
		}
		t.Logf("%s: largest difference %.1e of %.2g", model, worst/largest, largest)
		require.Less(t, worst/largest, 1e-5)
	}
}

// enlarge makes a fresh network's features lively: all lengths of its kernels are doubled.
func enlarge(t *testing.T, network *density.Network) {
	t.Helper()
	values, err := network.Named()
	require.NoError(t, err)
	for name, g := range values {
		if strings.HasSuffix(name, "/weight_g") {
			for j := range g {
				g[j] *= 2
			}
		}
	}
	require.NoError(t, network.Set(values))
}

// Image i of a seed does not depend on Count, and so not on how images are dealt to processors; other seeds give
// other images.
func TestSampleIsSeeded(t *testing.T) {
	network := newNetwork(t, tiny(3), 1)
	sample := func(count int, seed uint64) []uint8 {
		pixels, err := Sample(network, SampleOptions{Count: count, Seed: seed})
		require.NoError(t, err)
		require.Len(t, pixels, count*density.Dims(network.Model))
		return pixels
	}
	five := sample(5, 3)
	require.Equal(t, five, sample(5, 3))
	require.Equal(t, five[:2*density.Dims(network.Model)], sample(2, 3))
	require.NotEqual(t, five, sample(5, 4))
}

func TestSampleReportsProgressAndStops(t *testing.T) {
	network := newNetwork(t, tiny(1), 1)
	last := 0
	_, err := Sample(network, SampleOptions{Count: 3, Progress: func(done, total int) error {
		require.Equal(t, 3*4*8, total)
		require.Greater(t, done, last)
		last = done
		return nil
	}})
	require.NoError(t, err)
	require.Equal(t, 3*4*8, last)

	enough := errors.New("enough")
	_, err = Sample(network, SampleOptions{Count: 3, Progress: func(int, int) error { return enough }})
	require.ErrorIs(t, err, enough)
}

func TestSampleRefuses(t *testing.T) {
	network := newNetwork(t, tiny(1), 1)
	for want, options := range map[string]SampleOptions{
		"0 images":        {},
		"temperature -1":  {Count: 1, Temperature: -1},
		"temperature NaN": {Count: 1, Temperature: math.NaN()},
	} {
		_, err := Sample(network, options)
		require.ErrorContains(t, err, want)
	}
	name := network.Params()[0].Name
	values, err := network.Named()
	require.NoError(t, err)
	values[name] = []float32{1, 2, float32(math.NaN())}
	require.NoError(t, network.Set(values))
	_, err = Sample(network, SampleOptions{Count: 1})
	require.ErrorContains(t, err, "parameter "+name+" is not finite")
}

func ExampleSample() {
	opened, err := backend.Choose(backend.Small).Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Finalize()
	model, err := New(Config{Height: 8, Width: 8, Channels: 1, ResNets: 1, Filters: 4, Mixtures: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
	pixels, err := Sample(network, SampleOptions{Count: 2, Seed: 7, Progress: func(done, total int) error {
		if done == total {
			fmt.Println(total, "pixels drawn")
		}
		return nil
	}})
	fmt.Println(len(pixels), err)
	// Output:
	// 128 pixels drawn
	// 128 <nil>
}

// Draws follow the probabilities that LogProb gives: for each colour given those before, chi-squared over bins that
// are expected to hold at least 20 draws each. The statistic is above its mean by more than 6 standard deviations
// once in 10^7 runs, and the draws are always the same.
func TestDrawsFollowTheMixture(t *testing.T) {
	const draws = 20000
	for _, channels := range []int{1, 3} {
		if channels == 3 && testing.Short() {
			continue // adds up the probabilities of 16 million colours
		}
		m := Mixture{Components: 2, Channels: channels}
		params := []float32{0.3, -0.4, -0.2, 0.9, -2.5, -1.5}
		if channels == 3 {
			params = append(params, 0.5, -0.8 /* G */, 0.1, -0.3, -2, -3, 0.4, 0.7 /* B */, -0.9, 1.1, -2.2, -1.2, -0.6, 0.2)
		}
		require.Len(t, params, m.Params())
		rng := rand.New(rand.NewPCG(7, 8))
		counts := make([]map[[3]uint8]int, channels)
		for c := range counts {
			counts[c] = map[[3]uint8]int{}
		}
		pixel := make([]uint8, channels)
		for range draws {
			m.draw(rng, params, 1, pixel)
			var key [3]uint8
			for c := range channels {
				key[c] = pixel[c] / 32
				counts[c][key]++
			}
		}
		expected := coarseProbabilities(m, params)
		for c := range counts {
			statistic, bins := 0.0, 0
			for key, p := range expected[c] {
				if e := p * draws; e >= 20 {
					d := float64(counts[c][key]) - e
					statistic += d * d / e
					bins++
				}
			}
			require.Greater(t, bins, 4)
			limit := float64(bins) + 6*math.Sqrt(2*float64(bins))
			t.Logf("%d channels, colour %d: chi-squared %.1f of %d bins", channels, c, statistic, bins)
			require.Less(t, statistic, limit)
		}
	}
}

// coarseProbabilities sums a pixel's probabilities up, in bins of 32 values a colour: for the first colour, the first
// two, and all three. What is left out weighs less than 256^2 * 1e-7.
func coarseProbabilities(m Mixture, params []float32) []map[[3]uint8]float64 {
	result := make([]map[[3]uint8]float64, m.Channels)
	for c := range result {
		result[c] = map[[3]uint8]float64{}
	}
	for i := range m.Components {
		component := plainComponent(m, params, i)
		for r := range 256 {
			pr := component.weight * component.bin(0, r)
			result[0][[3]uint8{uint8(r / 32)}] += pr
			if m.Channels == 1 || pr < 1e-7 {
				continue
			}
			for g := range 256 {
				pg := pr * component.bin(1, g, r)
				result[1][[3]uint8{uint8(r / 32), uint8(g / 32)}] += pg
				if pg < 1e-7 {
					continue
				}
				for b := range 256 {
					result[2][[3]uint8{uint8(r / 32), uint8(g / 32), uint8(b / 32)}] += pg * component.bin(2, b, r, g)
				}
			}
		}
	}
	return result
}
