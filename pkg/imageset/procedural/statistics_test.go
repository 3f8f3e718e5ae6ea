package procedural

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The hierarchy of the paper, in numbers: what Fig. 1A shows of CIFAR-10, SVHN and Tiny (digest §8:
// centred on zero, SVHN the highest peak) must hold for shapes, digits and leaves.

const sample = 300 // images a set; a multiple of the classes

// totalVariation is the mean absolute difference between neighbours of an image, grey levels.
func totalVariation(image []uint8) float64 {
	const right, down = Channels, Side * Channels
	sum := 0.0
	for y := range Side - 1 {
		for i := y * down; i < y*down+(Side-1)*right; i++ {
			here := float64(image[i])
			sum += math.Abs(here-float64(image[i+right])) + math.Abs(here-float64(image[i+down]))
		}
	}
	return sum / (2 * Channels * (Side - 1) * (Side - 1))
}

// differences is the density of every interior pixel less the mean of its eight neighbours, in 100
// bins over [-255, 255], and their mean.
func differences(pixels []uint8) (density [100]float64, mean float64) {
	count := 0.0
	for start := 0; start < len(pixels); start += ImageSize {
		image := pixels[start : start+ImageSize]
		for y := 1; y < Side-1; y++ {
			for x := 1; x < Side-1; x++ {
				for ch := range Channels {
					sum := 0
					for dy := -1; dy <= 1; dy++ {
						for dx := -1; dx <= 1; dx++ {
							sum += int(image[((y+dy)*Side+x+dx)*Channels+ch])
						}
					}
					here := int(image[(y*Side+x)*Channels+ch])
					d := float64(here) - float64(sum-here)/8
					density[min(99, int((d+255)/5.1))]++
					mean += d
					count++
				}
			}
		}
	}
	for i := range density {
		density[i] /= count
	}
	return density, mean / count
}

// drawn keeps the samples that several tests look at.
var drawn = map[string][]uint8{}

func draw(t *testing.T, name string) []uint8 {
	t.Helper()
	if drawn[name] == nil {
		pixels, _, _, err := Draw(name, "test", sample, 0)
		require.NoError(t, err)
		drawn[name] = pixels
	}
	return drawn[name]
}

func variations(pixels []uint8) []float64 {
	var tv []float64
	for start := 0; start < len(pixels); start += ImageSize {
		tv = append(tv, totalVariation(pixels[start:start+ImageSize]))
	}
	slices.Sort(tv)
	return tv
}

func average(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func TestTotalVariation(t *testing.T) {
	leaves, shapes, digits := variations(draw(t, "leaves")), variations(draw(t, "shapes")), variations(draw(t, "digits"))
	ratio := average(digits) / average(shapes)
	t.Logf("total variation: leaves %.2f, shapes %.2f, digits %.2f; digits to shapes %.3f",
		average(leaves), average(shapes), average(digits), ratio)
	assert.InDelta(t, 0.275, ratio, 0.075, "digits to shapes")
	assert.InDelta(t, 1, average(leaves)/average(shapes), 0.4, "leaves to shapes")

	// leaves is the most varied: it reaches beyond shapes at both ends, and into digits.
	low, high := sample/10, sample*9/10
	assert.Less(t, leaves[low], shapes[low])
	assert.Greater(t, leaves[high], shapes[high])
	assert.Less(t, leaves[low], digits[high])
}

func TestPixelDifferences(t *testing.T) {
	peak := map[string]float64{}
	for _, name := range []string{"leaves", "shapes", "digits"} {
		density, mean := differences(draw(t, name))
		at := slices.Index(density[:], slices.Max(density[:]))
		// Zero is the border between bins 49 and 50.
		assert.Contains(t, []int{49, 50}, at, "%s: mode", name)
		assert.InDelta(t, 0, mean, 0.25, "%s: mean", name)
		peak[name] = density[at]
	}
	t.Log("peaks:", peak)
	assert.Greater(t, peak["digits"], peak["leaves"])
	assert.Greater(t, peak["leaves"], peak["shapes"])
}

// No region of any set is exactly constant, and hardly any pixel is cut off at black or white: a
// density model gains nothing from either.
func TestNothingIsSyntheticallyClean(t *testing.T) {
	for _, name := range Names() {
		pixels := draw(t, name)
		cut := 0
		for _, p := range pixels {
			if p == 0 || p == 255 {
				cut++
			}
		}
		assert.Less(t, float64(cut)/float64(len(pixels)), 0.002, "%s: share of black and white", name)
		for i, tv := range variations(pixels) {
			assert.Greater(t, tv, 1.0, "%s: total variation, rank %d", name, i)
		}
	}
}
