// Package glow assembles the layers of package flow to the Glows of the paper: the multi-scale convolutional one (digest
// §2), the fully connected one (§3.2), the local-patch one (§3.1), the class-conditional mixture (§3.3), and the explicitly
// conditioned form of the public implementations (§2.6, supplement S1.3).
//
//	model, err := glow.New(glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 32, Hidden: 512})
//	network := density.NewNetwork(backend, lowering, model, seed)
package glow

import (
	"fmt"
	"math"

	"strata/pkg/density"
	"strata/pkg/flow"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Config is a Glow's architecture. The paper's is 32x32x3, Scales 3, K 32, Hidden 512 (S1.1); its fully connected one has
// K 8 and Block Dense (S2.2).
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
	// Block is what a step is made of.
	Block Block `json:"block,omitempty" yaml:"block"`
	// Prior is what the latents of a scale are measured by.
	Prior Prior `json:"prior,omitempty" yaml:"prior"`
}

// Block is what a step is made of.
type Block string

// Blocks.
const (
	// Convolutional steps are the default.
	Convolutional Block = ""
	// Dense steps are fully connected, with fixed orthogonal matrices in place of the 1x1 convolutions (digest §3.2).
	Dense Block = "dense"
)

// Prior is what the latents of a scale are measured by.
type Prior string

