package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Pearson returns the linear correlation of x and y, in -1..1. x[i] and y[i] belong to one image.
//
// Fewer than two images, different lengths, a value that is not finite, and values that are all equal (no correlation is
// defined) are errors.
func Pearson(x, y []float64) (float64, error) {
	if err := checkPairs(x, y, true); err != nil {
		return 0, err
	}
	return correlation(scaled(x), scaled(y), ones(len(x))), nil
}

// Spearman returns the rank correlation of x and y, in -1..1: the linear correlation of their mid-ranks (equal values share
// the mean of their ranks).
//
// Fewer than two images, different lengths, a NaN, and values that are all equal are errors. Infinities are ranked.
func Spearman(x, y []float64) (float64, error) {
	if err := checkPairs(x, y, false); err != nil {
		return 0, err
	}
	return correlation(rank(x), rank(y), ones(len(x))), nil
}

// PearsonInterval is [Pearson] with a bootstrap percentile interval: images are resampled in pairs, resamples times; equal
// seeds give equal intervals. A resample in which x or y is constant has no correlation and is drawn anew, which matters only
// for a handful of images. Fewer than [MinResamples] resamples are an error.
func PearsonInterval(x, y []float64, resamples int, seed uint64) (Interval, error) {
	value, err := Pearson(x, y)
	if err != nil {
		return Interval{}, err
	}
	x, y = scaled(x), scaled(y)
	return percentileInterval(value, resamples, seed, func() func(*rand.Rand) float64 {
		counts := make([]int32, len(x))
		return func(random *rand.Rand) float64 {
			return resampledCorrelation(counts, random, func() ([]float64, []float64) { return x, y })
		}
	})
}

// SpearmanInterval is [Spearman] with a bootstrap percentile interval, as [PearsonInterval]. Every resample is ranked anew;
// its values keep the order of the whole, so that costs no sort.
func SpearmanInterval(x, y []float64, resamples int, seed uint64) (Interval, error) {
	value, err := Spearman(x, y)
	if err != nil {
		return Interval{}, err
	}
	orderX, orderY := order(x), order(y)
	return percentileInterval(value, resamples, seed, func() func(*rand.Rand) float64 {
		counts := make([]int32, len(x))
		ranksX, ranksY := make([]float64, len(x)), make([]float64, len(x))
		return func(random *rand.Rand) float64 {
			return resampledCorrelation(counts, random, func() ([]float64, []float64) {
				orderX.midRanks(ranksX, counts)
				orderY.midRanks(ranksY, counts)
				return ranksX, ranksY
			})
		}
	})
}

// resampledCorrelation draws counts until both sides vary, which values that vary at all do in about every fourth draw
// or more often, and returns the correlation of what values says of them.
func resampledCorrelation(counts []int32, random *rand.Rand, values func() (x, y []float64)) float64 {
	for {
		drawCounts(counts, random)
		x, y := values()
		if varies(x, counts) && varies(y, counts) {
			// Where the few values drawn differ by less than float64 can square, the result is still undefined.
			if r := correlation(x, y, counts); !math.IsNaN(r) {
				return r
			}
		}
	}
}

func varies(values []float64, counts []int32) bool {
	first := -1
	for i, c := range counts {
		switch {
		case c == 0:
		case first < 0:
			first = i
		case values[i] != values[first]:
			return true
		}
	}
	return false
}

// correlation is the linear correlation when pair i counts counts[i] times. Both sides must vary.
func correlation[T uint8 | int32](x, y []float64, counts []T) float64 {
	var total, meanX, meanY float64
	for i, c := range counts {
		weight := float64(c)
		total += weight
		meanX += weight * x[i]
		meanY += weight * y[i]
	}
	meanX /= total
	meanY /= total
	var sumXX, sumYY, sumXY float64
	for i, c := range counts {
		weight := float64(c)
		dx, dy := x[i]-meanX, y[i]-meanY
		sumXX += weight * dx * dx
		sumYY += weight * dy * dy
		sumXY += weight * dx * dy
	}
	return max(-1, min(1, sumXY/math.Sqrt(sumXX*sumYY)))
}

func ones(n int) []int32 {
	counts := make([]int32, n)
	for i := range counts {
		counts[i] = 1
	}
	return counts
}

func checkPairs(x, y []float64, finite bool) error {
	if len(x) != len(y) {
		return fmt.Errorf("metric: %d values x and %d values y: a correlation needs both values of every image", len(x), len(y))
	}
	if len(x) < 2 {
		return fmt.Errorf("metric: a correlation of %d images: at least two are needed", len(x))
	}
	for _, side := range []struct {
		name   string
		values []float64
	}{{"x", x}, {"y", y}} {
		for i, v := range side.values {
			if math.IsNaN(v) || finite && math.IsInf(v, 0) {
				return fmt.Errorf("metric: value %d of %s is %v: replace non-finite values first (metric.ReplaceNonFinite)", i, side.name, v)
			}
		}
		if constant(side.values) {
			return fmt.Errorf("metric: all %d values of %s are equal: they have no correlation with anything", len(x), side.name)
		}
	}
	return nil
}

// scaled divides values by a power of two, which changes no digit and no correlation, so that the largest magnitude is near 1
// and no square overflows or vanishes.
func scaled(values []float64) []float64 {
	var largest float64
	for _, v := range values {
		largest = max(largest, math.Abs(v))
	}
	_, exponent := math.Frexp(largest)
	result := make([]float64, len(values))
	for i, v := range values {
		result[i] = math.Ldexp(v, -exponent)
	}
	return result
}
