package metric

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// OverSeeds is the mean of values, one a seed or one an image, and their standard deviation with n-1; NaN for a single one.
func OverSeeds(values []float64) (mean, std float64) {
	if len(values) == 1 {
		return values[0], math.NaN()
	}
	return stat.MeanStdDev(values, nil)
}

// MeanInterval is the mean of independent values with its 95 % interval, Student's.
func MeanInterval(values []float64) Interval {
	if len(values) < 2 {
		return Interval{values[0], math.Inf(-1), math.Inf(1)}
	}
	mean, half := stat.Mean(values, nil), studentHalf(values)
	return Interval{mean, mean - half, mean + half}
}

// SpreadOverSeeds is the standard deviation of a few normal values with its 95 % interval (chi-squared): that of three
// seeds reaches from half of it to six times as much.
func SpreadOverSeeds(values []float64) Interval {
	n := float64(len(values) - 1)
	_, std := stat.MeanStdDev(values, nil)
	chi := distuv.ChiSquared{K: n}
	return Interval{std, std * math.Sqrt(n/chi.Quantile(0.975)), std * math.Sqrt(n/chi.Quantile(0.025))}
}

func studentsT(degrees float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: degrees}.Quantile(0.975)
}