// Priors.
const (
	// Independent latents have a trained activation norm each and no knowledge of the other scales: the paper's (digest §2.6).
	Independent Prior = ""
	// Conditioned latents are normal with mean and standard deviation from the half that goes on to the next scale; those
	// of the last scale are standard normal. The public implementations', where the second half leaves, not the first.
	Conditioned Prior = "conditioned"
	// ConditionedTop has a learned mean and standard deviation a channel at the last scale too ("learned top").
	ConditionedTop Prior = "conditioned, learned top"
)

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	switch divisor := 1 << min(max(c.Scales, 0), 30); {
	case c.Scales < 1 || c.K < 1 || c.Hidden < 1 || c.Channels < 1:
		return fmt.Errorf("glow: scales %d, k %d, hidden %d and channels %d must all be at least 1", c.Scales, c.K, c.Hidden, c.Channels)
	case c.Scales > 30 || c.Height < divisor || c.Width < divisor || c.Height%divisor != 0 || c.Width%divisor != 0:
		return fmt.Errorf("glow: %d scales halve the image %d times, and %dx%d does not divide by %d", c.Scales, c.Scales,
			c.Height, c.Width, divisor)
	case c.Block != Convolutional && c.Block != Dense:
		return fmt.Errorf("glow: no block %q, only %q and none for convolutional", c.Block, Dense)
	case c.Prior != Independent && c.Prior != Conditioned && c.Prior != ConditionedTop:
		return fmt.Errorf("glow: no prior %q, only %q, %q and none for independent", c.Prior, Conditioned, ConditionedTop)
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

// Cost grows with the steps and with the square of their width; dense steps are of another kind.
func (c Config) Cost() (kind string, products float64) {
	kind = "glow"
	if c.Block == Dense {
		kind = "dense"
	}
	return kind, float64(c.K) * float64(c.Hidden) * float64(c.Hidden)
}

// calibrationImages is 11 batches of 64: what the reference's loop collects (digest §2.3).
const calibrationImages = 704

// Glow is the multi-scale model. It holds no weights.
type Glow struct {
	config Config
	scales []scale
}

// scale is a squeeze, K steps and a split: some channels leave as the latent, the others go on.
type scale struct {
	channels, height, width int // after the squeeze
	steps                   flow.Repeat
	// leaves is the number of channels that leave: the first ones, or the last ones of a conditioned prior.
	leaves int
	latent latent
}

// New builds the model of a configuration.
func New(config Config) (*Glow, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return build(config, func(scale int) string { return fmt.Sprintf("scale%d/", scale) }), nil
}

// build names the parameters of scale i = 1, 2, ... below prefix(i).
func build(config Config, prefix func(scale int) string) *Glow {
	g := &Glow{config: config}
	channels, height, width := config.Channels, config.Height, config.Width
	for i := range config.Scales {
		channels, height, width = 4*channels, height/2, width/2
		last := i == config.Scales-1
		s := scale{channels: channels, height: height, width: width, leaves: channels / 2}
		if last {
			s.leaves = channels
		}
		for k := range config.K {
			name := fmt.Sprintf("%sstep%d", prefix(i+1), k+1)
			if config.Block == Dense {
				s.steps.Steps = append(s.steps.Steps, flow.NewDenseStep(name, channels*height*width, config.Hidden))
			} else {
				s.steps.Steps = append(s.steps.Steps, flow.NewStep(name, channels, config.Hidden))
			}
		}
		switch {
		case config.Prior == Independent:
			s.latent = independent{flow.ActNorm{Name: prefix(i+1) + "latent_actnorm", Channels: s.size(), Eps: latentEps}}
		case !last:
			s.latent = splitPrior{flow.ZeroConv{Name: prefix(i+1) + "split_prior", In: channels - s.leaves, Out: 2 * s.leaves}}
		case config.Prior == ConditionedTop:
			s.latent = topPrior{name: "top_prior", channels: channels}
		default:
			s.latent = standard{}
		}
		g.scales = append(g.scales, s)
		channels -= s.leaves
	}
	return g
}

// size is the number of elements of the scale's latent.
func (s scale) size() int { return s.leaves * s.height * s.width }

// split parts x into the latent, z, and what goes on to the next scale, nil at the last one.
func (s scale) split(x *Node) (z, rest *Node) {
	switch {
	case s.leaves == s.channels:
		return x, nil
	case s.latent.leavesFirst():
		return nn.Channels(x, 0, s.leaves), nn.Channels(x, s.leaves, s.channels)
	}
	return nn.Channels(x, s.channels-s.leaves, s.channels), nn.Channels(x, 0, s.channels-s.leaves)
}

// join undoes split.
func (s scale) join(z, rest *Node) *Node {
	switch {
	case rest == nil:
		return z
	case s.latent.leavesFirst():
		return Concatenate([]*Node{z, rest}, 0)
	}
	return Concatenate([]*Node{rest, z}, 0)
}

// Config is what the model was built from.
func (g *Glow) Config() Config { return g.config }

// Kind is "glow".
func (g *Glow) Kind() string { return "glow" }

// String is "Glow L3 K32 H512", with what is not the default.
func (g *Glow) String() string {
	name := "Glow"
	if g.config.Block == Dense {
		name = "dense Glow"
	}
	if g.config.Prior != Independent {
		name += " (" + string(g.config.Prior) + ")"
	}
	return fmt.Sprintf("%s L%d K%d H%d", name, g.config.Scales, g.config.K, g.config.Hidden)
}

// Shape is height, width and channels of the images.
func (g *Glow) Shape() (height, width, channels int) {
	return g.config.Height, g.config.Width, g.config.Channels
}

// Scales is L.
func (g *Glow) Scales() int { return len(g.scales) }

// LatentDims are the sizes of the latents, 1536, 768 and 768 for the paper's.
func (g *Glow) LatentDims() []int {
	dims := make([]int, len(g.scales))
	for i, s := range g.scales {
		dims[i] = s.size()
	}
	return dims
}

// CalibrationImages is 704 (digest §2.3).
func (g *Glow) CalibrationImages() int { return calibrationImages }

// Identity names all that the graphs are made from.
func (g *Glow) Identity() string { return fmt.Sprintf("%s %+v", g.Kind(), g.config) }

// Params are those of every step and latent, from the first scale to the last.
func (g *Glow) Params() []nn.Param {
	var params []nn.Param
	for _, s := range g.scales {
		params = append(append(params, s.steps.Params()...), s.latent.Params()...)
	}
	return params
}

// Input is the dequantised image on the [-1/2, 1/2) scale.
func (g *Glow) Input(pixels, noise *Node) *Node { return density.FromPixels(pixels, noise) }

// LogLikelihood is ln p(x) = c_1 + ... + c_L with, at each scale (paper Eq. 3, digest §2.7),
//
//	c_i = sum of its steps' log-determinants + log-determinant of its latent's normalisation + ln N(z_i; 0, I).
func (g *Glow) LogLikelihood(w *nn.Weights, x *Node) density.Likelihood {
	requireImages(x, g.config.Channels, g.config.Height, g.config.Width)
	var result density.Likelihood
	for _, s := range g.scales {
		x, _ = flow.Squeeze2x2{}.Forward(w, x)
		var logDet *Node
		x, logDet = s.steps.Forward(w, x)
		z, rest := s.split(x)
		z, d := s.latent.normalise(w, z, rest)
		addScale(&result, Reshape(z, s.size(), z.Shape().Dim(-1)), Add(logDet, d))
		x = rest
	}
	return result
}

// Inverse builds the graph from normalised latents [D_i, B] back to images [C, H, W, B], with their likelihood: the
// log-determinants are those of the forward direction (digest §2.8).
func (g *Glow) Inverse(w *nn.Weights, latents []*Node) (x *Node, l density.Likelihood) {
	if len(latents) != len(g.scales) {
		panic(fmt.Errorf("glow: %d latents for %d scales", len(latents), len(g.scales)))
	}
	logDets := make([]*Node, len(g.scales))
	for i := len(g.scales) - 1; i >= 0; i-- {
		s := g.scales[i]
		z, logDet := s.latent.denormalise(w, Reshape(latents[i], s.leaves, s.height, s.width, latents[i].Shape().Dim(1)), x)
		x = s.join(z, x)
		var ofSteps *Node
		x, ofSteps = s.steps.Inverse(w, x)
		logDet = Add(logDet, ofSteps)
		x, _ = flow.Squeeze2x2{}.Inverse(w, x)
		logDets[i] = Neg(logDet)
	}
	for i, z := range latents {
		addScale(&l, z, logDets[i])
	}
	return x, l
}

// addScale adds a scale's contribution: normalised latents z [D, B] and the log-determinant [B] that leads to them.
func addScale(l *density.Likelihood, z, logDet *Node) {
	logPrior := standardNormal(z)
	c := Add(logDet, logPrior)
	l.Scales = append(l.Scales, c)
	l.Latents = append(l.Latents, z)
	l.LogPriors = append(l.LogPriors, logPrior)
	l.Total = sum(l.Total, c)
}

func requireImages(x *Node, channels, height, width int) {
	d := x.Shape().Dimensions
	if len(d) != 4 || d[0] != channels || d[1] != height || d[2] != width {
		panic(fmt.Errorf("glow: images are [C, H, W, B] = [%d, %d, %d, B], not %s", channels, height, width, x.Shape()))
	}
}

// standardNormal is ln N(z; 0, I) of each image, z [D, B].
func standardNormal(z *Node) *Node {
	return AddScalar(MulScalar(nn.SumPerImage(Mul(z, z)), -0.5), -halfLog2Pi*float64(z.Shape().Dim(0)))
}

var halfLog2Pi = 0.5 * math.Log(2*math.Pi)

func sum(a, b *Node) *Node {
	if a == nil {
		return b
	}
	return Add(a, b)
}
