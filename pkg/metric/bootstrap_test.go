package metric

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuantile(t *testing.T) {
	sorted := []float64{0, 10, 20, 30, 40}
	assert.Equal(t, 0.0, quantile(sorted, 0))
	assert.Equal(t, 40.0, quantile(sorted, 1))
	assert.Equal(t, 25.0, quantile(sorted, 0.625))
	assert.Equal(t, 3.0, quantile([]float64{3}, 0.5))
}

// The interval of a mean is known: 1.96 standard deviations over the root of n.
// A resample's 2.5 % quantile has a standard error of sqrt(p(1-p)/B)/phi(1.96) = 0.0598 standard errors of the mean at B = 2,000.
func TestPercentileIntervalOfAMean(t *testing.T) {
	values := normals(source(1), 400, 3, 0)
	var mean, square float64
	for _, v := range values {
		mean += v / 400
	}
	for _, v := range values {
		square += (v - mean) * (v - mean) / 400
	}
	got, err := percentileInterval(mean, 2000, 7, func() func(*rand.Rand) float64 {
		counts := make([]int32, len(values))
		return func(random *rand.Rand) float64 {
			drawCounts(counts, random)
			var sum float64
			for i, c := range counts {
				sum += float64(c) * values[i]
			}
			return sum / 400
		}
	})
	require.NoError(t, err)
	standardError := math.Sqrt(square / 400)
	assert.InDelta(t, mean-z95*standardError, got.Low, 5*0.0598*standardError)
	assert.InDelta(t, mean+z95*standardError, got.High, 5*0.0598*standardError)
}

func TestBootstrapDoesNotDependOnProcessors(t *testing.T) {
	random := source(2)
	in, out := normals(random, 50, 1, 0.1), normals(random, 50, 0, 0.1)
	all := func() []Interval {
		area, err := AUROCBootstrap(in, out, 200, 9)
		require.NoError(t, err)
		spearman, err := SpearmanInterval(in, out, 200, 9)
		require.NoError(t, err)
		pearson, err := PearsonInterval(in, out, 200, 9)
		require.NoError(t, err)
		return []Interval{area, spearman, pearson}
	}
	before := runtime.GOMAXPROCS(1)
	alone := all()
	runtime.GOMAXPROCS(5)
	shared := all()
	runtime.GOMAXPROCS(before)
	assert.Equal(t, alone, shared)

	other, err := AUROCBootstrap(in, out, 200, 10)
	require.NoError(t, err)
	assert.NotEqual(t, alone[0], other, "another seed draws other images")
}
