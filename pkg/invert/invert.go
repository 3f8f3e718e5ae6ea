// Package invert goes from images to the latents of an invertible network and back: reconstruction, sampling
// (sample.go), images with the latents of others at some scales (Fig. 3A), and images made more likely by moving some
// latents (maximise.go, Fig. 3B).
//
//	inverter, err := invert.New(network)
//	latents, logLikelihoods, err := inverter.Encode(ctx, set.Pixels, nil)
//	images, err := inverter.Decode(ctx, latents.Replace(others, 0, 1)) // z1 and z2 of the others
package invert

import (
	"context"
	"fmt"
	"math"
	"slices"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/network"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Latents are the normalised latents of images.
type Latents struct {
	// Scales are the values, one list a scale, finest first: image after image, Dims[scale] values each, in the order
	// (C, H, W).
	Scales [][]float32
	// Dims are the sizes of an image's latent at each scale.
	Dims []int
}

// Len is the number of images.
func (l *Latents) Len() int {
	if len(l.Dims) == 0 || l.Dims[0] == 0 {
		return 0
	}
	return len(l.Scales[0]) / l.Dims[0]
}

// Replace takes the latents of other images at some scales, counted from 0 for the finest (Fig. 3A mixes so). Whether
// they are exchanged before or after their normalisation makes no difference: it acts on every element alone.
func (l *Latents) Replace(from *Latents, scales ...int) (*Latents, error) {
	result := &Latents{Scales: append([][]float32(nil), l.Scales...), Dims: l.Dims}
	for _, scale := range scales {
		if scale < 0 || scale >= len(l.Scales) || scale >= len(from.Scales) {
			return nil, fmt.Errorf("invert: no scale %d among %d", scale, len(l.Scales))
		}
		if len(from.Scales[scale]) != len(l.Scales[scale]) {
			return nil, fmt.Errorf("invert: %d values at scale %d to replace %d", len(from.Scales[scale]), scale,
				len(l.Scales[scale]))
		}
		result.Scales[scale] = from.Scales[scale]
	}
	return result, nil
}

// Images are what latents decode to.
type Images struct {
	// X is on the [-1/2, 1/2) scale, NHWC; it may leave it.
	X []float32
	// LogLikelihoods are ln p(x) of each image, in nats, computed on the way.
	LogLikelihoods []float64
	// Scales are c_1, c_2, ... of each image.
	Scales [][]float64
}

// Pixels rounds X to pixels: the bin of 256 that holds it, the first or last one for what lies outside.
func (i Images) Pixels() []uint8 {
	pixels := make([]uint8, len(i.X))
	for j, x := range i.X {
		switch bin := math.Floor((float64(x) + 0.5) * 256); {
		case bin > 255:
			pixels[j] = 255
		case bin > 0:
			pixels[j] = uint8(bin)
		}
	}
	return pixels
}

// Batch is the number of images that are inverted at once; the last batch is filled up.
const Batch = 32

// Inverter holds an invertible network and the programs that run it in both directions.
type Inverter struct {
	network        *density.Network
	model          density.Invertible
	encode, decode *Exec
}

// New prepares a network. It fails where the model has no inverse.
func New(of *density.Network) (*Inverter, error) {
	model, ok := of.Model.(density.Invertible)
	if !ok {
		return nil, fmt.Errorf("invert: %s has no inverse", of.Model)
	}
	v := &Inverter{network: of, model: model}
	var err error
	if v.encode, err = NewExec(of.Backend, v.encodeGraph); err != nil {
		return nil, err
	}
	if v.decode, err = NewExec(of.Backend, v.decodeGraph); err != nil {
		return nil, err
	}
	return v, nil
}

// Close frees the programs; the network stays.
func (v *Inverter) Close() {
	v.encode.Finalize()
	v.decode.Finalize()
}

func (v *Inverter) weights(in []*Node) (w *nn.Weights, rest []*Node) {
	own := len(v.network.Values)
	return v.network.Weights(in[:own]), in[own:]
}

func (v *Inverter) encodeGraph(in []*Node) []*Node {
	w, rest := v.weights(in)
	w.ForwardOnly = true
	l := v.model.LogLikelihood(w, v.model.Input(rest[0], rest[1]))
	out := []*Node{l.Total}
	for _, z := range l.Latents {
		out = append(out, Transpose(z, 0, 1))
	}
	return out
}

// decodeGraph takes latents [B, D_i] to images [B, H, W, C], their likelihood and its scales.
func (v *Inverter) decodeGraph(in []*Node) []*Node {
	w, latents := v.weights(in)
	w.ForwardOnly = true
	x, l := v.model.Inverse(w, transposed(latents))
	return append([]*Node{TransposeAllAxes(x, 3, 1, 2, 0), l.Total}, l.Scales...)
}

func transposed(latents []*Node) []*Node {
	result := make([]*Node, len(latents))
	for i, z := range latents {
		result[i] = Transpose(z, 0, 1)
	}
	return result
}

// Encode gives the latents and ln p(x) of images, NHWC pixels. noise has one value in [0, 1) a sub-pixel; nil is the
// middle of the bin.
func (v *Inverter) Encode(ctx context.Context, pixels []uint8, noise []float32) (*Latents, []float64, error) {
	dims := density.Dims(v.model)
	if len(pixels)%dims != 0 || noise != nil && len(noise) != len(pixels) {
		return nil, nil, fmt.Errorf("invert: %d pixel values and %d of noise are not images of %d", len(pixels), len(noise),
			dims)
	}
	h, w, c := v.model.Shape()
	result := &Latents{Dims: v.model.LatentDims(), Scales: make([][]float32, len(v.model.LatentDims()))}
	var likelihoods []float64
	n := len(pixels) / dims
	for from := 0; from < n; from += Batch {
		images, bins := make([]uint8, Batch*dims), make([]float32, Batch*dims)
		for i := range bins {
			bins[i] = density.HalfBin
		}
		count := copy(images, pixels[from*dims:]) / dims
		if noise != nil {
			copy(bins, noise[from*dims:])
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		out, err := v.run(v.encode, tensors.FromFlatDataAndDimensions(images, Batch, h, w, c),
			tensors.FromFlatDataAndDimensions(bins, Batch, h, w, c))
		if err != nil {
			return nil, nil, err
		}
		likelihoods = append(likelihoods, wide(out[0][:count])...)
		for scale, size := range result.Dims {
			result.Scales[scale] = append(result.Scales[scale], out[1+scale][:count*size]...)
		}
	}
	return result, likelihoods, nil
}

// Decode gives the images of latents.
func (v *Inverter) Decode(ctx context.Context, latents *Latents) (Images, error) {
	if err := v.check(latents); err != nil {
		return Images{}, err
	}
	var result Images
	result.Scales = make([][]float64, v.model.Scales())
	dims := density.Dims(v.model)
	for from := 0; from < latents.Len(); from += Batch {
		if ctx.Err() != nil {
			return Images{}, ctx.Err()
		}
		inputs, count := latents.batch(from)
		out, err := v.run(v.decode, inputs...)
		if err != nil {
			return Images{}, err
		}
		result.X = append(result.X, out[0][:count*dims]...)
		result.LogLikelihoods = append(result.LogLikelihoods, wide(out[1][:count])...)
		for scale := range result.Scales {
			result.Scales[scale] = append(result.Scales[scale], wide(out[2+scale][:count])...)
		}
	}
	return result, nil
}

// check says whether latents are those of the model.
func (v *Inverter) check(latents *Latents) error {
	dims := v.model.LatentDims()
	if len(latents.Scales) != len(dims) {
		return fmt.Errorf("invert: latents of %d scales, the model has %d", len(latents.Scales), len(dims))
	}
	for scale, size := range dims {
		if latents.Dims[scale] != size || len(latents.Scales[scale]) != latents.Len()*size {
			return fmt.Errorf("invert: %d values at scale %d, %d images have %d each", len(latents.Scales[scale]), scale,
				latents.Len(), size)
		}
	}
	return nil
}

// batch makes tensors [Batch, D_i] of the images from and on; rows past the last image are zeros.
func (l *Latents) batch(from int) (inputs []*tensors.Tensor, count int) {
	count = min(Batch, l.Len()-from)
	for scale, size := range l.Dims {
		values := make([]float32, Batch*size)
		copy(values, l.Scales[scale][from*size:(from+count)*size])
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(values, Batch, size))
	}
	return inputs, count
}

func (v *Inverter) run(exec *Exec, inputs ...*tensors.Tensor) ([][]float32, error) {
	var all []any
	for _, list := range [][]*tensors.Tensor{v.network.Values, inputs} {
		for _, t := range list {
			all = append(all, t)
		}
	}
	out, err := exec.Call(all...)
	if err != nil {
		return nil, fmt.Errorf("inverting %s: %w", v.model, err)
	}
	return network.Floats(out...)
}

func wide(values []float32) []float64 {
	result := make([]float64, len(values))
	for i, v := range values {
		result[i] = float64(v)
	}
	return result
}

// Reconstruction is how well images come back from their latents.
type Reconstruction struct {
	Images int
	// Largest is the largest error of a sub-pixel, in units of one of its 256 levels; Median is that of the images'
	// largest.
	Largest, Median float64
	// Exact is the share of the images that come back with every pixel right after rounding.
	Exact float64
	// NotFinite is the number of images that came back with a value that is not finite; they count in nothing else.
	NotFinite int
}

// Reconstruct sends a set's images to their latents and back. progress, if not nil, is told how many are done; an error
// from it stops.
func (v *Inverter) Reconstruct(ctx context.Context, set *imageset.Set, progress func(done int) error) (Reconstruction, error) {
	if h, w, c := v.model.Shape(); set.Height != h || set.Width != w || set.Channels != c {
		return Reconstruction{}, fmt.Errorf("set %s holds %dx%dx%d images, the model wants %dx%dx%d", set.Name, set.Height,
			set.Width, set.Channels, h, w, c)
	}
	var r Reconstruction
	var largest []float64 // error of each image
	exact := 0
	dims := density.Dims(v.model)
	for from := 0; from < set.Len(); from += Batch {
		to := min(from+Batch, set.Len())
		pixels := set.Pixels[from*dims : to*dims]
		latents, _, err := v.Encode(ctx, pixels, nil)
		if err != nil {
			return r, err
		}
		images, err := v.Decode(ctx, latents)
		if err != nil {
			return r, err
		}
		rounded := images.Pixels()
		for i := range to - from {
			worst, right := 0.0, true
			for j := i * dims; j < (i+1)*dims; j++ {
				e := math.Abs((float64(images.X[j])+0.5)*256 - float64(pixels[j]) - density.HalfBin)
				if math.IsNaN(e) {
					e = math.Inf(1)
				}
				worst = max(worst, e)
				right = right && rounded[j] == pixels[j]
			}
			if math.IsInf(worst, 1) {
				r.NotFinite++
				continue
			}
			largest = append(largest, worst)
			if right {
				exact++
			}
		}
		if progress != nil {
			if err := progress(to); err != nil {
				return r, err
			}
		}
	}
	if r.Images = len(largest); r.Images > 0 {
		slices.Sort(largest)
		r.Largest, r.Median = largest[r.Images-1], largest[r.Images/2]
		r.Exact = float64(exact) / float64(r.Images)
	}
	return r, nil
}
