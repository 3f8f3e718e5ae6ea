// Package score turns log-likelihoods into anomaly scores (digest §6); pkg/result keeps them in score files, one row an
// image. Higher scores are more in-distribution, everywhere.
//
//	raw log-likelihood   ln p_in(x)
//	last scale           c_L of the in-distribution model (paper §4)
//	ratio                ln p_in(x) - ln p_general(x) (paper §3), also scale by scale
//	complexity           ln p_in(x) + the size of the image's PNG in nats (Serra et al.)
package score

import (
	"cmp"
	"fmt"
	"slices"
)

// Ratio is a - b row by row: the log-ratio of two models' likelihoods, or of two contributions of one scale.
func Ratio(a, b []float64) ([]float64, error) {
	if len(a) != len(b) {
		return nil, fmt.Errorf("ratio of %d and %d log-likelihoods", len(a), len(b))
	}
	ratio := make([]float64, len(a))
	for i := range a {
		ratio[i] = a[i] - b[i]
	}
	return ratio, nil
}

// Highest are the places of the n highest of some values, all of them where there are fewer, the highest first; of
// equal ones the first.
func Highest(values []float64, n int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return order[:min(n, len(order))]
}
