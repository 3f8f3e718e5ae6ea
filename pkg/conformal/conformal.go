// Package conformal turns scores into p-values by comparing them with those of held-out good images, and p-values into
// decisions (Vovk, Gammerman and Shafer 2005; of outliers Bates et al. 2023).
//
// All that is asked of the images is that a new good one could have stood among the held-out ones, in any order: then
// P(p <= t) <= t whatever the score is, and however bad the model is. A p-value is a multiple of 1/(n+1) with n held-out
// images and never smaller than that.
//
// Numbers are unusualness here: higher is more unusual. What is not a number counts as +Inf.
package conformal

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Reference is the unusualness of held-out good images under one score.
type Reference struct{ sorted []float64 }

// NewReference keeps a copy of the values, one an image.
func NewReference(unusual []float64) (Reference, error) {
	if len(unusual) == 0 {
		return Reference{}, errors.New("conformal: no held-out images: there is nothing to compare with")
	}
	sorted := make([]float64, len(unusual))
	for i, u := range unusual {
		sorted[i] = finite(u)
	}
	slices.Sort(sorted)
	return Reference{sorted}, nil
}

// Len is n, the number of held-out images.
func (r Reference) Len() int { return len(r.sorted) }

// P is the p-value (1 + number of held-out images that are as unusual or more)/(n + 1).
func (r Reference) P(unusual float64) float64 {
	return float64(1+r.atLeast(finite(unusual))) / float64(len(r.sorted)+1)
}

// atLeast is how many are u or more.
func (r Reference) atLeast(u float64) int {
	first, _ := slices.BinarySearch(r.sorted, u)
	return len(r.sorted) - first
}

// finite makes +Inf of what is not a number, so that it has a place in the order.
func finite(u float64) float64 {
	if math.IsNaN(u) {
		return math.Inf(1)
	}
	return u
}

// LeastFor is the least number of held-out images with which a rate of false alarms can be asked for: p-values are no
// smaller than 1/(n+1).
func LeastFor(rate float64) int { return int(math.Ceil(1/rate-1e-9)) - 1 }

// CheckRate refuses a rate of false alarms that n held-out images cannot give, in words.
func CheckRate(rate float64, n int) error {
	if !(rate > 0 && rate < 1) {
		return fmt.Errorf("a false-alarm rate of %g: expected one between 0 and 1, as 0.01", rate)
	}
	if need := LeastFor(rate); n < need {
		return fmt.Errorf("a false-alarm rate of %g wants %d held-out good images, and there are %d, with which p-values begin at %.2g: "+
			"ask for %.2g or more, or fit with more good images", rate, need, n, 1/float64(n+1), 1/float64(n+1))
	}
	return nil
}

// Alarms is what to expect of images that are called unusual where p <= rate: of the good ones among new images Rate is
// called so on average over all that could have been held out, and, of those that were, a share that lies between Low
// and High in 95 of 100 cases (it is Beta(k, n+1-k) distributed with k = floor(rate (n+1)), Vovk 2012; of a Combination that is counted
// in the test of this package, not proven).
type Alarms struct {
	Rate float64 `json:"rate"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Expect are the alarms at a rate with n held-out images.
func Expect(rate float64, n int) Alarms {
	k := math.Floor(rate*float64(n+1) + 1e-9)
	if k < 1 {
		return Alarms{}
	}
	beta := distuv.Beta{Alpha: k, Beta: float64(n+1) - k}
	return Alarms{k / float64(n+1), beta.Quantile(0.025), beta.Quantile(0.975)}
}

// Counts are how often each p-value came, to control the false discovery rate of a batch whose p-values are not kept:
// they are whole multiples of 1/(n+1).
type Counts struct {
	n     int
	of    []int // by k of p = k/(n+1)
	total int
}

// NewCounts is for p-values from n held-out images.
func NewCounts(n int) *Counts { return &Counts{n: n, of: make([]int, n+2)} }

// Add counts a p-value.
func (c *Counts) Add(p float64) {
	c.of[min(max(int(math.Round(p*float64(c.n+1))), 1), c.n+1)]++
	c.total++
}

// Total is how many were counted.
func (c *Counts) Total() int { return c.total }

// BenjaminiHochberg is the largest p-value that is called unusual when at most a share q of what is called so may be good,
// on average: the largest p = k/(n+1) with p <= q (number of p-values up to p)/(number of all). 0 is none. P-values of one
// score that share their held-out images are positively dependent, for which it holds as long as the new images are drawn apart
// from each other, which frames of a film are not (Bates et al. 2023, Theorem 2). Of a Combination, whose ranks depend on the new
// image too, it is not proven: the test of this package counts.
func (c *Counts) BenjaminiHochberg(q float64) float64 {
	threshold, upTo := 0.0, 0
	for k := 1; k < len(c.of); k++ {
		upTo += c.of[k]
		if p := float64(k) / float64(c.n+1); c.of[k] > 0 && p <= q*float64(upTo)/float64(c.total)+1e-12 {
			threshold = p
		}
	}
	return threshold
}

// Group is the p-value of a group of m images whose mean of a score is mean, beside n held-out good images with mean and
// standard deviation own and spread: two-sided, as a group can be unusual by being too likely (Nalisnick et al. 2019,
// "Detecting out-of-distribution inputs to deep generative models using typicality"; they take the null from a bootstrap,
// here it is the normal one of a difference of two means, which needs no images to be kept). It is NaN without images.
func Group(mean float64, m int, own, spread float64, n int) float64 {
	if m < 1 || n < 2 {
		return math.NaN()
	}
	z := (mean - own) / (spread * math.Sqrt(1/float64(m)+1/float64(n)))
	if math.IsNaN(z) {
		return math.NaN()
	}
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}

// UpTo is how many p-values were at most p.
func (c *Counts) UpTo(p float64) int {
	n := 0
	for k, count := range c.of {
		if float64(k)/float64(c.n+1) <= p+1e-12 {
			n += count
		}
	}
	return n
}
