package classifier

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"strata/pkg/checkpoint"
	"strata/pkg/optimiser"

	"github.com/gomlx/gomlx/core/tensors"
)

// notes are what a checkpoint says beside the tensors.
type notes struct {
	Updates int `json:"updates"`
}

// Save writes weights, running estimates and the optimiser's state as the checkpoint of a step, which counts batches, below
// FOLDER/checkpoints, and keeps that many. While training, hold checkpoint.Lock on that folder.
func (s *Stepper) Save(folder string, step, keep int) error {
	text, err := json.Marshal(notes{Updates: s.Updates})
	if err != nil {
		return err
	}
	state := &checkpoint.State{Step: step, Meta: text}
	for i, p := range s.Network.params {
		state.Tensors = append(state.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: s.Network.Floats(i)})
	}
	for i, param := range s.trained {
		p := s.Network.params[param]
		for slot, name := range s.Optimiser.StateNames(p.Name) {
			data := tensors.MustCopyFlatData[float32](s.State[slot][i])
			state.Tensors = append(state.Tensors, checkpoint.Tensor{Name: name, Shape: p.Shape, Data: data})
		}
	}
	return checkpoint.Save(checkpoints(folder), state, keep)
}

// Resume sets all that Save wrote from the newest whole checkpoint in FOLDER/checkpoints, and returns its step and the
// warnings about newer ones that are damaged. Where there is none the error is checkpoint.ErrNone. On an error
// the stepper is as it was.
func (s *Stepper) Resume(folder string) (step int, warnings []string, err error) {
	state, warnings, err := checkpoint.Latest(checkpoints(folder))
	if err != nil {
		return 0, warnings, err
	}
	fail := func(err error) (int, []string, error) {
		return 0, warnings, fmt.Errorf("%s: checkpoint of step %d: %w", checkpoints(folder), state.Step, err)
	}
	var n notes
	if err := json.Unmarshal(state.Meta, &n); err != nil {
		return fail(fmt.Errorf("notes: %w", err))
	}
	byName := make(map[string][]float32, len(state.Tensors))
	for _, t := range state.Tensors {
		byName[t.Name] = t.Data
	}
	fresh := make([][]*tensors.Tensor, len(s.State))
	for _, param := range s.trained {
		p := s.Network.params[param]
		for slot, name := range s.Optimiser.StateNames(p.Name) {
			if len(byName[name]) != p.Size() {
				return fail(fmt.Errorf("tensor %s has %d values, not %d: was it trained with another optimiser?", name, len(byName[name]), p.Size()))
			}
			fresh[slot] = append(fresh[slot], tensors.FromFlatDataAndDimensions(byName[name], p.Shape...))
		}
	}
	if err := s.Network.Set(modelTensors(state)); err != nil {
		return fail(err)
	}
	s.State, s.Updates = fresh, n.Updates
	return state.Step, warnings, nil
}

// LoadNetwork sets a network's parameters from the newest whole checkpoint in a run's folder and returns its step and the
// warnings about newer ones that are damaged.
func LoadNetwork(folder string, network *Network) (step int, warnings []string, err error) {
	state, warnings, err := checkpoint.Latest(checkpoints(folder))
	if err != nil {
		return 0, warnings, err
	}
	if err := network.Set(modelTensors(state)); err != nil {
		return 0, warnings, fmt.Errorf("%s: checkpoint of step %d: %w", checkpoints(folder), state.Step, err)
	}
	return state.Step, warnings, nil
}

func checkpoints(folder string) string { return filepath.Join(folder, "checkpoints") }

func modelTensors(state *checkpoint.State) map[string][]float32 {
	values := make(map[string][]float32, len(state.Tensors))
	for _, t := range state.Tensors {
		if !optimiser.IsState(t.Name) {
			values[t.Name] = t.Data
		}
	}
	return values
}
