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

// midRanks writes to ranks[i] the rank, counted from 1, of value i; equal values share the mean of their ranks. Value i counts
// counts[i] times; nil counts every value once. Ranks of values that count zero times mean nothing.
//
// Ranks are multiples of one half, so they and their sums are exact in float64 far beyond any number of images.
func (o ordered) midRanks(ranks []float64, counts []int32) {
	before, start := 0, 0 // how many values lie below the group, and where the group begins
	for _, end := range o.ends {
		group := o.index[start:end]
		size := len(group)
		if counts != nil {
			size = 0
			for _, i := range group {
				size += int(counts[i])
			}
		}
		rank := float64(before) + float64(size+1)/2
		for _, i := range group {
			ranks[i] = rank
		}
		before += size
		start = end
	}
}

// rank returns the mid-ranks of values.
func rank(values []float64) []float64 {
	ranks := make([]float64, len(values))
	order(values).midRanks(ranks, nil)
	return ranks
}
