package pixelcnn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func tiny(channels int) Config {
	return Config{Height: 4, Width: 8, Channels: channels, ResNets: 1, Filters: 3, Mixtures: 2, Dropout: 0.5}
}

func mustNew(t *testing.T, config Config) *PixelCNN {
	t.Helper()
	model, err := New(config)
	require.NoError(t, err)
	return model
}

// Digest §5: about 30.2 million parameters with the paper's 120 filters, 53.7 with the 160 of the repository.
func TestParameterCounts(t *testing.T) {
	for filters, want := range map[int]float64{120: 30.2e6, 160: 53.7e6} {
		model := mustNew(t, Config{Height: 32, Width: 32, Channels: 3, ResNets: 5, Filters: filters, Mixtures: 10, Dropout: 0.5})
		total := 0
		names := map[string]bool{}
		for _, p := range model.Params() {
			require.False(t, names[p.Name], "two parameters are called %s", p.Name)
			names[p.Name] = true
			require.False(t, p.Fixed)
			total += p.Size()
		}
		require.InDelta(t, want, total, 0.05e6)
	}
}

func TestModelDescribesItself(t *testing.T) {
	model := mustNew(t, tiny(3))
	require.Equal(t, tiny(3), model.Config())
	require.Equal(t, "pixelcnnpp", model.Kind())
	require.Equal(t, "PixelCNN++ R1 F3 M2", model.String())
	require.Zero(t, model.Scales())
	require.Zero(t, model.CalibrationImages())
	h, w, c := model.Shape()
	require.Equal(t, []int{4, 8, 3}, []int{h, w, c})
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.ResNets = 0 }, "resnets 0"},
		{func(c *Config) { c.Filters = -1 }, "filters -1"},
		{func(c *Config) { c.Mixtures = 0 }, "mixtures 0"},
		{func(c *Config) { c.Channels = 2 }, "not 2"},
		{func(c *Config) { c.Height = 6 }, "6x8 does not divide by 4"},
		{func(c *Config) { c.Width = 0 }, "4x0 does not divide by 4"},
		{func(c *Config) { c.Dropout = 1 }, "dropout 1"},
		{func(c *Config) { c.Dropout = math.NaN() }, "dropout NaN"},
	} {
		config := tiny(1)
		require.NoError(t, config.Validate())
		c.change(&config)
		require.ErrorContains(t, config.Validate(), c.want)
		_, err := New(config)
		require.Equal(t, config.Validate(), err)
	}
}

func TestLogLikelihoodRefusesOtherImages(t *testing.T) {
	network := newNetwork(t, tiny(1), 1)
	_, err := CallOnce(network.Backend, func(x *Node) *Node { return network.Model.LogLikelihood(nil, x).Total },
		tensors.FromFlatDataAndDimensions(make([]float32, 32), 8, 4, 1, 1))
	require.ErrorContains(t, err, "images are [C, H, W, B] = [1, 4, 8, B]")
}

// A training step sees dropout and evaluation does not: the first step's loss differs with the seed of what is
// dropped, is the same for the same seed, and with rate 0 is the negative log-likelihood.
func TestDropoutIsInTrainingOnly(t *testing.T) {
	loss := func(dropout float64, seed uint64) (training, evaluation float64) {
		config := tiny(1)
		config.Dropout = dropout
		network := newNetwork(t, config, 3)
		set := &imageset.Set{Name: "noise", Height: 4, Width: 8, Channels: 1}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 2 * 32 {
			set.Pixels = append(set.Pixels, uint8(rng.Uint32()))
		}
		rows, err := network.LogLikelihoods(set, density.Noise{}, nil)
		require.NoError(t, err)
		for _, row := range rows {
			require.Len(t, row, 1, "no scales")
			evaluation += (32*math.Log(256) - row[0]) / 2
		}
		stepper, err := train.NewStepper(network, optimiser.PaperAdam(1), train.Objective{})
		require.NoError(t, err)
		defer stepper.Close()
		outcome, err := stepper.Step(train.Batch{Pixels: set.Pixels, Noise: make([]float32, len(set.Pixels)), Seed: seed})
		require.NoError(t, err)
		require.False(t, outcome.Skipped)
		return outcome.NLL, evaluation
	}
	none, evaluation := loss(0, 1)
	require.InEpsilon(t, evaluation, none, 1e-5) // float32
	one, evaluated := loss(0.5, 1)
	require.Equal(t, evaluation, evaluated)
	again, _ := loss(0.5, 1)
	require.Equal(t, one, again)
	other, _ := loss(0.5, 2)
	require.NotEqual(t, one, other)
	require.Greater(t, math.Abs(one-none), 1e-3)
}

// Training works: Adam brings images of one of two flat greys, which cost 8 bits a dimension if all values are as
// likely and near 0 at best, below 6 within 60 steps.
func TestTrainingLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("trains 60 steps")
	}
	config := Config{Height: 8, Width: 8, Channels: 1, ResNets: 1, Filters: 8, Mixtures: 2}
	network := newNetwork(t, config, 3)
	adam := optimiser.PaperAdam(1)
	adam.Rate = 5e-3
	stepper, err := train.NewStepper(network, adam, train.Objective{})
	require.NoError(t, err)
	defer stepper.Close()
	var pixels []uint8
	for i := range 16 * 64 {
		pixels = append(pixels, []uint8{60, 200}[i/64%2])
	}
	var losses []float64
	for range 60 {
		outcome, err := stepper.Step(train.Batch{Pixels: pixels, Noise: make([]float32, len(pixels))})
		require.NoError(t, err)
		losses = append(losses, outcome.NLL)
	}
	t.Logf("bits a dimension: %.2f at first, %.2f at last", losses[0]/64/math.Ln2, losses[59]/64/math.Ln2)
	require.Greater(t, losses[0]/64/math.Ln2, 8.0)
	require.Less(t, losses[59]/64/math.Ln2, 6.0)
}

func ExampleNew() {
	model, err := New(Config{Height: 32, Width: 32, Channels: 3, ResNets: 5, Filters: 120, Mixtures: 10, Dropout: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(model, density.Dims(model), model.Mixture().Params())

	_, err = New(Config{Height: 30, Width: 30, Channels: 1, ResNets: 5, Filters: 120, Mixtures: 10})
	fmt.Println(err)
	// Output:
	// PixelCNN++ R5 F120 M10 3072 100
	// pixelcnn: the image is halved twice, and 30x30 does not divide by 4
}
