// Package pixelcnn is PixelCNN++ (digest §5; paper S1.2): an autoregressive density of images on a grid of integers, with a
// discretised logistic mixture for each pixel given all pixels before it in raster order, and a sampler that keeps what
// it computed.
//
//	model, err := pixelcnn.New(pixelcnn.Config{Height: 32, Width: 32, Channels: 3, ResNets: 5, Filters: 120, Mixtures: 10, Dropout: 0.5})
//	network := density.NewNetwork(backend, lowering, model, seed)
package pixelcnn

import (
	"fmt"
	"math"

	"strata/pkg/density"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Config is an architecture. The paper's is 32x32x3, ResNets 5, Filters 120, Mixtures 10, Dropout 0.5 (S1.2).
type Config struct {
	Height   int `json:"height" yaml:"height"`
	Width    int `json:"width" yaml:"width"`
	Channels int `json:"channels" yaml:"channels"` // 1 or 3
	// ResNets is the number of gated blocks in a stage of the up pass.
	ResNets int `json:"resnets" yaml:"resnets"`
	// Filters is the number of feature maps of each stream.
	Filters int `json:"filters" yaml:"filters"`
	// Mixtures is the number of logistics in a pixel's mixture.
	Mixtures int `json:"mixtures" yaml:"mixtures"`
	// Dropout is the rate at which training drops feature maps inside of a block.
	Dropout float64 `json:"dropout" yaml:"dropout"`
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	switch {
	case c.ResNets < 1 || c.Filters < 1 || c.Mixtures < 1:
		return fmt.Errorf("pixelcnn: resnets %d, filters %d and mixtures %d must all be at least 1", c.ResNets, c.Filters, c.Mixtures)
	case c.Channels != 1 && c.Channels != 3:
		return fmt.Errorf("pixelcnn: images have 1 or 3 channels, not %d", c.Channels)
	case c.Height < smallest || c.Width < smallest || c.Height%smallest != 0 || c.Width%smallest != 0:
		return fmt.Errorf("pixelcnn: the image is halved twice, and %dx%d does not divide by %d", c.Height, c.Width, smallest)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("pixelcnn: dropout %g is not in [0, 1)", c.Dropout)
	}
	return nil
}

// Model builds the model.
func (c Config) Model() (density.Model, error) { return density.Built(New(c)) }

// ForImages is the same network for images of another shape.
func (c Config) ForImages(height, width, channels int) density.Config {
	c.Height, c.Width, c.Channels = height, width, channels
	return c
}

// Cost grows with the blocks and with the square of their width.
func (c Config) Cost() (kind string, products float64) {
	return "pixelcnn", float64(c.ResNets) * float64(c.Filters) * float64(c.Filters)
}

// smallest is the side of the smallest image.
const smallest = 1 << (stages - 1)

// PixelCNN is the model. It holds no weights.
type PixelCNN struct {
	config Config
}

// New builds the model of a configuration.
func New(config Config) (*PixelCNN, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return &PixelCNN{config}, nil
}

// Config is what the model was built from.
func (p *PixelCNN) Config() Config { return p.config }

// Kind is "pixelcnnpp".
func (p *PixelCNN) Kind() string { return "pixelcnnpp" }

// String is "PixelCNN++ R5 F120 M10".
func (p *PixelCNN) String() string {
	return fmt.Sprintf("PixelCNN++ R%d F%d M%d", p.config.ResNets, p.config.Filters, p.config.Mixtures)
}

// Shape is height, width and channels of the images.
func (p *PixelCNN) Shape() (height, width, channels int) {
	return p.config.Height, p.config.Width, p.config.Channels
}

// Scales is 0: the likelihood has no contributions by scale.
func (p *PixelCNN) Scales() int { return 0 }

// CalibrationImages is 0: nothing starts from data (digest §5).
func (p *PixelCNN) CalibrationImages() int { return 0 }

// Identity names all that the graphs are made from.
func (p *PixelCNN) Identity() string { return fmt.Sprintf("%s %+v", p.Kind(), p.config) }

// Params are those of every layer in the order of the network, with the names of the reference's modules.
func (p *PixelCNN) Params() []nn.Param {
	return declare(p.config).params()
}

// Input is 2k/255 - 1 for a pixel of value k, as [C, H, W, B]; noise is not used (digest §5).
func (p *PixelCNN) Input(pixels, noise *Node) *Node {
	x := ConvertDType(pixels, noise.DType())
	return TransposeAllAxes(AddScalar(MulScalar(x, 2.0/255), -1), 3, 1, 2, 0)
}

// Mixture is the density that the network's output parametrises.
func (p *PixelCNN) Mixture() Mixture {
	return Mixture{Components: p.config.Mixtures, Channels: p.config.Channels}
}

// Distributions are the parameters of every pixel's mixture, [Mixture().Params(), H, W, B], from images x [C, H, W, B] in
// [-1, 1]. Those of a pixel depend on the pixels before it in raster order only.
func (p *PixelCNN) Distributions(w *nn.Weights, x *Node) *Node {
	c := p.config
	if d := x.Shape().Dimensions; len(d) != 4 || d[0] != c.Channels || d[1] != c.Height || d[2] != c.Width {
		panic(fmt.Errorf("pixelcnn: images are [C, H, W, B] = [%d, %d, %d, B], not %s", c.Channels, c.Height, c.Width, x.Shape()))
	}
	return assemble[*feature](c, graphBuilder{config: c, w: layOutAll(w, declare(c).norms), x: x}).values
}

// LogLikelihood is ln P(image) + D ln 256: the probability of the integers, on the scale of a density on [-1/2, 1/2), so
// that density.NLL and density.BitsPerDim give PixelCNN++'s -ln P and bits a dimension. Pixels are its terms.
func (p *PixelCNN) LogLikelihood(w *nn.Weights, x *Node) density.Likelihood {
	// Added to each pixel, not to the sum of thousands: the terms stay small, and so does what they are rounded by.
	perPixel := float64(p.config.Channels) * math.Log(256)
	logProbs := AddScalar(p.Mixture().pixels(w.Lowering, p.Distributions(w, x), x), perPixel)
	return density.Likelihood{Total: nn.SumPerImage(logProbs), Pixels: logProbs}
}
