package train_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// images is a small set of noise around a brightness of its own each.
func images(n int) *imageset.Set {
	rng := rand.New(rand.NewPCG(7, 7))
	set := &imageset.Set{Name: "noise", Split: imageset.Train, Height: 8, Width: 8, Channels: 3}
	for range n {
		base := rng.IntN(200)
		for range set.ImageSize() {
			set.Pixels = append(set.Pixels, uint8(base+rng.IntN(40)))
		}
	}
	return set
}

func smallNetwork(t *testing.T) *density.Network {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	model, err := glow.New(glow.Config{Height: 8, Width: 8, Channels: 3, Scales: 2, K: 1, Hidden: 4})
	require.NoError(t, err)
	return density.NewNetwork(opened, backend.Lowering(opened), model, 3)
}

func smallConfig(steps int) train.Config {
	return train.Config{Optimiser: optimiser.PaperAdamax(), Batch: 8, Steps: steps, Seed: 5,
		Augmentation: imageset.Augmentation{Translate: 0.1, Flip: true}}
}

func weights(n *density.Network) [][]float32 {
	values, err := n.Host()
	if err != nil {
		panic(err)
	}
	return values
}

// A run that is stopped anywhere and resumed ends with the weights and the curve of one that was not, bit by bit: on the Go
// backend, which is deterministic.
func TestResumeIsBitEqual(t *testing.T) {
	set, config := images(64), smallConfig(23)
	straight := smallNetwork(t)
	folder := t.TempDir()
	_, err := train.Run(context.Background(), straight, train.Sources{Images: set}, config,
		train.Options{Folder: folder, CheckpointEvery: 10, CurveEvery: 4, Calibrate: true})
	require.NoError(t, err)
	wantCurve, err := os.ReadFile(filepath.Join(folder, "curve.csv"))
	require.NoError(t, err)

	interrupted := t.TempDir()
	var last *density.Network
	for _, stopAt := range []int{1, 6, 10, 11, 22} {
		ctx, cancel := context.WithCancel(context.Background())
		last = smallNetwork(t)
		_, err := train.Run(ctx, last, train.Sources{Images: set}, config, train.Options{Folder: interrupted, CheckpointEvery: 10,
			// so steps are not handed over several at a time, and each can be the last one
			CurveEvery: 4, Calibrate: true, EvaluateEvery: 1, Report: func(s train.Status) {
				if s.Step == stopAt {
					cancel()
				}
			}})
		cancel()
		require.ErrorIs(t, err, train.ErrStopped)
		require.ErrorContains(t, err, fmt.Sprintf("at step %d of 23", stopAt))
	}
	last = smallNetwork(t)
	first := -1
	_, err = train.Run(context.Background(), last, train.Sources{Images: set}, config, train.Options{Folder: interrupted,
		CheckpointEvery: 10, CurveEvery: 4, Calibrate: true, Report: func(s train.Status) {
			if first < 0 {
				first = s.Step
			}
		}})
	require.NoError(t, err)
	assert.Equal(t, 23, first, "22 steps were saved when the run was stopped")
	assert.Equal(t, weights(straight), weights(last))
	gotCurve, err := os.ReadFile(filepath.Join(interrupted, "curve.csv"))
	require.NoError(t, err)
	assert.Equal(t, string(wantCurve), string(gotCurve))

	// What was saved is what was trained.
	loaded := smallNetwork(t)
	step, warnings, err := train.LoadNetwork(interrupted, loaded.Network)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, 23, step)
	assert.Equal(t, weights(straight), weights(loaded))
}

