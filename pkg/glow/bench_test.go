package glow_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"strata/internal/benchtest"
	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// sizes are the networks that are timed, the last two the paper's; its batch of 64 is for GPUs.
var sizes = []struct{ k, hidden, batch int }{{4, 64, 32}, {8, 128, 32}, {32, 512, 16}, {32, 512, 64}, {32, 512, 256}}

// BenchmarkTrainStep times one training step: noise, forward, backward and Adamax on a batch, in the precision that
// STRATA_BENCH_PRECISION names (float32, tf32 or bfloat16). Package benchtest says what the
// figures are; GFLOP/s and %ceiling compare with the backend's best matrix product, measured right after. The peers are
// experiments/bench/peers/torch_glow.py and jax_glow.py: make bench PEERS=1 CASES=glow.
func BenchmarkTrainStep(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("K%d_H%d_B%d", size.k, size.hidden, size.batch), func(b *testing.B) {
			benchmarkTrainStep(b, size.k, size.hidden, size.batch)
		})
	}
}

// BenchmarkTrainStepGrowth is how the cost of a step grows: with the number of flow steps, and with the images of a batch.
func BenchmarkTrainStepGrowth(b *testing.B) {
	for _, k := range []int{1, 2, 4, 8, 16, 32, 64} {
		b.Run(fmt.Sprintf("K%d_H64_B32", k), func(b *testing.B) { benchmarkTrainStep(b, k, 64, 32) })
	}
	for _, batch := range []int{1, 4, 16, 64, 256} {
		b.Run(fmt.Sprintf("K8_H128_B%d", batch), func(b *testing.B) { benchmarkTrainStep(b, 8, 128, batch) })
	}
}

func benchmarkTrainStep(b *testing.B, k, hidden, batch int) {
	requireSIMD(b)
	clock := benchtest.Begin()
	opened, err := backend.Open()
	require.NoError(b, err)
	defer opened.Finalize()
	lowering, err := backend.Lowering(opened).WithPrecision(os.Getenv("STRATA_BENCH_PRECISION"))
	require.NoError(b, err)
	if k*hidden*batch >= 32*512*64 && !lowering.LargeBatches {
		b.Skip("for GPUs")
	}
	model, err := glow.New(glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: k, Hidden: hidden})
	require.NoError(b, err)
	network := density.NewNetwork(opened, lowering, model, 1)
	stepper, err := train.NewStepper(network, optimiser.PaperAdamax(), train.Objective{})
	require.NoError(b, err)
	rng := rand.New(rand.NewPCG(1, 2))
	pixels := make([]uint8, batch*density.Dims(model))
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	seed := uint64(0)
	clock.Steps(b, batch, func() {
		seed++
		outcome, err := stepper.Step(train.Batch{Pixels: pixels, Seed: seed})
		require.NoError(b, err)
		require.False(b, outcome.Skipped)
	})
	rate := float64(batch*b.N) / b.Elapsed().Seconds() * trainingFLOP(model.Config()) / 1e9
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(100*rate/productCeiling(b, opened), "%ceiling")
}

// BenchmarkScore times scoring, as density.Network does it, of 64 images, and where the name ends in N256 of 256.
func BenchmarkScore(b *testing.B) {
	for _, size := range sizes[:3] {
		for _, images := range []int{64, 256} {
			name := fmt.Sprintf("K%d_H%d", size.k, size.hidden)
			if images == 256 {
				name += "_N256"
			}
			b.Run(name, func(b *testing.B) {
				requireSIMD(b)
				clock := benchtest.Begin()
				opened, err := backend.Open()
				require.NoError(b, err)
				defer opened.Finalize()
				model, err := glow.New(glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: size.k, Hidden: size.hidden})
				require.NoError(b, err)
				network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
				rng := rand.New(rand.NewPCG(1, 2))
				set := &imageset.Set{Name: "noise", Split: imageset.Test, Height: 32, Width: 32, Channels: 3,
					Pixels: make([]uint8, images*density.Dims(model))}
				for i := range set.Pixels {
					set.Pixels[i] = uint8(rng.Uint32())
				}
				clock.Steps(b, images, func() {
					_, err := network.LogLikelihoods(set, density.Noise{}, nil)
					require.NoError(b, err)
				})
			})
		}
	}
}

// trainingFLOP counts the multiplications and additions of the network's products for one training image: those of the
// forward pass, and twice as many backwards.
func trainingFLOP(c glow.Config) float64 {
	total, channels, positions := 0, c.Channels, c.Height*c.Width
	for range c.Scales {
		channels, positions = 4*channels, positions/4
		step := 9*channels/2*c.Hidden + c.Hidden*c.Hidden + 9*c.Hidden*channels + channels*channels
		total += c.K * positions * step
		channels /= 2
	}
	return 3 * 2 * float64(total)
}

// productCeiling is the best rate of a 1024x1024x1024 matrix product on the backend, in GFLOP/s.
func productCeiling(b *testing.B, opened compute.Backend) float64 {
	const n = 1024
	exec, err := NewExec(opened, func(x *Node) *Node { return ReduceAllMax(DotGeneral(x, []int{1}, nil, x, []int{1}, nil)) })
	require.NoError(b, err)
	defer exec.Finalize()
	x := tensors.FromFlatDataAndDimensions(make([]float32, n*n), n, n)
	best := time.Duration(math.MaxInt64)
	for range 20 {
		started := time.Now()
		_, err := exec.Call(x)
		require.NoError(b, err)
		best = min(best, time.Since(started))
	}
	return 2 * n * n * n / best.Seconds() / 1e9
}
