package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/font/gofont/goregular"
)

func TestFonts(t *testing.T) {
	fonts, err := loadFonts()
	require.NoError(t, err)
	require.Len(t, fonts, 7)
	for i, f := range fonts {
		for digit, o := range f {
			low, high := o.bounds()
			assert.InDelta(t, -0.5, low.y, 1e-9, "font %d, %d", i, digit)
			assert.InDelta(t, 0.5, high.y, 1e-9, "font %d, %d", i, digit)
			assert.InDelta(t, 0, low.x+high.x, 1e-9, "font %d, %d", i, digit)
			width := high.x - low.x
			assert.True(t, width > 0.2 && width < 1, "font %d, %d is %.2f wide", i, digit, width)
		}
	}
	// Contours of the regular face: outside and holes.
	for digit, contours := range map[int]int{1: 1, 2: 1, 3: 1, 5: 1, 7: 1, 4: 2, 6: 2, 8: 3, 9: 2} {
		assert.Len(t, fonts[0][digit], contours, "contours of %d", digit)
	}
}

func TestReadFaceRefuses(t *testing.T) {
	_, err := readFace([]byte("no font"))
	assert.Error(t, err)
	_, err = readFace(goregular.TTF[:1000])
	assert.Error(t, err)
}
