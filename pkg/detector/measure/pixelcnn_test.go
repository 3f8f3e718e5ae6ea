package measure

import (
	"math/rand/v2"
	"os"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/pixelcnn"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	os.Setenv(backend.Variable, "go")
	os.Exit(m.Run())
}

// startOf are a network's weights before any training.
func startOf(t *testing.T, config density.Config, seed uint64) Weights {
	t.Helper()
	on, _, err := backend.For(backend.Small)
	require.NoError(t, err)
	model, err := config.Model()
	require.NoError(t, err)
	network := density.NewNetwork(on, backend.Lowering(on), model, seed)
	defer network.Close()
	weights, err := network.Named()
	require.NoError(t, err)
	return weights
}

// What a PixelCNN++ says of a window's pixels adds up to the ratio, window by window: 1,024 terms of about a nat in float32, of numbers
// of some thousand. And what comes before a change in raster order has the heat that it had.
func TestPixelHeatAddsUpToTheRatio(t *testing.T) {
	config := pixelcnn.Config{Height: Side, Width: Side, Channels: 1, ResNets: 1, Filters: 1, Mixtures: 2, Dropout: 0.5}
	n, err := Open(config, startOf(t, config, 1), startOf(t, config, 2), 1)
	require.NoError(t, err)
	defer n.Close()
	const size, changed = Side * Side, 20*Side + 7
	rng := rand.New(rand.NewPCG(1, 2))
	pixels := make([]uint8, 3*size)
	for i := range pixels[:2*size] {
		pixels[i] = uint8(rng.IntN(256))
	}
	copy(pixels[2*size:], pixels[size:2*size]) // the second, but for a pixel
	pixels[2*size+changed] ^= 0x80
	found, err := Find(PixelCNN, []string{"ratio", "log_likelihood"})
	require.NoError(t, err)
	values, err := n.Measure(pixels, 3, Of{Scores: found, Heat: true})
	require.NoError(t, err)
	for _, v := range values {
		require.Len(t, v.Heat, size)
		sum := 0.0
		for _, h := range v.Heat {
			sum += float64(h)
		}
		require.InDelta(t, v.Scores[0], sum, 0.01)
		require.NotZero(t, v.Scores[0])
		require.Equal(t, v.Scores[1], v.LogLikelihood)
	}
	require.NotEqual(t, values[0].Scores, values[1].Scores)
	require.InDeltaSlice(t, values[1].Heat[:changed], values[2].Heat[:changed], 1e-5)
	require.NotEqual(t, values[1].Heat[changed], values[2].Heat[changed])

	again, err := n.Measure(pixels, 3, Of{Scores: found, Heat: true})
	require.NoError(t, err)
	require.Equal(t, values, again, "nothing is dropped at random")
}

func TestKinds(t *testing.T) {
	for config, want := range map[density.Config]Kind{glow.Config{}: Glow, pixelcnn.Config{}: PixelCNN} {
		kind, err := KindOf(config)
		require.NoError(t, err)
		require.Equal(t, want, kind)
		require.NotEmpty(t, kind.Title())
	}
	for _, config := range []density.Config{glow.Config{Block: glow.Dense}, glow.PatchConfig{}, nil} {
		_, err := KindOf(config)
		require.Error(t, err)
	}
	require.EqualError(t, Kind("vae").Validate(), `no model "vae": choose one of [glow pixelcnn]`)
	// The demo's networks take what experiments/sizes.yaml says.
	require.InDelta(t, 0.14, 32*StepSeconds(glow.Config{K: 4, Hidden: 64}), 1e-9)
	require.InDelta(t, 0.6, 16*StepSeconds(pixelcnn.Config{ResNets: 1, Filters: 16}), 1e-9)
}
