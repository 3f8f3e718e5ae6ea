package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"strata/pkg/conformal"
)

// The intervals of alarms hold what they say of images that are all alike: p-values of random numbers.
func TestAlarmsOfGoodImages(t *testing.T) {
	const heldOut, test, trials = 200, 300, 2000
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rate := range rates {
		inside, binomial := 0, 0
		for range trials {
			values := make([]float64, heldOut)
			for i := range values {
				values[i] = rng.Float64()
			}
			reference, err := conformal.NewReference(values)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float64, test)
			for i := range p {
				p[i] = reference.P(rng.Float64())
			}
			a := alarmsOf(rate, p, heldOut)
			if a.within() {
				inside++
			}
			if a.BinomialLow <= a.Observed && a.Observed <= a.BinomialHigh {
				binomial++
			}
		}
		// At least 95 % by construction, as counts are whole: four standard errors of 2,000 trials are 2 points.
		share := float64(inside) / trials
		if share < 0.93 || share > 0.995 {
			t.Errorf("at %g %.3f of trials are inside", rate, share)
		}
		if binomial >= inside {
			t.Errorf("at %g the binomial interval holds %d, the beta-binomial %d: "+
				"the former knows no held-out images and must be narrower", rate, binomial, inside)
		}
	}
}

func TestBetaBinomialSumsToOne(t *testing.T) {
	sum, mean := 0.0, 0.0
	for i := range 101 {
		p := betaBinomial(i, 100, 5, 96)
		sum, mean = sum+p, mean+float64(i)*p
	}
	if math.Abs(sum-1) > 1e-9 || math.Abs(mean-100*5.0/101) > 1e-9 {
		t.Errorf("sum %v, mean %v", sum, mean)
	}
}

func TestGroupsTakeEveryImageOnce(t *testing.T) {
	values := make([]float64, 35)
	for i := range values {
		values[i] = float64(i)
	}
	got := groups(values, 0) // 30 images: 0+3+...+27, and on
	if len(got) != 3 || got[0] != -13.5 || got[1] != -14.5 || got[2] != -15.5 {
		t.Errorf("%v", got)
	}
}

func TestZipNamesDiffer(t *testing.T) {
	names := map[string]bool{}
	for _, e := range experiments() {
		own := map[string]bool{}
		all := []images{e.Good, e.Test}
		for _, a := range e.Against {
			all = append(all, a.images)
		}
		for _, i := range all {
			if own[i.file()] {
				t.Errorf("%s has %s twice", e.Name, i.file())
			}
			own[i.file()] = true
		}
		if names[e.Name] || strings.ContainsAny(e.Name, "/ ") {
			t.Errorf("%s is no name of a file, or not alone", e.Name)
		}
		names[e.Name] = true
	}
}

// choose makes the order of conformal.Combination, of the scores of images among held-out ones.
func TestFixedIsTheCombinationInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m := &measured{Scores: allScores()}
	draw := func(n int, off float64) (rows [][]float64) {
		for range n {
			row := make([]float64, len(m.Scores))
			for j := range row {
				row[j] = rng.NormFloat64() - off
			}
			rows = append(rows, row)
		}
		return rows
	}
	m.HeldOut, m.Test = draw(400, 0), draw(200, 0)
	for range m.Scores {
		m.Typical = append(m.Typical, conformal.Typical{Spread: 1})
	}
	out := draw(200, 0.7)
	inP, inAway, err := m.ranks(m.Test)
	if err != nil {
		t.Fatal(err)
	}
	outP, outAway, err := m.ranks(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range combinations(experiments()[0]) {
		c := choice{rule.Rule, rule.Scores}
		got, err := areaOf(m.fixed(c, inP, inAway, 200), m.fixed(c, outP, outAway, 200))
		if err != nil {
			t.Fatal(err)
		}
		in, _, err := m.combined(rule, m.Test)
		if err != nil {
			t.Fatal(err)
		}
		others, _, err := m.combined(rule, out)
		if err != nil {
			t.Fatal(err)
		}
		want, err := areaOf(negative(in), negative(others))
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got[0]-want[0]) > 0.2 { // percent: half a standard error of the AUROC is 1
			t.Errorf("%s: %v, not %v", rule.Name, got, want)
		}
		if got[0] < 70 {
			t.Errorf("%s: %v on images that are 0.7 standard deviations away under two scores and more", rule.Name, got)
		}
	}
}
