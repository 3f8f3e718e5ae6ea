// Package classifier is the discriminative baseline of the paper (S9, Tab. S4; digest §9): a Wide-ResNet that is
// trained to tell images of the in-distribution set from images of the general set, and whose p(in | x) is the anomaly
// score.
//
// The network is that of Zagoruyko and Komodakis (2016) as the repository that the paper names has it
// (bmsookim/wide-resnet.pytorch, networks/wide_resnet.py), facts of which are cited here as W.
package classifier

import (
	"fmt"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// The classes of the paper's two. Of more classes, the first two are these.
const (
	General        = 0
	InDistribution = 1
)

// Config is a Wide-ResNet of Depth layers, 6n+4, whose three groups of n blocks are 16, 32 and 64 times Widen channels
// wide, for images of Height x Width x Channels with sides that are multiples of 4.
type Config struct {
	Height   int `json:"height" yaml:"height"`
	Width    int `json:"width" yaml:"width"`
	Channels int `json:"channels" yaml:"channels"`
	Depth    int `json:"depth" yaml:"depth"`
	Widen    int `json:"widen" yaml:"widen"`
	// Dropout is the probability with which a value between the two convolutions of a block is dropped, in training.
	Dropout float64 `json:"dropout" yaml:"dropout"`
	Classes int     `json:"classes" yaml:"classes"`
}

// Paper is the WRN-28-10 of S9 for 32x32 RGB images.
func Paper() Config {
	return Config{Height: 32, Width: 32, Channels: 3, Depth: 28, Widen: 10, Dropout: 0.3, Classes: 2}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	switch {
	case c.Height < 4 || c.Width < 4 || c.Height%4 != 0 || c.Width%4 != 0 || c.Channels < 1:
		return fmt.Errorf("wide-resnet: images of %dx%dx%d: sides must be multiples of 4, and channels at least 1",
			c.Height, c.Width, c.Channels)
	case c.Depth < 10 || (c.Depth-4)%6 != 0:
		return fmt.Errorf("wide-resnet: depth %d must be 6n+4: 10, 16, 22, 28 and so on", c.Depth)
	case c.Widen < 1:
		return fmt.Errorf("wide-resnet: widen %d must be at least 1", c.Widen)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("wide-resnet: dropout %g must be in [0, 1)", c.Dropout)
	case c.Classes < 2:
		return fmt.Errorf("wide-resnet: %d classes, at least 2 are needed", c.Classes)
	}
	return nil
}

// Cost is as density.Config has it.
func (c Config) Cost() (kind string, products float64) {
	return "classifier", float64(c.Depth) * float64(c.Widen) * float64(c.Widen)
}

// Model builds the graph of a Wide-ResNet:
//
//	3x3 convolution to 16 channels -> three groups of blocks, the second and third halving the sides
//	-> batch norm -> ReLU -> mean over positions -> linear.
//
// Convolutions have a bias (W). W's 8x8 average pooling of 32x32 images is the mean over all positions.
type Model struct {
	config Config
	blocks []block
	last   nn.BatchNorm
}

// stem is the number of channels of the first convolution.
const stem = 16

// W leaves PyTorch's momentum of the running estimates, 0.1, in the blocks, and sets 0.9 in the batch norm after them,
// the only one: there the estimates are all but those of the last batch.
const (
	blockMomentum = 0.1
	lastMomentum  = 0.9
)

// New checks the settings and lays out the blocks.
func New(config Config) (*Model, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	m := &Model{config: config}
	in := stem
	for group := range 3 {
		out := config.Widen * stem << group
		for i := range (config.Depth - 4) / 6 {
			stride := 1
			if group > 0 && i == 0 {
				stride = 2
			}
			m.blocks = append(m.blocks, block{Name: fmt.Sprintf("group%d/block%d", group+1, i+1), In: in, Out: out, Stride: stride,
				Dropout: config.Dropout})
			in = out
		}
	}
	m.last = nn.BatchNorm{Name: "norm", Channels: in, Momentum: lastMomentum}
	return m, nil
}

// Config is what the model was made from.
func (m *Model) Config() Config { return m.config }

// Kind names the model for people and for saved runs.
func (m *Model) Kind() string { return "wide-resnet" }

// Identity names all that the graphs are made from.
func (m *Model) Identity() string { return fmt.Sprintf("%s %+v", m.Kind(), m.config) }

// Params declares the parameters: those of the layers by PyTorch's layouts, and the fixed input/mean and input/std
// [Channels], the mean and the standard deviation of the pixels on the 0..1 scale, which start as 0 and 1.
func (m *Model) Params() []nn.Param {
	channels, features, classes := m.config.Channels, m.last.Channels, m.config.Classes
	params := []nn.Param{
		{Name: "input/mean", Shape: []int{channels}, Fixed: true},
		{Name: "input/std", Shape: []int{channels}, Start: nn.StartConstant(channels, 1), Fixed: true},
	}
	params = append(params, convParams("conv", channels, stem, 3)...)
	for _, b := range m.blocks {
		params = append(params, b.params()...)
	}
	params = append(params, m.last.Params()...)
	return append(params, nn.Linear("linear", features, classes)...) // W keeps PyTorch's start of it
}

// Input brings pixels [B, H, W, C] of values 0..255 to what the network sees, (pixel/255 - mean)/std a channel, as
// [C, H, W, B].
func (m *Model) Input(w *nn.Weights, pixels *Node) *Node {
	mean, std := w.Get("input/mean"), w.Get("input/std")
	x := TransposeAllAxes(ConvertDType(pixels, mean.DType()), 3, 1, 2, 0)
	x = Sub(MulScalar(x, 1./255), nn.PerChannel(mean, x))
	return Mul(x, nn.PerChannel(Inverse(std), x))
}

// Logits are the classes' scores before the softmax, [Classes, B], of x [C, H, W, B]. In training, batch norms use the
// batch's statistics and set the running estimates in w to their new values, and dropout draws from w.Random where that
// is not nil.
func (m *Model) Logits(w *nn.Weights, x *Node, training bool) *Node {
	x = conv(w, "conv", x, 1)
	for _, b := range m.blocks {
		x = b.apply(w, x, training)
	}
	x = normalise(m.last, w, x, training)
	features, batch := x.Shape().Dim(0), x.Shape().Dim(3)
	pooled := ReduceMean(x, 1, 2)
	bias := BroadcastToDims(Reshape(w.Get("linear/bias"), m.config.Classes, 1), m.config.Classes, batch)
	return Add(nn.Product(w.Get("linear/weight"), Reshape(pooled, features, batch)), bias)
}
