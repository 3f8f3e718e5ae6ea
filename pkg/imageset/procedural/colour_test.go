package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The grounds of shapes have colours on one line, up to little; those of leaves do not.
func TestPalettes(t *testing.T) {
	offLine := func(draw func(*random) palette) float64 {
		sum, n := 0.0, 0.0
		for i := range 200 {
			for _, c := range draw(newRandom("test", "palette", 0, i)) {
				redGreen := (c[0] - c[1]) / 2
				yellowBlue := (c[0] + c[1] - 2*c[2]) / 3
				d := redGreen - 0.35*yellowBlue
				sum += d * d
				n++
			}
		}
		return sum / n
	}
	assert.Less(t, offLine(scenePalette), 4.0) // a standard deviation of 1.5
	assert.Greater(t, offLine(wildPalette), 60.0)
}

func TestOpponent(t *testing.T) {
	assert.Equal(t, rgb{100, 100, 100}, opponent(100, 0, 0))
	assert.Equal(t, rgb{125, 105, 70}, opponent(100, 10, 30))
	assert.Equal(t, rgb{50, 50, 50}, opponent(100, 0, 0).scaled(0.5))
	assert.Equal(t, rgb{75, 75, 75}, rgb{50, 50, 50}.mixed(rgb{100, 100, 100}, 0.5))
}
