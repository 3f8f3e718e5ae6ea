package metric

import "math"

// NonFiniteScore stands for a log-likelihood that is NaN or infinite: -3,000,000 nats, far below any finite one
// (paper S4.5; digest §6, which notes that the value is put in before differences are taken, and that finite values
// below it stay as they are).
const NonFiniteScore = -3_000_000

// ReplaceNonFinite returns a copy of the scores in which every NaN, +Inf and -Inf is [NonFiniteScore], and how many there
// were: show that number beside every metric computed from the copy.
//
// Use it on log-likelihoods, before they are subtracted. Two models that fail on the same image then differ by 0 there.
func ReplaceNonFinite(scores []float64) (clean []float64, count int) {
	clean = make([]float64, len(scores))
	for i, s := range scores {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			s = NonFiniteScore
			count++
		}
		clean[i] = s
	}
	return clean, count
}
