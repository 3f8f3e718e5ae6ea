package classifier

import (
	"fmt"
	"path/filepath"

	"strata/pkg/checkpoint"
	"strata/pkg/optimiser"
)

// LoadNetwork sets a network's parameters from the newest whole checkpoint in a run's folder and returns its step and the
// warnings about newer ones that are damaged.
func LoadNetwork(folder string, network *Network) (step int, warnings []string, err error) {
	state, warnings, err := checkpoint.Latest(checkpoints(folder))
	if err != nil {
		return 0, warnings, err
	}
	if err := network.Set(optimiser.Model(state.Tensors)); err != nil {
		return 0, warnings, fmt.Errorf("%s: checkpoint of step %d: %w", checkpoints(folder), state.Step, err)
	}
	return state.Step, warnings, nil
}

func checkpoints(folder string) string { return filepath.Join(folder, "checkpoints") }
