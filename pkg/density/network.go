package density

import (
	"fmt"
	"slices"

	"strata/pkg/imageset"
	"strata/pkg/network"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Network is a model with its weights, on a backend. It is not safe for concurrent use; Close gives its memory back.
type Network struct {
	*network.Network
	Model Model

	scorers map[bool]*network.Program // by whether noise is sampled
	warm    map[bool]*tensors.Tensor  // the first of the values with which they have scored
	given   *network.Program          // with noise from the caller
}

// NewNetwork starts a model's parameters from a seed, see nn.StartValues.
func NewNetwork(backend compute.Backend, lowering nn.Lowering, model Model, seed uint64) *Network {
	n := BlankNetwork(backend, lowering, model)
	n.Start(seed)
	return n
}

// BlankNetwork is a network without values, for Set: to draw a start that is replaced at once can take long.
func BlankNetwork(backend compute.Backend, lowering nn.Lowering, model Model) *Network {
	return &Network{Network: network.New(backend, lowering, model.Params()), Model: model}
}

// As is the same network, with the same values in memory, under another lowering: another precision. It lives no longer than
// the values do, and is to be released, not closed.
func (n *Network) As(lowering nn.Lowering) *Network {
	return &Network{Network: &network.Network{Backend: n.Backend, Lowering: lowering, Layout: n.Layout, Values: n.Values}, Model: n.Model}
}

// Calibrate runs the data-dependent start: one pass of all the images through the model, in which every activation
// norm is set from what reaches it (digest §2.3). pixels are NHWC, noise has one value in [0, 1) a sub-pixel.
func (n *Network) Calibrate(pixels []uint8, noise []float32) error {
	images := len(pixels) / Dims(n.Model)
	model := n.Model
	program, err := n.Program(Identify(model, "data-dependent start"), func(w *nn.Weights, in []*Node) []*Node {
		w.Calibrate = true
		likelihood := model.LogLikelihood(w, model.Input(in[0], in[1]))
		return append(slices.Clone(w.Nodes()), likelihood.Total)
	})
	if err != nil {
		return err
	}
	out, err := program.Call(n.pixelTensor(pixels, images), n.noiseTensor(noise, images))
	if err != nil {
		return fmt.Errorf("data-dependent start: %w", err)
	}
	last := len(out) - 1
	network.Free(out[last])
	n.Replace(out[:last])
	return nil
}

// Noise chooses the dequantisation of an evaluation.
type Noise struct {
	// Sample draws one uniform sample from Seed instead of the middle of the bin (Table S1 and the curves).
	Sample bool
	Seed   uint64
}

// ScoreBatch is the number of images that share a state of noise. Batches of scoring are of one such block or several; the last one is
// filled up with copies.
const ScoreBatch = 32

// batches are how many images a batch of scoring has, and how many batches are under way at once. XLA computes a small batch on the
// thread that asks for it, so two keep both cores of a small machine at work; the Go backend spreads one over all cores itself, and is
// a quarter faster with 64 images than with twice 32; a GPU is not full with 64, and has the next batch waiting.
func (n *Network) batches() (images, atOnce int) {
	switch {
	case n.Lowering.LargeBatches:
		return 8 * ScoreBatch, 2
	case n.Lowering.Fused:
		return ScoreBatch, 2
	}
	return 2 * ScoreBatch, 1
}

// LogLikelihoods scores every image of a set: rows of [ln p(x), c_1, ..., c_L] in nats, non-finite values as they come.
// progress, if not nil, is told how many images are done; an error from it stops the scoring.
//
// Noise is drawn on the device: that of an image depends on the seed and on its place in the set, not on the size of the batches.
func (n *Network) LogLikelihoods(set *imageset.Set, noise Noise, progress func(done int) error) ([][]float64, error) {
	h, w, c := n.Model.Shape()
	if set.Height != h || set.Width != w || set.Channels != c {
		return nil, fmt.Errorf("set %s holds %dx%dx%d images, the model wants %dx%dx%d", set.Name, set.Height,
			set.Width, set.Channels, h, w, c)
	}
	score, err := n.scorer(noise.Sample)
	if err != nil {
		return nil, err
	}
	dims := Dims(n.Model)
	batch, atOnce := n.batches()
	type scored struct {
		rows [][]float64
		err  error
	}
	rows := make([][]float64, 0, set.Len())
	var waiting []chan scored
	// begin scores a batch on a thread of its own.
	begin := func(from int) {
		done := make(chan scored, 1)
		waiting = append(waiting, done)
		pixels := make([]uint8, 0, batch*dims)
		for i := range batch {
			pixels = append(pixels, set.Image(min(from+i, set.Len()-1))...)
		}
		go func() {
			out, err := score.Call(n.pixelTensor(pixels, batch), noiseStates(noise.Seed, from, batch))
			if err != nil {
				done <- scored{err: err}
				return
			}
			got, err := readRows(out[0], batch)
			done <- scored{got, err}
		}()
	}
	defer func() {
		for _, done := range waiting { // the device is at it
			<-done
		}
	}()
	for from := 0; len(rows) < set.Len(); {
		most := atOnce
		if n.warm[noise.Sample] != n.Values[0] {
			most = 1 // the first call compiles, and brings the values to the device, which two must not do at once
		}
		for ; from < set.Len() && len(waiting) < most; from += batch {
			begin(from)
		}
		of := <-waiting[0]
		waiting = waiting[1:]
		if of.err != nil {
			return nil, fmt.Errorf("scoring %s, images %d and on: %w", set.Name, len(rows), of.err)
		}
		n.warm[noise.Sample] = n.Values[0]
		rows = append(rows, of.rows[:min(batch, set.Len()-len(rows))]...)
		if progress != nil {
			if err := progress(len(rows)); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// scoreStream separates the noise of scoring from that of training.
const scoreStream = 0x6e6f697365 // "noise"

// noiseStates are the random states of a batch's noise: one for every ScoreBatch images, of the seed and the place of the first of them.
func noiseStates(seed uint64, from, batch int) [][]uint64 {
	var states [][]uint64
	for at := from; at < from+batch; at += ScoreBatch {
		states = append(states, []uint64{seed, uint64(at), scoreStream})
	}
	return states
}

// scorer is the program that scores pixels under the middle of their bins or a sample of noise, drawn from a random state.
func (n *Network) scorer(sample bool) (*network.Program, error) {
	if n.scorers[sample] != nil {
		return n.scorers[sample], nil
	}
	model := n.Model
	program, err := n.Program(Identify(model, "score, sampled ", sample), func(w *nn.Weights, in []*Node) []*Node {
		noise := shapes.Make(w.Nodes()[0].DType(), in[0].Shape().Dimensions...)
		var drawn *Node
		if sample {
			states := in[1].Shape().Dimensions[0]
			var blocks []*Node
			for i := range states {
				_, block := RandomUniform(Squeeze(Slice(in[1], AxisElem(i)), 0),
					shapes.Make(noise.DType, append([]int{ScoreBatch}, noise.Dimensions[1:]...)...))
				blocks = append(blocks, block)
			}
			drawn = Concatenate(blocks, 0)
		} else {
			drawn = AddScalar(Zeros(in[0].Graph(), noise), HalfBin)
		}
		return []*Node{likelihoodRows(model, w, in[0], drawn)}
	})
	if err != nil {
		return nil, err
	}
	if n.scorers == nil {
		n.scorers, n.warm = map[bool]*network.Program{}, map[bool]*tensors.Tensor{}
	}
	n.scorers[sample] = program
	return program, nil
}

// likelihoodRows are [ln p(x), c_1, ..., c_L] of each image, [B, 1+L].
func likelihoodRows(model Model, w *nn.Weights, pixels, noise *Node) *Node {
	likelihood := model.LogLikelihood(w, model.Input(pixels, noise))
	return Stack(append([]*Node{likelihood.Total}, likelihood.Scales...), 1)
}

func readRows(t *tensors.Tensor, images int) ([][]float64, error) {
	flat, err := network.Floats(t)
	if err != nil {
		return nil, err
	}
	columns := len(flat[0]) / images
	rows := make([][]float64, images)
	for i := range rows {
		rows[i] = make([]float64, columns)
		for j := range columns {
			rows[i][j] = float64(flat[0][i*columns+j])
		}
	}
	return rows, nil
}

// Score gives rows of [ln p(x), c_1, ..., c_L] in nats of images NHWC dequantised by noise in [0, 1), as computed: not always
// finite. Every number of images is compiled once.
func (n *Network) Score(pixels []uint8, noise []float32, images int) ([][]float64, error) {
	if n.given == nil {
		var err error
		model := n.Model
		n.given, err = n.Program(Identify(model, "score, noise given"), func(w *nn.Weights, in []*Node) []*Node {
			return []*Node{likelihoodRows(model, w, in[0], in[1])}
		})
		if err != nil {
			return nil, err
		}
	}
	out, err := n.given.Call(n.pixelTensor(pixels, images), n.noiseTensor(noise, images))
	if err != nil {
		return nil, err
	}
	return readRows(out[0], images)
}

func (n *Network) pixelTensor(pixels []uint8, images int) *tensors.Tensor {
	h, w, c := n.Model.Shape()
	return tensors.FromFlatDataAndDimensions(pixels, images, h, w, c)
}

func (n *Network) noiseTensor(noise []float32, images int) *tensors.Tensor {
	h, w, c := n.Model.Shape()
	return tensors.FromFlatDataAndDimensions(noise, images, h, w, c)
}
