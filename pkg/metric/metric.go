// Package metric measures how well a score tells in-distribution images from others, and how alike two scores rank images.
//
// Convention, everywhere (digest §6): the in-distribution images are the positive class, and a higher score means more
// in-distribution. So [AUROC] of 1 says that every in-distribution image scores above every outlier, 0 says the reverse.
//
// The functions take plain slices, one score an image, and never reorder them. A NaN is refused with its place: how a
// non-finite log-likelihood is to be read is a decision of the evaluation ([ReplaceNonFinite]), not of a metric.
// Infinities have a place in an order and are accepted wherever only the order counts.
//
// All intervals are 95 % intervals over images: they say what another draw of test images from the same sets would change.
// They say nothing about another training run.
package metric

import (
	"fmt"
	"math"
)

// Interval is an estimate with its 95 % interval. The unit is that of the estimate: areas and rates are fractions in 0..1,
// correlations and differences of areas lie in -1..1.
type Interval struct {
	Value, Low, High float64
}

// String prints fractions: "0.939 [0.931, 0.946]".
func (i Interval) String() string {
	return fmt.Sprintf("%.3f [%.3f, %.3f]", i.Value, i.Low, i.High)
}

// Percent prints percent, as the paper's tables do: "93.9 [93.1, 94.6]".
func (i Interval) Percent() string {
	return fmt.Sprintf("%.1f [%.1f, %.1f]", 100*i.Value, 100*i.Low, 100*i.High)
}

// checkTwoSets refuses what no metric of two sets of scores can be computed from.
func checkTwoSets(in, out []float64) error {
	if err := checkScores("in-distribution", in); err != nil {
		return err
	}
	return checkScores("out-of-distribution", out)
}

func checkScores(name string, scores []float64) error {
	if len(scores) == 0 {
		return fmt.Errorf("metric: there are no %s scores: a comparison needs at least one image of each set", name)
	}
	for i, s := range scores {
		if math.IsNaN(s) {
			return fmt.Errorf("metric: %s score %d of %d is NaN: replace non-finite scores first (metric.ReplaceNonFinite)",
				name, i, len(scores))
		}
	}
	return nil
}
