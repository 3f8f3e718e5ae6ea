// Package detectortest makes small detectors for tests in a second, without training: both Glows have their data-dependent start alone,
// the own one on good images and the general one on others. They tell noise from what is smooth. A PixelCNN++ has no such start: PixelCNN
// makes one that knows how bright good images are, and no more.
package detectortest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/detector"
	"strata/pkg/glow"
	"strata/pkg/imageset/intake"
	"strata/pkg/pixelcnn"
)

// Good draws good pictures: soft slopes with a little noise, of any size, the same for the same number.
func Good(number, height, width, channels int) *intake.Picture {
	return drawn(number, height, width, channels, 3)
}

// Noisy draws pictures that are not good: the same with much noise.
func Noisy(number, height, width, channels int) *intake.Picture {
	return drawn(number, height, width, channels, 60)
}

func drawn(number, height, width, channels int, noise float64) *intake.Picture {
	rng := rand.New(rand.NewPCG(uint64(number), uint64(noise)))
	p := &intake.Picture{Height: height, Width: width, Channels: channels}
	base, right, down := 60+120*rng.Float64(), 60*rng.NormFloat64(), 60*rng.NormFloat64()
	tint := []float64{1, 0.7 + 0.3*rng.Float64(), 0.5 + 0.5*rng.Float64()}
	for y := range height {
		for x := range width {
			v := base + right*(float64(x)/float64(width)-0.5) + down*(float64(y)/float64(height)-0.5)
			for c := range channels {
				p.Pixels = append(p.Pixels, uint8(min(max(math.Round(v*tint[c]+noise*rng.NormFloat64()), 0), 255)))
			}
		}
	}
	return p
}

// PNG is a picture as a file.
func PNG(p *intake.Picture) []byte {
	picture := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Height * p.Width {
		at := p.Pixels[i*p.Channels:][:p.Channels]
		copy(picture.Pix[4*i:], []uint8{at[0], at[p.Channels/2], at[p.Channels-1], 255})
	}
	var file bytes.Buffer
	// The fastest, for tests write thousands; not NoCompression, so that bytes cut out and changed fall into what is compressed.
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&file, picture); err != nil {
		panic(err) // into memory
	}
	return file.Bytes()
}

