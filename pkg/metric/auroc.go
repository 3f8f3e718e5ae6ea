package metric

import (
	"math"
	"slices"
)

// z95 is the 97.5 % quantile of the standard normal distribution.
const z95 = 1.959963984540054

// AUROC returns the area under the ROC curve, in 0..1, with its 95 % interval.
//
// The area is the Mann-Whitney statistic: the share of (in, out) pairs in which the in-distribution image has the higher
// score, ties counting one half. It equals sklearn's roc_auc_score with in-distribution as label 1 (digest §6).
//
// The interval is that of DeLong, DeLong and Clarke-Pearson (Biometrics 1988): area plus or minus 1.96 standard errors,
// clipped to 0..1, computed by ranks in O(n log n) (Sun and Xu, IEEE Signal Processing Letters 2014). It is symmetric,
// which near 0 and 1 is too narrow: two normal sets of 1,000 images were covered in 95 % of draws at areas of 0.76 and 0.95, but
// in 93 % at 0.99, and sets of 100 images at 0.99 in 87 %.
//
// Where no spread is seen at all DeLong's standard error is 0, although the area is not known exactly. This happens when
// the sets are perfectly separated and when all scores are equal. The interval then comes from k = min(len(in), len(out))
// disjoint pairs, which are independent and all came out alike: an outcome of probability p does so with probability p^k, so
// p < 0.025^(1/k) is refuted (Clopper and Pearson's argument), and the remaining 1-p may have come out any way. For perfect
// separation on 1,000 images a set: [0.9963, 1]. It is cautious, because it uses k pairs of len(in)·len(out).
//
// With a single image in one set nothing is known about the spread of that set, and the interval is [0, 1].
//
// An empty set or a NaN is an error.
func AUROC(in, out []float64) (Interval, error) {
	if err := checkTwoSets(in, out); err != nil {
		return Interval{}, err
	}
	wins, losses := placements(in, out)
	area := areaOf(wins, len(out))
	if min(len(in), len(out)) < 2 {
		return Interval{area, 0, 1}, nil
	}
	if constant(wins) && constant(losses) {
		alike := alikeProbability(min(len(in), len(out)))
		return Interval{area, area * alike, 1 - (1-area)*alike}, nil
	}
	halfWidth := z95 * standardError(wins, losses)
	return Interval{area, max(0, area-halfWidth), min(1, area+halfWidth)}, nil
}

// placements counts, for each in-distribution image, the outliers that it beats, and for each outlier the in-distribution
// images that beat it; a tie counts one half. Divided by len(out) and len(in) these are DeLong's structural components.
//
// Sun and Xu's observation: the rank among all images less the rank within the own set is the number of images of the other
// set below. Counts rather than shares are returned because they are exact, so equality of two of them means something.
func placements(in, out []float64) (wins, losses []float64) {
	all := rank(slices.Concat(in, out))
	wins, losses = rank(in), rank(out)
	for i := range wins {
		wins[i] = all[i] - wins[i]
	}
	for j := range losses {
		losses[j] = float64(len(in)) - (all[len(in)+j] - losses[j])
	}
	return wins, losses
}

// areaOf is the share of pairs won. The sum is exact: halves up to len(in)·len(out), far below 2^52.
func areaOf(wins []float64, outliers int) float64 {
	var sum float64
	for _, w := range wins {
		sum += w
	}
	return sum / float64(len(wins)) / float64(outliers)
}

// standardError is DeLong's: the variance of the shares won over in-distribution images divided by their number, plus the
// same over outliers. It divides by the sizes one after the other, so nothing grows like the square of the number of pairs.
func standardError(wins, losses []float64) float64 {
	in, out := float64(len(wins)), float64(len(losses))
	return math.Sqrt(variance(wins, out)/in + variance(losses, in)/out)
}

// variance is the unbiased sample variance of counts/total.
func variance(counts []float64, total float64) float64 {
	var mean float64
	for _, c := range counts {
		mean += c
	}
	mean /= float64(len(counts))
	var sum float64
	for _, c := range counts {
		d := (c - mean) / total
		sum += d * d
	}
	return sum / float64(len(counts)-1)
}

func constant(values []float64) bool {
	for _, v := range values {
		if v != values[0] {
			return false
		}
	}
	return true
}

// alikeProbability is the smallest probability of an outcome that k independent trials, all with that outcome, do not refute
// at the 2.5 % level.
func alikeProbability(k int) float64 {
	return math.Pow(0.025, 1/float64(k))
}
