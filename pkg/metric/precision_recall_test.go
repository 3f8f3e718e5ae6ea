package metric

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAveragePrecisionByHand(t *testing.T) {
	// The example of sklearn's documentation: labels 0 0 1 1, scores 0.1 0.4 0.35 0.8, average precision 0.8333.
	in, out := []float64{0.35, 0.8}, []float64{0.1, 0.4}
	got, err := AUPRIn(in, out)
	require.NoError(t, err)
	assert.InDelta(t, 0.5*1+0.5*2/3, got, 1e-15)

	// Outliers first, lowest first: 0.1 (precision 1), 0.35 in, 0.4 (2/3), the same value by symmetry.
	got, err = AUPROut(in, out)
	require.NoError(t, err)
	assert.InDelta(t, 0.5*1+0.5*2/3, got, 1e-15)

	// A tie is one threshold: at score 2 all three images are taken at once.
	got, err = AUPRIn([]float64{3, 2}, []float64{2, 2, 1})
	require.NoError(t, err)
	assert.InDelta(t, 0.5*1+0.5*2/4, got, 1e-15)
}

// averagePrecisionByThresholds goes by the definition: at the threshold of every positive, count what lies at or above it.
func averagePrecisionByThresholds(positive, negative []float64) float64 {
	above := func(scores []float64, threshold float64) (n float64) {
		for _, s := range scores {
			if s >= threshold {
				n++
			}
		}
		return n
	}
	var sum float64
	for _, p := range positive { // each positive adds 1/len of recall at its own threshold
		found := above(positive, p)
		sum += found / (found + above(negative, p)) / float64(len(positive))
	}
	return sum
}

func TestAveragePrecisionByDefinition(t *testing.T) {
	for seed := range uint64(20) {
		random := source(seed)
		step := 0.5 * float64(seed%2)
		in, out := normals(random, 1+random.IntN(50), 0.5, step), normals(random, 1+random.IntN(50), 0, step)
		got, err := AUPRIn(in, out)
		require.NoError(t, err)
		assert.InDelta(t, averagePrecisionByThresholds(in, out), got, 1e-12)
		got, err = AUPROut(in, out)
		require.NoError(t, err)
		assert.InDelta(t, averagePrecisionByThresholds(negated(out), negated(in)), got, 1e-12)
	}
}

func TestAveragePrecisionEnds(t *testing.T) {
	low, high, same := []float64{1, 2}, []float64{3, 4, 5}, []float64{7, 7, 7}
	for _, area := range []func(in, out []float64) (float64, error){AUPRIn, AUPROut} {
		perfect, err := area(high, low)
		require.NoError(t, err)
		assert.Equal(t, 1.0, perfect)
	}
	in, err := AUPRIn(same, []float64{7})
	require.NoError(t, err)
	assert.Equal(t, 0.75, in, "a constant score reaches the share of positives")
	out, err := AUPROut(same, []float64{7})
	require.NoError(t, err)
	assert.Equal(t, 0.25, out)
}

func TestFPRAtTPR(t *testing.T) {
	in := make([]float64, 100) // 1..100: 95 of them lie at or above 6
	for i := range in {
		in[i] = float64(i + 1)
	}
	for name, c := range map[string]struct {
		out  []float64
		tpr  float64
		want float64
	}{
		"between":       {[]float64{5.5, 6.5, 200, -1}, 0.95, 0.5},
		"tie accepted":  {[]float64{6, 5}, 0.95, 0.5},
		"all in":        {[]float64{1, 0.5}, 1, 0.5},
		"top only":      {[]float64{100, 99.5}, 0.001, 0.5},
		"inexact share": {[]float64{94, 93}, 0.07, 0.5}, // 0.07*100 is above 7 in floating point
		"perfect":       {[]float64{-1, math.Inf(-1)}, 0.95, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FPRAtTPR(in, c.out, c.tpr)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}
