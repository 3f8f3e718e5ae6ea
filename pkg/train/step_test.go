package train_test

import (
	"fmt"
	"math"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/nn"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// gaussian is the smallest density model that can fail: images of 1x2x1, a normal density with means mu and one scale s,
//
//	ln p(x) = sum over d of [ ln(mask * exp(s)) - ((x_d - mu_d) exp(s))^2/2 - ln(2 pi)/2 ],
//
// whose mask is 1 but for images whose first pixel is a mark: NaN makes all of the image NaN, and 0 makes its logarithm
// -Inf, as a sigmoid that underflows does. Both leave NaN in the gradients.
type gaussian struct{}

const (
	markNaN  = 255
	markInf  = 254
	markLate = 253 // -Inf, but only once no other image of the batch has a mark
	// markFar makes the likelihood -Inf by an overflow whose gradient is finite.
	markFar = 252
	// markSteep makes the gradient NaN and leaves the likelihood alone.
	markSteep = 251
)

func (gaussian) Kind() string                         { return "gaussian" }
func (gaussian) Shape() (height, width, channels int) { return 1, 2, 1 }
func (gaussian) Scales() int                          { return 0 }
func (gaussian) CalibrationImages() int               { return 0 }
func (gaussian) Params() []nn.Param {
	return []nn.Param{
		{Name: "mu", Shape: []int{2}},
		{Name: "fixed", Shape: []int{1}, Fixed: true},
		{Name: "s", Shape: []int{1}},
	}
}

func (gaussian) String() string { return "gaussian" }

func (gaussian) Input(pixels, noise *Node) *Node { return density.FromPixels(pixels, noise) }

func (gaussian) LogLikelihood(w *nn.Weights, x *Node) density.Likelihood {
	batch := x.Shape().Dim(3)
	x = Reshape(x, 2, batch)
	first := Reshape(Slice(x, AxisRange(0, 1)), batch)
	marked := func(pixel float64) *Node {
		low, high := Scalar(x.Graph(), x.DType(), pixel/256-0.5), Scalar(x.Graph(), x.DType(), (pixel+1)/256-0.5)
		return ConvertDType(And(GreaterOrEqual(first, low), LessThan(first, high)), x.DType())
	}
	isNaN, isInf, isLate := marked(markNaN), marked(markInf), marked(markLate)
	alone := OneMinus(ReduceAllMax(Max(isNaN, isInf)))
	zero := Add(isInf, Mul(isLate, alone))
	mask := Div(OneMinus(Max(zero, isNaN)), OneMinus(isNaN))

	scale := BroadcastToDims(Exp(Reshape(w.Get("s"))), 2, batch)
	mean := BroadcastToDims(Reshape(w.Get("mu"), 2, 1), 2, batch)
	far := BroadcastToDims(Reshape(MulScalar(marked(markFar), 1e25), 1, batch), 2, batch)
	z := Add(Mul(Sub(x, mean), scale), far)
	logScale := Log(Mul(BroadcastToDims(Reshape(mask, 1, batch), 2, batch), scale))
	each := Sub(AddScalar(logScale, -math.Log(2*math.Pi)/2), MulScalar(Mul(z, z), 0.5))
	steep := MulScalar(Sqrt(Mul(OneMinus(marked(markSteep)), Exp(Reshape(w.Get("s"))))), 0) // the slope of Sqrt at 0 is Inf
	return density.Likelihood{Total: Add(ReduceSum(each, 0), steep)}
}

// value is the scaled pixel.
func value(pixel uint8, noise float32) float64 { return (float64(pixel)+float64(noise))/256 - 0.5 }

// plain is the mean NLL and its gradients by mu and s over the images, by hand.
func plain(pixels []uint8, noise []float32, mu []float32, s float32) (nll float64, dMu [2]float64, dS float64) {
	n := float64(len(pixels) / 2)
	precision := math.Exp(2 * float64(s))
	for i := range pixels {
		d := value(pixels[i], noise[i]) - float64(mu[i%2])
		nll += (d*d*precision/2 - float64(s) + math.Log(2*math.Pi)/2 + math.Log(256)) / n
		dMu[i%2] -= d * precision / n
		dS += (d*d*precision - 1) / n
	}
	return nll, dMu, dS
}

// newStepper starts at weights where every gradient matters.
func newStepper(t *testing.T) *train.Stepper {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	t.Cleanup(opened.Finalize)
	network := density.NewNetwork(opened, backend.Lowering(opened), gaussian{}, 1)
	require.NoError(t, network.Set(map[string][]float32{"mu": {0.25, -0.5}, "fixed": {3}, "s": {0.5}}))
	stepper, err := train.NewStepper(network, optimiser.Config{Kind: optimiser.Adamax, Rate: 0.01, WeightDecay: 0.1, Beta1: 0.9,
		Beta2: 0.999, Epsilon: 1e-8}, train.Objective{})
	require.NoError(t, err)
	return stepper
}

// batchOf is a batch of images with these first pixels; the rest is some pattern.
func batchOf(first ...uint8) train.Batch {
	var batch train.Batch
	for i, p := range first {
		batch.Pixels = append(batch.Pixels, p, uint8(37*i))
		batch.Noise = append(batch.Noise, 0.25, float32(i%8)/8)
	}
	return batch
}

// state is all that an update changes.
func state(s *train.Stepper) [][]float32 {
	all := weights(s.Network)
	for _, list := range s.State {
		for _, v := range list {
			all = append(all, tensors.MustCopyFlatData[float32](v))
		}
	}
	return all
}

// Three steps against the gradients and Adamax by hand in float64; the steps run in float32, whose rounding a few
// operations on numbers of order 1 keep below 1e-5.
func TestStepAgainstPlainArithmetic(t *testing.T) {
	stepper := newStepper(t)
	mu, s := []float64{0.25, -0.5}, 0.5
	var m, u [3]float64
	for step := 1; step <= 3; step++ {
		batch := batchOf(10, 200, uint8(50*step), 90, 130)
		nll, dMu, dS := plain(batch.Pixels, batch.Noise, []float32{float32(mu[0]), float32(mu[1])}, float32(s))
		outcome, err := stepper.Step(batch)
		require.NoError(t, err)
		require.Equal(t, 0, outcome.Dropped)
		require.False(t, outcome.Skipped)
		require.InEpsilon(t, nll, outcome.NLL, 1e-5)
		require.Equal(t, step, stepper.Updates)
		for i, w := range []*float64{&mu[0], &mu[1], &s} {
			g := []float64{dMu[0], dMu[1], dS}[i] + 0.1**w
			m[i] = 0.9*m[i] + 0.1*g
			u[i] = math.Max(0.999*u[i], math.Abs(g)+1e-8)
			*w -= 0.01 / (1 - math.Pow(0.9, float64(step))) * m[i] / u[i]
		}
		values := weights(stepper.Network)
		require.InDeltaSlice(t, []float64{mu[0], mu[1]}, wide(values[0]), 1e-5)
		require.Equal(t, []float32{3}, values[1], "fixed")
		require.InDeltaSlice(t, []float64{s}, wide(values[2]), 1e-5)
		require.InDeltaSlice(t, m[:2], wide(tensors.MustCopyFlatData[float32](stepper.State[0][0])), 1e-5)
		require.InDeltaSlice(t, u[:2], wide(tensors.MustCopyFlatData[float32](stepper.State[1][0])), 1e-5)
	}
}

// Digest §4.4, 2: with more than a quarter of the batch left, invalid images are dropped, and the step is the one that the
// others alone would have made.
func TestStepDropsInvalidImages(t *testing.T) {
	for _, c := range []struct {
		name    string
		first   []uint8
		valid   []int
		dropped int
	}{
		{"one NaN", []uint8{10, markNaN, 200, 50}, []int{0, 2, 3}, 1},
		{"one -Inf", []uint8{markInf, 10, 200, 50}, []int{1, 2, 3}, 1},
		{"both", []uint8{markInf, 10, 200, 50, 60, markNaN}, []int{1, 2, 3, 4}, 2},
		{"just more than a quarter left", []uint8{markInf, markNaN, 200, markInf, 60, 70, markNaN, markNaN}, []int{2, 4, 5}, 5},
		{"one more after the first are gone", []uint8{10, markNaN, 200, markLate, 60, 70}, []int{0, 2, 4, 5}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			batch := batchOf(c.first...)
			var kept train.Batch
			for _, i := range c.valid {
				kept.Pixels, kept.Noise = append(kept.Pixels, batch.Pixels[2*i:2*i+2]...), append(kept.Noise, batch.Noise[2*i:2*i+2]...)
			}
			alone, together := newStepper(t), newStepper(t)
			want, err := alone.Step(kept)
			require.NoError(t, err)
			require.Equal(t, 0, want.Dropped)

			given := append([]uint8(nil), batch.Pixels...)
			got, err := together.Step(batch)
			require.NoError(t, err)
			require.Equal(t, c.dropped, got.Dropped)
			require.False(t, got.Skipped)
			require.InEpsilon(t, want.NLL, got.NLL, 1e-6, "the mean is over the images that count")
			require.Equal(t, 1, together.Updates)
			require.Equal(t, given, batch.Pixels, "the caller's batch is left alone")
			for i, values := range state(alone) {
				require.InDeltaSlice(t, wide(values), wide(state(together)[i]), 1e-6)
			}
		})
	}
}

