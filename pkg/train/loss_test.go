package train_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newLossStepper is newStepper with a loss; the general model has means at 0 and scale 1.
func newLossStepper(t *testing.T, loss train.Loss) *train.Stepper {
	t.Helper()
	plain := newStepper(t)
	general := density.NewNetwork(plain.Network.Backend, plain.Network.Lowering, gaussian{}, 1)
	stepper, err := train.NewStepper(plain.Network, optimiser.Config{Kind: optimiser.Adamax, Rate: 0.01, WeightDecay: 0.1, Beta1: 0.9,
		Beta2: 0.999, Epsilon: 1e-8}, train.Objective{Loss: loss, General: general})
	require.NoError(t, err)
	return stepper
}

func withOutliers(in, out train.Batch) train.Batch {
	in.Outliers, in.OutlierNoise = out.Pixels, out.Noise
	return in
}

// firstMoment is the gradient of the first step: Adamax's m is a tenth of it, weight decay included.
func firstMoment(s *train.Stepper) []float64 {
	all := state(s)[len(s.Network.Params()):]
	g := append(wide(all[0]), wide(all[1])...)
	for i, w := range []float64{0.25, -0.5, 0.5} {
		g[i] = 10*g[i] - 0.1*w
	}
	return g
}

// Eq. 2 by hand: its gradient by the outliers is lambda/T sigmoid(d/T)/n, the plain one turned round (digest §4.3).
func TestOutlierStepAgainstPlainArithmetic(t *testing.T) {
	loss := train.Loss{Outliers: train.Eq2, Temperature: 2, Lambda: 12}
	stepper := newLossStepper(t, loss)
	in, out := batchOf(10, 200, 50), batchOf(90, 130, 7, 180)
	nll, dMu, dS := plain(in.Pixels, in.Noise, []float32{0.25, -0.5}, 0.5)
	value := 0.0
	for i := range 4 {
		pixels, noise := out.Pixels[2*i:2*i+2], out.Noise[2*i:2*i+2]
		own, mu, s := plain(pixels, noise, []float32{0.25, -0.5}, 0.5)
		general, _, _ := plain(pixels, noise, []float32{0, 0}, 0)
		d := (general - own) / loss.Temperature
		value += loss.Lambda * math.Log1p(math.Exp(d)) / 4
		slope := -loss.Lambda / loss.Temperature / (1 + math.Exp(-d)) / 4
		dMu[0], dMu[1], dS = dMu[0]+slope*mu[0], dMu[1]+slope*mu[1], dS+slope*s
	}
	outcome, err := stepper.Step(withOutliers(in, out))
	require.NoError(t, err)
	require.Equal(t, 0, outcome.Dropped)
	require.InEpsilon(t, nll, outcome.NLL, 1e-5)
	require.InEpsilon(t, value, outcome.Outlier, 1e-5)
	require.InDeltaSlice(t, []float64{dMu[0], dMu[1], dS}, firstMoment(stepper), 1e-4)
}

// The margin loss by hand: pairs by position, the inlier's part not trained, a margin of one nat a dimension (here 2).
func TestMarginStepAgainstPlainArithmetic(t *testing.T) {
	stepper := newLossStepper(t, train.Loss{Outliers: train.Margin})
	in, out := batchOf(10, 200, 50), batchOf(90, 130, 7)
	_, dMu, dS := plain(in.Pixels, in.Noise, []float32{0.25, -0.5}, 0.5)
	value := 0.0
	for i := range 3 {
		one := func(b train.Batch) (float64, [2]float64, float64) {
			return plain(b.Pixels[2*i:2*i+2], b.Noise[2*i:2*i+2], []float32{0.25, -0.5}, 0.5)
		}
		nllIn, _, _ := one(in)
		nllOut, mu, s := one(out)
		if gap := 2 + nllIn - nllOut; gap > 0 {
			value += gap / 3
			dMu[0], dMu[1], dS = dMu[0]-mu[0]/3, dMu[1]-mu[1]/3, dS-s/3
		}
	}
	require.NotZero(t, value)
	outcome, err := stepper.Step(withOutliers(in, out))
	require.NoError(t, err)
	require.InEpsilon(t, value, outcome.Outlier, 1e-4)
	require.InDeltaSlice(t, []float64{dMu[0], dMu[1], dS}, firstMoment(stepper), 1e-4)
}

