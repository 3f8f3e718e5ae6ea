package detector

import (
	"errors"
	"fmt"

	"strata/pkg/density"
	"strata/pkg/detector/measure"
	"strata/pkg/glow"
	"strata/pkg/pixelcnn"
)

// General is a general network: the one that a detector's own is finetuned from and held against (paper §3).
type General struct {
	// About says what it was trained on, for people.
	About string
	// Network is the architecture of both: a glow.Config or a pixelcnn.Config.
	Network density.Config
	Weights Weights
	// Spectrum is that of its training images.
	Spectrum Spectrum
}

// Kind is the network's, "" where there is none or one of another kind than a detector's.
func (g *General) Kind() Kind {
	kind, err := measure.KindOf(g.Network)
	if err != nil {
		return ""
	}
	return kind
}

// Channels is how many its images have, 0 where there is no network.
func (g *General) Channels() int {
	_, _, channels := shape(g.Network)
	return channels
}

func shape(config density.Config) (height, width, channels int) {
	switch c := config.(type) {
	case glow.Config:
		return c.Height, c.Width, c.Channels
	case pixelcnn.Config:
		return c.Height, c.Width, c.Channels
	}
	return 0, 0, 0
}

// A model's file cannot ask for a network that takes all memory only to be built. The paper's Glow has 32 steps, 512 wide, and its
// PixelCNN++ 5 blocks, 120 wide, and 10 logistics.
const (
	mostSteps, mostHidden                 = 256, 8192
	mostBlocks, mostFilters, mostMixtures = 64, 2048, 256
)

// check finds what the network lacks or cannot be.
func (g *General) check() error {
	if g.Kind() == "" {
		return fmt.Errorf("a network that is none of %v", measure.Kinds())
	}
	if h, w, channels := shape(g.Network); h != Side || w != Side || channels != 1 && channels != 3 {
		return fmt.Errorf("a network of %dx%dx%d images: expected %dx%dx1 or %dx%dx3", h, w, channels, Side, Side, Side, Side)
	}
	switch c := g.Network.(type) {
	case glow.Config:
		if c.Prior != glow.Independent || c.Block != glow.Convolutional {
			return fmt.Errorf("a Glow of another kind than the paper's (block %q, prior %q)", c.Block, c.Prior)
		}
		if c.K > mostSteps || c.Hidden > mostHidden {
			return fmt.Errorf("a Glow of %d steps a scale, %d wide: expected at most %d and %d", c.K, c.Hidden, mostSteps, mostHidden)
		}
	case pixelcnn.Config:
		if c.ResNets > mostBlocks || c.Filters > mostFilters || c.Mixtures > mostMixtures {
			return fmt.Errorf("a PixelCNN++ of %d blocks a stage, %d wide, and %d logistics: expected at most %d, %d and %d", c.ResNets,
				c.Filters, c.Mixtures, mostBlocks, mostFilters, mostMixtures)
		}
	}
	_, err := g.Network.Model()
	return err
}

// manifest is what a file says of it.
func (g *General) manifest() Manifest {
	m := Manifest{About: g.About, Spectrum: g.Spectrum}
	switch c := g.Network.(type) {
	case glow.Config:
		m.Glow = &c
	case pixelcnn.Config:
		m.PixelCNN = &c
	}
	return m
}

// kind is of which kind it is.
func (m Manifest) kind() Kind {
	if m.PixelCNN != nil {
		return PixelCNN
	}
	return Glow
}

// network is the architecture that a file names.
func (m Manifest) network() (density.Config, error) {
	switch {
	case m.Glow != nil && m.PixelCNN == nil:
		return *m.Glow, nil
	case m.PixelCNN != nil && m.Glow == nil:
		return *m.PixelCNN, nil
	}
	return nil, errors.New("it has not one network: expected glow or pixelcnn")
}
