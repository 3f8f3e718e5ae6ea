package metric

import (
	"cmp"
	"slices"
)

// ordered is a set of values in ascending order that remembers where each came from and which are equal.
type ordered struct {
	index []int // index[p] is the place in the input of the p-th smallest value
	ends  []int // ends[g] is one past the last position p of the g-th group of equal values
}

// order sorts values without touching them. NaN must have been refused before.
func order(values []float64) ordered {
	type item struct {
		value float64
		index int
	}
	items := make([]item, len(values))
	for i, v := range values {
		items[i] = item{v, i}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.value, b.value) })

	o := ordered{index: make([]int, len(items))}
	for p, it := range items {
		o.index[p] = it.index
		if p+1 == len(items) || items[p+1].value != it.value {
			o.ends = append(o.ends, p+1)
		}
	}
	return o
}

// rank returns the mid-ranks of values, counted from 1: equal values share the mean of their ranks.
//
// Ranks are multiples of one half, so they and their sums are exact in float64 far beyond any number of images.
func rank(values []float64) []float64 {
	o := order(values)
	ranks := make([]float64, len(values))
	start := 0
	for _, end := range o.ends {
		for _, i := range o.index[start:end] {
			ranks[i] = float64(start+end+1) / 2
		}
		start = end
	}
	return ranks
}
