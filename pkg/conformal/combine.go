package conformal

import (
	"fmt"
	"math"
	"slices"
)

// Rule makes one number of the p-values of several scores. Which rule it is changes what is found, never the false-alarm
// rate: the number is compared with that of the held-out images, so the scores may depend on each other in any way.
type Rule string

// The rules.
const (
	// Harmonic is -log10 of the harmonic mean (Wilson 2019): mostly the smallest p-value, yet two small ones count more
	// than one.
	Harmonic Rule = "harmonic"
	// Fisher is minus the mean of log10 p (Fisher 1932): many middling p-values count as much as one small one.
	Fisher Rule = "fisher"
	// Smallest is -log10 of the smallest (Tippett 1931).
	Smallest Rule = "smallest"
)

// Rules are all of them, the default first.
func Rules() []Rule { return []Rule{Harmonic, Fisher, Smallest} }

// term is what a p-value adds, and whole what becomes of the sum (of the largest, for Smallest) over m scores.
func (r Rule) term(p float64) float64 {
	if r == Harmonic {
		return 1 / p
	}
	return -math.Log10(p)
}

func (r Rule) whole(sum float64, m int) float64 {
	switch r {
	case Harmonic:
		return math.Log10(sum / float64(m))
	case Fisher:
		return sum / float64(m)
	}
	return sum
}

// Typical is where a score lies on good images and how far it strays, to tell images apart that are all more unusual than
// every held-out one. It must not be taken from the held-out images.
type Typical struct {
	Median float64 `json:"median"`
	Spread float64 `json:"spread"` // 1.4826 times the median distance from the median
}

// TypicalOf measures those of some values that are finite.
func TypicalOf(unusual []float64) Typical {
	sorted := slices.DeleteFunc(slices.Clone(unusual), func(u float64) bool { return math.IsNaN(u) || math.IsInf(u, 0) })
	slices.Sort(sorted)
	middle := median(sorted)
	for i, u := range sorted {
		sorted[i] = math.Abs(u - middle)
	}
	slices.Sort(sorted)
	return Typical{middle, max(1.4826*median(sorted), 1e-12)}
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// beyond weighs how far an image lies outside: from 0 to less than 1. It breaks ties among images beyond every held-out one,
// and is small beside what a p-value adds.
const beyond = 1e-3

// Combination makes one score of several, and its p-value. It compares the new image and the n held-out ones as one set of n+1, in
// which each has its rank under each score, whoever it is; so the combined p-value is as valid as a single one, and no held-out
// image is spent on learning how to combine (a split of them would double the smallest p-value). A Combination may be used from several
// goroutines.
type Combination struct {
	rule    Rule
	largest bool // of the terms is taken, not their sum
	typical []Typical
	single  []Reference
	// Of each held-out image under each score: its unusualness, and how many held-out ones are as unusual or more, itself too.
	unusual [][]float64
	atLeast [][]int
	outside []float64
	terms   []float64 // of p = k/(n+1)
}

// NewCombination wants the unusualness of every held-out image, [n][m], and what is typical of each of the m scores.
func NewCombination(rule Rule, unusual [][]float64, typical []Typical) (*Combination, error) {
	if !slices.Contains(Rules(), rule) {
		return nil, fmt.Errorf("conformal: no rule %q: choose one of %v", rule, Rules())
	}
	n, m := len(unusual), len(typical)
	if n == 0 || m == 0 {
		return nil, fmt.Errorf("conformal: %d held-out images and %d scores to combine", n, m)
	}
	c := &Combination{rule: rule, largest: rule == Smallest, typical: typical,
		atLeast: make([][]int, n), outside: make([]float64, n), terms: make([]float64, n+2)}
	for k := 1; k < len(c.terms); k++ {
		c.terms[k] = rule.term(float64(k) / float64(n+1))
	}
	c.unusual = make([][]float64, n)
	for i, row := range unusual {
		if len(row) != m {
			return nil, fmt.Errorf("conformal: held-out image %d has %d scores, not %d", i, len(row), m)
		}
		c.atLeast[i] = make([]int, m)
		c.outside[i] = c.outsideOf(row)
		c.unusual[i] = make([]float64, m)
		for j := range row {
			c.unusual[i][j] = finite(row[j])
		}
	}
	for j := range m {
		column := make([]float64, n)
		for i := range column {
			column[i] = c.unusual[i][j]
		}
		reference, err := NewReference(column)
		if err != nil {
			return nil, err
		}
		c.single = append(c.single, reference)
		for i := range column {
			c.atLeast[i][j] = reference.atLeast(column[i])
		}
	}
	return c, nil
}

// add takes another term to those of an image.
func (c *Combination) add(sum, term float64) float64 {
	if c.largest {
		return max(sum, term)
	}
	return sum + term
}

// outsideOf is how far an image lies outside of what is typical, from 0 to less than 1.
func (c *Combination) outsideOf(unusual []float64) float64 {
	sum := 0.0
	for j, t := range c.typical {
		away := (finite(unusual[j]) - t.Median) / t.Spread
		if math.IsInf(away, 1) {
			return beyond
		}
		if away > 0 {
			sum += math.Log1p(away)
		}
	}
	return beyond * sum / (1 + sum)
}

// Score is the combined score of an image with some unusualness, higher for more unusual, and its p-value among the n
// held-out images. The score is in powers of ten: 2 is as unusual as one in a hundred would be under a single score.
func (c *Combination) Score(unusual []float64) (score, p float64) {
	u := make([]float64, len(unusual))
	sum := 0.0
	for j := range unusual {
		u[j] = finite(unusual[j])
		sum = c.add(sum, c.terms[1+c.single[j].atLeast(u[j])])
	}
	score = c.rule.whole(sum, len(u)) + c.outsideOf(u)
	asUnusual := 1
	for i, row := range c.unusual {
		sum := 0.0
		for j, v := range row {
			k := c.atLeast[i][j]
			if u[j] >= v {
				k++
			}
			sum = c.add(sum, c.terms[k])
		}
		if c.rule.whole(sum, len(u))+c.outside[i] >= score {
			asUnusual++
		}
	}
	return score, float64(asUnusual) / float64(len(c.unusual)+1)
}

// HeldOut are the combined scores of the held-out images, each among all of them: what a new score is drawn beside.
func (c *Combination) HeldOut() []float64 {
	scores := make([]float64, len(c.unusual))
	for i := range scores {
		sum := 0.0
		for _, k := range c.atLeast[i] {
			sum = c.add(sum, c.terms[k])
		}
		scores[i] = c.rule.whole(sum, len(c.typical)) + c.outside[i]
	}
	return scores
}
