package metric

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The area under counts is the area of the sets written out.
func TestCountedArea(t *testing.T) {
	for seed := range uint64(10) {
		random := source(seed)
		in, out := normals(random, 30, 0.5, 0.3), normals(random, 20, 0, 0.3)
		counts := make([]int32, 50)
		drawCounts(counts[:30], random)
		drawCounts(counts[30:], random)
		var writtenIn, writtenOut []float64
		for i, c := range counts {
			for range c {
				if i < 30 {
					writtenIn = append(writtenIn, in[i])
				} else {
					writtenOut = append(writtenOut, out[i-30])
				}
			}
		}
		want, _ := bruteForce(writtenIn, writtenOut)
		assert.InDelta(t, want, countedArea(order(slices.Concat(in, out)), counts, 30, 20), 1e-13)
	}
}

// DeLong's interval and the bootstrap's estimate the same thing. What may separate their ends, in standard errors: the
// bootstrap's own error at 2,000 resamples (0.0598 a quantile, so 0.3 for five of them), the factor sqrt((n-1)/n) of its variance
// (0.002), and the skewness that percentiles see and a symmetric interval does not (of order 1/sqrt(n), 0.05 at 400 images).
func TestBootstrapAgreesWithDeLong(t *testing.T) {
	for seed, mean := range []float64{-1, 0, 0.5, 1.5} {
		random := source(uint64(seed))
		in, out := normals(random, 400, mean, 0.2), normals(random, 600, 0, 0.2)
		deLong, err := AUROC(in, out)
		require.NoError(t, err)
		bootstrap, err := AUROCBootstrap(in, out, 2000, 11)
		require.NoError(t, err)
		assert.Equal(t, deLong.Value, bootstrap.Value)
		standardError := (deLong.High - deLong.Low) / 2 / z95
		assert.InDelta(t, deLong.Low, bootstrap.Low, 0.35*standardError)
		assert.InDelta(t, deLong.High, bootstrap.High, 0.35*standardError)
	}
}

func BenchmarkAUROCBootstrap(b *testing.B) {
	random := source(5)
	in, out := normals(random, 5_000, 1, 0), normals(random, 5_000, 0, 0)
	for b.Loop() {
		if _, err := AUROCBootstrap(in, out, 1000, 1); err != nil {
			b.Fatal(err)
		}
	}
}
