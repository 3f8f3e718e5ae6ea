package nn_test

import (
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"strata/pkg/nn"

	"github.com/stretchr/testify/require"
)

// streamOf are the random numbers that the parameters in a folder start from.
func streamOf(folder string, seed uint64) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(folder))
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}

// What starts together is drawn once, from the stream of its folder, wherever it stands among the parameters; the same
// layer under another name draws its own.
func TestStartTogether(t *testing.T) {
	calls := 0
	layer := func(name string) []nn.Param {
		return []nn.Param{{Name: name + "/a", Shape: []int{2}}, {Name: name + "/b", Shape: []int{2, 3}},
			{Name: name + "/c", Shape: []int{1}}}
	}
	first := nn.StartTogether(func(rng *rand.Rand) [][]float32 {
		calls++
		return [][]float32{nn.Uniform(rng, 2, 1), nn.Uniform(rng, 6, 2), nil}
	}, layer("one")...)
	second := append([]nn.Param{}, first...)
	for i, p := range layer("two") {
		second[i].Name = p.Name
	}
	alone := nn.Param{Name: "alone", Shape: []int{3}, Start: nn.StartUniform(3, 0.5)}
	params := []nn.Param{first[2], alone, first[1], second[0], first[0], second[1]}
	values := nn.StartValues(params, 7)
	require.Equal(t, 2, calls, "once a layer")

	one, two := streamOf("one", 7), streamOf("two", 7)
	require.Equal(t, nn.Uniform(one, 2, 1), values[4])
	require.Equal(t, nn.Uniform(one, 6, 2), values[2])
	require.Equal(t, []float32{0}, values[0], "nil is zeros")
	require.Equal(t, nn.Uniform(two, 2, 1), values[3])
	require.Equal(t, nn.Uniform(two, 6, 2), values[5])
	require.Equal(t, nn.Uniform(streamOf(".", 7), 3, 0.5), values[1])

	// A start that a parameter is given for itself overrules.
	params[4].Start = nn.StartConstant(2, 9)
	require.Equal(t, []float32{9, 9}, nn.StartValues(params, 7)[4])
}

// The bias of a linear map goes on where its weights end in the stream: the numbers are those of one layer, drawn in
// one go.
func TestLinearStart(t *testing.T) {
	params := nn.Linear("head/linear", 4, 3)
	require.Equal(t, []string{"head/linear/weight", "head/linear/bias"}, []string{params[0].Name, params[1].Name})
	require.Equal(t, [][]int{{3, 4}, {3}}, [][]int{params[0].Shape, params[1].Shape})
	values, rng := nn.StartValues(params, 5), streamOf("head/linear", 5)
	require.Equal(t, nn.Uniform(rng, 12, 0.5), values[0])
	require.Equal(t, nn.Uniform(rng, 3, 0.5), values[1])
}
