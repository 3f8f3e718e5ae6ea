package foreign

import "errors"

// refuseRosinality says why the Glow of rosinality/glow-pytorch is not strata's conditioned one (facts of its model.py
// at 1e782e6). Everything else of it could be renamed: it has biases in the place of the couplings' activation norms,
// log scales before shifts, and a scale of the activation norm that may be negative.
func refuseRosinality(*source) (*Weights, error) {
	return nil, errors.New("its zero convolutions pad with ones, also those of the priors, so that its top prior " +
		"differs from place to place; strata's conditioned Glow pads with zeros and would give other likelihoods. " +
		"Weights of y0ast/Glow-PyTorch can be read")
}
