package metric

import (
	"math"
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
	r, err := Bootstrap([]Population{{"images", 400}}, 2000, 7, NewMean(values))
	require.NoError(t, err)
	got := r.Interval()
	standardError := math.Sqrt(square / 400)
	assert.InDelta(t, mean-z95*standardError, got.Low, 5*0.0598*standardError)
	assert.InDelta(t, mean+z95*standardError, got.High, 5*0.0598*standardError)
}

func TestBootstrapDoesNotDependOnProcessors(t *testing.T) {
	random := source(2)
	in, out := normals(random, 50, 1, 0.1), normals(random, 50, 0, 0.1)
	of := func(seed uint64) (all []Resampled) {
		area, err := NewAUROC(in, out)
		require.NoError(t, err)
		spearman, err := NewSpearman(in, out)
		require.NoError(t, err)
		pearson, err := NewPearson(in, out)
		require.NoError(t, err)
		pairs := []Population{{"images", 50}}
		for _, c := range []struct {
			populations []Population
			statistic   func() Statistic
		}{{[]Population{{"in", 50}, {"out", 50}}, area}, {pairs, spearman}, {pairs, pearson}} {
			r, err := Bootstrap(c.populations, 200, seed, c.statistic)
			require.NoError(t, err)
			all = append(all, r)
		}
		return all
	}
	before := runtime.GOMAXPROCS(1)
	alone := of(9)
	runtime.GOMAXPROCS(5)
	shared := of(9)
	runtime.GOMAXPROCS(before)
	assert.Equal(t, alone, shared)
	assert.NotEqual(t, alone[0], of(10)[0], "another seed draws other images")
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
		area, err := NewAUROC(in, out)
		require.NoError(t, err)
		r, err := Bootstrap([]Population{{"in", 400}, {"out", 600}}, 2000, 11, area)
		require.NoError(t, err)
		bootstrap := r.Interval()
		assert.InDelta(t, deLong.Value, bootstrap.Value, 1e-15)
		standardError := (deLong.High - deLong.Low) / 2 / z95
		assert.InDelta(t, deLong.Low, bootstrap.Low, 0.35*standardError)
		assert.InDelta(t, deLong.High, bootstrap.High, 0.35*standardError)
	}
}
