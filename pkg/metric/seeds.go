package metric

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// OverSeeds is the mean of values, one a seed or one an image, and their standard deviation with n-1; NaN for a single one.
func OverSeeds(values []float64) (mean, std float64) {
	if len(values) == 1 {
		return values[0], math.NaN()
	}
	return stat.MeanStdDev(values, nil)
}
