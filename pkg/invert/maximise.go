package invert

import (
	"fmt"
	"math"
	"slices"

	"strata/pkg/network"
	"strata/pkg/optimiser"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Gradient gives ln p of the images that latents decode to and its gradient by the latents of the free scales, through the
// inverse; that of the others is nil.
func (v *Inverter) Gradient(latents *Latents, free ...int) (logLikelihoods []float64, gradient *Latents, err error) {
	exec, err := v.gradientProgram(latents, free)
	if err != nil {
		return nil, nil, err
	}
	defer exec.Finalize()
	gradient = &Latents{Dims: latents.Dims, Scales: make([][]float32, len(latents.Dims))}
	for from := 0; from < latents.Len(); from += Batch {
		inputs, count := latents.batch(from)
		out, err := v.run(exec, inputs...)
		if err != nil {
			return nil, nil, err
		}
		logLikelihoods = append(logLikelihoods, wide(out[0][:count])...)
		for i, scale := range free {
			gradient.Scales[scale] = append(gradient.Scales[scale], out[1+i][:count*latents.Dims[scale]]...)
		}
	}
	return logLikelihoods, gradient, nil
}

func (v *Inverter) gradientProgram(latents *Latents, free []int) (*Exec, error) {
	if err := v.check(latents); err != nil {
		return nil, err
	}
	for i, scale := range free {
		if scale < 0 || scale >= len(latents.Dims) || slices.Contains(free[:i], scale) {
			return nil, fmt.Errorf("invert: free scales %v of a model with %d", free, len(latents.Dims))
		}
	}
	if len(free) == 0 {
		return nil, fmt.Errorf("invert: no scale is free to move")
	}
	return NewExec(v.network.Backend, func(in []*Node) []*Node {
		w, all := v.weights(in)
		_, l := v.model.Inverse(w, transposed(all))
		by := make([]*Node, len(free))
		for i, scale := range free {
			by[i] = all[scale]
		}
		return append([]*Node{l.Total}, Gradient(ReduceAllSum(l.Total), by...)...)
	})
}

// Ascent is a climb of the likelihood. The paper fixes z3 and says no more; the step and its number are ours (digest §8).
type Ascent struct {
	// Free are the scales whose latents move, counted from 0 for the finest.
	Free []int
	// Optimiser is the rule of a step; each image climbs by itself.
	Optimiser optimiser.Config
	Steps     int
	// Progress, if not nil, is told the mean ln p before each step; an error from it stops.
	Progress func(step int, logLikelihood float64) error
}

// Maximise moves the latents of the free scales uphill in ln p(x) (Fig. 3B). An image whose likelihood or gradient stops being
// finite stays where it was last finite.
func (v *Inverter) Maximise(latents *Latents, a Ascent) (*Latents, error) {
	if a.Steps < 1 {
		return nil, fmt.Errorf("invert: %d steps, at least 1 is needed", a.Steps)
	}
	if err := a.Optimiser.Validate(); err != nil {
		return nil, err
	}
	climb, err := v.gradientProgram(latents, a.Free)
	if err != nil {
		return nil, err
	}
	defer climb.Finalize()
	slots := len(a.Optimiser.Slots())
	step, err := NewExec(v.network.Backend, func(in []*Node) []*Node {
		z, state := a.Optimiser.Update(in[0], Neg(in[1]), in[2], in[3:])
		return append([]*Node{z}, state...)
	})
	if err != nil {
		return nil, err
	}
	defer step.Finalize()

	result := &Latents{Dims: latents.Dims, Scales: slices.Clone(latents.Scales)}
	for _, scale := range a.Free {
		result.Scales[scale] = slices.Clone(latents.Scales[scale])
	}
	batches := (latents.Len() + Batch - 1) / Batch
	states := make([][][]*tensors.Tensor, batches) // by batch, free scale and slot
	stuck := make([]bool, latents.Len())
	for t := 1; t <= a.Steps; t++ {
		sum, moving := 0.0, 0
		for b := range batches {
			from := b * Batch
			inputs, count := result.batch(from)
			out, err := v.run(climb, inputs...)
			if err != nil {
				return nil, err
			}
			for i := range count {
				stuck[from+i] = stuck[from+i] || !finite(out[0][i:i+1])
				for k, scale := range a.Free {
					size := latents.Dims[scale]
					stuck[from+i] = stuck[from+i] || !finite(out[1+k][i*size:(i+1)*size])
				}
				if !stuck[from+i] {
					sum, moving = sum+float64(out[0][i]), moving+1
				}
			}
			if states[b] == nil {
				states[b] = make([][]*tensors.Tensor, len(a.Free))
				for k, scale := range a.Free {
					for range slots {
						states[b][k] = append(states[b][k], tensors.FromFlatDataAndDimensions(make([]float32, Batch*latents.Dims[scale]),
							Batch, latents.Dims[scale]))
					}
				}
			}
			for k, scale := range a.Free {
				size := latents.Dims[scale]
				args := []any{inputs[scale], tensors.FromFlatDataAndDimensions(out[1+k], Batch, size), a.Optimiser.Rates(t)}
				for _, s := range states[b][k] {
					args = append(args, s)
				}
				moved, err := step.Call(args...)
				if err != nil {
					return nil, err
				}
				network.Free(states[b][k]...)
				states[b][k] = moved[1:]
				flat, err := network.Floats(moved[0])
				if err != nil {
					return nil, err
				}
				values := flat[0]
				for i := range count {
					if !stuck[from+i] {
						copy(result.Scales[scale][(from+i)*size:(from+i+1)*size], values[i*size:(i+1)*size])
					}
				}
			}
		}
		if a.Progress != nil {
			if err := a.Progress(t, sum/float64(max(moving, 1))); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

func finite(values []float32) bool {
	for _, v := range values {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return true
}
