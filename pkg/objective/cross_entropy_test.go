package objective_test

import (
	"math"
	"testing"

	"strata/pkg/objective"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
)

func crossEntropy(classes int) func(in []*Node) *Node {
	return func(in []*Node) *Node {
		batch := in[0].Shape().Size() / classes
		return objective.CrossEntropy(Reshape(in[0], classes, batch), StopGradient(Reshape(in[1], classes, batch)))
	}
}

// One image at a time; the gradient is (p - one-hot)/B.
func TestCrossEntropy(t *testing.T) {
	logits := []float64{1, -2, 0.5, 3, 0, -1} // [class][image]
	oneHot := []float64{0, 1, 0, 0, 1, 0}
	value, gradients := evaluate(t, crossEntropy(3), logits, oneHot)
	want := 0.0
	for image := range 2 {
		sum := 0.0
		for class := range 3 {
			sum += math.Exp(logits[class*2+image])
		}
		for class := range 3 {
			i := class*2 + image
			p := math.Exp(logits[i]) / sum
			want -= oneHot[i] * math.Log(p) / 2
			require.InDelta(t, (p-oneHot[i])/2, gradients[0][i], 1e-12)
		}
	}
	require.InEpsilon(t, want, value, 1e-12)
}

// Logits far beyond what exp can take: the loss is their difference, or 0.
func TestCrossEntropyStaysFinite(t *testing.T) {
	value, gradients := evaluate(t, crossEntropy(2), []float64{1e6, 1e6, -1e6, -1e6}, []float64{1, 0, 0, 1})
	require.InEpsilon(t, 1e6, value, 1e-12)
	require.Equal(t, []float64{0, 0.5, 0, -0.5}, gradients[0])
}
