package metric

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// normals draws n normal scores around a mean; a step above 0 rounds them to its multiples, which makes ties.
func normals(random *rand.Rand, n int, mean, step float64) []float64 {
	scores := make([]float64, n)
	for i := range scores {
		scores[i] = mean + random.NormFloat64()
		if step > 0 {
			scores[i] = math.Round(scores[i]/step) * step
		}
	}
	return scores
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 20200610)) }

func TestIntervalText(t *testing.T) {
	i := Interval{0.93888, 0.93102, 0.946}
	assert.Equal(t, "93.9 [93.1, 94.6]", i.Percent())
	assert.Equal(t, "0.939 [0.931, 0.946]", i.String())
}

// Every metric of two sets refuses the same inputs, and says which side is wrong.
func TestTwoSetsRefused(t *testing.T) {
	good, nan := []float64{1, 2}, []float64{1, 2, math.NaN()}
	metrics := map[string]func(in, out []float64) error{
		"AUROC":    func(in, out []float64) error { _, err := AUROC(in, out); return err },
		"NewAUROC": func(in, out []float64) error { _, err := NewAUROC(in, out); return err },
		"AUPRIn":   func(in, out []float64) error { _, err := AUPRIn(in, out); return err },
		"AUPROut":  func(in, out []float64) error { _, err := AUPROut(in, out); return err },
		"FPRAtTPR": func(in, out []float64) error { _, err := FPRAtTPR(in, out, 0.95); return err },
	}
	for name, metric := range metrics {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, metric(good, good))
			assert.ErrorContains(t, metric(nil, good), "no in-distribution scores")
			assert.ErrorContains(t, metric(good, nil), "no out-of-distribution scores")
			assert.ErrorContains(t, metric(nan, good), "in-distribution score 2 of 3 is NaN")
			assert.ErrorContains(t, metric(good, nan), "out-of-distribution score 2 of 3 is NaN")
		})
	}
	for _, tpr := range []float64{0, -1, 1.01, math.NaN()} {
		_, err := FPRAtTPR(good, good, tpr)
		assert.ErrorContains(t, err, "true positive rate")
	}
}
