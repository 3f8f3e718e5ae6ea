package pixeldiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/imageset"
)

func setOf(height, width, channels int, pixels ...uint8) *imageset.Set {
	return &imageset.Set{Name: "made", Split: "test", Height: height, Width: width, Channels: channels, Pixels: pixels}
}

// noise makes n images of independent pixels between low and high.
func noise(seed uint64, n, height, width, channels int, low, high uint8) *imageset.Set {
	random := rand.New(rand.NewPCG(seed, 1))
	pixels := make([]uint8, n*height*width*channels)
	for i := range pixels {
		pixels[i] = low + uint8(random.UintN(uint(high-low)+1))
	}
	return setOf(height, width, channels, pixels...)
}

func TestFitByHand(t *testing.T) {
	// One interior pixel: 90 against a mean of (8*10 + 16)/8 = 12 is 78; with the centre 8/9 of it, 69.33.
	image := []uint8{10, 10, 10, 10, 90, 10, 10, 10, 26}
	d, err := Fit(setOf(3, 3, 1, image...), Options{})
	require.NoError(t, err)
	bin := 65 // 78 lies in [-255 + 65*5.1, -255 + 66*5.1) = [76.5, 81.6)
	require.Len(t, d.Counts, 100)
	require.Len(t, d.Edges, 101)
	assert.InDelta(t, 76.5, d.Edges[bin], 1e-12)
	assert.Equal(t, []float64{-255, 0, 255}, []float64{d.Edges[0], d.Edges[50], d.Edges[100]})
	assert.EqualValues(t, 1, d.Counts[bin])
	assert.InDelta(t, 2.0/101/5.1, d.Density[bin], 1e-15)
	assert.InDelta(t, 1.0/101/5.1, d.Density[0], 1e-15)
	assert.InDelta(t, math.Log(2.0/101/5.1), d.LogLikelihood(image), 1e-12)
	assert.InDelta(t, 79.05, d.Mode(), 1e-12)
	assert.Equal(t, d.Density[bin], d.Peak())

	centre, err := Fit(setOf(3, 3, 1, image...), Options{IncludeCentre: true, Bins: 51}) // width 10: [65, 75) is bin 32
	require.NoError(t, err)
	assert.EqualValues(t, 1, centre.Counts[32])
	assert.InDelta(t, 70, centre.Mode(), 1e-12)
	assert.Equal(t, Options{IncludeCentre: true, Bins: 51}, centre.Options())
}

// The counting by whole numbers and column sums against the definition, in floating point, pixel by pixel. Where a difference lies
// on an edge (multiples of 1/8 meet multiples of 5.1 only at multiples of 51) the definition is nudged by less than 1/8.
func TestCountsByDefinition(t *testing.T) {
	for _, options := range []Options{{}, {Bins: 101}, {Bins: 7}, {IncludeCentre: true}, {Bins: 1}, {Bins: maxBins}} {
		t.Run(fmt.Sprintf("%+v", options), func(t *testing.T) {
			set := noise(3, 4, 7, 9, 3, 0, 255)
			d, err := Fit(set, options)
			require.NoError(t, err)
			want := make([]int64, len(d.Counts))
			var logLikelihood float64
			for i := range set.Len() {
				for y := 1; y < 6; y++ {
					for x := 1; x < 8; x++ {
						for c := range 3 {
							at := func(y, x int) float64 { return float64(set.Image(i)[(y*9+x)*3+c]) }
							var sum, n float64
							for dy := -1; dy <= 1; dy++ {
								for dx := -1; dx <= 1; dx++ {
									if options.IncludeCentre || dy != 0 || dx != 0 {
										sum += at(y+dy, x+dx)
										n++
									}
								}
							}
							difference := at(y, x) - sum/n + 1e-6
							bin := min(int((difference+255)/510*float64(len(want))), len(want)-1)
							want[bin]++
							if i == 2 {
								logLikelihood += math.Log(d.Density[bin])
							}
						}
					}
				}
			}
			assert.Equal(t, want, d.Counts)
			assert.InEpsilon(t, logLikelihood, d.LogLikelihood(set.Image(2)), 1e-12)
		})
	}
}

func TestDensityIntegratesToOne(t *testing.T) {
	for _, options := range []Options{{}, {Bins: 33}, {IncludeCentre: true}} {
		d, err := Fit(noise(1, 3, 5, 5, 3, 100, 140), options)
		require.NoError(t, err)
		var mass float64
		for b, density := range d.Density {
			assert.Positive(t, density)
			mass += density * (d.Edges[b+1] - d.Edges[b])
		}
		assert.InDelta(t, 1, mass, 1e-13)
	}
}

// The ends of the range: a white pixel on black is 255, a black one on white -255.
func TestExtremeDifferences(t *testing.T) {
	white := setOf(3, 3, 1, 0, 0, 0, 0, 255, 0, 0, 0, 0)
	black := setOf(3, 3, 1, 255, 255, 255, 255, 0, 255, 255, 255, 255)
	for _, bins := range []int{1, 2, 100, 101, maxBins} {
		d, err := Fit(white, Options{Bins: bins})
		require.NoError(t, err)
		assert.EqualValues(t, 1, d.Counts[bins-1], "the last bin holds its upper end")
		d, err = Fit(black, Options{Bins: bins})
		require.NoError(t, err)
		assert.EqualValues(t, 1, d.Counts[0])
	}
}

