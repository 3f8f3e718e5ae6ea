package measure

import (
	"strata/pkg/density"

	. "github.com/gomlx/gomlx/core/graph"
)

// pixelTraits: a PixelCNN++ has ln p of each pixel given those before it, and neither scales nor latents.
var pixelTraits = traits{
	title:   "PixelCNN++",
	seconds: 0.6 / 16 / (16 * 16), // R 1, 16 filters, 16 images
	outputs: func(l density.Likelihood) []*Node { return []*Node{l.Total, l.Pixels} },
	read: func(flat [][]float32, batch, image int) likelihood {
		return likelihood{total: float64(flat[0][image]), pixels: ofImage(flat[1], batch, image)}
	},
	heat: pixelHeat,
}

// pixelHeat is the log-ratio of each pixel, its colours together, given those above it and to its left: ln p of the own PixelCNN++ less
// that of the general one. Nothing is left out: it adds up to the ratio of the window. A pixel is unusual that those before it in raster
// order did not announce, so that things show where they begin, and what is under them is expected once they have.
func pixelHeat(m *measured) []float32 {
	heat := make([]float32, len(m.own.pixels))
	for p, own := range m.own.pixels {
		heat[p] = own - m.general.pixels[p]
	}
	return heat
}
