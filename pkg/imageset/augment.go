package imageset

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Augmentation says how training images are varied (digest §4.1). The zero value
// leaves them as they are.
type Augmentation struct {
	// Translate is the largest shift along each axis as a share of the side; the
	// paper's is 0.1. Shifts are drawn evenly and rounded to whole pixels.
	Translate float64
	// Flip mirrors left and right with probability 1/2. The paper flips natural
	// images, not SVHN's and MNIST's digits.
	Flip bool
	// Pad puts that many black pixels around the image and cuts a piece of the old size
	// out of it anywhere: shifts of up to Pad whole pixels along each axis, all of them
	// equally likely. The Wide-ResNet's is 4 (digest §9); it excludes Translate.
	Pad int `json:",omitempty"` // runs without it keep their fingerprints
}

// PaperAugmentation is that of the CIFAR and Tiny sets (digest §4.1); clear Flip
// for digits.
var PaperAugmentation = Augmentation{Translate: 0.1, Flip: true}

// WideResNetAugmentation is that of the discriminative baseline (digest §9).
var WideResNetAugmentation = Augmentation{Pad: 4, Flip: true}

// Validate refuses shifts that are no share of the side, padding that is negative,
// and both at once.
func (a Augmentation) Validate() error {
	if !(a.Translate >= 0 && a.Translate < 1) { // also NaN
		return fmt.Errorf("augmentation: translate is %v: expected a share of the side, 0 or more and below 1 (the paper's is 0.1)",
			a.Translate)
	}
	if a.Pad < 0 || a.Pad > 0 && a.Translate > 0 {
		return fmt.Errorf("augmentation: pad is %d and translate %v: expected a pad of 0 or more, and one of the two to be 0", a.Pad,
			a.Translate)
	}
	return nil
}

// Augment writes a varied copy of the image src into dst, both h x w x c: shifted
// by whole pixels, uncovered ones black, then perhaps mirrored. dst and src must
// not overlap.
func Augment(dst, src []uint8, h, w, c int, aug Augmentation, rng *rand.Rand) {
	if len(src) != h*w*c || len(dst) != len(src) {
		panic(fmt.Sprintf("imageset.Augment: dst has %d values and src %d: expected %d for %dx%dx%d", len(dst), len(src), h*w*c, h, w, c))
	}
	dy, dx := 0, 0
	if aug.Translate > 0 {
		dx = drawShift(aug.Translate*float64(w), rng)
		dy = drawShift(aug.Translate*float64(h), rng)
	}
	if aug.Pad > 0 {
		dx = rng.IntN(2*aug.Pad+1) - aug.Pad
		dy = rng.IntN(2*aug.Pad+1) - aug.Pad
	}
	shift(dst, src, h, w, c, dy, dx)
	if aug.Flip && rng.IntN(2) == 1 {
		mirror(dst, h, w, c)
	}
}

// drawShift rounds a number drawn evenly from [-limit, limit): at 3.2 the shifts
// of 3 pixels come with probability 0.7/6.4 each, the smaller ones with 1/6.4.
func drawShift(limit float64, rng *rand.Rand) int {
	return int(math.Round((2*rng.Float64() - 1) * limit))
}

// shift moves the image down by dy and right by dx.
func shift(dst, src []uint8, h, w, c, dy, dx int) {
	clear(dst)
	kept := (w - max(dx, -dx)) * c
	if kept <= 0 {
		return
	}
	for y := max(0, dy); y < min(h, h+dy); y++ {
		to := (y*w + max(0, dx)) * c
		from := ((y-dy)*w + max(0, -dx)) * c
		copy(dst[to:to+kept], src[from:from+kept])
	}
}

// mirror swaps left and right in place.
func mirror(image []uint8, h, w, c int) {
	for y := range h {
		row := image[y*w*c : (y+1)*w*c]
		for l, r := 0, w-1; l < r; l, r = l+1, r-1 {
			for k := range c {
				row[l*c+k], row[r*c+k] = row[r*c+k], row[l*c+k]
			}
		}
	}
}
