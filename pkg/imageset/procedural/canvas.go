package procedural

import "math"

// canvas is the scene in front of the sensor. Coordinates are in pixels, x to the right and y down;
// the centre of pixel (0, 0) is at (0.5, 0.5).
type canvas struct {
	pixels [Side * Side]rgb
	// open is the share of each pixel that nothing covers yet, while layers are laid from front to
	// back (see behind).
	open [Side * Side]float64
}

func (c *canvas) clear() {
	for i := range c.pixels {
		c.pixels[i], c.open[i] = rgb{}, 1
	}
}

// behind lays a colour behind all that was laid before, covering alpha of the pixel.
func (c *canvas) behind(i int, alpha float64, colour rgb) {
	share := mul(alpha, c.open[i])
	c.open[i] -= share
	for ch := range colour {
		c.pixels[i][ch] += mul(share, colour[ch])
	}
}

// over lays a colour over all that was laid before, covering alpha of the pixel.
func (c *canvas) over(i int, alpha float64, colour rgb) {
	c.pixels[i] = c.pixels[i].mixed(colour, alpha)
}

// closed reports whether hardly anything shows through any more.
func (c *canvas) closed() bool {
	sum := 0.0
	for _, o := range c.open {
		sum += o
	}
	return sum < 0.01*Side*Side
}

// fill lays a paint behind everything.
func (c *canvas) fill(p *paint) {
	for i := range c.pixels {
		if c.open[i] > 0.001 {
			c.behind(i, 1, p.at(centre(i)))
		}
	}
}

// centre is the middle of pixel i.
func centre(i int) (x, y float64) { return float64(i%Side) + 0.5, float64(i/Side) + 0.5 }

// pixelRange is the pixels whose centres may lie within reach of middle, cut to the canvas.
func pixelRange(middle, reach float64) (from, to int) {
	from = int(clamp(math.Floor(middle-reach), 0, Side))
	to = int(clamp(math.Floor(middle+reach)+1, 0, Side))
	return from, to
}

// cover turns a signed distance (positive inside, pixels) into the covered share of a pixel, the
// edge being soft pixels wide: 1 is an ideal sensor, more is out of focus.
func cover(distance, soft float64) float64 { return smooth(distance/mul(1.4, soft) + 0.5) }