// What Mode promises about 0: with even bins a flat set has its mode half a bin above it, with odd bins at it; noise that is
// symmetric around 0 is within one bin either way.
func TestModeAroundZero(t *testing.T) {
	flat := setOf(4, 4, 1, make([]uint8, 16)...)
	d, err := Fit(flat, Options{})
	require.NoError(t, err)
	assert.InDelta(t, 2.55, d.Mode(), 1e-12)
	assert.LessOrEqual(t, math.Abs(d.Mode()), d.BinWidth())
	d, err = Fit(flat, Options{Bins: 101})
	require.NoError(t, err)
	assert.Zero(t, d.Mode())

	for _, bins := range []int{0, 101} {
		d, err = Fit(noise(4, 20, 32, 32, 3, 120, 130), Options{Bins: bins})
		require.NoError(t, err)
		assert.LessOrEqual(t, math.Abs(d.Mode()), d.BinWidth())
	}
	shifted := setOf(3, 3, 1, 0, 0, 0, 0, 6, 0, 0, 0, 0) // 6 lies in the second bin above 0
	d, err = Fit(shifted, Options{})
	require.NoError(t, err)
	assert.Greater(t, math.Abs(d.Mode()), d.BinWidth())

	// Two bins as high as each other: the nearer to 0 is the mode, wherever it stands.
	for _, near := range []uint8{6, 30} {
		two := setOf(3, 3, 1, 0, 0, 0, 0, near, 0, 0, 0, 0, 60, 60, 60, 60, 60-20, 60, 60, 60, 60)
		d, err = Fit(two, Options{Bins: 101})
		require.NoError(t, err)
		want := float64(near)
		if near > 20 {
			want = -20
		}
		assert.InDelta(t, want, d.Mode(), d.BinWidth()/2)
	}
}

// The paper's use: smooth images have the higher peak, and are more likely even under the density of the rough ones.
func TestSmoothImagesAreMoreLikely(t *testing.T) {
	rough, smooth := noise(5, 50, 16, 16, 3, 60, 200), noise(6, 50, 16, 16, 3, 120, 140)
	ofRough, err := Fit(rough, Options{})
	require.NoError(t, err)
	ofSmooth, err := Fit(smooth, Options{})
	require.NoError(t, err)
	assert.Greater(t, ofSmooth.Peak(), ofRough.Peak())
	roughValues, err := ofRough.LogLikelihoods(rough)
	require.NoError(t, err)
	smoothValues, err := ofRough.LogLikelihoods(smooth)
	require.NoError(t, err)
	require.Len(t, smoothValues, 50)
	for i := range smoothValues {
		assert.Greater(t, smoothValues[i], roughValues[i])
		assert.Equal(t, ofRough.LogLikelihood(smooth.Image(i)), smoothValues[i])
	}
}

// Only the interior counts: other borders change a pixel's neighbours, but a border pixel has no difference of its own.
func TestNumberOfDifferences(t *testing.T) {
	d, err := Fit(noise(7, 2, 32, 32, 3, 0, 255), Options{})
	require.NoError(t, err)
	var total int64
	for _, count := range d.Counts {
		total += count
	}
	assert.EqualValues(t, 2*30*30*3, total)
}

func TestRefused(t *testing.T) {
	good := noise(1, 1, 3, 4, 3, 0, 255)
	_, err := Fit(good, Options{Bins: -1})
	assert.ErrorContains(t, err, "-1 bins")
	_, err = Fit(good, Options{Bins: maxBins + 1})
	assert.ErrorContains(t, err, "4081 bins")
	_, err = Fit(nil, Options{})
	assert.ErrorContains(t, err, "no images")
	_, err = Fit(setOf(3, 4, 3), Options{})
	assert.ErrorContains(t, err, "made/test: 0 pixel values")
	_, err = Fit(setOf(2, 6, 1, make([]uint8, 12)...), Options{})
	assert.ErrorContains(t, err, "made/test are 2x6:")
	_, err = Fit(setOf(3, 3, 1, make([]uint8, 10)...), Options{})
	assert.ErrorContains(t, err, "made/test: 10 pixel values")

	d, err := Fit(good, Options{})
	require.NoError(t, err)
	_, err = d.LogLikelihoods(noise(1, 1, 4, 3, 3, 0, 255))
	assert.ErrorContains(t, err, "fitted on 3x4x3")
	_, err = d.LogLikelihoods(nil)
	assert.ErrorContains(t, err, "no images")
	assert.True(t, math.IsNaN(d.LogLikelihood(make([]uint8, 35))))
}

func BenchmarkLogLikelihoods(b *testing.B) {
	set := noise(1, 5000, 32, 32, 3, 0, 255)
	d, err := Fit(set, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.LogLikelihoods(set); err != nil {
			b.Fatal(err)
		}
	}
}
