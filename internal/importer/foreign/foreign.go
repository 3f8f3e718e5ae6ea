// Package foreign turns weights that other programs trained into strata's: it recognises whose names a file holds,
// works out the architecture from names and shapes, and renames and reshapes every tensor. Nothing is guessed: a tensor
// that is unknown, missing or misshapen is an error that names it.
//
// Recognised are
//
//   - the public, explicitly conditioned Glow of y0ast/Glow-PyTorch, whose weights the supplement compares with (S1.3,
//     S6; digest §2.6): read into [glow.Conditioned] or [glow.ConditionedTop];
//   - strata's own names, those of ../shared/parity, with and without param/ before them: the paper's Glow;
//   - rosinality/glow-pytorch: refused, with the reason.
//
// Files are read by package statedict.
package foreign

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/internal/importer/statedict"
	"strata/pkg/glow"
)

// Weights are a model's architecture and its parameters by their names in strata; density.Network.Set takes them.
type Weights struct {
	// Format says whose names they were, "y0ast/Glow-PyTorch".
	Format string
	Config glow.Config
	Values map[string][]float32
}

// format is a way to name the weights of a Glow.
type format struct {
	name string
	// marks begin the names by which it is recognised.
	marks []string
	// convert takes every tensor that it knows from the source. Problems with single tensors are the source's.
	convert func(s *source) (*Weights, error)
}

// formats are all that are known, in the order of trial.
func formats() []format {
	return []format{
		{"y0ast/Glow-PyTorch", []string{"flow.layers."}, convertY0ast},
		{"rosinality/glow-pytorch", []string{"blocks.0.flows."}, refuseRosinality},
		{"strata", []string{"scale1/", "param/scale1/"}, convertOwn},
	}
}

// Load reads the weights of a Glow from a .pt, .pth or .npz file.
func Load(path string) (*Weights, error) {
	tensors, err := statedict.Read(path)
	if err != nil {
		return nil, err
	}
	w, err := Convert(tensors)
	if err != nil {
		return nil, fmt.Errorf("foreign: %s: %w", path, err)
	}
	return w, nil
}

// Convert turns named tensors into a model's weights.
func Convert(tensors []statedict.Tensor) (*Weights, error) {
	for _, f := range formats() {
		if !anyHasPrefix(tensors, f.marks...) {
			continue
		}
		s := newSource(tensors)
		w, err := f.convert(s)
		if err == nil {
			err = s.problem()
		}
		if err != nil {
			return nil, fmt.Errorf("weights of %s: %w", f.name, err)
		}
		w.Format = f.name
		return w, nil
	}
	var names []string
	for _, t := range tensors[:min(len(tensors), 3)] {
		names = append(names, t.Name)
	}
	var known []string
	for _, f := range formats() {
		known = append(known, f.name)
	}
	return nil, fmt.Errorf("%d tensors, the first called %q: these are not the names of %s", len(tensors), names,
		strings.Join(known, ", "))
}

func anyHasPrefix(tensors []statedict.Tensor, prefixes ...string) bool {
	for _, t := range tensors {
		for _, prefix := range prefixes {
			if strings.HasPrefix(t.Name, prefix) {
				return true
			}
		}
	}
	return false
}

// source hands out tensors by name and keeps book: of those that were asked for in vain, of those that do not fit, and
// of those that nobody asked for.
type source struct {
	tensors  []statedict.Tensor
	byName   map[string]*statedict.Tensor
	taken    map[string]bool
	problems []error
}

func newSource(tensors []statedict.Tensor) *source {
	s := &source{tensors: tensors, byName: map[string]*statedict.Tensor{}, taken: map[string]bool{}}
	for i := range tensors {
		s.byName[tensors[i].Name] = &tensors[i]
	}
	return s
}

// take is the values of a tensor of a shape; nil, and a problem on record, where there is none.
func (s *source) take(name string, shape ...int) []float32 {
	t := s.byName[name]
	switch {
	case t == nil:
		s.problems = append(s.problems, fmt.Errorf("tensor %s is missing", name))
		return nil
	case !slices.Equal(t.Shape, shape):
		s.problems = append(s.problems, fmt.Errorf("tensor %s has shape %v, expected %v", name, t.Shape, shape))
	}
	s.taken[name] = true
	for i, v := range t.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			s.problems = append(s.problems, fmt.Errorf("tensor %s: value %d is %g", name, i, v))
			break
		}
	}
	return t.Data
}

// axis is an axis of a tensor.
type axis struct {
	tensor string
	number int
}

// size is the length that most of some axes have, each of which should have it: one of them may be missing or
// misshapen. It is 0, which no architecture has, if none of them is there.
func (s *source) size(axes ...axis) int {
	best, votes := 0, map[int]int{}
	for _, a := range axes {
		if t := s.byName[a.tensor]; t != nil && len(t.Shape) > a.number {
			n := t.Shape[a.number]
			votes[n]++
			if votes[n] > votes[best] {
				best = n
			}
		}
	}
	return best
}

// maxScales is more than any image can be halved.
const maxScales = 30

// maxProblems is how many problems an error spells out.
const maxProblems = 20

// problem says in one line what was missing, misshapen and unknown; nil if nothing.
func (s *source) problem() error {
	problems := slices.Clone(s.problems)
	for _, t := range s.tensors {
		if !s.taken[t.Name] {
			problems = append(problems, fmt.Errorf("tensor %s %v is not one of this model's", t.Name, t.Shape))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	var text []string
	for _, problem := range problems[:min(len(problems), maxProblems)] {
		text = append(text, problem.Error())
	}
	if more := len(problems) - maxProblems; more > 0 {
		text = append(text, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(text, "; "))
}
