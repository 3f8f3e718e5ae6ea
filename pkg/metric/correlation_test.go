package metric

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// pairs draws n pairs of correlation rho.
func pairs(seed uint64, n int, rho, step float64) (x, y []float64) {
	random := source(seed)
	x, y = normals(random, n, 0, 0), normals(random, n, 0, 0)
	for i := range x {
		y[i] = rho*x[i] + math.Sqrt(1-rho*rho)*y[i]
		if step > 0 {
			x[i], y[i] = math.Round(x[i]/step)*step, math.Round(y[i]/step)*step
		}
	}
	return x, y
}

func TestCorrelationAgainstGonum(t *testing.T) {
	for seed := range uint64(10) {
		x, y := pairs(seed, 50, 0.6, 0.3*float64(seed%2))
		got, err := Pearson(x, y)
		require.NoError(t, err)
		assert.InDelta(t, stat.Correlation(x, y, nil), got, 1e-12)
	}
}

func TestSpearmanByHand(t *testing.T) {
	// Without ties: 1 - 6 sum d^2 / (n (n^2-1)); ranks 1 2 3 4 5 against 2 1 4 3 5: sum d^2 = 4.
	got, err := Spearman([]float64{10, 20, 30, 40, 50}, []float64{-1, -2, 7, 6, 1e300})
	require.NoError(t, err)
	assert.InDelta(t, 0.8, got, 1e-15)

	// With ties: ranks 1.5 1.5 3 against 1 2 3: covariance 1.5, variances 1.5 and 2.
	got, err = Spearman([]float64{4, 4, 9}, []float64{1, 2, 3})
	require.NoError(t, err)
	assert.InDelta(t, 1.5/math.Sqrt(3), got, 1e-15)

	got, err = Spearman([]float64{math.Inf(-1), 0, math.Inf(1)}, []float64{3, 2, 1})
	require.NoError(t, err)
	assert.Equal(t, -1.0, got)
}

func TestCorrelationLaws(t *testing.T) {
	x, y := pairs(3, 200, 0.7, 0)
	spearman, err := Spearman(x, y)
	require.NoError(t, err)
	cubed, falling := make([]float64, len(x)), make([]float64, len(x))
	for i, v := range x {
		cubed[i], falling[i] = v*v*v, 4-2*v
	}
	got, err := Spearman(cubed, y)
	require.NoError(t, err)
	assert.Equal(t, spearman, got, "only the order counts")
	got, err = Pearson(x, falling)
	require.NoError(t, err)
	assert.InDelta(t, -1, got, 1e-14)

	forth, err := Pearson(x, y)
	require.NoError(t, err)
	back, err := Pearson(y, x)
	require.NoError(t, err)
	assert.InDelta(t, forth, back, 1e-14)
}

// Squares of these leave the range of float64 in both directions.
func TestPearsonExtremeValues(t *testing.T) {
	for _, unit := range []float64{math.SmallestNonzeroFloat64, 1e-200, 1e200, math.MaxFloat64 / 4} {
		got, err := Pearson([]float64{1 * unit, 2 * unit, 4 * unit}, []float64{1, 2, 4})
		require.NoError(t, err)
		assert.InDelta(t, 1, got, 1e-14, "unit %g", unit)
	}
	got, err := Pearson([]float64{1e4, -3e6, 1.1e4}, []float64{1, 2, 3})
	require.NoError(t, err)
	assert.InDelta(t, stat.Correlation([]float64{1e4, -3e6, 1.1e4}, []float64{1, 2, 3}, nil), got, 1e-12)
}

func TestCorrelationRefuses(t *testing.T) {
	good := []float64{1, 2, 3}
	for name, correlate := range map[string]func(x, y []float64) (float64, error){
		"Pearson":  Pearson,
		"Spearman": Spearman,
		"NewPearson": func(x, y []float64) (float64, error) {
			_, err := NewPearson(x, y)
			return 0, err
		},
		"NewSpearman": func(x, y []float64) (float64, error) {
			_, err := NewSpearman(x, y)
			return 0, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := correlate(good, good)
			require.NoError(t, err)
			_, err = correlate(good, good[:2])
			assert.ErrorContains(t, err, "3 values x and 2 values y")
			_, err = correlate(good[:1], good[:1])
			assert.ErrorContains(t, err, "at least two")
			_, err = correlate(nil, nil)
			assert.ErrorContains(t, err, "at least two")
			_, err = correlate(good, []float64{1, math.NaN(), 3})
			assert.ErrorContains(t, err, "value 1 of y is NaN")
			_, err = correlate([]float64{5, 5, 5}, good)
			assert.ErrorContains(t, err, "all 3 values of x are equal")
		})
	}
	_, err := Pearson(good, []float64{1, 2, math.Inf(-1)})
	assert.ErrorContains(t, err, "value 2 of y is -Inf")
}

// For normal pairs the standard error of Pearson's r is (1-rho^2)/sqrt(n); Spearman's is about a tenth larger
// (Bonett and Wright 2000: sqrt(1+r^2/2) on the Fisher scale). The sample's own r takes the place of rho. The bootstrap quantile
// errs by 0.0598 standard errors at 2,000 resamples, the bootstrap variance by about 2/sqrt(n) of itself from the sample's
// fourth moments (1.96*0.032 = 0.06 of a standard error at n = 1,000, times three), and skewness shifts both ends by rho/sqrt(n)
// scaled by 1.96^2-1 (0.08).
func TestCorrelationIntervals(t *testing.T) {
	const n = 1000
	x, y := pairs(8, n, 0.8, 0)
	fisherWidth := func(value, spread float64) float64 { return (1 - value*value) * spread / math.Sqrt(n-3) }

	interval := func(of func(x, y []float64) (func() Statistic, error)) Interval {
		statistic, err := of(x, y)
		require.NoError(t, err)
		r, err := Bootstrap([]Population{{"images", n}}, 2000, 1, statistic)
		require.NoError(t, err)
		return r.Interval()
	}
	pearson := interval(NewPearson)
	width := fisherWidth(pearson.Value, 1)
	assert.InDelta(t, pearson.Value-z95*width, pearson.Low, 0.6*width)
	assert.InDelta(t, pearson.Value+z95*width, pearson.High, 0.6*width)

	spearman := interval(NewSpearman)
	width = fisherWidth(spearman.Value, math.Sqrt(1+spearman.Value*spearman.Value/2))
	assert.InDelta(t, spearman.Value-z95*width, spearman.Low, 0.6*width)
	assert.InDelta(t, spearman.Value+z95*width, spearman.High, 0.6*width)
}

// Among three images a resample is often constant. Such a one has no correlation, and the interval is that of the others.
func TestCorrelationIntervalOfFewImages(t *testing.T) {
	for _, of := range []func(x, y []float64) (func() Statistic, error){NewPearson, NewSpearman} {
		for _, x := range [][]float64{{1, 1, 2}, {0.1, 0.1, 0.7}, {1e-200, 2e-200, 1}} {
			statistic, err := of(x, []float64{5, 4, 4})
			require.NoError(t, err)
			r, err := Bootstrap([]Population{{"images", 3}}, 500, 3, statistic)
			require.NoError(t, err)
			require.True(t, slices.ContainsFunc(r.Resamples, math.IsNaN), "the case under test occurs")
			got := r.Interval()
			assert.GreaterOrEqual(t, got.Low, -1.0)
			assert.LessOrEqual(t, got.High, 1.0)
			assert.LessOrEqual(t, got.Low, got.High)
		}
	}
}