// A batch from which an image is dropped that had stood in for one dropped before: the one with index 0 does.
func TestStepDropsAnImageThatStoodInForAnother(t *testing.T) {
	stepper := newStepper(t)
	outcome, err := stepper.Step(batchOf(markLate, markNaN, 200, 60, 70, 80))
	require.NoError(t, err)
	require.Equal(t, 2, outcome.Dropped)
	require.False(t, outcome.Skipped)
	require.Equal(t, 1, stepper.Updates)
}

// Digest §4.4, 3: with a quarter or less left there is no update, and nothing moves.
func TestStepSkipsWhenTooFewAreLeft(t *testing.T) {
	for _, c := range []struct {
		name  string
		first []uint8
	}{
		{"just a quarter, NaN", []uint8{markNaN, markNaN, 200, markNaN, markNaN, 70, markNaN, markNaN}},
		{"just a quarter, -Inf", []uint8{markInf, markInf, 200, markInf, markInf, 70, markInf, markInf}},
		{"none", []uint8{markInf, markNaN, markInf, markInf}},
		{"a batch of one", []uint8{markNaN}},
	} {
		t.Run(c.name, func(t *testing.T) {
			skipping, plain := newStepper(t), newStepper(t)
			for _, s := range []*train.Stepper{skipping, plain} {
				_, err := s.Step(batchOf(10, 20, 30, 40))
				require.NoError(t, err)
			}
			before := state(skipping)
			outcome, err := skipping.Step(batchOf(c.first...))
			require.NoError(t, err)
			require.True(t, outcome.Skipped)
			require.Equal(t, 0, outcome.Dropped)
			require.True(t, math.IsNaN(outcome.NLL) || math.IsInf(outcome.NLL, 0), "what is not finite is shown, not hidden")
			require.Equal(t, 1, skipping.Updates)
			require.Equal(t, before, state(skipping))

			// The next step does not know that there was one between.
			for _, s := range []*train.Stepper{skipping, plain} {
				outcome, err := s.Step(batchOf(50, 60, 70, 80))
				require.NoError(t, err)
				require.False(t, outcome.Skipped)
			}
			require.Equal(t, 2, skipping.Updates)
			require.Equal(t, state(plain), state(skipping))
		})
	}
}

