package classifier_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"strata/pkg/backend"
	"strata/pkg/classifier"
	"strata/pkg/optimiser"

	"github.com/stretchr/testify/require"
)

// BenchmarkTrainStep times one step, dropout and SGD included; compilation and a warm-up step are not. It means something
// with GOEXPERIMENT=simd only (make bench sets it); min-ms, the fastest step, is the figure to compare on a machine that others use
// too. The peer is experiments/bench/torch_wide_resnet_step.py, run beside it.
func BenchmarkTrainStep(b *testing.B) {
	for _, size := range []struct{ depth, widen, batch int }{{10, 1, 32}, {16, 4, 16}, {28, 10, 4}} {
		b.Run(fmt.Sprintf("WRN%d-%d_B%d", size.depth, size.widen, size.batch), func(b *testing.B) {
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			config := classifier.Paper()
			config.Depth, config.Widen = size.depth, size.widen
			model, err := classifier.New(config)
			require.NoError(b, err)
			stepper, err := classifier.NewStepper(classifier.NewNetwork(opened, backend.Lowering(opened), model, 1), optimiser.PaperSGD(1000))
			require.NoError(b, err)
			defer stepper.Close()
			rng := rand.New(rand.NewPCG(1, 2))
			batch := classifier.Batch{Pixels: make([]uint8, size.batch*32*32*3), Labels: make([]int32, size.batch)}
			for i := range batch.Pixels {
				batch.Pixels[i] = uint8(rng.Uint32())
			}
			for i := range batch.Labels {
				batch.Labels[i] = int32(i % 2)
			}
			step := func() {
				outcome, err := stepper.Step(batch)
				require.NoError(b, err)
				require.False(b, outcome.Skipped)
			}
			step()
			best := time.Duration(math.MaxInt64)
			b.ResetTimer()
			for range b.N {
				started := time.Now()
				step()
				best = min(best, time.Since(started))
			}
			b.StopTimer()
			imagesPerSecond := float64(size.batch*b.N) / b.Elapsed().Seconds()
			b.ReportMetric(imagesPerSecond, "images/s")
			b.ReportMetric(float64(best)/1e6, "min-ms")
			b.ReportMetric(imagesPerSecond*trainingFLOP(config)/1e9, "GFLOP/s")
		})
	}
}

// trainingFLOP counts the multiplications and additions of the convolutions for one training image: those of the forward
// pass, and twice as many backwards.
func trainingFLOP(c classifier.Config) float64 {
	positions, in := c.Height*c.Width, 16
	total := positions * 9 * c.Channels * in
	for group := range 3 {
		out := c.Widen * 16 << group
		for block := range (c.Depth - 4) / 6 {
			total += positions * 9 * in * out
			if group > 0 && block == 0 {
				positions /= 4
			}
			total += positions * 9 * out * out
			if in != out {
				total += positions * in * out
			}
			in = out
		}
	}
	return 3 * 2 * float64(total)
}
