package score

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/imageset"
)

// patterns makes images of growing roughness: image i holds noise of amplitude i on a ramp.
func patterns(n, height, width, channels int) *imageset.Set {
	random := rand.New(rand.NewPCG(1, 2))
	var pixels []uint8
	for i := range n {
		for at := range height * width * channels {
			pixels = append(pixels, uint8(at/channels%width*2)+uint8(random.UintN(uint(i+1))))
		}
	}
	return &imageset.Set{Name: "patterns", Split: "test", Height: height, Width: width, Channels: channels, Pixels: pixels}
}

// The sizes are those of the reference's encoder, to the byte: OpenCV 4.6 with libpng 1.6.39 and zlib 1.2.13 at level 9 (see
// tests/reference/png_sizes.py), from constant images to noise.
func TestPNGBytesEqualOpenCV(t *testing.T) {
	text, err := os.ReadFile("testdata/png_sizes.json")
	require.NoError(t, err)
	var shapes []struct {
		Height, Width, Channels int
		Bytes                   []int
	}
	require.NoError(t, json.Unmarshal(text, &shapes))
	require.NotEmpty(t, shapes)
	for _, s := range shapes {
		require.NotEmpty(t, s.Bytes)
		for k, want := range s.Bytes {
			pixels := make([]uint8, s.Height*s.Width*s.Channels)
			state := 12345 + k
			for i := range pixels {
				state = (state*1103515245 + 12345) % (1 << 31)
				pixels[i] = uint8(i/s.Channels%s.Width*(k%4) + (state>>8)%(k*k+1))
			}
			got, err := PNGBytes(pixels, s.Height, s.Width, s.Channels)
			require.NoError(t, err)
			assert.Equal(t, want, got, "%dx%dx%d, image %d", s.Height, s.Width, s.Channels, k)
		}
	}
}

func TestPNGBytesOf(t *testing.T) {
	for _, channels := range []int{1, 3} {
		set := patterns(23, 16, 16, channels)
		before := runtime.GOMAXPROCS(4)
		sizes, err := PNGBytesOf(set)
		runtime.GOMAXPROCS(before)
		require.NoError(t, err)
		require.Len(t, sizes, 23)
		for i, size := range sizes {
			alone, err := PNGBytes(set.Image(i), 16, 16, channels)
			require.NoError(t, err)
			assert.Equal(t, alone, size)
		}
		assert.Less(t, sizes[0], sizes[5])
		assert.Less(t, sizes[5], sizes[22])
	}
}

// An image of random bytes cannot be compressed: the file is at least as long as its pixels.
func TestPNGBytesOfNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pixels := make([]uint8, 32*32*3)
	for i := range pixels {
		pixels[i] = uint8(random.UintN(256))
	}
	noise, err := PNGBytes(pixels, 32, 32, 3)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, noise, len(pixels))
	flat, err := PNGBytes(make([]uint8, 32*32*3), 32, 32, 3)
	require.NoError(t, err)
	assert.Less(t, flat, 200)
}

func TestPNGBytesRefused(t *testing.T) {
	_, err := PNGBytes(make([]uint8, 8), 2, 2, 2)
	assert.ErrorContains(t, err, "2x2x2")
	_, err = PNGBytes(make([]uint8, 11), 2, 2, 3)
	assert.ErrorContains(t, err, "11 bytes")
	_, err = PNGBytes(nil, 0, 2, 3)
	assert.ErrorContains(t, err, "at least one pixel")
	_, err = PNGBytesOf(nil)
	assert.ErrorContains(t, err, "no images")
	_, err = PNGBytesOf(&imageset.Set{Name: "a", Split: "test", Height: 1, Width: 1, Channels: 4, Pixels: make([]uint8, 4)})
	assert.ErrorContains(t, err, "a/test")
	_, err = PNGBytesOf(&imageset.Set{Name: "a", Split: "test", Height: 1, Width: 1, Channels: 3, Pixels: make([]uint8, 4)})
	assert.ErrorContains(t, err, "a/test: 4 pixel values")
}

// A model that gives every 8-bit image the same probability has density 1 on the unit cube: log p = 0 nats. Against an
// incompressible code of exactly D bytes the two probabilities are equal, and S is the constant D ln 256 that is left out.
func TestComplexityRatioUnits(t *testing.T) {
	const dimensions = 3072
	ratios, err := ComplexityRatio([]float64{0, -1000, 10_000}, []int{dimensions, dimensions, 1})
	require.NoError(t, err)
	assert.InDelta(t, dimensions*math.Log(256), ratios[0], 1e-9)
	assert.InDelta(t, 1000, ratios[0]-ratios[1], 1e-9)
	assert.InDelta(t, 10_000+math.Log(256), ratios[2], 1e-9)

	_, err = ComplexityRatio([]float64{1}, []int{1, 2})
	assert.ErrorContains(t, err, "1 log-likelihoods and 2 PNG sizes")
	_, err = ComplexityRatio([]float64{1, math.Inf(-1)}, []int{1, 2})
	assert.ErrorContains(t, err, "log-likelihood 1 is -Inf")
	_, err = ComplexityRatio([]float64{math.NaN()}, []int{1})
	assert.ErrorContains(t, err, "NaN")
}

// A flat image is likely under most models, but PNG finds it simple too: the ratio takes that back.
func ExampleComplexityRatio() {
	bytes, err := PNGBytes(make([]uint8, 4*4), 4, 4, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	ratios, err := ComplexityRatio([]float64{60}, []int{bytes})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f nats\n", ratios[0]-8*float64(bytes)*math.Ln2)
	// Output: 60.0 nats
}

func BenchmarkPNGBytesOf(b *testing.B) {
	set := patterns(200, 32, 32, 3)
	for b.Loop() {
		if _, err := PNGBytesOf(set); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPNGBytes(b *testing.B) {
	set := patterns(64, 32, 32, 3)
	i := 0
	for b.Loop() {
		if _, err := PNGBytes(set.Image(i%64), 32, 32, 3); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