// P S4.3 skips the update when more than three quarters are lost. An overflow of z*z makes the likelihood -Inf while its
// gradient z stays finite, so the finiteness of gradients alone does not tell.
func TestStepSkipsWhenTooFewAreLeftThoughGradientsAreFinite(t *testing.T) {
	stepper := newStepper(t)
	require.NoError(t, stepper.Network.Set(map[string][]float32{"mu": {0.25, -0.5}, "fixed": {3}, "s": {-60}}))
	before := state(stepper)
	outcome, err := stepper.Step(batchOf(markFar, markFar, markFar, 10))
	require.NoError(t, err)
	require.True(t, outcome.Skipped)
	require.Equal(t, 0, stepper.Updates)
	require.Equal(t, before, state(stepper))
}

// A gradient that is not finite though every likelihood is: no image is to blame, and the update is skipped as well.
func TestStepSkipsNonFiniteGradients(t *testing.T) {
	stepper := newStepper(t)
	before := state(stepper)
	outcome, err := stepper.Step(batchOf(10, 20, markSteep, 30))
	require.NoError(t, err)
	require.True(t, outcome.Skipped)
	require.Equal(t, 0, outcome.Dropped)
	require.False(t, math.IsNaN(outcome.NLL) || math.IsInf(outcome.NLL, 0))
	require.Equal(t, 0, stepper.Updates)
	require.Equal(t, before, state(stepper))
}

