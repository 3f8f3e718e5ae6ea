// Package glow is the multi-scale convolutional Glow of the paper (digest §2): three scales of K steps, half of the
// channels leaving as a latent after each, a trained activation norm on every latent, and a standard normal prior.
//
//	model, err := glow.New(glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 32, Hidden: 512})
//	network, err := density.NewNetwork(backend, model, seed)
package glow

import (
	"fmt"
	"math"

	"strata/pkg/density"
	"strata/pkg/flow"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Config is a Glow's architecture. The paper's is 32x32x3, Scales 3, K 32, Hidden 512 (S1.1).
type Config struct {
	Height   int `json:"height" yaml:"height"`
	Width    int `json:"width" yaml:"width"`
	Channels int `json:"channels" yaml:"channels"`
	// Scales is L, the number of scales.
	Scales int `json:"scales" yaml:"scales"`
	// K is the number of steps a scale.
	K int `json:"k" yaml:"k"`
	// Hidden is the width of the coupling networks.
	Hidden int `json:"hidden" yaml:"hidden"`
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	switch divisor := 1 << min(max(c.Scales, 0), 30); {
	case c.Scales < 1 || c.K < 1 || c.Hidden < 1 || c.Channels < 1:
		return fmt.Errorf("glow: scales %d, k %d, hidden %d and channels %d must all be at least 1", c.Scales, c.K, c.Hidden, c.Channels)
	case c.Scales > 30 || c.Height < divisor || c.Width < divisor || c.Height%divisor != 0 || c.Width%divisor != 0:
		return fmt.Errorf("glow: %d scales halve the image %d times, and %dx%d does not divide by %d", c.Scales, c.Scales, c.Height, c.Width, divisor)
	}
	return nil
}

// latentEps is added to the scale of the activation norms on the latents, and to no other (digest §2.3).
const latentEps = 1e-8

// calibrationImages is 11 batches of 64: what the reference's loop collects (digest §2.3).
const calibrationImages = 704

// Glow is the model. It holds no weights.
type Glow struct {
	config Config
	scales []scale
}

type scale struct {
	steps  []flow.Step
	latent flow.ActNorm
	// keeps is the number of channels that leave as the latent; the rest goes on to the next scale.
	keeps, channels int
}

// New builds the model of a configuration.
func New(config Config) (*Glow, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	g := &Glow{config: config}
	channels, height, width := config.Channels, config.Height, config.Width
	for i := range config.Scales {
		channels, height, width = 4*channels, height/2, width/2
		s := scale{channels: channels, keeps: channels / 2}
		if i == config.Scales-1 {
			s.keeps = channels
		}
		name := fmt.Sprintf("scale%d", i+1)
		for k := range config.K {
			s.steps = append(s.steps, flow.NewStep(fmt.Sprintf("%s/step%d", name, k+1), channels, config.Hidden))
		}
		s.latent = flow.ActNorm{Name: name + "/latent_actnorm", Channels: s.keeps * height * width, Eps: latentEps}
		g.scales = append(g.scales, s)
		channels -= s.keeps
	}
	return g, nil
}

// Config is what the model was built from.
func (g *Glow) Config() Config { return g.config }

// Kind is "glow".
func (g *Glow) Kind() string { return "glow" }

// Shape is height, width and channels of the images.
func (g *Glow) Shape() (height, width, channels int) {
	return g.config.Height, g.config.Width, g.config.Channels
}

// Scales is L.
func (g *Glow) Scales() int { return len(g.scales) }

// CalibrationImages is 704 (digest §2.3).
func (g *Glow) CalibrationImages() int { return calibrationImages }

// Params are those of every step and latent norm, from the first scale to the last.
func (g *Glow) Params() []nn.Param {
	var params []nn.Param
	for _, s := range g.scales {
		for _, step := range s.steps {
			params = append(params, step.Params()...)
		}
		params = append(params, s.latent.Params()...)
	}
	return params
}

// Input is the dequantised image on the [-1/2, 1/2) scale.
func (g *Glow) Input(pixels, noise *Node) *Node { return density.FromPixels(pixels, noise) }

// LogLikelihood is ln p(x) = c_1 + ... + c_L with, at each scale (paper Eq. 3, digest §2.7),
//
//	c_i = sum of its steps' log-determinants + log-determinant of its latent norm + ln N(z_i; 0, I).
func (g *Glow) LogLikelihood(w *nn.Weights, x *Node) density.Likelihood {
	d := x.Shape().Dimensions
	if len(d) != 4 || d[0] != g.config.Channels || d[1] != g.config.Height || d[2] != g.config.Width {
		panic(fmt.Errorf("glow: images are [C, H, W, B] = [%d, %d, %d, B], not %s", g.config.Channels, g.config.Height, g.config.Width, x.Shape()))
	}
	var result density.Likelihood
	for _, s := range g.scales {
		x, _ = flow.Squeeze2x2{}.Forward(w, x)
		var c *Node
		for _, step := range s.steps {
			var logDet *Node
			x, logDet = step.Forward(w, x)
			c = sum(c, logDet)
		}
		z := x
		if s.keeps < s.channels {
			z, x = nn.Channels(x, 0, s.keeps), nn.Channels(x, s.keeps, s.channels)
		}
		z, logDet := s.latent.Forward(w, Reshape(z, s.latent.Channels, 1, 1, d[3]))
		logPrior := standardNormal(z)
		c = sum(sum(c, logDet), logPrior)

		result.Scales = append(result.Scales, c)
		result.Latents = append(result.Latents, Reshape(z, s.latent.Channels, d[3]))
		result.LogPriors = append(result.LogPriors, logPrior)
		result.Total = sum(result.Total, c)
	}
	return result
}

// Inverse builds the graph from normalised latents [D_i, B] back to images [C, H, W, B]. The log-determinant, [B], is that of the
// forward direction at the images that come out, so that ln p(x) = it + sum of ln N(z_i; 0, I) (digest §2.8).
func (g *Glow) Inverse(w *nn.Weights, latents []*Node) (x, forwardLogDet *Node) {
	if len(latents) != len(g.scales) {
		panic(fmt.Errorf("glow: %d latents for %d scales", len(latents), len(g.scales)))
	}
	for i := len(g.scales) - 1; i >= 0; i-- {
		s := g.scales[i]
		batch := latents[i].Shape().Dim(1)
		height, width := g.config.Height>>(i+1), g.config.Width>>(i+1)
		z, logDet := s.latent.Inverse(w, Reshape(latents[i], s.latent.Channels, 1, 1, batch))
		forwardLogDet = sum(forwardLogDet, Neg(logDet))
		z = Reshape(z, s.keeps, height, width, batch)
		if x == nil {
			x = z
		} else {
			x = Concatenate([]*Node{z, x}, 0)
		}
		for k := len(s.steps) - 1; k >= 0; k-- {
			x, logDet = s.steps[k].Inverse(w, x)
			forwardLogDet = sum(forwardLogDet, Neg(logDet))
		}
		x, _ = flow.Squeeze2x2{}.Inverse(w, x)
	}
	return x, forwardLogDet
}

// standardNormal is ln N(z; 0, I) of each image, z [D, 1, 1, B].
func standardNormal(z *Node) *Node {
	constant := -0.5 * math.Log(2*math.Pi) * float64(z.Shape().Dim(0))
	return AddScalar(MulScalar(nn.SumPerImage(Mul(z, z)), -0.5), constant)
}

func sum(a, b *Node) *Node {
	if a == nil {
		return b
	}
	return Add(a, b)
}
