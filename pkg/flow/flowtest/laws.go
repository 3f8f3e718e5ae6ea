package flowtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"strata/pkg/flow"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"
)

// A law compares what must be equal: it returns the largest relative error it saw, and an error if that is above the
// law's tolerance.
//
// Tolerances: float64 rounds to 1e-16, and the small layers that are checked amplify that by the condition of their
// weights and the number of terms of their sums, below 1e5 in all. A central difference with step h = 1e-6 is off by
// h^2 = 1e-12 times a third derivative, and by rounding, which gradients() allows for. A larger step would round less, but
// would carry some ReLU over its kink.
type law struct {
	name      string
	tolerance float64
	check     func(s *subject) (worst float64, err error)
}

const (
	roundTripTolerance    = 1e-9
	jacobianTolerance     = 1e-9
	gradientTolerance     = 1e-5
	independenceTolerance = 1e-12
	differenceStep        = 1e-6
)

var laws = []law{
	{"round trip", roundTripTolerance, (*subject).roundTrip},
	{"jacobian", jacobianTolerance, (*subject).jacobian},
	{"gradients", gradientTolerance, (*subject).gradients},
	{"independent images", independenceTolerance, (*subject).independence},
	{"hard inputs", roundTripTolerance, (*subject).hardInputs},
}

// subject is a layer with random weights, ready to run.
type subject struct {
	layer            flow.Layer
	form             form
	params           []nn.Param
	values           []*tensors.Tensor
	inDims, outDims  []int // [C, H, W] of x and of y
	forward, inverse program
}

func newSubject(layer flow.Layer, form form, channels, height, width int) (*subject, error) {
	s := &subject{layer: layer, form: form, params: layer.Params(), inDims: []int{channels, height, width}}
	s.values = RandomValues(s.params, 7)
	var err error
	s.forward, err = newProgram(s.form.backend, func(in []*Node) []*Node {
		y, logDet := layer.Forward(s.weights(in), in[len(s.params)])
		s.outDims = slices.Clone(y.Shape().Dimensions[:3])
		return []*Node{y, logDet}
	})
	if err != nil {
		return nil, err
	}
	s.inverse, err = newProgram(s.form.backend, func(in []*Node) []*Node {
		x, logDet := layer.Inverse(s.weights(in), in[len(s.params)])
		return []*Node{x, logDet}
	})
	return s, err
}

func (s *subject) weights(in []*Node) *nn.Weights {
	return nn.NewWeights(s.params, in[:len(s.params)], s.form.lowering)
}

func (s *subject) size() int { return s.inDims[0] * s.inDims[1] * s.inDims[2] }

// run calls a program with the weights and a batch; names are of the two outputs, for errors.
func (s *subject) run(p program, images [][]float64, dims []int) (values [][]float64, logDet []float64, err error) {
	out, err := p.call(append(slices.Clone(s.values), stack(images, dims))...)
	if err != nil {
		return nil, nil, err
	}
	if len(out[1]) != len(images) {
		return nil, nil, fmt.Errorf("%d log-determinants for %d images", len(out[1]), len(images))
	}
	return unstack(out[0], len(images)), out[1], nil
}

// roundTrip goes there and back, and back and there.
func (s *subject) roundTrip() (float64, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	images := [][]float64{s.noise(rng), s.noise(rng), s.noise(rng)}
	worst, err := s.thereAndBack(images)
	if err != nil {
		return worst, err
	}
	latents := make([][]float64, 3)
	for i := range latents {
		latents[i] = make([]float64, s.size())
		for j := range latents[i] {
			latents[i][j] = rng.NormFloat64()
		}
	}
	x, inverseLogDet, err := s.run(s.inverse, latents, s.outDims)
	if err != nil {
		return worst, err
	}
	y, logDet, err := s.run(s.forward, x, s.inDims)
	if err != nil {
		return worst, err
	}
	return s.compareTrip(worst, "Forward(Inverse(y))", y, latents, logDet, inverseLogDet)
}

func (s *subject) thereAndBack(images [][]float64) (float64, error) {
	y, logDet, err := s.run(s.forward, images, s.inDims)
	if err != nil {
		return 0, err
	}
	x, inverseLogDet, err := s.run(s.inverse, y, s.outDims)
	if err != nil {
		return 0, err
	}
	return s.compareTrip(0, "Inverse(Forward(x))", x, images, logDet, inverseLogDet)
}

