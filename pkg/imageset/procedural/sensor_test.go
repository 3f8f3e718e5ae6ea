package procedural

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// On an even grey the sensor's noise is all there is.
func TestSensorNoise(t *testing.T) {
	const images = 40
	var c canvas
	out := make([]uint8, ImageSize)
	for i := range images {
		for j := range c.pixels {
			c.pixels[j] = rgb{128, 60, 200}
		}
		c.expose(newRandom("test", "sensor", 0, i), out)
		var mean, square, product [Channels]float64
		for p := 0; p < ImageSize; p += Channels {
			for ch, level := range [Channels]float64{128, 60, 200} {
				d := float64(out[p+ch]) - level
				mean[ch] += d / (Side * Side)
				square[ch] += d * d / (Side * Side)
				if p%(Side*Channels) > 0 {
					product[ch] += d * (float64(out[p-Channels+ch]) - level) / (Side * (Side - 1))
				}
			}
		}
		for ch := range Channels {
			// About 600 independent values an image; rounding adds 1/12 to the variance.
			sd := math.Sqrt(square[ch] - 1.0/12)
			assert.InDelta(t, 0, mean[ch], 0.6)
			assert.True(t, sd > noiseLow*0.85 && sd < noiseHigh*1.15, "standard deviation %.2f", sd)
			// The blur makes neighbours correlate by 2 s / (1 + 2 s^2) = 0.29.
			assert.InDelta(t, 0.29, product[ch]/square[ch], 0.17, "correlation of neighbours")
		}
	}
}

func TestSensorRange(t *testing.T) {
	var c canvas
	out := make([]uint8, ImageSize)
	for j := range c.pixels {
		c.pixels[j] = rgb{-500, 1000, 0}
	}
	c.expose(newRandom("test", "range", 0, 0), out)
	for p := 0; p < ImageSize; p += Channels {
		assert.Less(t, out[p], uint8(30))
		assert.Greater(t, out[p+1], uint8(225))
	}
}
