package glow_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

// BenchmarkTrainStep times one training step: noise, forward, backward and Adamax on a batch. Compilation and a warm-up
// step are untimed. The peer is ../shared/bench/torch_glow_step.py, run beside it.
func BenchmarkTrainStep(b *testing.B) {
	for _, size := range []struct{ k, hidden, batch int }{{4, 64, 32}, {8, 128, 32}, {32, 512, 16}} {
		b.Run(fmt.Sprintf("K%d_H%d_B%d", size.k, size.hidden, size.batch), func(b *testing.B) {
			requireSIMD(b)
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			model, err := glow.New(glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: size.k, Hidden: size.hidden})
			require.NoError(b, err)
			network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
			stepper, err := train.NewStepper(network, train.PaperAdamax())
			require.NoError(b, err)
			rng := rand.New(rand.NewPCG(1, 2))
			pixels := make([]uint8, size.batch*density.Dims(model))
			for i := range pixels {
				pixels[i] = uint8(rng.Uint32())
			}
			step := func() {
				noise := make([]float32, len(pixels))
				for i := range noise {
					noise[i] = rng.Float32()
				}
				outcome, err := stepper.Step(pixels, noise)
				require.NoError(b, err)
				require.False(b, outcome.Skipped)
			}
			step()
			b.ResetTimer()
			for range b.N {
				step()
			}
			b.ReportMetric(float64(size.batch*b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}
