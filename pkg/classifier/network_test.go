package classifier_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/classifier"
	"strata/pkg/imageset"
	"strata/pkg/imageset/procedural"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// newNetwork has weights that all matter.
func newNetwork(t *testing.T, config classifier.Config) *classifier.Network {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	t.Cleanup(opened.Finalize)
	network := classifier.NewNetwork(opened, backend.Lowering(opened), newModel(t, config), 1)
	values := map[string][]float32{}
	for i, v := range wideValues(network.Params(), 2) {
		var narrow []float32
		for _, f := range tensors.MustCopyFlatData[float64](v) {
			narrow = append(narrow, float32(f))
		}
		values[network.Params()[i].Name] = narrow
	}
	require.NoError(t, network.Set(values))
	return network
}

func floats(n *classifier.Network) map[string][]float32 {
	values, err := n.Named()
	if err != nil {
		panic(err)
	}
	return values
}

// noiseSet is a set of n images of noise; the first images of two sets are the same.
func noiseSet(n int) *imageset.Set {
	rng := rand.New(rand.NewPCG(3, 4))
	set := &imageset.Set{Name: "noise", Split: imageset.Test, Height: 8, Width: 4, Channels: 3, Pixels: make([]uint8, n*96)}
	for i := range set.Pixels {
		set.Pixels[i] = uint8(rng.Uint32())
	}
	return set
}

// More images than fit in a batch score as they do alone, and the score of two classes is the difference of their
// logits.
func TestScoresGoImageByImage(t *testing.T) {
	network, set := newNetwork(t, small), noiseSet(67)
	scores, err := network.Scores(t.Context(), set)
	require.NoError(t, err)
	logits, err := network.Logits(t.Context(), set)
	require.NoError(t, err)
	require.Len(t, scores, 67)
	for _, i := range []int{0, 1, 63, 64, 66} {
		alone, err := network.Scores(t.Context(), set.Chunk(i, 1))
		require.NoError(t, err)
		require.Equal(t, alone[0], scores[i], "image %d", i)
		require.InDelta(t, logits[i][classifier.InDistribution]-logits[i][classifier.General], scores[i], 1e-12)
	}
	require.NotEqual(t, scores[0], scores[1])
}

// Of three classes, by the definition ln p/(1-p), with the logits moved so far that p is 0 or 1 in float64.
func TestScoresAreLogOdds(t *testing.T) {
	config := small
	config.Classes = 3
	network := newNetwork(t, config)
	set := noiseSet(3)
	logits, err := network.Logits(t.Context(), set)
	require.NoError(t, err)
	scores, err := network.Scores(t.Context(), set)
	require.NoError(t, err)
	for i, l := range logits {
		p := math.Exp(l[1]) / (math.Exp(l[0]) + math.Exp(l[1]) + math.Exp(l[2]))
		require.InDelta(t, math.Log(p/(1-p)), scores[i], 1e-9)
	}

	values := floats(network)
	values["linear/bias"] = []float32{2000, 1000, -2000}
	for i := range values["linear/weight"] {
		values["linear/weight"][i] = 0
	}
	require.NoError(t, network.Set(values))
	scores, err = network.Scores(t.Context(), set)
	require.NoError(t, err)
	require.Equal(t, []float64{-1000, -1000, -1000}, scores)
}

// Black, white, one colour, and noise.
func TestHardImagesScoreFinite(t *testing.T) {
	network := newNetwork(t, small)
	set := noiseSet(4)
	for i := range 96 {
		set.Pixels[i], set.Pixels[96+i], set.Pixels[2*96+i] = 0, 255, uint8(90*(i%3))
	}
	scores, err := network.Scores(t.Context(), set)
	require.NoError(t, err)
	for i, s := range scores {
		require.Less(t, math.Abs(s), 1e3, "image %d", i)
	}
}

func TestStandardise(t *testing.T) {
	network := newNetwork(t, small)
	set := noiseSet(50)
	require.NoError(t, network.Standardise(set))
	got := floats(network)
	for c := range 3 {
		n := float64(len(set.Pixels) / 3)
		mean, variance := 0.0, 0.0
		for i := c; i < len(set.Pixels); i += 3 {
			mean += float64(set.Pixels[i]) / 255 / n
		}
		for i := c; i < len(set.Pixels); i += 3 {
			variance += math.Pow(float64(set.Pixels[i])/255-mean, 2) / n
		}
		require.InEpsilon(t, mean, got["input/mean"][c], 1e-6)
		require.InEpsilon(t, math.Sqrt(variance), got["input/std"][c], 1e-6)
	}
	for i := 1; i < len(set.Pixels); i += 3 {
		set.Pixels[i] = 51
	}
	require.ErrorContains(t, network.Standardise(set), "channel 1 has the value 0.2")
}

func TestNetworkRefuses(t *testing.T) {
	network := newNetwork(t, small)
	set := noiseSet(2)
	set.Height, set.Width = 4, 8
	_, err := network.Scores(t.Context(), set)
	require.ErrorContains(t, err, "set noise holds 4x8x3 images, the classifier wants 8x4x3")
	require.ErrorContains(t, network.Standardise(set), "4x8x3")
	_, err = network.Scores(t.Context(), &imageset.Set{Name: "empty", Height: 8, Width: 4, Channels: 3})
	require.ErrorContains(t, err, "empty")

	before := floats(network)
	require.ErrorContains(t, network.Set(map[string][]float32{"linear/bias": {1}}), "linear/bias has 1 values")
	require.Equal(t, before, floats(network))
}

// drawn is the first n images of a procedural set, which can be had without drawing the rest.
func drawn(name, split string, n int) *imageset.Set {
	pixels, _, _, err := procedural.Draw(name, split, n, 0)
	if err != nil {
		panic(err)
	}
	return &imageset.Set{Name: name, Split: split, Height: procedural.Side, Width: procedural.Side, Channels: procedural.Channels,
		Pixels: pixels}
}

func ExampleNewNetwork() {
	opened, err := backend.Choose(backend.Small).Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Finalize()
	model, err := classifier.New(classifier.Config{Height: 32, Width: 32, Channels: 3, Depth: 10, Widen: 1, Classes: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	network := classifier.NewNetwork(opened, backend.Lowering(opened), model, 1)
	scores, err := network.Scores(context.Background(), drawn("shapes", imageset.Test, 3))
	fmt.Println(len(scores), err)
	// Output: 3 <nil>
}

func ExamplePaper() {
	config := classifier.Paper()
	fmt.Printf("WRN-%d-%d for %dx%d images\n", config.Depth, config.Widen, config.Height, config.Width)
	// Output: WRN-28-10 for 32x32 images
}

// Batches for telling digits, which are not mirrored, from leaves.
func ExamplePaperMix() {
	mix := classifier.PaperMix(drawn("digits", imageset.Train, 200), drawn("leaves", imageset.Train, 200), 1)
	mix.AugmentIn.Flip = false
	sampler, err := classifier.NewSampler(mix)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mix.Batch, mix.InShare, sampler != nil)
	// Output: 128 0.5 true
}
