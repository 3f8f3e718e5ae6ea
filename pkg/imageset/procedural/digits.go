package procedural

// The ten classes of digits.
var digitClasses = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

// paintDigits draws an image of the smooth set: a number on a soft ground. As in house numbers, the
// digit of the class is in the middle and others may be cut off at the sides (SVHN, digest §7).
func paintDigits(c *canvas, r *random, class int) error {
	fonts, err := loadFonts()
	if err != nil {
		return err
	}
	face := fonts[r.below(len(fonts))]

	base := opponent(r.between(55, 200), r.about(0, 9), r.about(4, 17))
	ground := paint{
		colour: base, second: base.mixed(opponent(r.between(40, 215), r.about(0, 11), r.about(4, 18)), 0.5),
		pattern: clouds, depth: r.between(0.2, 0.9), rough: r.between(0.1, 0.3),
		cos: 1, rate: 1 / r.between(16, 40), seed: r.noiseSeed(),
		middleX: Side / 2, middleY: Side / 2,
		slopeX: r.about(0, 0.5), slopeY: r.about(0, 0.6),
	}
	c.fill(&ground)

	contrast := r.between(18, 72)
	if y := base.luma(); y > 150 || (y > 100 && r.chance(0.5)) {
		contrast = -contrast
	}
	ink := paint{
		colour:  base.mixed(opponent(base.luma(), r.about(0, 12), r.about(4, 18)), 0.6).brighter(contrast),
		middleX: Side / 2, middleY: Side / 2,
		slopeX: r.about(0, 0.4), slopeY: r.about(0, 0.4),
	}
	height := r.between(16, 24)
	width := mul(height, r.between(0.8, 1.1))
	turn, slant := r.about(0, 0.012), r.about(0, 0.06)
	x, y := r.about(Side/2, 1), r.about(Side/2, 1)
	soft := r.between(1.5, 4.5)
	gap := mul(width, r.between(0.74, 0.88))

	write := func(digit int, offset float64) {
		at := newPose(turn, slant, width, height, x+mul(offset, cosine(turn)), y+mul(offset, sine(turn)))
		c.stencil(face[digit].posed(at), &ink, soft)
	}
	write(class, 0)
	if r.chance(0.45) {
		write(r.below(10), gap)
	}
	if r.chance(0.45) {
		write(r.below(10), -gap)
	}
	return nil
}

// stencil lays a flat form over the canvas.
func (c *canvas) stencil(o outline, p *paint, soft float64) {
	low, high := o.bounds()
	fromX, toX := pixelRange(mul(0.5, low.x+high.x), mul(0.5, high.x-low.x)+soft)
	fromY, toY := pixelRange(mul(0.5, low.y+high.y), mul(0.5, high.y-low.y)+soft)
	for j := fromY; j < toY; j++ {
		for i := fromX; i < toX; i++ {
			at := j*Side + i
			x, y := centre(at)
			d, _ := o.distance(x, y)
			if alpha := cover(d, soft); alpha > 0 {
				c.over(at, alpha, p.at(x, y))
			}
		}
	}
}