// Steps is Step on one batch after the other, bit by bit: with images to drop and batches to skip in the middle of what is queued,
// with noise that is given and with noise that is drawn on the device.
func TestStepsAreStepsOneByOne(t *testing.T) {
	ins := []train.Batch{batchOf(10, 200, 50, 90), batchOf(10, markNaN, 200, 50), batchOf(70, 60, 50, 40),
		batchOf(markInf, markNaN, markInf, 40), batchOf(130, 140, 150, 1), batchOf(10, 20, markSteep, 30), batchOf(markLate, markNaN, 200,
			60), batchOf(80, 90, 100, 110)}
	outs := []train.Batch{batchOf(90, 130, 7, 180), batchOf(1, 2, 3, 4), batchOf(5, markInf, 6, 7), batchOf(8, 9, 10, 11),
		batchOf(markInf, markNaN, markInf, 40), batchOf(12, 13, 14, 15), batchOf(16, 17, 18, markNaN), batchOf(19, 20, 21, 22)}
	for _, c := range []struct {
		name    string
		loss    train.Loss
		dropped []int
		skipped []bool
	}{
		{"likelihood", train.Loss{}, []int{0, 1, 0, 0, 0, 0, 2, 0}, []bool{false, false, false, true, false, true, false, false}},
		{"outlier", train.Loss{Outliers: train.Eq2, Temperature: 2, Lambda: 12}, []int{0, 1, 1, 0, 0, 0, 3, 0},
			[]bool{false, false, false, true, true, true, false, false}},
		{"margin", train.Loss{Outliers: train.Margin}, []int{0, 1, 1, 0, 0, 0, 3, 0}, []bool{false, false, false, true,
			true, true, false, false}},
	} {
		for _, drawn := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, noise drawn %t", c.name, drawn), func(t *testing.T) {
				var batches []train.Batch
				for i := range ins {
					batch := ins[i]
					if c.loss.Outliers != train.NoOutliers {
						batch = withOutliers(batch, outs[i])
					}
					batch.Seed = uint64(3 * i)
					if drawn {
						batch.Noise, batch.OutlierNoise = nil, nil
					}
					batches = append(batches, batch)
				}
				single, queued := newLossStepper(t, c.loss), newLossStepper(t, c.loss)
				var want []train.Outcome
				for i, batch := range batches {
					outcome, err := single.Step(batch)
					require.NoError(t, err)
					require.Equal(t, c.dropped[i], outcome.Dropped, "batch %d", i)
					require.Equal(t, c.skipped[i], outcome.Skipped, "batch %d", i)
					want = append(want, outcome)
				}
				got, err := queued.Steps(batches)
				require.NoError(t, err)
				// Printed, since NaN is not equal to itself; other numbers are printed to their last bit.
				require.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got))
				require.Equal(t, single.Updates, queued.Updates)
				require.Equal(t, state(single), state(queued))
				again, err := queued.Steps(batches[:1])
				require.NoError(t, err)
				last, err := single.Step(batches[0])
				require.NoError(t, err)
				require.Equal(t, last, again[0])
				require.Equal(t, state(single), state(queued))
			})
		}
	}
}

