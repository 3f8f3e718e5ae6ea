package detector

import (
	"fmt"

	"strata/pkg/glow"
)

// General is a general Glow: the one that a detector's own is finetuned from and held against (paper §3).
type General struct {
	// About says what it was trained on, for people.
	About   string
	Glow    glow.Config
	Weights Weights
	// Spectrum is that of its training images.
	Spectrum Spectrum
}

// A model's file cannot ask for a Glow that takes all memory only to be built; the paper's has 32 steps, 512 wide.
const mostSteps, mostHidden = 256, 8192

// check finds what the Glow lacks or cannot be.
func (g *General) check() error {
	switch {
	case g.Glow.Height != Side || g.Glow.Width != Side || g.Glow.Channels != 1 && g.Glow.Channels != 3:
		return fmt.Errorf("a Glow of %dx%dx%d images: expected %dx%dx1 or %dx%dx3", g.Glow.Height, g.Glow.Width, g.Glow.Channels,
			Side, Side, Side, Side)
	case g.Glow.Prior != glow.Independent || g.Glow.Block != glow.Convolutional:
		return fmt.Errorf("a Glow of another kind than the paper's (block %q, prior %q)", g.Glow.Block, g.Glow.Prior)
	case g.Glow.K > mostSteps || g.Glow.Hidden > mostHidden:
		return fmt.Errorf("a Glow of %d steps a scale, %d wide: expected at most %d and %d", g.Glow.K, g.Glow.Hidden, mostSteps, mostHidden)
	}
	return nil
}
