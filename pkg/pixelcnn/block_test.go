package pixelcnn

import (
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func TestGate(t *testing.T) {
	h := normals(rand.New(rand.NewPCG(1, 2)), 1, 4, 3)
	values := tensors.MustCopyFlatData[float64](h)
	y := flowtest.Evaluate(t, func(in []*Node) []*Node { return []*Node{gate(in[0])} }, h)[0]
	require.Len(t, y, 6)
	for i := range y {
		require.InDelta(t, values[i]/(1+math.Exp(-values[6+i])), y[i], 1e-15)
	}
	checkGradients(t, func(in []*Node) *Node { return gate(in[0]) }, []string{"h"}, h)
}

// The order of nin_skip's inputs: the ELU of all sides, then that of all their negatives, as if the sides were joined first.
func TestSkipOfTwoSides(t *testing.T) {
	b := gatedBlock{name: "block", stream: ul, filters: 3, sides: 2}
	params := b.skip().Params()
	rng := rand.New(rand.NewPCG(3, 4))
	inputs := append(flowtest.RandomValues(params, 5), normals(rng, 1, 3, 2, 2, 2), normals(rng, 1, 3, 2, 2, 2))
	for _, lowering := range lowerings {
		skipOfTwoSides(t, b, lowering, inputs)
	}
}

func skipOfTwoSides(t *testing.T, b gatedBlock, lowering nn.Lowering, inputs []*tensors.Tensor) {
	params := b.skip().Params()
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		w := &weights{Weights: nn.NewWeights(params, in[:3], lowering)}
		joined := Concatenate(in[3:], 0)
		elus := Concatenate([]*Node{elu(joined), elu(Neg(joined))}, 0)
		return []*Node{b.applySkip(w, []*feature{{values: in[3]}, {values: in[4]}}), b.skip().apply(w, elus)}
	}, inputs...)
	require.InDeltaSlice(t, out[1], out[0], 1e-14)
}
