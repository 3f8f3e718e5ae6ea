package glow

import (
	"fmt"
	"math"

	"strata/pkg/density"
	"strata/pkg/nn"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// ClassConditionalConfig is a Glow and the number of classes on top of it. The paper has 10 or 100 (digest §3.3).
type ClassConditionalConfig struct {
	Glow    Config `json:"glow" yaml:"glow"`
	Classes int    `json:"classes" yaml:"classes"`
}

// Validate says what is wrong with a configuration.
func (c ClassConditionalConfig) Validate() error {
	if c.Classes < 1 {
		return fmt.Errorf("class-conditional glow: classes %d must be at least 1", c.Classes)
	}
	if c.Glow.Prior != Independent {
		return fmt.Errorf("class-conditional glow: its classes stand on independent latents, not on the prior %q", c.Glow.Prior)
	}
	return c.Glow.Validate()
}

// Model builds the model.
func (c ClassConditionalConfig) Model() (density.Model, error) {
	return density.Built(NewClassConditional(c))
}

// ForImages is the same network for images of another shape.
func (c ClassConditionalConfig) ForImages(height, width, channels int) density.Config {
	c.Glow.Height, c.Glow.Width, c.Glow.Channels = height, width, channels
	return c
}

// Cost is the Glow's: the classes stand on its latents.
func (c ClassConditionalConfig) Cost() (kind string, products float64) { return c.Glow.Cost() }

// ClassConditional is a Glow whose normalised latents have one density a class (paper §3.2, digest §3.3): for each class y
// and scale i an activation norm of its own and a diagonal normal with trained mean and standard deviation,
//
//	ln p(x|y) = sum over scales of ( shared log-determinants + ln |scale_y| + ln N(scale_y (z_i + loc_y); mean_y, std_y) ).
//
// The classes start as the standard normal, so that the model starts as the Glow that it was made from.
type ClassConditional struct {
	config ClassConditionalConfig
	glow   *Glow
}

// NewClassConditional builds the model of a configuration.
func NewClassConditional(config ClassConditionalConfig) (*ClassConditional, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	g, err := New(config.Glow)
	if err != nil {
		return nil, err
	}
	return &ClassConditional{config, g}, nil
}

// Config is what the model was built from.
func (m *ClassConditional) Config() ClassConditionalConfig { return m.config }

// Kind is "class_conditional_glow".
func (m *ClassConditional) Kind() string { return "class_conditional_glow" }

// String is "class-conditional Glow L3 K32 H512, 10 classes".
func (m *ClassConditional) String() string {
	return fmt.Sprintf("class-conditional %s, %d classes", m.glow, m.config.Classes)
}

// Shape is height, width and channels of the images.
func (m *ClassConditional) Shape() (height, width, channels int) { return m.glow.Shape() }

// Scales is L.
func (m *ClassConditional) Scales() int { return m.glow.Scales() }

// LatentDims are those of the Glow.
func (m *ClassConditional) LatentDims() []int { return m.glow.LatentDims() }

// CalibrationImages are those of the Glow; the classes start as they are.
func (m *ClassConditional) CalibrationImages() int { return m.glow.CalibrationImages() }

// Classes is their number.
func (m *ClassConditional) Classes() int { return m.config.Classes }

// headParams are the parameters of a class at a scale.
var headParams = []string{"actnorm/loc", "actnorm/log_scale", "mean", "log_std"}

// Identity names all that the graphs are made from.
func (m *ClassConditional) Identity() string { return fmt.Sprintf("%s %+v", m.Kind(), m.config) }

// Params are those of the Glow, then those of each class and scale.
func (m *ClassConditional) Params() []nn.Param {
	params := m.glow.Params()
	for class := range m.config.Classes {
		for scale, size := range m.LatentDims() {
			for _, name := range headParams {
				params = append(params, nn.Param{Name: headParam(class, scale, name), Shape: []int{size}})
			}
		}
	}
	return params
}

func headParam(class, scale int, name string) string {
	return fmt.Sprintf("class%d/scale%d/%s", class, scale+1, name)
}

// Input is the Glow's.
func (m *ClassConditional) Input(pixels, noise *Node) *Node { return m.glow.Input(pixels, noise) }

// LogLikelihood is the mixture of the classes with equal weights, ln p(x) = ln mean_y p(x|y). Each c_i is the mixture of its
// own scale, the form in which the reference reads the supervised last-scale score; they do not add up to ln p(x).
func (m *ClassConditional) LogLikelihood(w *nn.Weights, x *Node) density.Likelihood {
	return m.withClasses(w, m.glow.LogLikelihood(w, x))
}

// Inverse is the Glow's, from its normalised latents.
func (m *ClassConditional) Inverse(w *nn.Weights, latents []*Node) (x *Node, l density.Likelihood) {
	x, l = m.glow.Inverse(w, latents)
	return x, m.withClasses(w, l)
}

// withClasses puts the classes in the place of the Glow's standard normal prior.
func (m *ClassConditional) withClasses(w *nn.Weights, shared density.Likelihood) density.Likelihood {
	result := density.Likelihood{Latents: shared.Latents}
	for scale, z := range shared.Latents {
		logDet := Sub(shared.Scales[scale], shared.LogPriors[scale])
		given := Add(m.logDensities(w, scale, z), BroadcastToShape(Reshape(logDet, 1, logDet.Shape().Dim(0)),
			perClass(m.config.Classes, logDet)))
		result.Scales = append(result.Scales, logMeanExp(given))
		result.Classes = sum(result.Classes, given)
	}
	result.Total = logMeanExp(result.Classes)
	return result
}

// logDensities is the log-density of z [D, B] under each class at a scale, class norm included, [N, B]. With
// u = (scale (z + loc) - mean)/std = a z + b it is
//
//	ln|a| + ln N(u; 0, I), and the sum of u^2 over D is A^2 z^2 + 2 (AB) z + sum of b^2:
//
// two products with the classes' matrices A and B [N, D], instead of N passes over z.
func (m *ClassConditional) logDensities(w *nn.Weights, scale int, z *Node) *Node {
	loc, logScale, mean, logStd := m.head(w, scale)
	size := float64(z.Shape().Dim(0))
	spread := AddScalar(Exp(logScale), latentEps)
	a := Mul(spread, Exp(Neg(logStd)))
	b := Mul(Sub(Mul(loc, spread), mean), Exp(Neg(logStd)))
	squares := Add(nn.Product(Mul(a, a), Mul(z, z)), MulScalar(nn.Product(Mul(a, b), z), 2))
	constant := Sub(ReduceSum(Sub(Log(spread), logStd), 1), MulScalar(ReduceSum(Mul(b, b), 1), 0.5))
	constant = Reshape(AddScalar(constant, -halfLog2Pi*size), m.config.Classes, 1)
	return Sub(BroadcastToShape(constant, squares.Shape()), MulScalar(squares, 0.5))
}

// head stacks the classes' parameters at a scale, [N, D] each.
func (m *ClassConditional) head(w *nn.Weights, scale int) (loc, logScale, mean, logStd *Node) {
	stacked := make([]*Node, len(headParams))
	for i, name := range headParams {
		rows := make([]*Node, m.config.Classes)
		for class := range rows {
			rows[class] = Reshape(w.Get(headParam(class, scale, name)), 1, m.LatentDims()[scale])
		}
		stacked[i] = Concatenate(rows, 0)
	}
	return stacked[0], stacked[1], stacked[2], stacked[3]
}

// Draw turns standard normal deviates [D_i, B] into latents of the classes oneHot [N, B] says: z = (mean + std u)/scale - loc.
func (m *ClassConditional) Draw(w *nn.Weights, oneHot *Node, normals []*Node) []*Node {
	latents := make([]*Node, len(normals))
	for scale, u := range normals {
		loc, logScale, mean, logStd := m.head(w, scale)
		of := func(v *Node) *Node { return nn.Product(Transpose(v, 0, 1), oneHot) } // [D, B]
		inverse := Inverse(AddScalar(Exp(logScale), latentEps))
		latents[scale] = Add(Mul(u, of(Mul(Exp(logStd), inverse))), of(Sub(Mul(mean, inverse), loc)))
	}
	return latents
}

// logMeanExp is the logarithm of the mean over classes, [N, B] -> [B].
func logMeanExp(v *Node) *Node {
	largest := StopGradient(ReduceMax(v, 0))
	shifted := Exp(Sub(v, BroadcastToShape(Reshape(largest, 1, largest.Shape().Dim(0)), v.Shape())))
	return AddScalar(Add(largest, Log(ReduceSum(shifted, 0))), -math.Log(float64(v.Shape().Dim(0))))
}

func perClass(classes int, perImage *Node) shapes.Shape {
	return shapes.Make(perImage.DType(), classes, perImage.Shape().Dim(0))
}

func perImageShape(x *Node) shapes.Shape { return shapes.Make(x.DType(), x.Shape().Dim(-1)) }
