package classifier_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"strata/internal/benchtest"
	"strata/pkg/backend"
	"strata/pkg/classifier"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"

	"github.com/gomlx/compute"
	"github.com/stretchr/testify/require"
)

// sizes are the networks that are timed, the last one the paper's.
var sizes = []struct{ depth, widen, batch int }{{10, 1, 32}, {16, 4, 16}, {28, 10, 4}}

func benchmarkNetwork(b *testing.B, opened compute.Backend, depth, widen int) *classifier.Network {
	b.Helper()
	config := classifier.Paper()
	config.Depth, config.Widen = depth, widen
	model, err := classifier.New(config)
	require.NoError(b, err)
	return classifier.NewNetwork(opened, backend.Lowering(opened), model, 1)
}

// BenchmarkTrainStep times one step, dropout and SGD included. It means something with GOEXPERIMENT=simd only (make
// bench sets it). Package benchtest says what the figures are. The peer is
// experiments/bench/peers/torch_wide_resnet.py: make bench PEERS=1 CASES=wide-resnet.
func BenchmarkTrainStep(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("WRN%d-%d_B%d", size.depth, size.widen, size.batch), func(b *testing.B) {
			clock := benchtest.Begin()
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			network := benchmarkNetwork(b, opened, size.depth, size.widen)
			stepper, err := classifier.NewStepper(network, optimiser.PaperSGD(1000))
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
			clock.Steps(b, size.batch, func() {
				outcome, err := stepper.Step(batch)
				require.NoError(b, err)
				require.False(b, outcome.Skipped)
			})
			b.ReportMetric(float64(size.batch*b.N)/b.Elapsed().Seconds()*trainingFLOP(network.Model.Config())/1e9, "GFLOP/s")
		})
	}
}

// BenchmarkScore times the scoring of 64 images.
func BenchmarkScore(b *testing.B) {
	const images = 64
	for _, size := range sizes {
		b.Run(fmt.Sprintf("WRN%d-%d", size.depth, size.widen), func(b *testing.B) {
			clock := benchtest.Begin()
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			network := benchmarkNetwork(b, opened, size.depth, size.widen)
			rng := rand.New(rand.NewPCG(1, 2))
			set := &imageset.Set{Name: "noise", Split: imageset.Test, Height: 32, Width: 32, Channels: 3,
				Pixels: make([]uint8, images*32*32*3)}
			for i := range set.Pixels {
				set.Pixels[i] = uint8(rng.Uint32())
			}
			clock.Steps(b, images, func() {
				_, err := network.Scores(b.Context(), set)
				require.NoError(b, err)
			})
		})
	}
}

// trainingFLOP counts the multiplications and additions of the convolutions for one training image: those of the
// forward pass, and twice as many backwards.
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