// The same for a run that is stopped while several steps are on their way: it ends after them.
func TestResumeFromTheMiddleOfAQueueIsBitEqual(t *testing.T) {
	set, config := images(64), smallConfig(23)
	folder, interrupted := t.TempDir(), t.TempDir()
	options := func(folder string) train.Options {
		return train.Options{Folder: folder, CheckpointEvery: 10, CurveEvery: 4, Calibrate: true}
	}
	straight := smallNetwork(t)
	_, err := train.Run(context.Background(), straight, train.Sources{Images: set}, config, options(folder))
	require.NoError(t, err)
	for _, stopAt := range []int{2, 6, 14} {
		ctx, cancel := context.WithCancel(context.Background())
		stopping := options(interrupted)
		stopping.Report = func(s train.Status) {
			if s.Step >= stopAt {
				cancel()
			}
		}
		_, err := train.Run(ctx, smallNetwork(t), train.Sources{Images: set}, config, stopping)
		cancel()
		require.ErrorIs(t, err, train.ErrStopped)
	}
	last := smallNetwork(t)
	_, err = train.Run(context.Background(), last, train.Sources{Images: set}, config, options(interrupted))
	require.NoError(t, err)
	assert.Equal(t, weights(straight), weights(last))
	want, err := os.ReadFile(filepath.Join(folder, "curve.csv"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(interrupted, "curve.csv"))
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

// Rows that a killed process wrote after its last checkpoint, and half a row, do not stay in the curve.
func TestCurveAfterAKill(t *testing.T) {
	set, folder := images(64), t.TempDir()
	stop, cancel := context.WithCancel(context.Background())
	_, err := train.Run(stop, smallNetwork(t), train.Sources{Images: set}, smallConfig(12), train.Options{Folder: folder, CurveEvery: 2,
		EvaluateEvery: 1, // a step at a time: it stops after the sixth, before the row of the eighth
		Report: func(s train.Status) {
			if s.Step == 6 {
				cancel()
			}
		}})
	require.ErrorIs(t, err, train.ErrStopped)
	require.ErrorContains(t, err, "at step 6 of 12")
	path := filepath.Join(folder, "curve.csv")
	saved, err := os.ReadFile(path)
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(saved)), "\n")
	late := "8,9.99,0,0,0"
	require.Equal(t, strings.Count(rows[len(rows)-1], ","), strings.Count(late, ","),
		"the late row is as wide as the others, so that only its step tells")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(late + "\n10,9.")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	_, err = train.Run(context.Background(), smallNetwork(t), train.Sources{Images: set}, smallConfig(12),
		train.Options{Folder: folder, CurveEvery: 2})
	require.NoError(t, err)
	resumed, err := os.ReadFile(path)
	require.NoError(t, err)

	other := t.TempDir()
	_, err = train.Run(context.Background(), smallNetwork(t), train.Sources{Images: set}, smallConfig(12),
		train.Options{Folder: other, CurveEvery: 2})
	require.NoError(t, err)
	straight, err := os.ReadFile(filepath.Join(other, "curve.csv"))
	require.NoError(t, err)
	assert.Equal(t, string(straight), string(resumed))
}

func TestTrainingLearns(t *testing.T) {
	set, folder := images(64), t.TempDir()
	var first, last float64
	config := smallConfig(120)
	config.Optimiser.Rate = 2e-3
	_, err := train.Run(context.Background(), smallNetwork(t), train.Sources{Images: set}, config,
		train.Options{Folder: folder, Calibrate: true, Report: func(s train.Status) {
			if s.Step == 1 {
				first = s.Value
			}
			last = s.Value
		}})
	require.NoError(t, err)
	// Uniform noise over 40 of 256 levels has log2(40) = 5.3 bits a sub-pixel; nothing can get below it.
	assert.Greater(t, last, 5.3)
	assert.Less(t, last, first-0.1)
}

func TestRunRefuses(t *testing.T) {
	set := images(64)
	_, err := train.Run(context.Background(), smallNetwork(t), train.Sources{Images: set}, train.Config{},
		train.Options{Folder: t.TempDir()})
	require.ErrorContains(t, err, "batch 0")
	set.Height, set.Width = 4, 16
	_, err = train.Run(context.Background(), smallNetwork(t), train.Sources{Images: set}, smallConfig(2),
		train.Options{Folder: t.TempDir()})
	require.ErrorContains(t, err, "4x16x3")
	_, err = train.Run(context.Background(), smallNetwork(t), train.Sources{Images: images(4)}, smallConfig(2),
		train.Options{Folder: t.TempDir()})
	require.Error(t, err, "a set smaller than a batch")
	_, _, err = train.LoadNetwork(t.TempDir(), smallNetwork(t).Network)
	require.True(t, err != nil && !errors.Is(err, train.ErrStopped))
}
