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

// check finds what the Glow lacks or cannot be.
func (g *General) check() error {
	switch {
	case g.Glow.Height != Side || g.Glow.Width != Side || g.Glow.Channels != 1 && g.Glow.Channels != 3:
		return fmt.Errorf("a Glow of %dx%dx%d images: expected %dx%dx1 or %dx%dx3", g.Glow.Height, g.Glow.Width, g.Glow.Channels,
			Side, Side, Side, Side)
	case g.Glow.Prior != glow.Independent || g.Glow.Block != glow.Convolutional:
		return fmt.Errorf("a Glow of another kind than the paper's (block %q, prior %q)", g.Glow.Block, g.Glow.Prior)
	}
	return nil
}
