package density

import (
	"fmt"
	"math/rand/v2"

	"strata/pkg/imageset"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Network is a model with its weights, on a backend. It is not safe for concurrent use.
type Network struct {
	Model    Model
	Backend  compute.Backend
	Lowering nn.Lowering
	// Values are the parameters, float32, in the order of Model.Params.
	Values []*tensors.Tensor

	params []nn.Param
	scorer *Exec
}

// NewNetwork starts a model's parameters from a seed, see nn.StartValues.
func NewNetwork(backend compute.Backend, lowering nn.Lowering, model Model, seed uint64) *Network {
	n := BlankNetwork(backend, lowering, model)
	n.Values = nn.StartValues(n.params, seed)
	return n
}

// BlankNetwork is a network without values, for Set: to draw a start that is replaced at once can take long.
func BlankNetwork(backend compute.Backend, lowering nn.Lowering, model Model) *Network {
	return &Network{Model: model, Backend: backend, Lowering: lowering, params: model.Params()}
}

// Params are the model's parameters.
func (n *Network) Params() []nn.Param { return n.params }

// Set replaces the values of the parameters; it refuses unknown, missing and misshapen ones by name.
func (n *Network) Set(values map[string][]float32) error {
	fresh, err := nn.NamedValues(n.params, values)
	if err != nil {
		return err
	}
	n.Values = fresh
	return nil
}

// Floats copies parameter i to the host.
func (n *Network) Floats(i int) []float32 { return tensors.MustCopyFlatData[float32](n.Values[i]) }

// Calibrate runs the data-dependent start: one pass of all the images through the model, in which every activation
// norm is set from what reaches it (digest §2.3). pixels are NHWC, noise has one value in [0, 1) a sub-pixel.
func (n *Network) Calibrate(pixels []uint8, noise []float32) error {
	images := len(pixels) / Dims(n.Model)
	exec, err := NewExec(n.Backend, func(in []*Node) []*Node {
		params := in[:len(n.params)]
		w := nn.NewWeights(n.params, params, n.Lowering)
		w.Calibrate = true
		likelihood := n.Model.LogLikelihood(w, n.Model.Input(in[len(params)], in[len(params)+1]))
		return append(w.Nodes(n.params), likelihood.Total)
	})
	if err != nil {
		return err
	}
	defer exec.Finalize()
	out, err := exec.Call(append(n.inputs(), n.pixelTensor(pixels, images), n.noiseTensor(noise, images))...)
	if err != nil {
		return fmt.Errorf("data-dependent start: %w", err)
	}
	n.Values = out[:len(n.params)]
	return nil
}

// Noise chooses the dequantisation of an evaluation.
type Noise struct {
	// Sample draws one uniform sample from Seed instead of the middle of the bin (Table S1 and the curves).
	Sample bool
	Seed   uint64
}

// ScoreBatch is the number of images scored at once; the last batch is filled up with copies.
const ScoreBatch = 64

// LogLikelihoods scores every image of a set: rows of [ln p(x), c_1, ..., c_L] in nats, non-finite values as they come.
// progress, if not nil, is told how many images are done; an error from it stops the scoring.
func (n *Network) LogLikelihoods(set *imageset.Set, noise Noise, progress func(done int) error) ([][]float64, error) {
	h, w, c := n.Model.Shape()
	if set.Height != h || set.Width != w || set.Channels != c {
		return nil, fmt.Errorf("set %s holds %dx%dx%d images, the model wants %dx%dx%d", set.Name, set.Height, set.Width, set.Channels, h, w, c)
	}
	dims := Dims(n.Model)
	rng := rand.New(rand.NewPCG(noise.Seed, 0x6e6f697365))
	rows := make([][]float64, 0, set.Len())
	for from := 0; from < set.Len(); from += ScoreBatch {
		pixels := make([]uint8, 0, ScoreBatch*dims)
		for i := range ScoreBatch {
			pixels = append(pixels, set.Image(min(from+i, set.Len()-1))...)
		}
		bins := make([]float32, len(pixels))
		for i := range bins {
			bins[i] = HalfBin
			if noise.Sample {
				bins[i] = rng.Float32()
			}
		}
		batch, err := n.Score(pixels, bins, ScoreBatch)
		if err != nil {
			return nil, fmt.Errorf("scoring %s, images %d and on: %w", set.Name, from, err)
		}
		rows = append(rows, batch[:min(ScoreBatch, set.Len()-from)]...)
		if progress != nil {
			if err := progress(len(rows)); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// Score gives rows of [ln p(x), c_1, ..., c_L] in nats of images NHWC dequantised by noise in [0, 1), as computed: not always
// finite. Every number of images is compiled once.
func (n *Network) Score(pixels []uint8, noise []float32, images int) ([][]float64, error) {
	if n.scorer == nil {
		var err error
		n.scorer, err = NewExec(n.Backend, func(in []*Node) *Node {
			w := nn.NewWeights(n.params, in[:len(n.params)], n.Lowering)
			likelihood := n.Model.LogLikelihood(w, n.Model.Input(in[len(n.params)], in[len(n.params)+1]))
			return Stack(append([]*Node{likelihood.Total}, likelihood.Scales...), 1)
		})
		if err != nil {
			return nil, err
		}
	}
	out, err := n.scorer.Call1(append(n.inputs(), n.pixelTensor(pixels, images), n.noiseTensor(noise, images))...)
	if err != nil {
		return nil, err
	}
	flat := tensors.MustCopyFlatData[float32](out)
	columns := len(flat) / images
	rows := make([][]float64, images)
	for i := range rows {
		rows[i] = make([]float64, columns)
		for j := range columns {
			rows[i][j] = float64(flat[i*columns+j])
		}
	}
	return rows, nil
}

func (n *Network) inputs() []any {
	in := make([]any, len(n.Values))
	for i, v := range n.Values {
		in[i] = v
	}
	return in
}

func (n *Network) pixelTensor(pixels []uint8, images int) *tensors.Tensor {
	h, w, c := n.Model.Shape()
	return tensors.FromFlatDataAndDimensions(pixels, images, h, w, c)
}

func (n *Network) noiseTensor(noise []float32, images int) *tensors.Tensor {
	h, w, c := n.Model.Shape()
	return tensors.FromFlatDataAndDimensions(noise, images, h, w, c)
}
