package pixelcnn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"strata/internal/benchtest"
	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	"github.com/gomlx/compute"
	"github.com/stretchr/testify/require"
)

// sizes are the networks that are timed, the last one the paper's.
var sizes = []struct{ resnets, filters, batch int }{{1, 32, 16}, {2, 64, 16}, {5, 120, 4}}

func benchmarkNetwork(b *testing.B, opened compute.Backend, side, resnets, filters int) *density.Network {
	b.Helper()
	model, err := New(Config{Height: side, Width: side, Channels: 3, ResNets: resnets, Filters: filters, Mixtures: 10, Dropout: 0.5})
	require.NoError(b, err)
	return density.NewNetwork(opened, backend.Lowering(opened), model, 1)
}

// BenchmarkTrainStep times one training step on 32x32 colour images: forward with dropout, backward and Adam. Package
// benchtest says what the figures are. The peer is experiments/bench/peers/torch_pixelcnn.py: make bench PEERS=1 CASES=pixelcnn.
func BenchmarkTrainStep(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("R%d_F%d_B%d", size.resnets, size.filters, size.batch), func(b *testing.B) {
			clock := benchtest.Begin()
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			network := benchmarkNetwork(b, opened, 32, size.resnets, size.filters)
			model := network.Model.(*PixelCNN)
			stepper, err := train.NewStepper(network, optimiser.PaperAdam(781), train.Objective{})
			require.NoError(b, err)
			defer stepper.Close()
			rng := rand.New(rand.NewPCG(1, 2))
			batch := train.Batch{Pixels: make([]uint8, size.batch*density.Dims(model)),
				Noise: make([]float32, size.batch*density.Dims(model))}
			for i := range batch.Pixels {
				batch.Pixels[i] = uint8(rng.Uint32())
			}
			clock.Steps(b, size.batch, func() {
				batch.Seed++
				outcome, err := stepper.Step(batch)
				require.NoError(b, err)
				require.False(b, outcome.Skipped)
			})
			b.ReportMetric(float64(size.batch*b.N)/b.Elapsed().Seconds()*trainingFLOP(model.config)/1e9, "GFLOP/s")
		})
	}
}

// BenchmarkScore times scoring, as density.Network does it, of 64 images.
func BenchmarkScore(b *testing.B) {
	const scored = 64
	for _, size := range sizes {
		b.Run(fmt.Sprintf("R%d_F%d", size.resnets, size.filters), func(b *testing.B) {
			clock := benchtest.Begin()
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			network := benchmarkNetwork(b, opened, 32, size.resnets, size.filters)
			rng := rand.New(rand.NewPCG(1, 2))
			set := &imageset.Set{Name: "noise", Split: imageset.Test, Height: 32, Width: 32, Channels: 3,
				Pixels: make([]uint8, scored*density.Dims(network.Model))}
			for i := range set.Pixels {
				set.Pixels[i] = uint8(rng.Uint32())
			}
			clock.Steps(b, scored, func() {
				_, err := network.LogLikelihoods(set, density.Noise{}, nil)
				require.NoError(b, err)
			})
		})
	}
}

// BenchmarkSample times the drawing of images: two of three sizes, where the cost of a pixel should stay the same, and 16 of the
// networks that are compared with a peer, small (S8) and of full size (S32).
func BenchmarkSample(b *testing.B) {
	run := func(name string, images, side, resnets, filters int) {
		b.Run(name, func(b *testing.B) {
			clock := benchtest.Begin()
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			network := benchmarkNetwork(b, opened, side, resnets, filters)
			seed := uint64(0)
			clock.Steps(b, images, func() {
				seed++
				_, err := Sample(network, SampleOptions{Count: images, Seed: seed})
				require.NoError(b, err)
			})
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*images*side*side), "µs/pixel")
		})
	}
	for _, side := range []int{8, 16, 32} {
		run(fmt.Sprintf("%dx%d", side, side), 2, side, 1, 32)
	}
	for _, size := range sizes {
		for _, side := range []int{8, 32} {
			run(fmt.Sprintf("R%d_F%d_S%d", size.resnets, size.filters, side), 16, side, size.resnets, size.filters)
		}
	}
}

// trainingFLOP counts the multiplications and additions of the network's convolutions for one training image: those of the forward
// pass, and twice as many backwards.
func trainingFLOP(c Config) float64 {
	count := &operations{config: c}
	assemble[int](c, count)
	return 3 * 2 * count.products
}

// operations builds the network out of the number of positions of each layer.
type operations struct {
	config   Config
	products float64
}

func (o *operations) conv(c convolution, positions int) {
	o.products += float64(c.in * c.out * c.height * c.width * positions)
}

func (o *operations) first(s stream) int {
	positions := o.config.Height * o.config.Width
	if s == u {
		o.conv(o.config.firstU(), positions)
	} else {
		o.conv(o.config.firstULAbove(), positions)
		o.conv(o.config.firstULLeft(), positions)
	}
	return positions
}

func (o *operations) block(b gatedBlock, positions int, _ ...int) int {
	for _, c := range []convolution{b.convInput(), b.skip(), b.convOut()} {
		o.conv(c, positions)
	}
	return positions
}

func (o *operations) down(_ stream, c convolution, positions int) int {
	o.conv(c, positions/4)
	return positions / 4
}

func (o *operations) up(d deconvolution, positions int) int {
	height, width, _ := d.stream.kernel()
	o.products += float64(d.filters * d.filters * height * width * positions)
	return 4 * positions
}

func (o *operations) output(c convolution, positions int) int {
	o.conv(c, positions)
	return positions
}
