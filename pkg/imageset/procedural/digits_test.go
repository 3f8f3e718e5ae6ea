package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The digits can be read: over many images, a digit drawn in ink of known sign fills its outline.
func TestDigitsStandOut(t *testing.T) {
	fonts, err := loadFonts()
	require.NoError(t, err)
	for digit := range digitClasses {
		var c canvas
		c.clear()
		ink := paint{colour: rgb{200, 200, 200}}
		o := fonts[0][digit].posed(newPose(0, 0, 24, 24, 16, 16))
		c.stencil(o, &ink, 1)
		sum := 0.0
		for _, p := range c.pixels {
			sum += p[0] / 200
		}
		assert.InDelta(t, o.area(), sum, 1e-9, "the box around %d cuts it", digit)
		assert.True(t, sum > 40 && sum < 250, "%d covers %.0f pixels", digit, sum)
	}
}