func (s *subject) compareTrip(worst float64, name string, got, want [][]float64, logDet, inverseLogDet []float64) (float64, error) {
	for i := range want {
		e := relativeError(got[i], want[i])
		worst = max(worst, e)
		if !(e <= roundTripTolerance) {
			return worst, fmt.Errorf("image %d: %s is off by %.2g of the largest value", i, name, e)
		}
		e = math.Abs(logDet[i]+inverseLogDet[i]) / max(1, math.Abs(logDet[i]))
		worst = max(worst, e)
		if !(e <= roundTripTolerance) {
			return worst, fmt.Errorf("image %d: log-determinants %g of Forward and %g of Inverse do not add up to 0", i,
				logDet[i], inverseLogDet[i])
		}
	}
	return worst, nil
}

// jacobian holds the log-determinant against the full Jacobian. Images of a batch are independent, so a batch of n
// copies of one image whose copy i contributes element i of y to a sum has, as the gradient of that sum by copy i, row i
// of the Jacobian: one backward pass gives all of it.
func (s *subject) jacobian() (float64, error) {
	n := s.size()
	p, err := newProgram(s.form.backend, func(in []*Node) []*Node {
		x := in[len(s.params)]
		y, logDet := s.layer.Forward(s.weights(in), x)
		eye := ConvertDType(Equal(Iota(x.Graph(), in[len(in)-1].Shape(), 0), Iota(x.Graph(), in[len(in)-1].Shape(), 1)), x.DType())
		rows := Gradient(ReduceAllSum(Mul(Reshape(y, n, n), eye)), x)[0]
		return []*Node{Reshape(rows, n, n), logDet}
	})
	if err != nil {
		return 0, err
	}
	worst := 0.0
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2 {
		copies := slices.Repeat([][]float64{s.noise(rng)}, n)
		square := tensors.FromFlatDataAndDimensions(make([]float64, n*n), n, n)
		out, err := p.call(append(slices.Clone(s.values), stack(copies, s.inDims), square)...)
		if err != nil {
			return worst, err
		}
		want, _ := mat.LogDet(mat.NewDense(n, n, out[0]))
		e := math.Abs(out[1][0]-want) / max(1, math.Abs(want))
		worst = max(worst, e)
		if !(e <= jacobianTolerance) {
			return worst, fmt.Errorf("the log-determinant is %.15g, that of the Jacobian %.15g", out[1][0], want)
		}
	}
	return worst, nil
}

// gradients differentiates a random combination of all outputs in a random direction of the input and of each trained
// parameter.
func (s *subject) gradients() (float64, error) {
	worst := 0.0
	for _, direction := range []struct {
		name  string
		dims  []int
		apply func(w *nn.Weights, x *Node) (y, logDet *Node)
	}{{"Forward", s.inDims, s.layer.Forward}, {"Inverse", s.outDims, s.layer.Inverse}} {
		e, err := s.gradientsOf(direction.dims, s.size(), direction.apply)
		worst = max(worst, e)
		if err != nil {
			return worst, fmt.Errorf("%s: %w", direction.name, err)
		}
	}
	return worst, nil
}

// gradientsOf takes images of dims to y with size elements an image, and a number logDet.
func (s *subject) gradientsOf(dims []int, size int, apply func(w *nn.Weights, x *Node) (y, logDet *Node)) (float64, error) {
	const batch = 2
	n := len(s.params)
	terms := func(in []*Node) *Node {
		y, logDet := apply(s.weights(in), in[n])
		y, logDet = Mul(Reshape(y, size, batch), in[n+1]), Mul(logDet, in[n+2])
		return Concatenate([]*Node{Reshape(y, size*batch), logDet}, 0)
	}
	value, err := newProgram(s.form.backend, func(in []*Node) []*Node {
		t := terms(in)
		return []*Node{ReduceAllSum(t), ReduceAllSum(Abs(t))}
	})
	if err != nil {
		return 0, err
	}
	gradient, err := newProgram(s.form.backend, func(in []*Node) []*Node { return Gradient(ReduceAllSum(terms(in)), in[:n+1]...) })
	if err != nil {
		return 0, err
	}

	rng := rand.New(rand.NewPCG(5, 6))
	normal := func(size int) []float64 {
		v := make([]float64, size)
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		return v
	}
	inputs := append(slices.Clone(s.values),
		stack([][]float64{s.noise(rng), s.noise(rng)}, dims),
		tensors.FromFlatDataAndDimensions(normal(size*batch), size, batch),
		tensors.FromFlatDataAndDimensions(normal(batch), batch))
	gradients, err := gradient.call(inputs...)
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for i, analytic := range gradients {
		name := "the input"
		if i < n {
			if s.params[i].Fixed {
				continue
			}
			name = "parameter " + s.params[i].Name
		}
		direction := normal(len(analytic))
		slope := 0.0
		for j, g := range analytic {
			slope += g * direction[j]
		}
		var at [2]float64
		magnitude := 0.0
		for k, step := range []float64{differenceStep, -differenceStep} {
			moved := slices.Clone(inputs)
			moved[i] = shifted(inputs[i], direction, step)
			out, err := value.call(moved...)
			if err != nil {
				return worst, err
			}
			at[k], magnitude = out[0][0], out[1][0]
		}
		difference := (at[0] - at[1]) / (2 * differenceStep)
		if difference == 0 {
			return worst, fmt.Errorf("%s changes nothing", name)
		}
		// The subtraction uncovers what the values were rounded by, some 16 times 1e-16 of all that they add up; it is
		// no fault of the gradient.
		rounding := 16e-16 * magnitude / differenceStep
		scale := max(math.Abs(slope), math.Abs(difference)) + rounding/gradientTolerance
		e := math.Abs(slope-difference) / scale
		worst = max(worst, e)
		if !(e <= gradientTolerance) {
			return worst, fmt.Errorf("the gradient by %s gives the slope %.10g, central differences %.10g", name, slope, difference)
		}
	}
	return worst, nil
}

