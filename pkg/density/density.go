// Package density holds what every density model of images shares: the Model interface, the scale of its input,
// dequantisation, units, and Network, a model with its weights on a backend.
//
// Log-likelihoods are natural logarithms of a density on the [-1/2, 1/2) scale unless a name says bits (digest §1).
package density

import (
	"fmt"
	"math"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Model is a density model of images. Training, scoring and figures know no more of it than this.
type Model interface {
	// Kind names the model for people and for saved runs, "glow".
	Kind() string
	// Shape is height, width and channels of the images.
	Shape() (height, width, channels int)
	// Scales is the number of per-scale contributions, 0 for a model without scales.
	Scales() int
	// Params declares the parameters, in a fixed order.
	Params() []nn.Param
	// CalibrationImages is how many images the data-dependent start wants; 0 if there is none.
	CalibrationImages() int
	// Input brings pixels [B, H, W, C] of values 0..255 and noise of the same shape, in units of a bin, to what the
	// network sees, [C, H, W, B].
	Input(pixels, noise *Node) *Node
	// LogLikelihood builds the graph that scores what Input gives, in nats of a density on the [-1/2, 1/2) scale.
	LogLikelihood(w *nn.Weights, x *Node) Likelihood
	// String names the network for people: "Glow L3 K32 H512".
	String() string
}

// Identified is a model that names all that its graphs are made from: two of one identity share their compiled programs.
type Identified interface{ Identity() string }

// Identify is the identity of a model's program, with what else it is made from; "" where the model has none.
func Identify(m Model, more ...any) string {
	identified, ok := m.(Identified)
	if !ok {
		return ""
	}
	return identified.Identity() + ": " + fmt.Sprint(more...)
}

// Invertible is a model that maps images to latents and back.
type Invertible interface {
	Model
	// LatentDims are the sizes D_i of an image's latents, one a scale, finest first.
	LatentDims() []int
	// Inverse builds the graph from normalised latents z_i [D_i, B] to the images x [C, H, W, B] on the [-1/2, 1/2) scale
	// that have them, and their likelihood: the same as LogLikelihood gives of x (digest §2.8).
	Inverse(w *nn.Weights, latents []*Node) (x *Node, l Likelihood)
}

// ClassConditional is a model with one density a class, whose mixture is its log-likelihood.
type ClassConditional interface {
	Invertible
	// Classes is their number.
	Classes() int
	// Draw builds the graph from standard normal deviates [D_i, B] and classes, one-hot [N, B], to the latents of Inverse.
	Draw(w *nn.Weights, oneHot *Node, normals []*Node) (latents []*Node)
}

// Likelihood is ln p(x) of each image, in nats.
type Likelihood struct {
	// Total is [B].
	Total *Node
	// Scales are the contributions c_1, c_2, ... [B] each, finest scale first; they add up to Total (digest §2.7). With
	// classes each is a mixture of its own, and they do not (digest §3.3).
	Scales []*Node
	// Latents are the normalised latents z_i [D_i, B] and LogPriors ln N(z_i; 0, I) [B]; nil where a model has none.
	Latents, LogPriors []*Node
	// Pixels is ln p of each pixel, its colours together, given those before it in raster order, [1, H, W, B]; they add up to
	// Total. nil for a model without such an order.
	Pixels *Node
	// Classes is ln p(x|y) of each class y, [N, B], and Total the log of their mean; nil for a model without classes.
	Classes *Node
}

// Dims is D, the number of sub-pixels of an image.
func Dims(m Model) int {
	h, w, c := m.Shape()
	return h * w * c
}

// levels is the number of values of a sub-pixel; ln 256 a dimension is what lies between the density on the [-1/2, 1/2)
// scale and the one on the 0..255 scale. This is the one place that knows it.
const levels = 256

// HalfBin is the dequantisation of evaluation: the middle of the bin, in units of a bin (digest §1).
const HalfBin = 0.5

// FromPixels is the input of a continuous density: (pixel + noise)/256 - 1/2, as [C, H, W, B] (digest §1).
func FromPixels(pixels, noise *Node) *Node {
	x := Add(ConvertDType(pixels, noise.DType()), noise)
	return TransposeAllAxes(AddScalar(MulScalar(x, 1.0/levels), -0.5), 3, 1, 2, 0)
}

// NLL is the negative log-likelihood in nats of an image on the 0..255 scale: D ln 256 - ln p(x) (digest §1).
func NLL(logLikelihood *Node, dims int) *Node {
	return Sub(Scalar(logLikelihood.Graph(), logLikelihood.DType(), float64(dims)*math.Log(levels)), logLikelihood)
}

// BitsPerDim is 8 - log2 p(x)/D.
func BitsPerDim(logLikelihood float64, dims int) float64 {
	return math.Log2(levels) - logLikelihood/(float64(dims)*math.Ln2)
}

// LogLikelihoodOfBits is the inverse of BitsPerDim.
func LogLikelihoodOfBits(bits float64, dims int) float64 {
	return (math.Log2(levels) - bits) * float64(dims) * math.Ln2
}
