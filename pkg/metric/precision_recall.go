package metric

import (
	"fmt"
	"math"
	"slices"
)

// AUPRIn returns the area under the precision-recall curve, in 0..1, with in-distribution images as the positive class:
// the average precision, a sum of steps without interpolation, equal scores being one threshold (as in sklearn's
// average_precision_score). A score that knows nothing reaches the share of in-distribution images, len(in)/(len(in)+len(out)),
// so values compare only between equal set sizes.
//
// An empty set or a NaN is an error.
func AUPRIn(in, out []float64) (float64, error) {
	if err := checkTwoSets(in, out); err != nil {
		return 0, err
	}
	return averagePrecision(in, out), nil
}

// AUPROut is [AUPRIn] with the roles swapped: outliers are the positive class, and the lowest scores come first.
func AUPROut(in, out []float64) (float64, error) {
	if err := checkTwoSets(in, out); err != nil {
		return 0, err
	}
	return averagePrecision(negated(out), negated(in)), nil
}

// averagePrecision walks the thresholds from the highest score down; at each, recall has grown by the positives found there,
// and that growth counts with the precision reached.
func averagePrecision(positive, negative []float64) float64 {
	all := order(slices.Concat(positive, negative))
	var sum float64
	var found, seen int
	for g := len(all.ends) - 1; g >= 0; g-- {
		start := 0
		if g > 0 {
			start = all.ends[g-1]
		}
		var here int
		for _, i := range all.index[start:all.ends[g]] {
			if i < len(positive) {
				here++
			}
		}
		found += here
		seen += all.ends[g] - start
		sum += float64(here) * float64(found) / float64(seen)
	}
	return sum / float64(len(positive))
}

func negated(values []float64) []float64 {
	result := make([]float64, len(values))
	for i, v := range values {
		result[i] = -v
	}
	return result
}

// FPRAtTPR returns the false positive rate, in 0..1, at a true positive rate: the share of outliers accepted as
// in-distribution when the threshold is the highest that accepts at least the share tpr (0.95 is usual) of the
// in-distribution images. A score equal to the threshold is accepted; nothing is interpolated. Lower is better; a score that
// knows nothing reaches about tpr.
//
// An empty set, a NaN and a tpr outside (0, 1] are errors.
func FPRAtTPR(in, out []float64, tpr float64) (float64, error) {
	if err := checkTwoSets(in, out); err != nil {
		return 0, err
	}
	if !(tpr > 0 && tpr <= 1) {
		return 0, fmt.Errorf("metric: true positive rate %v: it is a share above 0 and at most 1, such as 0.95", tpr)
	}
	sorted := slices.Sorted(slices.Values(in))
	// The slack keeps a product such as 0.07*100 = 7.000000000000001 from asking for one image more.
	accepted := int(math.Ceil(tpr*float64(len(in)) - 1e-9))
	threshold := sorted[len(sorted)-max(accepted, 1)]
	var falsePositives int
	for _, s := range out {
		if s >= threshold {
			falsePositives++
		}
	}
	return float64(falsePositives) / float64(len(out)), nil
}
