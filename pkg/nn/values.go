package nn

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path"
)

// StartValues starts parameters from a seed, float32. Each folder of names has a stream of random numbers of its own,
// so that no layer's start depends on another's; parameters that start together are drawn once a folder.
func StartValues(params []Param, seed uint64) [][]float32 {
	type layer struct {
		together *together
		folder   string
	}
	drawn := map[layer][][]float32{}
	all := make([][]float32, len(params))
	for i, p := range params {
		folder := path.Dir(p.Name)
		switch {
		case p.Start != nil:
			all[i] = p.Start(stream(folder, seed))
		case p.together != nil:
			key := layer{p.together, folder}
			if drawn[key] == nil {
				drawn[key] = p.together.start(stream(folder, seed))
			}
			all[i] = drawn[key][p.part]
		}
		if all[i] == nil {
			all[i] = make([]float32, p.Size())
		}
	}
	return all
}

// stream is the random numbers that the parameters of a folder start from.
func stream(folder string, seed uint64) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(folder))
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
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
