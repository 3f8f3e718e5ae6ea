package flow_test

import (
	"fmt"
	"testing"

	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func TestStep(t *testing.T) { flowtest.CheckLayer(t, flow.NewStep("step", 4, 5), 4, 2, 3) }

// Forward computes norm and 1x1 convolution as one; the layers one after the other give the same up to rounding, in a
// normal pass and in one that calibrates.
func TestStepIsItsLayers(t *testing.T) {
	const channels, height, width, batch = 6, 4, 4, 5
	step := flow.NewStep("step", channels, 4)
	params := step.Params()
	x := tensors.FromFlatDataAndDimensions(normals(1, channels*height*width*batch), channels, height, width, batch)
	for _, lowering := range []nn.Lowering{nn.Products, nn.Native} {
		for _, calibrate := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, calibrate %t", lowering, calibrate), func(t *testing.T) {
				run := func(forward func(w *nn.Weights, x *Node) (y, logDet *Node)) [][]float64 {
					return flowtest.Evaluate(t, func(in []*Node) []*Node {
						w := nn.NewWeights(params, in[:len(params)], lowering)
						w.Calibrate = calibrate
						y, logDet := forward(w, in[len(params)])
						return append([]*Node{y, logDet}, w.Nodes()...)
					}, append(flowtest.RandomValues(params, 2), x)...)
				}
				fused := run(step.Forward)
				layers := run(func(w *nn.Weights, x *Node) (y, logDet *Node) {
					y = x
					for _, layer := range []flow.Layer{step.ActNorm, step.InvConv, step.Coupling} {
						var d *Node
						y, d = layer.Forward(w, y)
						if logDet == nil {
							logDet = d
						} else {
							logDet = Add(logDet, d)
						}
					}
					return y, logDet
				})
				for i := range fused {
					require.InDeltaSlice(t, layers[i], fused[i], 1e-11, "output %d", i)
				}
			})
		}
	}
}

func ExampleNewStep() {
	step := flow.NewStep("scale1/step1", 12, 512)
	trained := 0
	for _, p := range step.Params() {
		if !p.Fixed {
			trained += p.Size()
		}
	}
	fmt.Println(step.ActNorm.Name, step.InvConv.Name, step.Coupling.Name, trained)
	// Output: scale1/step1/actnorm scale1/step1/invconv scale1/step1/coupling 347484
}
