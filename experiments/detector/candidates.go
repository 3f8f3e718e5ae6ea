package main

import (
	"math"
	"slices"

	"strata/pkg/conformal"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// candidate is a way to make one score of several that strata does not have, beside those of combinations. It learns from one half of
// the held-out good images, and never sees an unusual one.
type candidate struct {
	name   string
	scores func() []string
	learn  func(good [][]float64) (unusual func(row []float64) float64)
}

func candidates() []candidate {
	all := func() []string { return allScores() }
	quick := func() []string { return without(allScores(), "dimension") }
	return []candidate{
		{"two-sided harmonic", quick, func(good [][]float64) func([]float64) float64 { return bothSides(good, conformal.Harmonic) }},
		{"density of states, product of kernel densities", quick, kernelDensities},
		{"Mahalanobis", quick, mahalanobis},
		{"Mahalanobis, with dimension", all, mahalanobis},
		{"two-sided harmonic, with Mahalanobis as one more", quick, withMahalanobis},
	}
}

// areaOfCandidate is the AUROC of a candidate.
func (m *measured) areaOfCandidate(c candidate, against [][]float64) (area, error) {
	var columns []int
	for _, name := range c.scores() {
		columns = append(columns, slices.Index(m.Scores, name))
	}
	pick := func(rows [][]float64) [][]float64 {
		var picked [][]float64
		for _, row := range rows {
			var values []float64
			for _, j := range columns {
				values = append(values, row[j])
			}
			picked = append(picked, values)
		}
		return picked
	}
	unusual := c.learn(pick(m.HeldOut[:len(m.HeldOut)/2]))
	score := func(rows [][]float64) []float64 {
		var values []float64
		for _, row := range pick(rows) {
			values = append(values, -unusual(row))
		}
		return values
	}
	return areaOf(score(m.Test), score(against))
}

// standardised are robust z-scores, of which large ones count by their logarithm: a score with a heavy tail would else be the only one.
func standardised(good [][]float64) func([]float64) []float64 {
	var typical []conformal.Typical
	for j := range good[0] {
		typical = append(typical, conformal.TypicalOf(column(good, j)))
	}
	return func(row []float64) []float64 {
		z := make([]float64, len(row))
		for j, v := range row {
			z[j] = (v - typical[j].Median) / typical[j].Spread
			if math.IsNaN(z[j]) {
				z[j] = -1e6
			}
			z[j] = max(min(z[j], 1e6), -1e6)
			z[j] = math.Copysign(math.Asinh(math.Abs(z[j])), z[j])
		}
		return z
	}
}

// mahalanobis is the distance from the mean of good images in units of their covariance.
func mahalanobis(good [][]float64) func([]float64) float64 {
	standard := standardised(good)
	d := len(good[0])
	rows := mat.NewDense(len(good), d, nil)
	mean := make([]float64, d)
	for i, row := range good {
		rows.SetRow(i, standard(row))
	}
	for j := range d {
		mean[j] = stat.Mean(mat.Col(nil, j, rows), nil)
	}
	covariance := mat.NewSymDense(d, nil)
	stat.CovarianceMatrix(covariance, rows, nil)
	for j := range d {
		covariance.SetSym(j, j, covariance.At(j, j)+1e-6)
	}
	var factor mat.Cholesky
	if !factor.Factorize(covariance) {
		return func([]float64) float64 { return 0 }
	}
	return func(row []float64) float64 {
		return stat.Mahalanobis(mat.NewVecDense(d, standard(row)), mat.NewVecDense(d, mean), &factor)
	}
}

// kernelDensities is minus the logarithm of the product of the densities of each score (Morningstar et al. 2021, arXiv 2006.09273).
func kernelDensities(good [][]float64) func([]float64) float64 {
	standard := standardised(good)
	points := make([][]float64, len(good[0]))
	for _, row := range good {
		for j, z := range standard(row) {
			points[j] = append(points[j], z)
		}
	}
	width := 1.06 * math.Pow(float64(len(good)), -0.2)
	return func(row []float64) float64 {
		sum := 0.0
		for j, z := range standard(row) {
			logs := make([]float64, len(points[j]))
			for i, p := range points[j] {
				logs[i] = -(z - p) * (z - p) / (2 * width * width)
			}
			sum -= logSumExp(logs)
		}
		return sum
	}
}

func logSumExp(logs []float64) float64 {
	largest := slices.Max(logs)
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - largest)
	}
	return largest + math.Log(sum)
}

// bothSides combines p-values that count what is unusually high as well as what is unusually low.
func bothSides(good [][]float64, rule conformal.Rule) func([]float64) float64 {
	sides := sidesOf(good)
	standard := standardised(good)
	return func(row []float64) float64 {
		sum, beyond := 0.0, 0.0
		z := standard(row)
		for j, v := range row {
			p := sides(j, v)
			if rule == conformal.Harmonic {
				sum += 1 / p
			} else {
				sum -= math.Log(p)
			}
			beyond += math.Abs(z[j])
		}
		return math.Log(sum) + 1e-3*beyond/(1+beyond)
	}
}

// sidesOf is a two-sided p-value of each score.
func sidesOf(good [][]float64) func(j int, v float64) float64 {
	sorted := make([][]float64, len(good[0]))
	for j := range sorted {
		sorted[j] = column(good, j)
		slices.Sort(sorted[j])
	}
	return func(j int, v float64) float64 {
		below, _ := slices.BinarySearch(sorted[j], v)
		n := len(sorted[j])
		low, high := float64(1+below)/float64(n+1), float64(1+n-below)/float64(n+1)
		return min(1, 2*min(low, high))
	}
}

func withMahalanobis(good [][]float64) func([]float64) float64 {
	distance := mahalanobis(good)
	more := func(row []float64) []float64 { return append(slices.Clone(row), -distance(row)) }
	var rows [][]float64
	for _, row := range good {
		rows = append(rows, more(row))
	}
	both := bothSides(rows, conformal.Harmonic)
	return func(row []float64) float64 { return both(more(row)) }
}
