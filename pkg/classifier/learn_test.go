package classifier_test

import (
	"testing"

	"strata/pkg/backend"
	"strata/pkg/classifier"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/optimiser"

	"github.com/stretchr/testify/require"
)

// S9 in miniature: a WRN-10-1 learns in 40 steps of 32 images to tell procedural shapes from digits that it has not
// seen. The schedule is the paper's with 40 steps for its 200 epochs. Rounding, magnified by tens of steps at high
// rates, moves the result from one processor to the next, so the test asks only for nine tenths of the way from
// chance to certainty.
func TestTellsSetsApart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	const train, test, steps = 1500, 256, 40
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	defer opened.Finalize()
	config := classifier.Paper()
	config.Depth, config.Widen = 10, 1
	network := classifier.NewNetwork(opened, backend.Lowering(opened), newModel(t, config), 1)
	mix := classifier.PaperMix(drawn("shapes", imageset.Train, train), drawn("digits", imageset.Train, train), 1)
	mix.Batch = 32
	mix.AugmentIn.Flip, mix.AugmentGeneral.Flip = false, false // mirrored digits are not digits
	require.NoError(t, network.Standardise(mix.In))
	sampler, err := classifier.NewSampler(mix)
	require.NoError(t, err)
	schedule := optimiser.PaperSGD(1)
	schedule.DecayAt = []int{steps * 60 / 200, steps * 120 / 200, steps * 160 / 200}
	stepper, err := classifier.NewStepper(network, schedule)
	require.NoError(t, err)
	defer stepper.Close()
	auroc := func() metric.Interval {
		in, err := network.Scores(t.Context(), drawn("shapes", imageset.Test, test))
		require.NoError(t, err)
		out, err := network.Scores(t.Context(), drawn("digits", imageset.Test, test))
		require.NoError(t, err)
		interval, err := metric.AUROC(in, out)
		require.NoError(t, err)
		return interval
	}
	before := auroc()
	for step := range steps {
		outcome, err := stepper.Step(sampler.Batch(step))
		require.NoError(t, err)
		require.False(t, outcome.Skipped)
	}
	after := auroc()
	t.Logf("held-out AUROC of shapes against digits: %s untrained, %s after %d steps", before, after, steps)
	require.Greater(t, after.Low, 0.95)
	require.Greater(t, after.Low, before.High)
}
