package nn

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// Layout says in which tensors the parameters of a model lie on a backend: each in its own, or, where the backend runs steps
// as a loop, those of one Stack in one. It copies values in and out; everything by name (files, checkpoints, other people's
// weights) speaks of single parameters.
type Layout struct {
	Params  []Param
	Tensors []Slab
	place   []place // of each parameter
}

// Slab is one tensor of a layout.
type Slab struct {
	Name    string // of its parameter, or of its stack
	Shape   []int  // that of the parameter, or [n, ...]
	Fixed   bool
	Members []int // the parameters in it
	Stacked bool
}

type place struct{ tensor, member int }

// NewLayout lays out parameters for a lowering.
func NewLayout(params []Param, lowering Lowering) *Layout {
	l := &Layout{Params: params, place: make([]place, len(params))}
	stacks := map[string]int{}
	for i, p := range params {
		if p.Stack == "" || !lowering.Loops {
			l.place[i] = place{len(l.Tensors), 0}
			l.Tensors = append(l.Tensors, Slab{Name: p.Name, Shape: p.Shape, Fixed: p.Fixed, Members: []int{i}})
			continue
		}
		at, ok := stacks[p.Stack]
		if !ok {
			at = len(l.Tensors)
			stacks[p.Stack] = at
			l.Tensors = append(l.Tensors, Slab{Name: p.Stack, Shape: slices.Clone(p.Shape), Fixed: p.Fixed, Stacked: true})
		}
		slab := &l.Tensors[at]
		if first := params[i]; len(slab.Members) > 0 {
			if first = params[slab.Members[0]]; !slices.Equal(first.Shape, p.Shape) || first.Fixed != p.Fixed {
				panic(fmt.Errorf("nn: %s and %s are in one stack and not alike", first.Name, p.Name))
			}
		}
		l.place[i] = place{at, len(slab.Members)}
		slab.Members = append(slab.Members, i)
	}
	for i := range l.Tensors {
		if slab := &l.Tensors[i]; slab.Stacked {
			slab.Shape = append([]int{len(slab.Members)}, slab.Shape...)
		}
	}
	return l
}

// Trained are the places of the tensors that are not fixed.
func (l *Layout) Trained() []int {
	var trained []int
	for i, slab := range l.Tensors {
		if !slab.Fixed {
			trained = append(trained, i)
		}
	}
	return trained
}

// Pack makes the tensors from the parameters' values, float32 and in their order.
func (l *Layout) Pack(values [][]float32) []*tensors.Tensor {
	packed := make([]*tensors.Tensor, len(l.Tensors))
	for i := range l.Tensors {
		packed[i] = l.PackOne(i, values)
	}
	return packed
}

// PackOne makes tensor i.
func (l *Layout) PackOne(i int, values [][]float32) *tensors.Tensor {
	slab := l.Tensors[i]
	if !slab.Stacked {
		return tensors.FromFlatDataAndDimensions(values[slab.Members[0]], slab.Shape...)
	}
	var flat []float32
	for _, m := range slab.Members {
		flat = append(flat, values[m]...)
	}
	return tensors.FromFlatDataAndDimensions(flat, slab.Shape...)
}

// Unpack copies the parameters' values out of the tensors; where those are nil, so are the values.
func (l *Layout) Unpack(packed []*tensors.Tensor) ([][]float32, error) {
	values := make([][]float32, len(l.Params))
	for i, slab := range l.Tensors {
		if packed[i] == nil {
			continue
		}
		flat, err := tensors.CopyFlatData[float32](packed[i])
		if err != nil {
			return nil, fmt.Errorf("reading parameter %s from the device: %w", slab.Name, err)
		}
		size := len(flat) / len(slab.Members)
		for k, m := range slab.Members {
			values[m] = flat[k*size : (k+1)*size : (k+1)*size]
		}
	}
	return values, nil
}
