package classifier_test

import (
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/checkpoint"
	"strata/pkg/classifier"
	"strata/pkg/optimiser"

	"github.com/stretchr/testify/require"
)

// A run that is saved after step 2 and resumed by another stepper ends as the one that went through, bit by bit; the network
// that is loaded is what was saved, running estimates too.
func TestResumeIsBitEqual(t *testing.T) {
	config := small
	config.Dropout = 0.3
	folder := t.TempDir()
	step := func(s *classifier.Stepper, i int) {
		batch := batchOf(6 + i) // every step another batch
		_, err := s.Step(batch)
		require.NoError(t, err)
	}
	straight := newStepper(t, config)
	var atTwo map[string][]float32
	for i := range 4 {
		step(straight, i)
		if i == 1 {
			require.NoError(t, straight.Save(folder, 2, 1))
			atTwo = floats(straight.Network)
		}
	}

	resumed := newStepper(t, config)
	at, warnings, err := resumed.Resume(folder)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, 2, at)
	require.Equal(t, 2, resumed.Updates)
	for i := at; i < 4; i++ {
		step(resumed, i)
	}
	require.Equal(t, everything(straight), everything(resumed))

	loaded := newNetwork(t, config)
	at, _, err = classifier.LoadNetwork(folder, loaded)
	require.NoError(t, err)
	require.Equal(t, 2, at)
	require.Equal(t, atTwo, floats(loaded))
}

func TestResumeRefuses(t *testing.T) {
	folder := t.TempDir()
	stepper := newStepper(t, small)
	_, _, err := stepper.Resume(folder)
	require.ErrorIs(t, err, checkpoint.ErrNone)
	_, _, err = classifier.LoadNetwork(folder, stepper.Network)
	require.ErrorIs(t, err, checkpoint.ErrNone)
	require.NoError(t, stepper.Save(folder, 1, 1))

	other, err := classifier.NewStepper(newNetwork(t, small), optimiser.PaperAdamax())
	require.NoError(t, err)
	defer other.Close()
	before := everything(other)
	_, _, err = other.Resume(folder)
	require.ErrorContains(t, err, "optimiser/u/conv/weight has 0 values")
	require.ErrorContains(t, err, folder)
	require.Equal(t, before, everything(other))

	config := small
	config.Widen = 2
	_, _, err = classifier.LoadNetwork(folder, newNetwork(t, config))
	require.ErrorContains(t, err, "group1/block1/conv1/weight has 2304 values, the model wants 4608")

	require.NoError(t, os.Truncate(filepath.Join(folder, "checkpoints", "step-00000001", "tensors.npz"), 100))
	_, warnings, err := stepper.Resume(folder)
	require.Error(t, err)
	require.NotEmpty(t, warnings)
}