// Noise that is drawn goes with Seed, fills the bins, and is another one for each sub-pixel and for the outliers.
func TestNoiseIsDrawn(t *testing.T) {
	nll := func(seed uint64, noise func(i int) float32) float64 {
		stepper := newStepper(t)
		batch := train.Batch{Pixels: make([]uint8, 2*1000), Seed: seed}
		if noise != nil {
			for i := range batch.Pixels {
				batch.Noise = append(batch.Noise, noise(i))
			}
		}
		outcome, err := stepper.Step(batch)
		require.NoError(t, err)
		require.False(t, outcome.Skipped)
		return outcome.NLL
	}
	one := nll(1, nil)
	require.Equal(t, one, nll(1, nil))
	require.NotEqual(t, one, nll(2, nil))
	// With mu = (1/4, -1/2), s = 1/2 and black pixels the likelihood is that of (u/256 - 3/4)^2 e/2, whose mean over 1000 uniform u
	// has the standard deviation 7e-5; with u = 0 throughout it is off by 4e-3.
	even := nll(1, func(i int) float32 { return (float32(i/2) + 0.5) / 1000 })
	require.InDelta(t, even, one, 4e-4)
	require.Greater(t, math.Abs(even-nll(1, func(int) float32 { return 0 })), 2e-3)

	// The same images as inliers and outliers have a margin of exactly one nat a dimension if they have the same noise.
	stepper := newLossStepper(t, train.Loss{Outliers: train.Margin})
	same := batchOf(10, 200, 50)
	outcome, err := stepper.Step(withOutliers(same, same))
	require.NoError(t, err)
	require.InDelta(t, 2, outcome.Outlier, 1e-5)
	same.Noise = nil
	outcome, err = stepper.Step(withOutliers(same, same))
	require.NoError(t, err)
	require.Greater(t, math.Abs(outcome.Outlier-2), 1e-4)
}

// Noise for the inliers alone, or for the outliers alone, is a mistake.
func TestNoiseIsGivenForAllOrNone(t *testing.T) {
	stepper := newLossStepper(t, train.Loss{Outliers: train.Margin})
	batch := withOutliers(batchOf(10, 200, 50), batchOf(90, 130, 7))
	for _, spoil := range []func(b *train.Batch){func(b *train.Batch) { b.Noise = nil }, func(b *train.Batch) { b.OutlierNoise = nil }} {
		spoiled := batch
		spoil(&spoiled)
		_, err := stepper.Steps([]train.Batch{batch, spoiled})
		require.ErrorContains(t, err, "or no noise")
		require.Zero(t, stepper.Updates, "no step is made where one is refused")
	}
}

func TestNewStepperRefusesSettings(t *testing.T) {
	stepper := newStepper(t)
	_, err := train.NewStepper(stepper.Network, optimiser.Config{}, train.Objective{})
	require.ErrorContains(t, err, `no kind ""`)
}

func wide(v []float32) []float64 {
	w := make([]float64, len(v))
	for i := range v {
		w[i] = float64(v[i])
	}
	return w
}

func ExampleNewStepper() {
	opened, err := backend.Choose(backend.Small).Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Finalize()
	model, err := glow.New(glow.Config{Height: 8, Width: 8, Channels: 1, Scales: 2, K: 1, Hidden: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
	stepper, err := train.NewStepper(network, optimiser.PaperAdamax(), train.Objective{})
	if err != nil {
		fmt.Println(err)
		return
	}
	const images = 4
	noise := make([]float32, images*density.Dims(model))
	outcome, err := stepper.Step(train.Batch{Pixels: make([]uint8, len(noise)), Noise: noise})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stepper.Updates, "update,", outcome.Dropped, "images dropped")
	// Output: 1 update, 0 images dropped
}
