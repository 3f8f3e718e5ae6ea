package classifier_test

import (
	"fmt"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/classifier"
	"strata/pkg/optimiser"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func newStepper(t *testing.T, config classifier.Config) *classifier.Stepper {
	t.Helper()
	stepper, err := classifier.NewStepper(newNetwork(t, config), optimiser.PaperSGD(10))
	require.NoError(t, err)
	t.Cleanup(stepper.Close)
	return stepper
}

// batchOf is the first n images of noise, of alternating classes.
func batchOf(n int) classifier.Batch {
	batch := classifier.Batch{Pixels: noiseSet(n).Pixels, Labels: make([]int32, n), Seed: 7}
	for i := range batch.Labels {
		batch.Labels[i] = int32(i % 2)
	}
	return batch
}

// everything is all that an update changes.
func everything(s *classifier.Stepper) [][]float32 {
	all, err := s.Network.Host()
	if err != nil {
		panic(err)
	}
	for _, list := range s.State {
		for _, v := range list {
			all = append(all, tensors.MustCopyFlatData[float32](v))
		}
	}
	return all
}

// The same steps twice, dropout included: the same weights, bit by bit. Other seeds drop other values.
func TestStepsRepeat(t *testing.T) {
	config := small
	config.Dropout = 0.3
	train := func(seed uint64) ([][]float32, float64) {
		stepper := newStepper(t, config)
		var outcome classifier.Outcome
		for range 3 {
			batch := batchOf(6)
			batch.Seed += seed
			var err error
			outcome, err = stepper.Step(batch)
			require.NoError(t, err)
			require.False(t, outcome.Skipped)
		}
		require.Equal(t, 3, stepper.Updates)
		return everything(stepper), outcome.Loss
	}
	one, _ := train(0)
	again, _ := train(0)
	require.Equal(t, one, again)
	_, loss := train(0)
	_, other := train(1)
	require.NotEqual(t, loss, other)
}

// Without dropout the seed means nothing, and a few steps on one batch learn it by heart.
func TestStepsLearnABatch(t *testing.T) {
	stepper := newStepper(t, small)
	var first, last classifier.Outcome
	for i := range 30 {
		batch := batchOf(8)
		batch.Seed = uint64(i)
		outcome, err := stepper.Step(batch)
		require.NoError(t, err)
		if i == 0 {
			first = outcome
		}
		last = outcome
	}
	require.Less(t, last.Loss, first.Loss/2)
	require.Equal(t, 1., last.Accuracy)
}

// What is not finite changes nothing: a loss (pixels over a standard deviation of 0); a gradient alone (pixels of 1e38 and a first
// kernel of 1e-40: their product is small, and the kernel's gradient is pixels times a slope above 1); a running
// estimate alone (kernels of 1e25, whose variance is infinite, so that the norm passes its bias and loss and gradients stay
// finite).
func TestNonFiniteStepIsSkipped(t *testing.T) {
	for name, spoil := range map[string]func(values map[string][]float32){
		"loss": func(values map[string][]float32) { values["input/std"][1] = 0 },
		"gradient": func(values map[string][]float32) {
			for i := range values["input/std"] {
				values["input/std"][i] = 1e-38
			}
			for i := range values["conv/weight"] {
				values["conv/weight"][i] *= 1e-40
			}
		},
		"running estimate": func(values map[string][]float32) {
			for i := range values["group1/block1/conv1/weight"] {
				values["group1/block1/conv1/weight"][i] = 1e25
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			stepper := newStepper(t, small)
			_, err := stepper.Step(batchOf(4))
			require.NoError(t, err)
			values := floats(stepper.Network)
			spoil(values)
			require.NoError(t, stepper.Network.Set(values))
			before := everything(stepper)
			outcome, err := stepper.Step(batchOf(4))
			require.NoError(t, err)
			require.True(t, outcome.Skipped)
			if name != "loss" {
				require.Less(t, outcome.Loss, 100., "the loss itself is finite")
			}
			require.Equal(t, before, everything(stepper))
			require.Equal(t, 1, stepper.Updates)
		})
	}
}

// A batch of one colour has no variance at all: the step is made, and finite.
func TestBatchOfOneColour(t *testing.T) {
	for _, level := range []uint8{0, 128, 255} {
		stepper := newStepper(t, small)
		batch := batchOf(4)
		for i := range batch.Pixels {
			batch.Pixels[i] = level
		}
		outcome, err := stepper.Step(batch)
		require.NoError(t, err)
		require.False(t, outcome.Skipped)
	}
}

func TestStepRefuses(t *testing.T) {
	stepper := newStepper(t, small)
	for want, change := range map[string]func(*classifier.Batch){
		"4 labels and 288 values":        func(b *classifier.Batch) { b.Pixels = b.Pixels[:288] },
		"1 labels and 96 values":         func(b *classifier.Batch) { b.Pixels, b.Labels = b.Pixels[:96], b.Labels[:1] },
		"image 2 of the batch has label": func(b *classifier.Batch) { b.Labels[2] = 2 },
		"has label -1":                   func(b *classifier.Batch) { b.Labels[0] = -1 },
	} {
		batch := batchOf(4)
		change(&batch)
		_, err := stepper.Step(batch)
		require.ErrorContains(t, err, want)
	}
	_, err := classifier.NewStepper(stepper.Network, optimiser.Config{Kind: "lion"})
	require.ErrorContains(t, err, "lion")
}

func ExampleNewStepper() {
	opened, err := backend.Choose(backend.Small).Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Finalize()
	model, err := classifier.New(classifier.Config{Height: 8, Width: 4, Channels: 3, Depth: 10, Widen: 1, Dropout: 0.3, Classes: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	network := classifier.NewNetwork(opened, backend.Lowering(opened), model, 1)
	stepper, err := classifier.NewStepper(network, optimiser.PaperSGD(100))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stepper.Close()
	outcome, err := stepper.Step(batchOf(8))
	fmt.Println(outcome.Skipped, stepper.Updates, err)
	// Output: false 1 <nil>
}
