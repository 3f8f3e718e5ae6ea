package flow_test

import (
	"fmt"
	"testing"

	"strata/pkg/backend/backendtest"
	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// Three steps obey the laws of a layer, written out and as a loop: forward, inverse, both gradients.
func TestRepeat(t *testing.T) {
	flowtest.CheckLayer(t, repeated(3), 4, 2, 2)
}

// Dense steps as a loop are what they are written out, there and back, gradients included. (Their laws want a matrix that is
// orthogonal to float64, which TestDenseStep makes.)
func TestRepeatOfDenseSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for seconds")
	}
	const channels, side, batch = 2, 2, 3
	var r flow.Repeat
	for k := range 3 {
		r.Steps = append(r.Steps, flow.NewDenseStep(fmt.Sprintf("step%d", k+1), channels*side*side, 5))
	}
	params := r.Params()
	x := flowtest.RandomValues([]nn.Param{{Name: "x", Shape: []int{channels, side, side, batch}}}, 5)[0]
	inputs := make([]any, 0, len(params)+1)
	for _, v := range append(flowtest.RandomValues(params, 7), x) {
		inputs = append(inputs, v)
	}
	run := func(lowering nn.Lowering, apply func(w *nn.Weights, x *Node) (y, logDet *Node)) [][]float64 {
		out, err := CallOnceN(backendtest.XLA(t), func(in []*Node) []*Node {
			y, logDet := apply(nn.NewWeights(params, in[:len(params)], lowering), in[len(params)])
			loss := Add(ReduceAllSum(Mul(y, y)), ReduceAllSum(logDet))
			var by []*Node
			for i, p := range params {
				if !p.Fixed {
					by = append(by, in[i])
				}
			}
			return append([]*Node{y, logDet}, Gradient(loss, append(by, in[len(params)])...)...)
		}, inputs...)
		require.NoError(t, err)
		var flat [][]float64
		for _, v := range out {
			flat = append(flat, tensors.MustCopyFlatData[float64](v))
		}
		return flat
	}
	for _, apply := range []func(w *nn.Weights, x *Node) (y, logDet *Node){r.Forward, r.Inverse} {
		want, got := run(nn.Lowering{Fused: true}, apply), run(nn.Fused, apply)
		for i := range want {
			require.InDeltaSlice(t, want[i], got[i], 1e-10, "output %d", i)
		}
	}
}

func repeated(k int) flow.Repeat {
	var r flow.Repeat
	for i := range k {
		r.Steps = append(r.Steps, flow.NewStep(fmt.Sprintf("step%d", i+1), 4, 6))
	}
	return r
}

func ExampleRepeat() {
	params := repeated(2).Params()
	first, second := params[0], params[len(params)/2]
	fmt.Println(first.Name, second.Name, first.Stack == second.Stack)
	// Output: step1/actnorm/loc step2/actnorm/loc true
}
