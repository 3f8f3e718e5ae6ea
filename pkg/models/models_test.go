package models_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/models"
	"strata/pkg/optimiser"
	"strata/pkg/pixelcnn"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

// all is one small network of every model.
func all() map[string]models.Spec {
	small := glow.Config{Height: 8, Width: 8, Channels: 3, Scales: 2, K: 1, Hidden: 4}
	dense, conditioned := small, small
	dense.Block, conditioned.Prior = glow.Dense, glow.ConditionedTop
	return map[string]models.Spec{
		"glow":              {Glow: &small},
		"dense":             {Glow: &dense},
		"conditioned":       {Glow: &conditioned},
		"patch":             {PatchGlow: &glow.PatchConfig{Height: 8, Width: 8, Channels: 3, Patch: 4, K: 1, Hidden: 4}},
		"class-conditional": {ClassConditionalGlow: &glow.ClassConditionalConfig{Glow: small, Classes: 2}},
		"pixelcnn":          {PixelCNN: &pixelcnn.Config{Height: 8, Width: 8, Channels: 3, ResNets: 1, Filters: 4, Mixtures: 2, Dropout: 0.5}},
	}
}

// One interface over all of them: whatever the model, it starts, makes a training step with its optimiser, and scores, and its
// written form builds it again.
func TestEveryModelTrainsAndScores(t *testing.T) {
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	set := &imageset.Set{Name: "ramp", Split: imageset.Train, Height: 8, Width: 8, Channels: 3, Pixels: make([]uint8, 8*192)}
	for i := range set.Pixels {
		set.Pixels[i] = uint8(i * i / 7)
	}
	for name, spec := range all() {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(spec)
			require.NoError(t, err)
			var again models.Spec
			require.NoError(t, json.Unmarshal(text, &again))
			require.Equal(t, spec, again)
			model, err := again.New()
			require.NoError(t, err)

			network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
			noise := make([]float32, len(set.Pixels))
			if model.CalibrationImages() > 0 {
				require.NoError(t, network.Calibrate(set.Pixels, noise))
			}
			stepper, err := train.NewStepper(network, optimiser.PaperAdamax(), train.Objective{})
			require.NoError(t, err)
			defer stepper.Close()
			outcome, err := stepper.Step(train.Batch{Pixels: set.Pixels, Noise: noise, Seed: 1})
			require.NoError(t, err)
			require.False(t, outcome.Skipped)

			rows, err := network.LogLikelihoods(set, density.Noise{}, nil)
			require.NoError(t, err)
			require.Len(t, rows, 8)
			require.Len(t, rows[0], 1+model.Scales())
			bits := density.BitsPerDim(rows[0][0], density.Dims(model))
			require.Greater(t, bits, 0.0)
			require.Less(t, bits, 30.0, "%s of an almost untrained network", model)
		})
	}
}

func TestSpecRefuses(t *testing.T) {
	_, err := models.Spec{}.New()
	require.ErrorContains(t, err, "no model is named")
	specs := all()
	_, err = models.Spec{Glow: specs["glow"].Glow, PixelCNN: specs["pixelcnn"].PixelCNN}.New()
	require.ErrorContains(t, err, "glow and pixelcnnpp are named")
	model, err := models.Spec{Glow: &glow.Config{}}.New()
	require.ErrorContains(t, err, "scales 0")
	require.Nil(t, model)
}

func ExampleSpec_New() {
	model, err := models.Spec{PixelCNN: &pixelcnn.Config{Height: 32, Width: 32, Channels: 3, ResNets: 5, Filters: 120, Mixtures: 10, Dropout: 0.5}}.New()
	fmt.Println(model, err)
	// Output: PixelCNN++ R5 F120 M10 <nil>
}
