package invert_test

import (
	"fmt"
	"testing"

	"strata/internal/benchtest"
	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/invert"

	"github.com/stretchr/testify/require"
)

// BenchmarkSample times the drawing of 64 images from a Glow: latents, and the inverse of the network with the
// likelihood on the way. Package benchtest says what the figures are. The peers are
// experiments/bench/peers/torch_glow.py and jax_glow.py: make bench PEERS=1 CASES=glow/sample.
func BenchmarkSample(b *testing.B) {
	const images = 64
	for _, size := range []struct{ k, hidden int }{{4, 64}, {8, 128}, {32, 512}} {
		b.Run(fmt.Sprintf("K%d_H%d", size.k, size.hidden), func(b *testing.B) {
			clock := benchtest.Begin()
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			model, err := glow.New(glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: size.k, Hidden: size.hidden})
			require.NoError(b, err)
			inverter, err := invert.New(density.NewNetwork(opened, backend.Lowering(opened), model, 1))
			require.NoError(b, err)
			defer inverter.Close()
			seed := uint64(0)
			clock.Steps(b, images, func() {
				seed++
				_, err := inverter.Sample(b.Context(), invert.SampleOptions{Count: images, Seed: seed})
				require.NoError(b, err)
			})
		})
	}
}
