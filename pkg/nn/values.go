package nn

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path"
)

// StartValues starts parameters from a seed, float32. Parameters in one folder of names draw from the same stream, so that
// the LU factors of a convolution are factors of one matrix, and no layer's start depends on another's.
func StartValues(params []Param, seed uint64) [][]float32 {
	all := make([][]float32, len(params))
	for i, p := range params {
		values := make([]float32, p.Size())
		if p.Start != nil {
			folder := fnv.New64a()
			folder.Write([]byte(path.Dir(p.Name)))
			values = p.Start(rand.New(rand.NewPCG(seed, folder.Sum64())))
		}
		all[i] = values
	}
	return all
}

// NamedValues puts values by name into the order of params; it refuses unknown, missing and misshapen ones by name.
func NamedValues(params []Param, values map[string][]float32) ([][]float32, error) {
	known := make(map[string]bool, len(params))
	all := make([][]float32, len(params))
	var problems []error
	for i, p := range params {
		known[p.Name] = true
		v, ok := values[p.Name]
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("parameter %s is missing", p.Name))
		case len(v) != p.Size():
			problems = append(problems, fmt.Errorf("parameter %s has %d values, the model wants %d %v", p.Name, len(v), p.Size(), p.Shape))
		default:
			all[i] = v
		}
	}
	for name := range values {
		if !known[name] {
			problems = append(problems, fmt.Errorf("parameter %s is not one of the model's", name))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return all, nil
}
