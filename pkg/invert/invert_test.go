package invert_test

import (
	"context"
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
	"strata/pkg/invert"
	"strata/pkg/optimiser"
	"strata/pkg/pixelcnn"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

var tiny = glow.Config{Height: 8, Width: 4, Channels: 3, Scales: 2, K: 2, Hidden: 6}

// networkOf gives a model random weights that all matter.
func networkOf(t *testing.T, model density.Model) *density.Network {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	t.Cleanup(opened.Finalize)
	network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
	values := map[string][]float32{}
	for i, v := range flowtest.RandomValues(model.Params(), 2) {
		var narrow []float32
		for _, x := range tensors.MustCopyFlatData[float64](v) {
			narrow = append(narrow, float32(x))
		}
		values[network.Params()[i].Name] = narrow
	}
	require.NoError(t, network.Set(values))
	return network
}

func inverterOf(t *testing.T, model density.Model) (*invert.Inverter, *density.Network) {
	t.Helper()
	network := networkOf(t, model)
	v, err := invert.New(network)
	require.NoError(t, err)
	t.Cleanup(v.Close)
	return v, network
}

func newGlow(t *testing.T) *glow.Glow {
	t.Helper()
	model, err := glow.New(tiny)
	require.NoError(t, err)
	return model
}

// images are n random ones of the shape of tiny, more than a batch where n is more than invert.Batch.
func images(n int) *imageset.Set {
	rng := rand.New(rand.NewPCG(3, 4))
	set := &imageset.Set{Name: "noise", Split: imageset.Test, Height: 8, Width: 4, Channels: 3, Pixels: make([]uint8, n*96)}
	for i := range set.Pixels {
		set.Pixels[i] = uint8(rng.Uint32())
	}
	return set
}

// There and back: likelihoods are those of scoring, and the ones computed on the way back are the same up to float32
// rounding, as are the images.
func TestEncodeAndDecode(t *testing.T) {
	v, network := inverterOf(t, newGlow(t))
	set := images(invert.Batch + 3)
	latents, likelihoods, err := v.Encode(t.Context(), set.Pixels, nil)
	require.NoError(t, err)
	require.Equal(t, set.Len(), latents.Len())
	require.Equal(t, []int{48, 48}, latents.Dims)
	rows, err := network.LogLikelihoods(set, density.Noise{}, nil)
	require.NoError(t, err)

	back, err := v.Decode(t.Context(), latents)
	require.NoError(t, err)
	require.Equal(t, set.Pixels, back.Pixels())
	for i, row := range rows {
		require.InDelta(t, row[0], likelihoods[i], 1e-3)
		require.InDelta(t, row[0], back.LogLikelihoods[i], 1e-3)
		require.InDelta(t, row[1], back.Scales[0][i], 1e-3)
		require.InDelta(t, row[2], back.Scales[1][i], 1e-3)
	}

	noise := make([]float32, len(set.Pixels))
	noisy, _, err := v.Encode(t.Context(), set.Pixels, noise)
	require.NoError(t, err)
	require.NotEqual(t, latents.Scales[0], noisy.Scales[0], "noise of 0 is not the middle of the bin")
}

// Fig. 3A: the other image's fine latents with this one's coarse ones; what is replaced comes from the other alone.
func TestReplace(t *testing.T) {
	v, _ := inverterOf(t, newGlow(t))
	set := images(4)
	a, _, err := v.Encode(t.Context(), set.Pixels[:2*96], nil)
	require.NoError(t, err)
	b, _, err := v.Encode(t.Context(), set.Pixels[2*96:], nil)
	require.NoError(t, err)
	mixed, err := a.Replace(b, 0)
	require.NoError(t, err)
	require.Equal(t, b.Scales[0], mixed.Scales[0])
	require.Equal(t, a.Scales[1], mixed.Scales[1])

	picture, err := v.Decode(t.Context(), mixed)
	require.NoError(t, err)
	whole, err := a.Replace(b, 0, 1)
	require.NoError(t, err)
	other, err := v.Decode(t.Context(), whole)
	require.NoError(t, err)
	require.Equal(t, set.Pixels[2*96:], other.Pixels())
	require.NotEqual(t, set.Pixels[:2*96], picture.Pixels())

	_, err = a.Replace(b, 2)
	require.ErrorContains(t, err, "no scale 2 among 2")
	_, err = a.Replace(&invert.Latents{Dims: b.Dims, Scales: [][]float32{b.Scales[0][:48], nil}}, 0)
	require.ErrorContains(t, err, "48 values at scale 0 to replace 96")
}

func TestReconstruct(t *testing.T) {
	v, _ := inverterOf(t, newGlow(t))
	set := images(invert.Batch + 1)
	told := []int{}
	r, err := v.Reconstruct(t.Context(), set, func(done int) error { told = append(told, done); return nil })
	require.NoError(t, err)
	require.Equal(t, []int{invert.Batch, invert.Batch + 1}, told)
	require.Equal(t, set.Len(), r.Images)
	require.Zero(t, r.NotFinite)
	require.Equal(t, 1.0, r.Exact)
	// Images are encoded at the middle of their bins: all of them come back if and only if no error reaches half a level.
	require.Less(t, r.Largest, 0.5)
	require.Positive(t, r.Median)
	require.Less(t, r.Median, r.Largest)

	stop := errors.New("enough")
	_, err = v.Reconstruct(t.Context(), set, func(int) error { return stop })
	require.ErrorIs(t, err, stop)
	grey := &imageset.Set{Name: "grey", Height: 8, Width: 4, Channels: 1, Pixels: make([]uint8, 32)}
	_, err = v.Reconstruct(t.Context(), grey, nil)
	require.ErrorContains(t, err, "8x4x1 images, the model wants 8x4x3")
}

// Samples encode to the deviates that they were drawn from: standard deviation is the temperature, and image i does not
// depend on how many are drawn.
func TestSample(t *testing.T) {
	v, _ := inverterOf(t, newGlow(t))
	few, err := v.Sample(t.Context(), invert.SampleOptions{Count: 3, Seed: 5})
	require.NoError(t, err)
	many, err := v.Sample(t.Context(), invert.SampleOptions{Count: invert.Batch + 3, Seed: 5})
	require.NoError(t, err)
	require.Equal(t, few.X, many.X[:len(few.X)])
	other, err := v.Sample(t.Context(), invert.SampleOptions{Count: 3, Seed: 6})
	require.NoError(t, err)
	require.NotEqual(t, few.X, other.X)

	cold, err := v.Sample(t.Context(), invert.SampleOptions{Count: 3, Seed: 5, Temperature: 0.25})
	require.NoError(t, err)
	// ln N of latents at 1/4 of their size: the quadratic part shrinks to a sixteenth, so cold samples are more
	// likely under the prior; the sum of the latents' squares tells the temperature.
	squares := func(x invert.Images) float64 {
		latents, _ := encodeX(t, v, x)
		total, n := 0.0, 0
		for _, scale := range latents.Scales {
			for _, z := range scale {
				total += float64(z) * float64(z)
				n++
			}
		}
		return math.Sqrt(total / float64(n))
	}
	require.InEpsilon(t, 4, squares(few)/squares(cold), 1e-3)
	require.InDelta(t, 1, squares(many), 0.05, "3360 normal deviates")
}

// encodeX encodes x that is no pixel: bins are the pixel at or below it, noise the rest, which may be negative or
// large.
func encodeX(t *testing.T, v *invert.Inverter, x invert.Images) (*invert.Latents, []float64) {
	t.Helper()
	pixels, noise := make([]uint8, len(x.X)), make([]float32, len(x.X))
	for i, value := range x.X {
		noise[i] = (value + 0.5) * 256
	}
	latents, likelihoods, err := v.Encode(t.Context(), pixels, noise)
	require.NoError(t, err)
	return latents, likelihoods
}

// A sample of a class is, on average over many, more likely under its class than under the others.
func TestSampleOfClasses(t *testing.T) {
	model, err := glow.NewClassConditional(glow.ClassConditionalConfig{Classes: 2, Glow: tiny})
	require.NoError(t, err)
	v, network := inverterOf(t, model)
	// Two classes far apart: the means of all latents are -5 and 5.
	values, err := network.Named()
	require.NoError(t, err)
	for _, p := range network.Params() {
		for class, mean := range []float32{-5, 5} {
			for scale := 1; scale <= 2; scale++ {
				if p.Name == fmt.Sprintf("class%d/scale%d/mean", class, scale) {
					for j := range values[p.Name] {
						values[p.Name][j] = mean
					}
				}
			}
		}
	}
	require.NoError(t, network.Set(values))
	drawn, err := v.Sample(t.Context(), invert.SampleOptions{Count: 4, Seed: 1, Classes: []int{0, 1, 1, 0}})
	require.NoError(t, err)
	latents, _ := encodeX(t, v, drawn)
	for i, sign := range []float64{-1, 1, 1, -1} {
		mean := 0.0
		for _, z := range latents.Scales[0][i*48 : (i+1)*48] {
			mean += float64(z) / 48
		}
		require.Greater(t, sign*mean, 2.0)
	}
	_, err = v.Sample(t.Context(), invert.SampleOptions{Count: 1, Classes: []int{2}})
	require.ErrorContains(t, err, "no class 2 among 2")
	free, err := v.Sample(t.Context(), invert.SampleOptions{Count: 8, Seed: 1})
	require.NoError(t, err)
	require.Len(t, free.LogLikelihoods, 8)
}

// The gradient by the latents of one scale against central differences in float32: a step of 0.05 changes ln p by
// order 1, of which float32 keeps 1e-4, and is off by its square times a third derivative.
func TestGradient(t *testing.T) {
	v, _ := inverterOf(t, newGlow(t))
	latents, likelihoods, err := v.Encode(t.Context(), images(2).Pixels, nil)
	require.NoError(t, err)
	values, gradient, err := v.Gradient(latents, 0)
	require.NoError(t, err)
	require.Nil(t, gradient.Scales[1])
	require.InDelta(t, likelihoods[0], values[0], 1e-3)

	rng := rand.New(rand.NewPCG(1, 1))
	direction := make([]float32, len(latents.Scales[0]))
	slope := [2]float64{}
	for i := range direction {
		direction[i] = float32(rng.NormFloat64()) / 10
		slope[i/48] += float64(direction[i]) * float64(gradient.Scales[0][i])
	}
	at := func(step float32) []float64 {
		moved := append([]float32(nil), latents.Scales[0]...)
		for i := range moved {
			moved[i] += step * direction[i]
		}
		decoded, err := v.Decode(t.Context(), &invert.Latents{Dims: latents.Dims, Scales: [][]float32{moved, latents.Scales[1]}})
		require.NoError(t, err)
		return decoded.LogLikelihoods
	}
	up, down := at(0.05), at(-0.05)
	for i := range slope {
		require.InDelta(t, slope[i], (up[i]-down[i])/0.1, 0.02*math.Max(1, math.Abs(slope[i])))
	}
	_, _, err = v.Gradient(latents)
	require.ErrorContains(t, err, "no scale is free")
	_, _, err = v.Gradient(latents, 0, 0)
	require.ErrorContains(t, err, "free scales [0 0]")
}

// Fig. 3B: with z_2 fixed, moving z_1 uphill makes the images more likely, and leaves z_2 alone.
func TestMaximise(t *testing.T) {
	v, _ := inverterOf(t, newGlow(t))
	start, before, err := v.Encode(t.Context(), images(invert.Batch+2).Pixels, nil)
	require.NoError(t, err)
	told := 0
	end, err := v.Maximise(start, invert.Ascent{Free: []int{0}, Steps: 20,
		Optimiser: optimiser.Config{Kind: optimiser.Adam, Rate: 0.05, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8},
		Progress:  func(step int, _ float64) error { told = step; return nil }})
	require.NoError(t, err)
	require.Equal(t, 20, told)
	require.Equal(t, start.Scales[1], end.Scales[1])
	after, err := v.Decode(t.Context(), end)
	require.NoError(t, err)
	for i := range before {
		require.Greater(t, after.LogLikelihoods[i], before[i]+1, "image %d", i)
	}

	_, err = v.Maximise(start, invert.Ascent{Free: []int{0}, Steps: 0, Optimiser: optimiser.PaperAdamax()})
	require.ErrorContains(t, err, "0 steps")
	_, err = v.Maximise(start, invert.Ascent{Free: []int{7}, Steps: 1, Optimiser: optimiser.PaperAdamax()})
	require.ErrorContains(t, err, "free scales [7]")
}

func TestRefuses(t *testing.T) {
	pixelCNN, err := pixelcnn.New(pixelcnn.Config{Height: 8, Width: 4, Channels: 3, ResNets: 1, Filters: 2, Mixtures: 1})
	require.NoError(t, err)
	_, err = invert.New(networkOf(t, pixelCNN))
	require.ErrorContains(t, err, "PixelCNN++ R1 F2 M1 has no inverse")

	v, _ := inverterOf(t, newGlow(t))
	_, _, err = v.Encode(t.Context(), make([]uint8, 95), nil)
	require.ErrorContains(t, err, "95 pixel values")
	_, err = v.Decode(t.Context(), &invert.Latents{Dims: []int{48}, Scales: [][]float32{make([]float32, 48)}})
	require.ErrorContains(t, err, "latents of 1 scales, the model has 2")
	_, err = v.Decode(t.Context(), &invert.Latents{Dims: []int{48, 48}, Scales: [][]float32{make([]float32, 48), make([]float32, 96)}})
	require.ErrorContains(t, err, "96 values at scale 1")
	for want, o := range map[string]invert.SampleOptions{
		"0 images":        {},
		"temperature NaN": {Count: 1, Temperature: math.NaN()},
		"temperature -1":  {Count: 1, Temperature: -1},
		"has no classes":  {Count: 1, Classes: []int{0}},
		"2 classes for 1": {Count: 1, Classes: []int{0, 1}},
	} {
		_, err := v.Sample(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

func TestPixelsRoundToTheirBin(t *testing.T) {
	x := invert.Images{X: []float32{-0.5, -0.5 + 1.0/256, 0, 0.499, 0.5, 7, -7, float32(math.NaN())}}
	require.Equal(t, []uint8{0, 1, 128, 255, 255, 255, 0, 0}, x.Pixels())
}

func ExampleNew() {
	model, _ := glow.New(glow.Config{Height: 8, Width: 8, Channels: 1, Scales: 2, K: 1, Hidden: 4})
	opened, err := backend.Choose(backend.Small).Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Finalize()
	inverter, err := invert.New(density.NewNetwork(opened, backend.Lowering(opened), model, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inverter.Close()
	samples, err := inverter.Sample(context.Background(), invert.SampleOptions{Count: 2, Seed: 1, Temperature: 0.7})
	fmt.Println(len(samples.Pixels()), err)
	// Output: 128 <nil>
}