// Digest §4.4: inliers and outliers are dropped apart, and the step is the one that the others alone would have made. Margin
// pairs what is left by position and cuts to the shorter.
func TestLossesDropInvalidImagesApart(t *testing.T) {
	for name, loss := range map[string]train.Loss{"outlier": {Outliers: train.Eq2, Temperature: 2, Lambda: 12},
		"margin": {Outliers: train.Margin}} {
		t.Run(name, func(t *testing.T) {
			alone, together := newLossStepper(t, loss), newLossStepper(t, loss)
			in, out := batchOf(10, markNaN, 200, 50), batchOf(markInf, 90, markNaN, 130)
			pick := func(b train.Batch, rows ...int) (kept train.Batch) {
				for _, i := range rows {
					kept.Pixels, kept.Noise = append(kept.Pixels, b.Pixels[2*i:2*i+2]...), append(kept.Noise, b.Noise[2*i:2*i+2]...)
				}
				return kept
			}
			want, err := alone.Step(withOutliers(pick(in, 0, 2, 3), pick(out, 1, 3)))
			require.NoError(t, err)
			got, err := together.Step(withOutliers(in, out))
			require.NoError(t, err)
			assert.Equal(t, 3, got.Dropped)
			assert.False(t, got.Skipped)
			assert.InEpsilon(t, want.NLL, got.NLL, 1e-6)
			assert.InEpsilon(t, want.Outlier, got.Outlier, 1e-6)
			for i, values := range state(alone) {
				assert.InDeltaSlice(t, wide(values), wide(state(together)[i]), 1e-6)
			}
		})
	}
}

// A bad batch of outliers skips the joint update, whatever the inliers are.
func TestBadOutliersSkipTheUpdate(t *testing.T) {
	stepper := newLossStepper(t, train.Loss{Outliers: train.Eq2, Temperature: 2, Lambda: 12})
	before := state(stepper)
	outcome, err := stepper.Step(withOutliers(batchOf(10, 20, 30, 40), batchOf(markInf, markNaN, markInf, 40)))
	require.NoError(t, err)
	require.True(t, outcome.Skipped)
	require.Zero(t, stepper.Updates)
	require.Equal(t, before, state(stepper))
}

func TestObjectiveIsChecked(t *testing.T) {
	network := newStepper(t).Network
	for name, c := range map[string]struct {
		objective train.Objective
		says      string
	}{
		"no general model": {train.Objective{Loss: train.PaperLoss(train.Eq2, false)}, "there is none"},
		"no temperature":   {train.Objective{Loss: train.Loss{Outliers: train.Eq2}}, "temperature 0"},
		"no such loss":     {train.Objective{Loss: train.Loss{Outliers: "energy"}}, `no outlier loss "energy"`},
		"no classes":       {train.Objective{Loss: train.PaperLoss(train.Eq2, true), General: network}, "class-conditional"},
		"all frozen":       {train.Objective{FrozenScales: 1}, "at least the last one"},
	} {
		_, err := train.NewStepper(network, optimiser.PaperAdamax(), c.objective)
		require.ErrorContains(t, err, c.says, name)
	}
}

// A class-conditional Glow with labels and every loss at once learns, its frozen scales stay, and a stopped run resumes
// bit-equal.
func TestSupervisedRun(t *testing.T) {
	set, outliers := images(64), images(32)
	set.Classes = []string{"a", "b", "c"}
	for i := range set.Len() {
		set.Labels = append(set.Labels, int32(i%3))
	}
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	model, err := glow.NewClassConditional(glow.ClassConditionalConfig{Classes: 3, Glow: glow.Config{Height: 8, Width: 8, Channels: 3,
		Scales: 2, K: 1, Hidden: 4}})
	require.NoError(t, err)
	start := func() *density.Network { return density.NewNetwork(opened, backend.Lowering(opened), model, 3) }
	config := smallConfig(9)
	config.Loss, config.FrozenScales = train.PaperLoss(train.Eq2, true), 1
	sources := train.Sources{Images: set, Outliers: outliers, General: smallNetwork(t)}

	folder, interrupted := t.TempDir(), t.TempDir()
	straight := start()
	_, err = train.Run(context.Background(), straight, sources, config, train.Options{Folder: folder, CurveEvery: 3})
	require.NoError(t, err)
	curve, err := os.ReadFile(filepath.Join(folder, "curve.csv"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(curve), "step,bits_per_dim,outlier_loss,"), string(curve))

	ctx, cancel := context.WithCancel(context.Background())
	_, err = train.Run(ctx, start(), sources, config, train.Options{Folder: interrupted, CurveEvery: 3, Report: func(s train.Status) {
		if s.Step == 4 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, train.ErrStopped)
	resumed := start()
	_, err = train.Run(context.Background(), resumed, sources, config, train.Options{Folder: interrupted, CurveEvery: 3})
	require.NoError(t, err)
	assert.Equal(t, weights(straight), weights(resumed))
	again, err := os.ReadFile(filepath.Join(interrupted, "curve.csv"))
	require.NoError(t, err)
	assert.Equal(t, string(curve), string(again))

	first := weights(start())
	for i, p := range straight.Params() {
		switch {
		case strings.HasPrefix(p.Name, "scale1/"):
			assert.Equal(t, first[i], weights(straight)[i], p.Name)
		case p.Name == "class1/scale2/mean", p.Name == "scale2/step1/coupling/conv1/weight":
			assert.NotEqual(t, first[i], weights(straight)[i], p.Name)
		}
	}
}
