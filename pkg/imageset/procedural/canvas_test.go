package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Laying from front to back and from back to front are two ways to the same picture.
func TestBehindIsOverReversed(t *testing.T) {
	var front, back canvas
	front.clear()
	back.clear()
	layers := []struct {
		alpha  float64
		colour rgb
	}{{0.3, rgb{200, 10, 50}}, {0.6, rgb{0, 100, 90}}, {1, rgb{40, 50, 60}}}
	for i := range layers {
		front.behind(7, layers[i].alpha, layers[i].colour)
		last := layers[len(layers)-1-i]
		back.over(7, last.alpha, last.colour)
	}
	assert.InDeltaSlice(t, back.pixels[7][:], front.pixels[7][:], 1e-9)
	assert.InDelta(t, 0, front.open[7], 1e-12)
	assert.False(t, front.closed())
}

func TestCover(t *testing.T) {
	for _, soft := range []float64{1, 3} {
		assert.Equal(t, 0.0, cover(-soft, soft))
		assert.Equal(t, 0.5, cover(0, soft))
		assert.Equal(t, 1.0, cover(soft, soft))
	}
}

func TestPixelRange(t *testing.T) {
	from, to := pixelRange(5.2, 1.5)
	assert.Equal(t, [2]int{3, 7}, [2]int{from, to})
	from, to = pixelRange(-100, 2)
	assert.Equal(t, from, to)
	from, to = pixelRange(100, 2)
	assert.Equal(t, from, to)
}
