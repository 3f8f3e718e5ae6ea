package train_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"strata/pkg/checkpoint"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

// counter is the least that can be trained: its state is how many steps it has made.
type counter struct{ steps float32 }

func (c *counter) Measure() string                { return "bits_per_dim" }
func (c *counter) Start(bool, func(string)) error { return nil }
func (c *counter) Close()                         {}
func (c *counter) Steps(_ context.Context, _, n int) ([]train.Progress, error) {
	c.steps += float32(n)
	return make([]train.Progress, n), nil
}
func (c *counter) State() ([]checkpoint.Tensor, int, error) {
	return []checkpoint.Tensor{{Name: "steps", Shape: []int{1}, Data: []float32{c.steps}}}, int(c.steps), nil
}
func (c *counter) Restore(state *checkpoint.State, _ int) error {
	c.steps = state.Tensors[0].Data[0]
	return nil
}

// A run that is stopped while it is looked at, at any of its looks, the last one too, is looked at there when it goes
// on: no step of a curve is missing, and none is taken from a run that has gone further.
func TestStoppedWhileLookedAt(t *testing.T) {
	const steps, every = 20, 5
	for stopAt := every; stopAt <= steps; stopAt += every {
		folder := t.TempDir()
		var looked []int
		options := func(stop func()) train.Options {
			return train.Options{Folder: folder, EvaluateEvery: every, Evaluate: func(ctx context.Context, step int) error {
				if stop != nil && step == stopAt {
					stop()
					return ctx.Err() // as a scoring that is interrupted
				}
				if !slices.Contains(looked, step) { // what is there is not made twice
					looked = append(looked, step)
				}
				return nil
			}}
		}
		ctx, stop := context.WithCancel(t.Context())
		_, err := train.Loop(ctx, &counter{}, steps, 1, options(stop))
		require.ErrorIs(t, err, train.ErrStopped)
		trainee := &counter{}
		_, err = train.Loop(t.Context(), trainee, steps, 1, options(nil))
		require.NoError(t, err)
		require.Equal(t, []int{5, 10, 15, 20}, looked)
		require.Equal(t, float32(steps), trainee.steps)
	}
}

// Who shows that the first step is being prepared is told before anything is, and when it is made: before the report of
// it, and where it fails too.
func TestBeginIsOfTheFirstStep(t *testing.T) {
	var heard []string
	options := train.Options{Folder: t.TempDir(), CheckpointEvery: 1,
		Begin: func() func() {
			heard = append(heard, "begin")
			return sync.OnceFunc(func() { heard = append(heard, "end") })
		},
		Report: func(s train.Status) { heard = append(heard, fmt.Sprint("step ", s.Step)) }}
	_, err := train.Loop(t.Context(), &counter{}, 2, 1, options)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "end", "step 1", "step 2"}, heard)

	heard = nil
	options.Folder = t.TempDir()
	_, err = train.Loop(t.Context(), failing{&counter{}}, 2, 1, options)
	require.Error(t, err)
	require.Equal(t, []string{"begin", "end"}, heard)
}

// failing makes no step.
type failing struct{ *counter }

func (failing) Steps(context.Context, int, int) ([]train.Progress, error) {
	return nil, errors.New("no memory")
}

// What goes wrong while a run is looked at is an error, not a stop.
func TestEvaluationFails(t *testing.T) {
	broken := errors.New("disk full")
	_, err := train.Loop(t.Context(), &counter{}, 4, 1, train.Options{Folder: t.TempDir(), EvaluateEvery: 2,
		Evaluate: func(context.Context, int) error { return broken }})
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, train.ErrStopped)
}
