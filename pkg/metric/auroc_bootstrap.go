package metric

import (
	"math/rand/v2"
	"slices"
)

// AUROCBootstrap returns the area under the ROC curve with a bootstrap percentile interval instead of DeLong's: in- and
// out-of-distribution images are resampled separately (stratified), resamples times; equal seeds give equal intervals.
//
// It is the check on [AUROC], and costs O(len(in)+len(out)) a resample after one sort. On perfectly separated sets every
// resample is perfectly separated too and the interval is [1, 1], which claims too much; [AUROC] has an answer there.
//
// An empty set, a NaN and fewer than [MinResamples] resamples are errors.
func AUROCBootstrap(in, out []float64, resamples int, seed uint64) (Interval, error) {
	if err := checkTwoSets(in, out); err != nil {
		return Interval{}, err
	}
	wins, _ := placements(in, out)
	all := order(slices.Concat(in, out))
	return percentileInterval(areaOf(wins, len(out)), resamples, seed, func() func(*rand.Rand) float64 {
		counts := make([]int32, len(in)+len(out))
		return func(random *rand.Rand) float64 {
			drawCounts(counts[:len(in)], random)
			drawCounts(counts[len(in):], random)
			return countedArea(all, counts, len(in), len(out))
		}
	})
}

// countedArea is the area when image i counts counts[i] times; images before in are in-distribution.
func countedArea(all ordered, counts []int32, in, out int) float64 {
	var halves, outBelow int // pairs won twice, pairs tied once; outliers below the group of equal scores
	start := 0
	for _, end := range all.ends {
		var inHere, outHere int
		for _, i := range all.index[start:end] {
			if i < in {
				inHere += int(counts[i])
			} else {
				outHere += int(counts[i])
			}
		}
		halves += inHere * (2*outBelow + outHere)
		outBelow += outHere
		start = end
	}
	return float64(halves) / 2 / float64(in) / float64(out)
}
