package metric

import (
	"fmt"
	"math"
)

// Pearson returns the linear correlation of x and y, in -1..1. x[i] and y[i] belong to one image.
//
// Fewer than two images, different lengths, a value that is not finite, and values that are all equal (no correlation is
// defined) are errors.
func Pearson(x, y []float64) (float64, error) {
	if err := checkPairs(x, y, true); err != nil {
		return 0, err
	}
	return correlation(scaled(x), scaled(y), once(len(x))), nil
}

// Spearman returns the rank correlation of x and y, in -1..1: the linear correlation of their mid-ranks (equal values share
// the mean of their ranks).
//
// Fewer than two images, different lengths, a NaN, and values that are all equal are errors. Infinities are ranked.
func Spearman(x, y []float64) (float64, error) {
	if err := checkPairs(x, y, false); err != nil {
		return 0, err
	}
	return correlation(rank(x), rank(y), once(len(x))), nil
}

// correlation is the linear correlation when pair i counts counts[i] times. Both sides must vary.
func correlation(x, y []float64, counts []uint8) float64 {
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
				return fmt.Errorf("metric: value %d of %s is %v: replace non-finite values first (metric.ReplaceNonFinite)", i, side.name,
					v)
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
