package glow

import (
	"fmt"

	"strata/pkg/density"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// PatchConfig is the architecture of the local-patch Glow. The paper's is 32x32x3, Patch 8, K 32, Hidden 512 (S2.1).
type PatchConfig struct {
	Height   int `json:"height" yaml:"height"`
	Width    int `json:"width" yaml:"width"`
	Channels int `json:"channels" yaml:"channels"`
	// Patch is the side of a patch.
	Patch  int `json:"patch" yaml:"patch"`
	K      int `json:"k" yaml:"k"`
	Hidden int `json:"hidden" yaml:"hidden"`
}

func (c PatchConfig) ofPatch() Config {
	return Config{Height: c.Patch, Width: c.Patch, Channels: c.Channels, Scales: 1, K: c.K, Hidden: c.Hidden}
}

// Validate says what is wrong with a configuration.
func (c PatchConfig) Validate() error {
	if c.Patch < 1 || c.Height < 1 || c.Width < 1 || c.Height%c.Patch != 0 || c.Width%c.Patch != 0 {
		return fmt.Errorf("patch glow: %dx%d images are not made of %dx%d patches", c.Height, c.Width, c.Patch, c.Patch)
	}
	return c.ofPatch().Validate()
}

// Model builds the model.
func (c PatchConfig) Model() (density.Model, error) { return density.Built(NewPatch(c)) }

// ForImages is the same network for images of another shape.
func (c PatchConfig) ForImages(height, width, channels int) density.Config {
	c.Height, c.Width, c.Channels = height, width, channels
	return c
}

// Cost is a kind of its own: all patches of an image go through one scale.
func (c PatchConfig) Cost() (kind string, products float64) {
	_, products = c.ofPatch().Cost()
	return "patch", products
}

// Patch is the local-patch Glow (digest §3.1): an image is its patches, each an independent sample of one Glow of a single
// scale, and ln p(x) the sum of theirs. It sees nothing beyond a patch.
type Patch struct {
	config PatchConfig
	glow   *Glow
}

// NewPatch builds the model of a configuration.
func NewPatch(config PatchConfig) (*Patch, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return &Patch{config, build(config.ofPatch(), func(int) string { return "" })}, nil
}

// Config is what the model was built from.
func (p *Patch) Config() PatchConfig { return p.config }

// Kind is "patch_glow".
func (p *Patch) Kind() string { return "patch_glow" }

// String is "patch Glow 8x8 K32 H512".
func (p *Patch) String() string {
	return fmt.Sprintf("patch Glow %dx%d K%d H%d", p.config.Patch, p.config.Patch, p.config.K, p.config.Hidden)
}

// Shape is height, width and channels of the images.
func (p *Patch) Shape() (height, width, channels int) {
	return p.config.Height, p.config.Width, p.config.Channels
}

// Scales is 0: the likelihood has no parts.
func (p *Patch) Scales() int { return 0 }

// LatentDims is the size of the one latent, patch after patch.
func (p *Patch) LatentDims() []int { return []int{density.Dims(p)} }

// CalibrationImages is 704, every patch of which counts.
func (p *Patch) CalibrationImages() int { return calibrationImages }

// Identity names all that the graphs are made from.
func (p *Patch) Identity() string { return fmt.Sprintf("%s %+v", p.Kind(), p.config) }

// Params are those of the Glow of a patch.
func (p *Patch) Params() []nn.Param { return p.glow.Params() }

// Input is the dequantised image on the [-1/2, 1/2) scale.
func (p *Patch) Input(pixels, noise *Node) *Node { return density.FromPixels(pixels, noise) }

// LogLikelihood adds up the patches'.
func (p *Patch) LogLikelihood(w *nn.Weights, x *Node) density.Likelihood {
	requireImages(x, p.config.Channels, p.config.Height, p.config.Width)
	batch, patches := x.Shape().Dim(3), p.patches()
	l := p.glow.LogLikelihood(w, p.toPatches(x))
	z := TransposeAllAxes(Reshape(l.Latents[0], density.Dims(p.glow), patches, batch), 1, 0, 2)
	return p.ofImages(l, Reshape(z, density.Dims(p), batch), batch)
}

// Inverse builds the graph from the normalised latent, patch after patch, to images.
func (p *Patch) Inverse(w *nn.Weights, latents []*Node) (x *Node, l density.Likelihood) {
	if len(latents) != 1 {
		panic(fmt.Errorf("patch glow: %d latents, not 1", len(latents)))
	}
	batch, patches := latents[0].Shape().Dim(1), p.patches()
	z := TransposeAllAxes(Reshape(latents[0], patches, density.Dims(p.glow), batch), 1, 0, 2)
	y, l := p.glow.Inverse(w, []*Node{Reshape(z, density.Dims(p.glow), patches*batch)})
	return p.fromPatches(y, batch), p.ofImages(l, latents[0], batch)
}

func (p *Patch) ofImages(l density.Likelihood, z *Node, batch int) density.Likelihood {
	overPatches := func(v *Node) *Node { return ReduceSum(Reshape(v, p.patches(), batch), 0) }
	return density.Likelihood{Total: overPatches(l.Total), Latents: []*Node{z}, LogPriors: []*Node{overPatches(l.LogPriors[0])}}
}

func (p *Patch) patches() int {
	return p.config.Height / p.config.Patch * (p.config.Width / p.config.Patch)
}

// toPatches makes a batch of patches, row by row of each image: [C, P, P, patches*B].
func (p *Patch) toPatches(x *Node) *Node {
	side, batch := p.config.Patch, x.Shape().Dim(3)
	y := Reshape(x, p.config.Channels, p.config.Height/side, side, p.config.Width/side, side, batch)
	return Reshape(TransposeAllAxes(y, 0, 2, 4, 1, 3, 5), p.config.Channels, side, side, p.patches()*batch)
}

func (p *Patch) fromPatches(y *Node, batch int) *Node {
	side := p.config.Patch
	x := Reshape(y, p.config.Channels, side, side, p.config.Height/side, p.config.Width/side, batch)
	return Reshape(TransposeAllAxes(x, 0, 3, 1, 4, 2, 5), p.config.Channels, p.config.Height, p.config.Width, batch)
}