// independence runs images together and alone.
func (s *subject) independence() (float64, error) {
	rng := rand.New(rand.NewPCG(8, 9))
	images := [][]float64{s.noise(rng), s.noise(rng), s.noise(rng)}
	worst := 0.0
	for _, p := range []struct {
		name string
		program
		dims []int
	}{{"Forward", s.forward, s.inDims}, {"Inverse", s.inverse, s.outDims}} {
		together, logDets, err := s.run(p.program, images, p.dims)
		if err != nil {
			return worst, err
		}
		for i, image := range images {
			alone, logDet, err := s.run(p.program, [][]float64{image}, p.dims)
			if err != nil {
				return worst, err
			}
			e := max(relativeError(together[i], alone[0]), math.Abs(logDets[i]-logDet[0])/max(1, math.Abs(logDet[0])))
			worst = max(worst, e)
			if !(e <= independenceTolerance) {
				return worst, fmt.Errorf("%s: image %d of a batch differs by %.2g from the same image alone", p.name, i, e)
			}
		}
	}
	return worst, nil
}

// hardInputs sends through what breaks divisions and logarithms.
func (s *subject) hardInputs() (float64, error) {
	rng := rand.New(rand.NewPCG(10, 11))
	return s.thereAndBack(s.hard(rng))
}

// hard are images that are black, white, of one colour, and noise.
func (s *subject) hard(rng *rand.Rand) [][]float64 {
	area := s.inDims[1] * s.inDims[2]
	black, white, colour := make([]float64, s.size()), make([]float64, s.size()), make([]float64, s.size())
	for i := range black {
		black[i], white[i] = -0.5, 0.5-1.0/256
		colour[i] = 0.3 - 0.1*float64(i/area%5)
	}
	return [][]float64{black, white, colour, s.noise(rng)}
}

// noise is an image of independent values in [-1/2, 1/2).
func (s *subject) noise(rng *rand.Rand) []float64 {
	image := make([]float64, s.size())
	for i := range image {
		image[i] = rng.Float64() - 0.5
	}
	return image
}

// relativeError is the largest difference over the largest magnitude of want, +Inf where either is not finite.
func relativeError(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	difference, largest := 0.0, 0.0
	for i := range want {
		d := math.Abs(got[i] - want[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		difference, largest = max(difference, d), max(largest, math.Abs(want[i]))
	}
	return difference / largest
}

// shifted is v + step*direction.
func shifted(v *tensors.Tensor, direction []float64, step float64) *tensors.Tensor {
	values := tensors.MustCopyFlatData[float64](v)
	for i := range values {
		values[i] += step * direction[i]
	}
	return tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)
}

// stack lays images of dims [C, H, W] out as [C, H, W, B].
func stack(images [][]float64, dims []int) *tensors.Tensor {
	b := len(images)
	flat := make([]float64, b*len(images[0]))
	for i, image := range images {
		for j, v := range image {
			flat[j*b+i] = v
		}
	}
	return tensors.FromFlatDataAndDimensions(flat, dims[0], dims[1], dims[2], b)
}

func unstack(flat []float64, batch int) [][]float64 {
	images := make([][]float64, batch)
	for i := range images {
		images[i] = make([]float64, len(flat)/batch)
		for j := range images[i] {
			images[i][j] = flat[j*batch+i]
		}
	}
	return images
}
