package classifier

import (
	"context"
	"fmt"
	"math"

	"strata/pkg/imageset"
	"strata/pkg/network"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Network is a classifier with its weights, on a backend. It is not safe for concurrent use; Close gives its memory
// back.
type Network struct {
	*network.Network
	Model *Model

	scorer *network.Program
}

// NewNetwork starts a model's parameters from a seed.
func NewNetwork(backend compute.Backend, lowering nn.Lowering, model *Model, seed uint64) *Network {
	n := &Network{Network: network.New(backend, lowering, model.Params()), Model: model}
	n.Start(seed)
	return n
}

// Standardise sets the mean and the standard deviation by which pixels are brought to the scale of the network, a
// channel each, to those of a set: that of the training images (digest §9; the paper does not say of which of its two
// sets). A channel that is constant over the whole set is an error.
func (n *Network) Standardise(set *imageset.Set) error {
	if err := n.fits(set); err != nil {
		return err
	}
	channels := set.Channels
	sum, squares := make([]float64, channels), make([]float64, channels)
	for i, v := range set.Pixels {
		p := float64(v) / 255
		sum[i%channels] += p
		squares[i%channels] += p * p
	}
	count := float64(len(set.Pixels) / channels)
	mean, std := make([]float32, channels), make([]float32, channels)
	for c := range channels {
		m := sum[c] / count
		variance := squares[c]/count - m*m
		if variance < 1e-9 { // one pixel of a million off by one level is 1.5e-11: no set of images
			return fmt.Errorf("set %s: channel %d has the value %.4g of 1 everywhere: there is nothing to tell images apart by", set.Name,
				c, m)
		}
		mean[c], std[c] = float32(m), float32(math.Sqrt(variance))
	}
	values, err := n.Named()
	if err != nil {
		return err
	}
	values["input/mean"], values["input/std"] = mean, std
	return n.Set(values)
}

// scoreBatch is the number of images scored at once; the last batch is filled up with copies.
const scoreBatch = 64

// Scores gives every image of a set the log-odds ln p(in|x) - ln p(not in|x) that it is in-distribution, in nats;
// higher is more of an inlier. They rank images as p(in|x) does, so the AUROC is that of S9, and they neither
// underflow nor run into 1 where the classifier is sure: of two classes they are the difference of the logits, as the
// differences ln p_in - ln p_g of the density models are. ln p(in|x) is -ln(1 + exp(-score)).
func (n *Network) Scores(ctx context.Context, set *imageset.Set) ([]float64, error) {
	logits, err := n.Logits(ctx, set)
	if err != nil {
		return nil, err
	}
	scores := make([]float64, len(logits))
	for i, l := range logits {
		scores[i] = logOdds(l, InDistribution)
	}
	return scores, nil
}

// logOdds is l[class] - ln sum of exp over the other classes.
func logOdds(l []float64, class int) float64 {
	largest := math.Inf(-1)
	for i, v := range l {
		if i != class {
			largest = math.Max(largest, v)
		}
	}
	sum := 0.0
	for i, v := range l {
		if i != class {
			sum += math.Exp(v - largest)
		}
	}
	return l[class] - largest - math.Log(sum)
}

// Logits scores every image of a set: rows of one logit a class, non-finite values as they come.
func (n *Network) Logits(ctx context.Context, set *imageset.Set) ([][]float64, error) {
	if err := n.fits(set); err != nil {
		return nil, err
	}
	rows := make([][]float64, 0, set.Len())
	for from := 0; from < set.Len(); from += scoreBatch {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		pixels := make([]uint8, 0, scoreBatch*set.ImageSize())
		for i := range scoreBatch {
			pixels = append(pixels, set.Image(min(from+i, set.Len()-1))...)
		}
		batch, err := n.score(pixels)
		if err != nil {
			return nil, fmt.Errorf("scoring %s, images %d and on: %w", set.Name, from, err)
		}
		rows = append(rows, batch[:min(scoreBatch, set.Len()-from)]...)
	}
	return rows, nil
}

func (n *Network) score(pixels []uint8) ([][]float64, error) {
	if n.scorer == nil {
		var err error
		model := n.Model
		n.scorer, err = n.Program(model.Identity()+": score", func(w *nn.Weights, in []*Node) []*Node {
			return []*Node{model.Logits(w, model.Input(w, in[0]), false)}
		})
		if err != nil {
			return nil, err
		}
	}
	out, err := n.scorer.Call(n.pixelTensor(pixels, scoreBatch))
	if err != nil {
		return nil, err
	}
	flat, err := network.Floats(out...)
	if err != nil {
		return nil, err
	}
	return byImage(flat[0], scoreBatch), nil
}

// byImage turns [Classes, B] into rows of an image each.
func byImage(logits []float32, images int) [][]float64 {
	rows := make([][]float64, images)
	for i := range rows {
		for j := i; j < len(logits); j += images {
			rows[i] = append(rows[i], float64(logits[j]))
		}
	}
	return rows
}

func (n *Network) fits(set *imageset.Set) error {
	if err := set.Validate(); err != nil {
		return err
	}
	if c := n.Model.config; set.Height != c.Height || set.Width != c.Width || set.Channels != c.Channels {
		return fmt.Errorf("set %s holds %dx%dx%d images, the classifier wants %dx%dx%d", set.Name, set.Height, set.Width, set.Channels,
			c.Height, c.Width, c.Channels)
	}
	return nil
}

func (n *Network) pixelTensor(pixels []uint8, images int) *tensors.Tensor {
	c := n.Model.config
	return tensors.FromFlatDataAndDimensions(pixels, images, c.Height, c.Width, c.Channels)
}
