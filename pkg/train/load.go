package train

import (
	"fmt"
	"path/filepath"

	"strata/pkg/checkpoint"
	"strata/pkg/network"
	"strata/pkg/optimiser"
)

// LoadNetwork sets the parameters of a network, of a density model or a classifier, from the newest whole checkpoint in a
// run's folder and returns its step and the warnings about newer ones that are damaged.
func LoadNetwork(folder string, n *network.Network) (step int, warnings []string, err error) {
	checkpoints := filepath.Join(folder, "checkpoints")
	state, warnings, err := checkpoint.Latest(checkpoints)
	if err != nil {
		return 0, warnings, fmt.Errorf("%s: %w", checkpoints, err)
	}
	if err := n.Set(optimiser.Model(state.Tensors)); err != nil {
		return 0, warnings, fmt.Errorf("%s: checkpoint of step %d: %w", checkpoints, state.Step, err)
	}
	return state.Step, warnings, nil
}