// Folder writes pictures into a new folder of the test's.
func Folder(t testing.TB, pictures map[string][]byte) string {
	t.Helper()
	folder := t.TempDir()
	for name, data := range pictures {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// HeldOut is how many good pictures a detector of this package holds out.
const HeldOut = 120

// New makes a detector; change, if not nil, changes what it is made of. The test closes it.
func New(t testing.TB, channels int, change func(*detector.Config)) *detector.Detector {
	t.Helper()
	d, err := Make(channels, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// Make is New where there is no test: in an example.
func Make(channels int, change func(*detector.Config)) (*detector.Detector, error) {
	config := detector.Config{Preparation: detector.Preparation{Channels: channels}, Fit: detector.Fit{Images: 900, Train: 700, Stop: 80}}
	if change != nil {
		change(&config)
	}
	if config.General == nil {
		var err error
		if config.General, err = General(channels); err != nil {
			return nil, err
		}
		if config.Own, err = Own(channels); err != nil {
			return nil, err
		}
	}
	d, err := detector.New(config)
	if err != nil {
		return nil, err
	}
	windows := func(from, n int) func(func(detector.Windows) bool) {
		return func(yield func(detector.Windows) bool) {
			for i := range n {
				if !yield(config.Preparation.Of(Good(from+i, 40, 48, channels))) {
					return
				}
			}
		}
	}
	return d, d.Calibrate(context.Background(), windows(5000, 30), windows(6000, HeldOut), 1, nil)
}

// General is a general Glow of pictures of all kinds, and Own are the weights of the own one, of good pictures.
func General(channels int) (*detector.General, error) {
	weights, err := once(fmt.Sprint("general", channels), func() (detector.Weights, error) {
		return started(glowOf(channels), 1, func(i int) *intake.Picture {
			return drawn(i, detector.Side, detector.Side, channels, []float64{3, 20, 60}[i%3])
		})
	})
	return &detector.General{About: "slopes with noise, for tests", Network: glowOf(channels), Weights: weights, Spectrum: spectrum}, err
}

func Own(channels int) (detector.Weights, error) {
	return once(fmt.Sprint("own", channels), func() (detector.Weights, error) {
		return started(glowOf(channels), 1000, func(i int) *intake.Picture { return Good(i, detector.Side, detector.Side, channels) })
	})
}

func glowOf(channels int) density.Config {
	return glow.Config{Height: detector.Side, Width: detector.Side, Channels: channels, Scales: 3, K: 1, Hidden: 8}
}

// GeneralPixelCNN is a PixelCNN++ of 1 or 3 channels as it starts: of pictures of no kind.
func GeneralPixelCNN(channels int) (*detector.General, error) {
	config := pixelcnn.Config{Height: detector.Side, Width: detector.Side, Channels: channels, ResNets: 1, Filters: 1, Mixtures: 1}
	weights, err := once(fmt.Sprint("pixelcnn", channels), func() (detector.Weights, error) {
		network, err := start(config)
		if err != nil {
			return nil, err
		}
		defer network.Close()
		return network.Named()
	})
	return &detector.General{About: "nothing, for tests", Network: config, Weights: weights, Spectrum: spectrum}, err
}

var spectrum = detector.Spectrum{60, 50, 40, 30, 25, 20}

// Starts are computed once a process, for they take longer than most tests that begin with them; whoever asks gets weights of their own.
var (
	startsMu sync.Mutex
	starts   = map[string]detector.Weights{}
)

func once(name string, start func() (detector.Weights, error)) (detector.Weights, error) {
	startsMu.Lock()
	defer startsMu.Unlock()
	if starts[name] == nil {
		made, err := start()
		if err != nil {
			return nil, err
		}
		starts[name] = made
	}
	own := detector.Weights{}
	for parameter, values := range starts[name] {
		own[parameter] = slices.Clone(values)
	}
	return own, nil
}

// PixelCNN is a change for New and Make: its own network expects the middle greys that good pictures are made of, the general one
// what it did at its start.
func PixelCNN(channels int) func(*detector.Config) {
	return func(c *detector.Config) {
		general, err := GeneralPixelCNN(channels)
		if err != nil {
			panic(err) // of a configuration that does not change
		}
		own := maps.Clone(general.Weights)
		const bias = "nin_out/lin_a/bias"
		own[bias] = slices.Clone(own[bias])
		mixtures := general.Network.(pixelcnn.Config).Mixtures
		for i := range own[bias] { // the logarithms of scales: see pixelcnn.Mixture
			if block := i / mixtures; block > 0 && block%3 == 2 {
				own[bias][i] -= 1
			}
		}
		c.General, c.Own = general, own
	}
}

// start is a network as it starts.
func start(config density.Config) (*density.Network, error) {
	on, _, err := backend.For(backend.Small)
	if err != nil {
		return nil, err
	}
	model, err := config.Model()
	if err != nil {
		return nil, err
	}
	return density.NewNetwork(on, backend.Lowering(on), model, 1), nil
}

// started are a Glow's weights after its data-dependent start.
func started(config density.Config, first int, draw func(i int) *intake.Picture) (detector.Weights, error) {
	network, err := start(config)
	if err != nil {
		return nil, err
	}
	defer network.Close()
	var pixels []uint8
	const images = 96
	for i := range images {
		pixels = slices.Concat(pixels, draw(first+i).Pixels)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]float32, len(pixels))
	for i := range noise {
		noise[i] = rng.Float32()
	}
	if err := network.Calibrate(pixels, noise); err != nil {
		return nil, err
	}
	return network.Named()
}

// Files are n files in memory.
func Files(n int, file func(i int) []byte) func(func(intake.File) bool) {
	return func(yield func(intake.File) bool) {
		for i := range n {
			if !yield(intake.Bytes(fmt.Sprintf("%06d.png", i), file(i))) {
				return
			}
		}
	}
}
