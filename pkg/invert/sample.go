package invert

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"strata/pkg/density"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// SampleOptions say what to draw.
type SampleOptions struct {
	Count int
	// Seed chooses the images. Image i of a seed is the same whatever Count is.
	Seed uint64
	// Temperature is the standard deviation of the latents; 0 means 1, the model's own distribution.
	Temperature float64
	// Classes are the classes to draw from, one an image, for class-conditional models; nil draws them with equal weights.
	Classes []int
}

// Sample draws latents and decodes them.
func (v *Inverter) Sample(ctx context.Context, o SampleOptions) (Images, error) {
	switch {
	case o.Count < 1:
		return Images{}, fmt.Errorf("invert: %d images to sample, at least 1 is needed", o.Count)
	case o.Temperature < 0 || math.IsNaN(o.Temperature) || math.IsInf(o.Temperature, 0):
		return Images{}, fmt.Errorf("invert: temperature %g is not a number above 0", o.Temperature)
	case o.Classes != nil && len(o.Classes) != o.Count:
		return Images{}, fmt.Errorf("invert: %d classes for %d images", len(o.Classes), o.Count)
	}
	conditional, hasClasses := v.model.(density.ClassConditional)
	if o.Classes != nil && !hasClasses {
		return Images{}, fmt.Errorf("invert: %s has no classes", v.model)
	}
	if o.Temperature == 0 {
		o.Temperature = 1
	}
	latents := &Latents{Dims: v.model.LatentDims(), Scales: make([][]float32, len(v.model.LatentDims()))}
	classes := make([]int, o.Count)
	for i := range o.Count {
		rng := rand.New(rand.NewPCG(o.Seed, uint64(i)))
		for scale, size := range latents.Dims {
			for range size {
				latents.Scales[scale] = append(latents.Scales[scale], float32(o.Temperature*rng.NormFloat64()))
			}
		}
		if hasClasses {
			classes[i] = rng.IntN(conditional.Classes())
		}
	}
	if hasClasses {
		if o.Classes != nil {
			classes = o.Classes
		}
		var err error
		if latents, err = v.fromClasses(conditional, classes, latents); err != nil {
			return Images{}, err
		}
	}
	return v.Decode(ctx, latents)
}

// fromClasses turns normal deviates into latents of classes.
func (v *Inverter) fromClasses(model density.ClassConditional, classes []int, normals *Latents) (*Latents, error) {
	exec, err := NewExec(v.network.Backend, func(in []*Node) []*Node {
		w, rest := v.weights(in)
		return transposed(model.Draw(w, Transpose(rest[0], 0, 1), transposed(rest[1:])))
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	result := &Latents{Dims: normals.Dims, Scales: make([][]float32, len(normals.Dims))}
	for from := 0; from < normals.Len(); from += Batch {
		inputs, count := normals.batch(from)
		oneHot := make([]float32, Batch*model.Classes())
		for i, class := range classes[from : from+count] {
			if class < 0 || class >= model.Classes() {
				return nil, fmt.Errorf("invert: no class %d among %d", class, model.Classes())
			}
			oneHot[i*model.Classes()+class] = 1
		}
		out, err := v.run(exec, append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(oneHot, Batch, model.Classes())}, inputs...)...)
		if err != nil {
			return nil, err
		}
		for scale, size := range result.Dims {
			result.Scales[scale] = append(result.Scales[scale], out[scale][:count*size]...)
		}
	}
	return result, nil
}
