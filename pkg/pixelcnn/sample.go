package pixelcnn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"strata/pkg/density"
)

// SampleOptions say what to draw. Temperature divides the mixtures' logits and multiplies their logistics' scales.
type SampleOptions = density.SampleOptions

// Sample is the function Sample.
func (p *PixelCNN) Sample(of *density.Network, options SampleOptions) ([]uint8, error) {
	return Sample(of, options)
}

// Sample draws images from a network, pixel by pixel in raster order. It returns NHWC pixels, Count*H*W*C of them.
//
// It computes on the host and keeps every layer's features: a new pixel needs each layer at its own position only, at half and quarter
// resolution only every second and fourth row and column, and the u stream once a row. So a pixel costs as much in a large image
// as in a small one. Images of a seed do not depend on how many processors there are.
func Sample(network *density.Network, options SampleOptions) ([]uint8, error) {
	model, ok := network.Model.(*PixelCNN)
	switch {
	case !ok:
		return nil, fmt.Errorf("pixelcnn: cannot sample from a %s", network.Model.Kind())
	case options.Count < 1:
		return nil, fmt.Errorf("pixelcnn: %d images to sample, at least 1 is needed", options.Count)
	case options.Temperature < 0 || math.IsNaN(options.Temperature) || math.IsInf(options.Temperature, 0):
		return nil, fmt.Errorf("pixelcnn: temperature %g is not a number above 0", options.Temperature)
	}
	if options.Temperature == 0 {
		options.Temperature = 1
	}
	weights, err := hostWeights(network)
	if err != nil {
		return nil, err
	}
	c := model.config
	size := density.Dims(model)
	pixels := make([]uint8, options.Count*size)
	total := options.Count * c.Height * c.Width

	workers := min(runtime.GOMAXPROCS(0), options.Count)
	var mu sync.Mutex
	done := 0
	var stopped error
	var wait sync.WaitGroup
	for k := range workers {
		from, to := k*options.Count/workers, (k+1)*options.Count/workers
		wait.Go(func() {
			s := newSampler(model, weights, to-from)
			rngs := make([]*rand.Rand, to-from)
			for i := range rngs {
				rngs[i] = rand.New(rand.NewPCG(options.Seed, uint64(from+i)))
			}
			for row := range c.Height {
				s.row(row, func(column int, params []float32) {
					for i, rng := range rngs {
						n := len(params) / len(rngs)
						at := (from+i)*size + (row*c.Width+column)*c.Channels
						pixel := pixels[at : at+c.Channels]
						model.Mixture().draw(rng, params[i*n:(i+1)*n], options.Temperature, pixel)
						s.set(row, column, i, pixel)
					}
				})
				mu.Lock()
				done += (to - from) * c.Width
				if stopped == nil && options.Progress != nil {
					stopped = options.Progress(done, total)
				}
				stop := stopped != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wait.Wait()
	if stopped != nil {
		return nil, stopped
	}
	return pixels, nil
}

// draw draws a pixel from its mixture: the component from the logits, then colour by colour a logistic deviate, put into the bin that
// it falls in, which is the discretised distribution. Later colours see the value of the bin.
func (m Mixture) draw(rng *rand.Rand, params []float32, temperature float64, pixel []uint8) {
	n := m.Components
	best, component := math.Inf(-1), 0
	for i, logit := range params[:n] {
		// The largest of logits plus Gumbel noise is a draw of the softmax.
		if v := float64(logit)/temperature - math.Log(-math.Log(openUniform(rng))); v > best {
			best, component = v, i
		}
	}
	get := func(block int) float64 { return float64(params[block*n+component]) }
	value := func(colour int, mean, logScale float64) float64 {
		v := openUniform(rng)
		x := mean + temperature*math.Exp(max(logScale, minLogScale))*(math.Log(v)-math.Log1p(-v))
		k := math.Round(min(max((x+1)*127.5, 0), 255))
		pixel[colour] = uint8(k)
		return k/127.5 - 1
	}
	if m.Channels == 1 {
		value(0, get(1), get(2))
		return
	}
	r := value(0, get(1), get(2))
	g := value(1, get(4)+math.Tanh(get(3))*r, get(5))
	value(2, get(7)+math.Tanh(get(6))*r+math.Tanh(get(9))*g, get(8))
}

// openUniform is uniform in (0, 1), without the ends.
func openUniform(rng *rand.Rand) float64 {
	return (float64(rng.Uint64()>>12) + 0.5) / (1 << 52)
}

// sampler is the network on the host, for a batch of images that are drawn side by side.
type sampler struct {
	config  Config
	weights parameters
	batch   int
	image   *grid // the pixels so far, on the [-1, 1] scale, and a plane of ones
	params  *grid // of the mixtures
	steps   []step
}

// step is a layer: it computes its features at one position from those that its inputs have.
type step struct {
	stream  stream
	out     *grid
	compute func(i, j int, y []float32)
}

// grid holds the features of a layer, [H, W, batch, C], where they are computed.
type grid struct {
	height, width, channels int
	every                   int // pixels of the image between two positions: 1, 2 or 4
	row                     int // values of a position
	values                  []float32
	elu                     []float32 // concat-ELU of the values, [H, W, batch, 2C]
}

func (s *sampler) grid(height, channels int) *grid {
	every := s.config.Height / height
	width := s.config.Width / every
	row := s.batch * channels
	return &grid{
		height: height, width: width, channels: channels, every: every, row: row,
		values: make([]float32, height*width*row), elu: make([]float32, 2*height*width*row),
	}
}

func (g *grid) inside(i, j int) bool { return i >= 0 && i < g.height && j >= 0 && j < g.width }

func (g *grid) at(i, j int) []float32 {
	n := (i*g.width + j) * g.row
	return g.values[n : n+g.row]
}

// eluAt is the concat-ELU at a position, [batch, 2C].
func (g *grid) eluAt(i, j int) []float32 {
	n := 2 * (i*g.width + j) * g.row
	return g.elu[n : n+2*g.row]
}

// updateELU is to be called when the values at a position have changed.
func (g *grid) updateELU(i, j int) {
	values, out := g.at(i, j), g.eluAt(i, j)
	c := g.channels
	for b := 0; b < len(values); b += c {
		for k, v := range values[b : b+c] {
			out[2*b+k], out[2*b+c+k] = hostELU(v), hostELU(-v)
		}
	}
}

func hostELU(v float32) float32 {
	if v > 0 {
		return v
	}
	return float32(math.Expm1(float64(v)))
}

func newSampler(model *PixelCNN, weights parameters, batch int) *sampler {
	s := &sampler{config: model.config, weights: weights, batch: batch}
	s.image = s.grid(s.config.Height, s.config.Channels+1)
	for i := s.config.Channels; i < len(s.image.values); i += s.config.Channels + 1 {
		s.image.values[i] = 1
	}
	s.params = assemble[*grid](s.config, s)
	return s
}

// row computes a row of the image: the u stream of the whole row, which needs the rows above only; then for each pixel the ul stream,
// down to the mixture's parameters [batch, Params()], and draw, which has to set the pixel.
func (s *sampler) row(i int, draw func(column int, params []float32)) {
	for _, step := range s.steps {
		if step.stream == u && i%step.out.every == 0 {
			for j := range step.out.width {
				s.run(step, i/step.out.every, j)
			}
		}
	}
	for j := range s.config.Width {
		for _, step := range s.steps {
			if step.stream == ul && i%step.out.every == 0 && j%step.out.every == 0 {
				s.run(step, i/step.out.every, j/step.out.every)
			}
		}
		draw(j, s.params.at(i, j))
	}
}

func (s *sampler) run(step step, i, j int) {
	step.compute(i, j, step.out.at(i, j))
	step.out.updateELU(i, j)
}

// set gives a pixel of image b its values 0..255.
func (s *sampler) set(i, j, b int, pixel []uint8) {
	values := s.image.at(i, j)[b*s.image.channels:]
	for c, k := range pixel {
		values[c] = float32(k)*(2.0/255) - 1
	}
}

func (s *sampler) add(stream stream, out *grid, compute func(i, j int, y []float32)) *grid {
	s.steps = append(s.steps, step{stream, out, compute})
	return out
}

// first is the image's convolution moved down by a row; ul adds what lies left, moved right (see firstU).
func (s *sampler) first(stream stream) *grid {
	out := s.grid(s.config.Height, s.config.Filters)
	plain := (*grid).at
	if stream == u {
		conv := s.convolution(s.config.firstU(), s.image, plain)
		return s.add(u, out, func(i, j int, y []float32) {
			clear(y)
			if i > 0 {
				conv(i-1, j, y)
			}
		})
	}
	above := s.convolution(s.config.firstULAbove(), s.image, plain)
	left := s.convolution(s.config.firstULLeft(), s.image, plain)
	return s.add(ul, out, func(i, j int, y []float32) {
		clear(y)
		if i > 0 {
			above(i-1, j, y)
		}
		if j > 0 {
			left(i, j-1, y)
		}
	})
}

func (s *sampler) block(b gatedBlock, x *grid, sides ...*grid) *grid {
	hidden := s.grid(x.height, b.filters)
	convInput := s.convolution(b.convInput(), x, (*grid).eluAt)
	skip := s.skip(b, sides)
	s.add(b.stream, hidden, func(i, j int, y []float32) {
		clear(y)
		convInput(i, j, y)
		skip(i, j, y)
	})
	convOut := s.convolution(b.convOut(), hidden, (*grid).eluAt)
	halves := make([]float32, 2*x.row)
	return s.add(b.stream, s.grid(x.height, b.filters), func(i, j int, y []float32) {
		clear(halves)
		convOut(i, j, halves)
		copy(y, x.at(i, j))
		for n := range y {
			at := n/b.filters*2*b.filters + n%b.filters
			p, q := halves[at], halves[at+b.filters]
			y[n] += p * float32(1/(1+math.Exp(-float64(q))))
		}
	})
}

// skip is nin_skip of the side inputs' concat-ELU. Its matrix's columns are the ELUs of all sides, then those of all their negatives.
func (s *sampler) skip(b gatedBlock, sides []*grid) func(i, j int, y []float32) {
	if len(sides) == 0 {
		return func(int, int, []float32) {}
	}
	layer := s.weights.layer(b.skip().norm())
	f := b.filters
	matrices := make([][]float32, len(sides))
	for o := range f {
		row := layer.kernel[o*2*len(sides)*f : (o+1)*2*len(sides)*f]
		for n := range sides {
			matrices[n] = append(matrices[n], row[n*f:(n+1)*f]...)
			matrices[n] = append(matrices[n], row[(len(sides)+n)*f:(len(sides)+n+1)*f]...)
		}
	}
	return func(i, j int, y []float32) {
		addRow(y, layer.bias)
		for n, side := range sides {
			addProducts(y, matrices[n], side.eluAt(i, j), f, 2*f)
		}
	}
}

func (s *sampler) down(stream stream, c convolution, x *grid) *grid {
	conv := s.convolution(c, x, (*grid).at)
	return s.add(stream, s.grid(x.height/2, c.out), func(i, j int, y []float32) {
		clear(y)
		conv(c.stride*i, c.stride*j, y)
	})
}

func (s *sampler) up(d deconvolution, x *grid) *grid {
	norm := d.norm()
	layer := s.weights.layer(norm)
	_, width, _ := d.stream.kernel()
	taps := layer.taps(norm.shape, true)
	f := d.filters
	return s.add(d.stream, s.grid(2*x.height, f), func(i, j int, y []float32) {
		clear(y)
		addRow(y, layer.bias)
		add := func(b, column int) {
			if x.inside(i/2, column) {
				addProducts(y, taps[i%2*width+b], x.at(i/2, column), f, f)
			}
		}
		switch {
		case d.stream == ul:
			add(j%2, j/2)
		case j%2 == 0:
			add(1, j/2)
		default:
			add(2, j/2)
			add(0, j/2+1)
		}
	})
}

// output reads the ELU of x, which is the first half of its concat-ELU.
func (s *sampler) output(c convolution, x *grid) *grid {
	layer := s.weights.layer(c.norm())
	activated := make([]float32, x.row)
	return s.add(ul, s.grid(x.height, c.out), func(i, j int, y []float32) {
		for n, v := range x.at(i, j) {
			activated[n] = hostELU(v)
		}
		clear(y)
		addRow(y, layer.bias)
		addProducts(y, layer.kernel, activated, c.out, c.in)
	})
}

// convolution adds bias and convolution at a position to y; read says what of the input it sees.
func (s *sampler) convolution(c convolution, x *grid, read func(x *grid, i, j int) []float32) func(i, j int, y []float32) {
	layer := s.weights.layer(c.norm())
	taps := layer.taps([]int{c.out, c.in, c.height, c.width}, false)
	return func(i, j int, y []float32) {
		addRow(y, layer.bias)
		for a := range c.height {
			for b := range c.width {
				if row, column := i+a-c.height+1, j+b-c.left; x.inside(row, column) {
					addProducts(y, taps[a*c.width+b], read(x, row, column), c.out, c.in)
				}
			}
		}
	}
}

// addRow adds a bias [n] to each row of y [batch, n].
func addRow(y, bias []float32) {
	for len(y) > 0 {
		for i, v := range bias {
			y[i] += v
		}
		y = y[len(bias):]
	}
}

// addProducts adds the matrix [out, in] times each row of x [batch, in] to the rows of y [batch, out].
func addProducts(y, matrix, x []float32, out, in int) {
	for b := 0; b*in < len(x); b++ {
		vector, sums := x[b*in:(b+1)*in], y[b*out:(b+1)*out]
		for o := range sums {
			sums[o] += dot(matrix[o*in:(o+1)*in], vector)
		}
	}
}

// dot has four sums, which the processor adds to at the same time.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + (s2 + s3)
}

// parameters are a network's values by name.
type parameters map[string][]float32

func hostWeights(network *density.Network) (parameters, error) {
	p, err := network.Named()
	if err != nil {
		return nil, err
	}
	for _, param := range network.Params() {
		for _, v := range p[param.Name] {
			if v-v != 0 {
				return nil, fmt.Errorf("pixelcnn: parameter %s is not finite: train again, or take an earlier checkpoint", param.Name)
			}
		}
	}
	return p, nil
}

// hostLayer is a layer's kernel g v/|v|, in v's layout, and bias.
type hostLayer struct{ kernel, bias []float32 }

func (p parameters) layer(n weightNorm) hostLayer {
	g, v := p[n.name+"/weight_g"], p[n.name+"/weight_v"]
	kernel := make([]float32, len(v))
	row := len(v) / len(g)
	for i := range g {
		scale := g[i] / norm(v[i*row:(i+1)*row])
		for j := i * row; j < (i+1)*row; j++ {
			kernel[j] = scale * v[j]
		}
	}
	return hostLayer{kernel, p[n.name+"/bias"]}
}

// taps are the matrices [out, in] of each position of a kernel of that shape, row by row. A transposed convolution's kernel is
// [in, out, height, width].
func (l hostLayer) taps(shape []int, transposed bool) [][]float32 {
	first, second, positions := shape[0], shape[1], shape[2]*shape[3]
	taps := make([][]float32, positions)
	for n := range taps {
		taps[n] = make([]float32, first*second)
		for i := range first {
			for j := range second {
				at := i*second + j
				if transposed {
					at = j*first + i
				}
				taps[n][at] = l.kernel[(i*second+j)*positions+n]
			}
		}
	}
	return taps
}
