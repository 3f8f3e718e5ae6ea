package classifier_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/checkpoint"
	"strata/pkg/classifier"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

func trainingConfig(steps int) classifier.TrainingConfig {
	return classifier.TrainingConfig{Optimiser: optimiser.PaperSGD(10), Batch: 6, Steps: steps, Seed: 5, InShare: 0.5,
		AugmentIn: imageset.WideResNetAugmentation, AugmentGeneral: imageset.WideResNetAugmentation}
}

// A run that is stopped and resumed ends as the one that went through, bit by bit, running estimates and curve too.
func TestResumeIsBitEqual(t *testing.T) {
	config := small
	config.Dropout = 0.3
	in, general := noiseSet(20), noiseSet(30)
	folder, interrupted := t.TempDir(), t.TempDir()
	straight := newNetwork(t, config)
	_, err := classifier.Run(t.Context(), straight, in, general, trainingConfig(5), train.Options{Folder: folder, CurveEvery: 2})
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = classifier.Run(ctx, newNetwork(t, config), in, general, trainingConfig(5), train.Options{Folder: interrupted, CurveEvery: 2,
		Report: func(s train.Status) {
			if s.Step == 3 {
				cancel()
			}
		}})
	require.ErrorIs(t, err, train.ErrStopped)
	resumed := newNetwork(t, config)
	_, err = classifier.Run(t.Context(), resumed, in, general, trainingConfig(5), train.Options{Folder: interrupted, CurveEvery: 2})
	require.NoError(t, err)
	require.Equal(t, floats(straight), floats(resumed))
	want, err := os.ReadFile(filepath.Join(folder, "curve.csv"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(interrupted, "curve.csv"))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	require.True(t, strings.HasPrefix(string(got), "step,cross_entropy,"), string(got))

	loaded := newNetwork(t, config)
	at, _, err := train.LoadNetwork(folder, loaded.Network)
	require.NoError(t, err)
	require.Equal(t, 5, at)
	require.Equal(t, floats(straight), floats(loaded))
}

func TestResumeRefuses(t *testing.T) {
	folder := t.TempDir()
	_, _, err := train.LoadNetwork(folder, newNetwork(t, small).Network)
	require.ErrorIs(t, err, checkpoint.ErrNone)
	in, general := noiseSet(20), noiseSet(30)
	_, err = classifier.Run(t.Context(), newNetwork(t, small), in, general, trainingConfig(1), train.Options{Folder: folder})
	require.NoError(t, err)

	other := trainingConfig(2)
	other.Optimiser = optimiser.PaperAdamax()
	network := newNetwork(t, small)
	before := floats(network)
	_, err = classifier.Run(t.Context(), network, in, general, other, train.Options{Folder: folder})
	require.ErrorContains(t, err, "optimiser/u/conv/weight has 0 values")
	require.ErrorContains(t, err, folder)
	require.Equal(t, before, floats(network))

	config := small
	config.Widen = 2
	_, _, err = train.LoadNetwork(folder, newNetwork(t, config).Network)
	require.ErrorContains(t, err, "group1/block1/conv1/weight has 2304 values, the model wants 4608")

	require.NoError(t, os.Truncate(filepath.Join(folder, "checkpoints", "step-00000001", "tensors.npz"), 100))
	_, err = classifier.Run(t.Context(), newNetwork(t, small), in, general, trainingConfig(2), train.Options{Folder: folder})
	require.Error(t, err)

	_, err = classifier.Run(t.Context(), newNetwork(t, small), in, general, trainingConfig(0), train.Options{Folder: t.TempDir()})
	require.ErrorContains(t, err, "steps 0")
}

func ExampleRun() {
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
	folder, err := os.MkdirTemp("", "classifier")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	network := classifier.NewNetwork(opened, backend.Lowering(opened), model, 1)
	config := classifier.TrainingConfig{Optimiser: optimiser.PaperSGD(1), Batch: 4, Steps: 1, Seed: 1, InShare: 0.5}
	counts, err := classifier.Run(context.Background(), network, drawn("shapes", imageset.Train, 8), drawn("leaves", imageset.Train, 8),
		config, train.Options{Folder: folder})
	fmt.Println(counts.Skipped, "updates skipped,", err)
	// Output: 0 updates skipped, <nil>
}
