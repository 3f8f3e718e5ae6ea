package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A texture of every class stands out from the sensor's noise (about 2 grey levels between
// neighbours), in most of its images.
func TestTexturesVary(t *testing.T) {
	const each = 20
	classes := len(textureClasses)
	pixels, labels, _, err := Draw("textures", "train", each*classes, 0)
	require.NoError(t, err)
	visible := make([]int, classes)
	for i, label := range labels {
		if totalVariation(pixels[i*ImageSize:(i+1)*ImageSize]) > 4 {
			visible[label]++
		}
	}
	for class, n := range visible {
		assert.GreaterOrEqual(t, n, each*3/4, textureClasses[class])
	}
}

func TestTilingsStayInRange(t *testing.T) {
	for i := range 20 {
		lattice := newTiling(newRandom("test", "tiling", 0, i))
		for p := range Side * Side {
			x, y := centre(p)
			for name, v := range map[string]float64{
				"cells": lattice.cells(x, y), "bricks": lattice.bricks(x, y), "weave": weave(lattice.at(x, y)),
			} {
				require.True(t, v >= 0 && v <= 1, "%s at (%v, %v) is %v", name, x, y, v)
			}
		}
	}
}
