package models_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/models"
	"strata/pkg/optimiser"
	"strata/pkg/pixelcnn"
	"strata/pkg/plan"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

// all is one small network of every kind, that of size smoke, and of what no size has.
func all(t *testing.T) map[string]models.Spec {
	t.Helper()
	smoke, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	conditioned := smoke.Glow()
	conditioned.Prior = glow.ConditionedTop
	configs := map[string]density.Config{"conditioned": conditioned,
		"class-conditional": glow.ClassConditionalConfig{Glow: smoke.Glow(), Classes: 2}}
	for _, kind := range models.Kinds() {
		configs[kind.Name] = smoke.Networks[kind.Name]
		require.NotNil(t, configs[kind.Name], "size smoke has no network of %s", kind.Name)
	}
	specs := map[string]models.Spec{}
	for name, config := range configs {
		specs[name] = models.Spec{Config: config.ForImages(8, 8, 3)}
	}
	return specs
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
	for name, spec := range all(t) {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(spec)
			require.NoError(t, err)
			var again models.Spec
			require.NoError(t, json.Unmarshal(text, &again))
			require.Equal(t, spec, again)
			model, err := again.New()
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(text), `{"`+model.Kind()+`":{`), "recorded as %s", text)

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

// Runs are addressed by the hash of this text, so it must stay as it is.
func TestRecords(t *testing.T) {
	const small = `{"height":8,"width":8,"channels":3,"scales":1,"k":1,"hidden":2}`
	for want, config := range map[string]density.Config{
		`{}`: nil,
		`{"glow":{"height":32,"width":32,"channels":3,"scales":3,"k":4,"hidden":64}}`: glow.Config{
			Height: 32, Width: 32, Channels: 3, Scales: 3, K: 4, Hidden: 64},
		`{"glow":{"height":8,"width":8,"channels":1,"scales":1,"k":1,"hidden":2,"block":"dense"}}`: glow.Config{
			Height: 8, Width: 8, Channels: 1, Scales: 1, K: 1, Hidden: 2, Block: glow.Dense},
		`{"patch_glow":{"height":32,"width":32,"channels":3,"patch":8,"k":4,"hidden":64}}`: glow.PatchConfig{
			Height: 32, Width: 32, Channels: 3, Patch: 8, K: 4, Hidden: 64},
		`{"class_conditional_glow":{"glow":` + small + `,"classes":5}}`: glow.ClassConditionalConfig{
			Glow: glow.Config{Height: 8, Width: 8, Channels: 3, Scales: 1, K: 1, Hidden: 2}, Classes: 5},
		`{"pixelcnnpp":{"height":32,"width":32,"channels":3,"resnets":1,"filters":4,"mixtures":5,"dropout":0}}`: pixelcnn.
			Config{Height: 32, Width: 32, Channels: 3, ResNets: 1, Filters: 4, Mixtures: 5},
	} {
		text, err := json.Marshal(models.Spec{Config: config})
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}

func TestSpecRefuses(t *testing.T) {
	_, err := models.Spec{}.New()
	require.ErrorContains(t, err, "no model is named: one of class_conditional_glow, glow, ")
	model, err := models.Spec{Config: glow.Config{}}.New()
	require.ErrorContains(t, err, "scales 0")
	require.Nil(t, model)
	for text, want := range map[string]string{
		`{"glow":{},"pixelcnnpp":{}}`: "glow and pixelcnnpp are named",
		`{"diffusion":{}}`:            `no model "diffusion": one of class_conditional_glow`,
		`{"glow":{"k":"four"}}`:       "models: glow: json",
		`[]`:                          "cannot unmarshal",
	} {
		var spec models.Spec
		require.ErrorContains(t, json.Unmarshal([]byte(text), &spec), want)
	}
	_, err = json.Marshal(models.Spec{Config: unlisted{}})
	require.ErrorContains(t, err, "pkg/models does not list it")
	_, err = models.KindOf("diffusion")
	require.ErrorContains(t, err, "choose one of [glow dense ")
}

// unlisted is a configuration that nobody listed.
type unlisted struct{ density.Config }

// What is listed has names of its own, and its Cost has the same one.
func TestKinds(t *testing.T) {
	require.Equal(t, "glow", models.Names()[0], "the default")
	for _, kind := range models.Kinds() {
		name, _ := kind.Config.Cost()
		require.Equal(t, kind.Name, name)
		again, err := models.KindOf(name)
		require.NoError(t, err)
		require.Equal(t, kind.Config, again.Config)
		require.PanicsWithError(t, `models: there is a model "`+name+`" already`, func() { models.Register(kind) })
		kind.Name = "another"
		require.PanicsWithError(t, `models: "another" is called "`+name+`" by its Cost`, func() { models.Register(kind) })
	}
	require.PanicsWithError(t, `models: records call a glow.Config "glow" already`, func() {
		models.Register(models.Kind{Name: "named", Record: "glow", Config: named{}})
	})
}

// named has a name, and is nothing else.
type named struct{ density.Config }

func (named) Cost() (string, float64) { return "named", 1 }

func ExampleSpec_New() {
	config := pixelcnn.Config{Height: 32, Width: 32, Channels: 3, ResNets: 5, Filters: 120, Mixtures: 10, Dropout: 0.5}
	model, err := models.Spec{Config: config}.New()
	fmt.Println(model, err)
	// Output: PixelCNN++ R5 F120 M10 <nil>
}
