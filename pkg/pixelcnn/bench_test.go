package pixelcnn

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/optimiser"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

// BenchmarkTrainStep times one training step on 32x32 colour images: forward with dropout, backward and Adam. Compilation and a warm-up
// step are untimed. The peer is experiments/bench/torch_pixelcnn_step.py; the last size is the paper's network.
func BenchmarkTrainStep(b *testing.B) {
	for _, size := range []struct{ resnets, filters, batch int }{{1, 32, 16}, {2, 64, 16}, {5, 120, 4}} {
		b.Run(fmt.Sprintf("R%d_F%d_B%d", size.resnets, size.filters, size.batch), func(b *testing.B) {
			opened, err := backend.Open()
			require.NoError(b, err)
			defer opened.Finalize()
			model, err := New(Config{Height: 32, Width: 32, Channels: 3, ResNets: size.resnets, Filters: size.filters, Mixtures: 10, Dropout: 0.5})
			require.NoError(b, err)
			network := density.NewNetwork(opened, backend.Lowering(opened), model, 1)
			stepper, err := train.NewStepper(network, optimiser.PaperAdam(781), train.Objective{})
			require.NoError(b, err)
			defer stepper.Close()
			rng := rand.New(rand.NewPCG(1, 2))
			batch := train.Batch{Pixels: make([]uint8, size.batch*density.Dims(model)), Noise: make([]float32, size.batch*density.Dims(model))}
			for i := range batch.Pixels {
				batch.Pixels[i] = uint8(rng.Uint32())
			}
			step := func() {
				batch.Seed++
				outcome, err := stepper.Step(batch)
				require.NoError(b, err)
				require.False(b, outcome.Skipped)
			}
			step()
			before := processorTime(b)
			b.ResetTimer()
			for range b.N {
				step()
			}
			b.StopTimer()
			b.ReportMetric(1e3*(processorTime(b)-before)/float64(b.N), "cpu-ms/op")
			imagesPerSecond := float64(size.batch*b.N) / b.Elapsed().Seconds()
			b.ReportMetric(imagesPerSecond, "images/s")
			b.ReportMetric(imagesPerSecond*trainingFLOP(model.config)/1e9, "GFLOP/s")
			b.ReportMetric(peakMemory(b), "MB-peak")
		})
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

// processorTime is what the process has used of all processors so far, in seconds.
func processorTime(b *testing.B) float64 {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// peakMemory is the most that the process has held so far, in MB (Linux; 0 elsewhere).
func peakMemory(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kilobytes); err == nil {
			return kilobytes / 1e3
		}
	}
	return 0
}
