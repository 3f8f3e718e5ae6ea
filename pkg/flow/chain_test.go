package flow_test

import (
	"testing"

	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
)

// A chain of layers of different shapes obeys the laws, and so does one of none.
func TestChain(t *testing.T) {
	norm := flow.ActNorm{Name: "norm", Channels: 1}
	flowtest.CheckLayer(t, flow.Chain{norm, flow.Squeeze2x2{}, flow.NewStep("step", 4, 3)}, 1, 4, 2)
	flowtest.CheckLayer(t, flow.Chain{}, 2, 1, 2)
}
