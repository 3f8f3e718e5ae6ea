package metric

import (
	"math"
	"slices"
	"sort"
)

// NewAUROC is the AUROC (a fraction) as a statistic of two populations, in and out.
//
// With outliers in ascending order, an in-distribution image wins against those before its place first, and ties with
// those from there to its place last. So of a resample it takes how many of the first k outliers were drawn, below[k]:
//
//	AUROC = sum over in of count * (below[first] + below[last]) / (2 * len(in) * len(out))
func NewAUROC(in, out []float64) (func() Statistic, error) {
	if err := checkTwoSets(in, out); err != nil {
		return nil, err
	}
	outliers := order(out).compact().index
	sorted := make([]float64, len(out))
	for p, i := range outliers {
		sorted[p] = out[i]
	}
	first, last := make([]int32, len(in)), make([]int32, len(in))
	for i, score := range in {
		at, tied := slices.BinarySearch(sorted, score)
		first[i], last[i] = int32(at), int32(at)
		if tied {
			// Of the places from there on, the first with a higher score.
			last[i] += int32(sort.Search(len(sorted)-at, func(p int) bool { return sorted[at+p] > score }))
		}
	}
	return func() Statistic {
		below := make([]uint32, len(out)+1)
		return func(counts [][]uint8) float64 {
			ofIn, ofOut := counts[0][:len(first)], counts[1]
			drawn := uint32(0)
			for p, i := range outliers {
				drawn += uint32(ofOut[i])
				below[p+1] = drawn
			}
			var won uint64 // pairs, a tie counting one half: twice
			for i, c := range ofIn {
				won += uint64(c) * uint64(below[first[i]]+below[last[i]])
			}
			return float64(won) / 2 / float64(len(in)) / float64(len(out))
		}
	}, nil
}

// compacted is ordered in half the memory, for what walks it a thousand times.
type compacted struct{ index, ends []int32 }

func (o ordered) compact() compacted {
	c := compacted{make([]int32, len(o.index)), make([]int32, len(o.ends))}
	for p, i := range o.index {
		c.index[p] = int32(i)
	}
	for g, end := range o.ends {
		c.ends[g] = int32(end)
	}
	return c
}

// NewSpearman is Spearman's correlation as a statistic of all images of some populations together, one after the other;
// NaN where what is drawn does not vary.
//
// With ranks taken twice, and from their mean, all sums are of whole numbers, and exact up to two million images. Of n
// images in groups of t that are equal, an image drawn t times among them, the squares of such ranks sum to
// (n^3 - sum of t^3)/3.
func NewSpearman(x, y []float64) (func() Statistic, error) {
	if err := checkPairs(x, y, false); err != nil {
		return nil, err
	}
	orderX, orderY := order(x).compact(), order(y).compact()
	return func() Statistic {
		ranks := make([]int32, len(x))
		return joined(func(counts []uint8) float64 {
			var total int64
			for _, c := range counts {
				total += int64(c)
			}
			cubesX := orderX.centredRanks(ranks, counts, total)
			xy, cubesY := orderY.product(ranks, counts, total)
			whole := total * total * total
			xx, yy := (whole-cubesX)/3, (whole-cubesY)/3
			if xx == 0 || yy == 0 {
				return math.NaN()
			}
			return max(-1, min(1, float64(xy)/math.Sqrt(float64(xx)*float64(yy))))
		})
	}, nil
}

// centredRanks writes the mid-ranks of all images, twice and from their mean, and returns the sum of the cubes of how many
// are equal. Most images equal no other: they have a way of their own, here and in product.
func (o compacted) centredRanks(ranks []int32, counts []uint8, total int64) (cubes int64) {
	below := -total // twice the images below, from the middle
	start := int32(0)
	for _, end := range o.ends {
		if end-start == 1 {
			i := o.index[start]
			start = end
			size := int64(counts[i])
			ranks[i] = int32(below + size)
			below += 2 * size
			cubes += size * size * size
			continue
		}
		group := o.index[start:end]
		start = end
		size := sizeOf(group, counts)
		for _, i := range group {
			ranks[i] = int32(below + size)
		}
		below += 2 * size
		cubes += size * size * size
	}
	return cubes
}

// product is the sum of the products of such ranks with other ones.
func (o compacted) product(others []int32, counts []uint8, total int64) (sum, cubes int64) {
	below := -total
	start := int32(0)
	for _, end := range o.ends {
		if end-start == 1 {
			i := o.index[start]
			start = end
			size := int64(counts[i])
			sum += size * (below + size) * int64(others[i])
			below += 2 * size
			cubes += size * size * size
			continue
		}
		group := o.index[start:end]
		start = end
		size := sizeOf(group, counts)
		for _, i := range group {
			sum += int64(counts[i]) * (below + size) * int64(others[i])
		}
		below += 2 * size
		cubes += size * size * size
	}
	return sum, cubes
}

// sizeOf is how many images a group of equal ones has in a resample.
func sizeOf(group []int32, counts []uint8) (size int64) {
	for _, i := range group {
		size += int64(counts[i])
	}
	return size
}

// NewPearson is the linear correlation as a statistic, as NewSpearman.
func NewPearson(x, y []float64) (func() Statistic, error) {
	if err := checkPairs(x, y, true); err != nil {
		return nil, err
	}
	x, y = scaled(x), scaled(y)
	return func() Statistic {
		return joined(func(counts []uint8) float64 { return correlation(x, y, counts) })
	}, nil
}

// NewMean is the mean over all images of some populations together.
func NewMean(values []float64) func() Statistic {
	return func() Statistic {
		return joined(func(counts []uint8) float64 {
			var sum, total float64
			for i, c := range counts {
				sum += float64(c) * values[i]
				total += float64(c)
			}
			return sum / total
		})
	}
}

// NewSpan is the range from the first to the last hundredth of the values of some populations together.
func NewSpan(values []float64) func() Statistic {
	sorted := order(values).index
	return func() Statistic {
		return joined(func(counts []uint8) float64 {
			total := 0
			for _, c := range counts {
				total += int(c)
			}
			lowest := int(0.01 * float64(total-1))            // so many images lie below the first hundredth,
			highest := total - 1 - int(0.99*float64(total-1)) // and so many above the last
			low, high := -1, len(sorted)
			for lowest >= 0 {
				low++
				lowest -= int(counts[sorted[low]])
			}
			for highest >= 0 {
				high--
				highest -= int(counts[sorted[high]])
			}
			return values[sorted[high]] - values[sorted[low]]
		})
	}
}

// NewTop is the mean of values over the n images with the highest scores.
func NewTop(scores, values []float64, n int) func() Statistic {
	sorted := order(scores)
	return func() Statistic {
		return joined(func(counts []uint8) float64 {
			left, sum := n, 0.0
			for p := len(sorted.index) - 1; p >= 0 && left > 0; p-- {
				i := sorted.index[p]
				taken := min(left, int(counts[i]))
				sum += float64(taken) * values[i]
				left -= taken
			}
			return sum / float64(n-left)
		})
	}
}

// joined makes a statistic of the counts of all populations in one row.
func joined(statistic func(counts []uint8) float64) Statistic {
	var row []uint8
	return func(counts [][]uint8) float64 {
		if len(counts) == 1 {
			return statistic(counts[0])
		}
		row = row[:0]
		for _, of := range counts {
			row = append(row, of...)
		}
		return statistic(row)
	}
}
