package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/pkg/conformal"
	"strata/pkg/detector"
	"strata/pkg/detector/measure"
)

// choice is a rule and the scores that it combines.
type choice struct {
	Rule   conformal.Rule `json:"rule"`
	Scores []string       `json:"scores"`
}

func (c choice) String() string { return string(c.Rule) + " of " + strings.Join(c.Scores, ", ") }

// choices are all rules over all sets of two scores and more, without log_likelihood.
func choices() []choice {
	names := without(allScores(), measure.LogLikelihood)
	var all []choice
	for _, rule := range conformal.Rules() {
		for set := range 1 << len(names) {
			c := choice{Rule: rule}
			for j, name := range names {
				if set>>j&1 == 1 {
					c.Scores = append(c.Scores, name)
				}
			}
			if len(c.Scores) > 1 {
				all = append(all, c)
			}
		}
	}
	return all
}

// leftOut is a family of cases, and how the choice fares on it that is best on all others.
type leftOut struct {
	Family  string  `json:"family"`
	Choice  choice  `json:"choice"`
	Regret  float64 `json:"mean_regret"`
	Largest float64 `json:"largest_regret"`
	// All and AllLargest are those of the harmonic mean of all scores but the likelihood and dimension on the same cases.
	All        float64 `json:"all_mean_regret"`
	AllLargest float64 `json:"all_largest_regret"`
}

// chosen is what comes of comparing all choices.
type chosen struct {
	LeftOut []leftOut `json:"left_out"`
	// Best are the ten best choices over all cases, by the root mean square of their regrets, families counting alike.
	Best []ranked `json:"best"`
	// Default is the default choice's place, and All that of the harmonic mean of all scores but the likelihood and dimension.
	Default ranked `json:"default"`
	All     ranked `json:"all"`
}

type ranked struct {
	Choice  choice  `json:"choice"`
	Place   int     `json:"place"`
	Squares float64 `json:"root_mean_square_regret"`
	Regret  float64 `json:"mean_regret"`
	Largest float64 `json:"largest_regret"`
}

// family are detectors of a kind: a choice that was made on nine of the ten classes of CIFAR-10 has seen the tenth's likes. Detectors
// with the drawn general Glow are others than those with a general set.
func family(e experiment) string {
	name, _, _ := strings.Cut(e.Name, "-")
	if strings.Contains(e.Name, "-without-") {
		name += " without a class"
	}
	if e.General != general {
		name += ", " + e.General + " general"
	}
	return name
}

// fixed are combined scores of images where each score has its p-value among the held-out, and nothing more: the same order as
// conformal.Combination but for the image's own part in the ranks, and quick.
func (m *measured) fixed(c choice, p map[string][]float64, away map[string][]float64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		sum, outside := 0.0, 0.0
		for _, name := range c.Scores {
			v := p[name][i]
			switch c.Rule {
			case conformal.Harmonic:
				sum += 1 / v
			case conformal.Fisher:
				sum -= math.Log10(v)
			default:
				sum = max(sum, -math.Log10(v))
			}
			outside += away[name][i]
		}
		switch c.Rule {
		case conformal.Harmonic:
			sum = math.Log10(sum / float64(len(c.Scores)))
		case conformal.Fisher:
			sum /= float64(len(c.Scores))
		}
		values[i] = -(sum + 1e-3*outside/(1+outside))
	}
	return values
}

// ranks are the p-values of rows, and how far they are outside, by score.
func (m *measured) ranks(rows [][]float64) (p, away map[string][]float64, err error) {
	p, away = map[string][]float64{}, map[string][]float64{}
	for j, name := range m.Scores {
		reference, err := conformal.NewReference(negative(column(m.HeldOut, j)))
		if err != nil {
			return nil, nil, err
		}
		for _, u := range negative(column(rows, j)) {
			p[name] = append(p[name], reference.P(u))
			a := max(0, (u-m.Typical[j].Median)/m.Typical[j].Spread)
			if math.IsNaN(a) {
				a = math.Inf(1)
			}
			away[name] = append(away[name], min(math.Log1p(a), 1e6))
		}
	}
	return p, away, nil
}

// choose compares all choices on what was measured of some experiments, whose default is one.
func choose(all []experiment, of map[string]*measured) (*chosen, error) {
	options := choices()
	var families []string
	regrets := map[string][][]float64{} // by family: [choice][case]
	for _, e := range all {
		m := of[e.Name]
		if m == nil {
			continue
		}
		f := family(e)
		if regrets[f] == nil {
			families, regrets[f] = append(families, f), make([][]float64, len(options))
		}
		inP, inAway, err := m.ranks(m.Test)
		if err != nil {
			return nil, err
		}
		for _, a := range e.Against {
			rows := m.Against[a.Name]
			best := 0.0
			for j := range m.Scores {
				area, err := areaOf(column(m.Test, j), column(rows, j))
				if err != nil {
					return nil, err
				}
				best = max(best, area[0])
			}
			outP, outAway, err := m.ranks(rows)
			if err != nil {
				return nil, err
			}
			for k, option := range options {
				area, err := areaOf(m.fixed(option, inP, inAway, len(m.Test)), m.fixed(option, outP, outAway, len(rows)))
				if err != nil {
					return nil, err
				}
				regrets[f][k] = append(regrets[f][k], best-area[0])
			}
		}
	}
	rate := func(k int, skip string) ranked {
		r := ranked{Choice: options[k], Largest: math.Inf(-1)}
		n := 0.0
		for _, f := range families {
			if f == skip {
				continue
			}
			n++
			for _, v := range regrets[f][k] {
				share := 1 / float64(len(regrets[f][k]))
				r.Squares += share * max(v, 0) * max(v, 0)
				r.Regret += share * v
				r.Largest = max(r.Largest, v)
			}
		}
		r.Squares, r.Regret = math.Sqrt(r.Squares/n), r.Regret/n
		return r
	}
	place := func(scores []string) int {
		return slices.IndexFunc(options, func(c choice) bool {
			return c.Rule == conformal.Rules()[0] && slices.Equal(c.Scores, scores)
		})
	}
	byDefault := place(combinations(all[0])[0].Scores)
	byAll := place(without(detector.DefaultScores(detector.Glow), measure.LogLikelihood))
	if byDefault < 0 || byAll < 0 {
		return nil, fmt.Errorf("the default is none of the choices")
	}
	c := &chosen{}
	meanOf := func(values []float64) (mean, largest float64) {
		for _, v := range values {
			mean += v / float64(len(values))
		}
		return mean, slices.Max(values)
	}
	for _, f := range families {
		if len(families) < 2 {
			break
		}
		best := 0
		for k := range options {
			if rate(k, f).Squares < rate(best, f).Squares {
				best = k
			}
		}
		l := leftOut{Family: f, Choice: options[best]}
		l.Regret, l.Largest = meanOf(regrets[f][best])
		l.All, l.AllLargest = meanOf(regrets[f][byAll])
		c.LeftOut = append(c.LeftOut, l)
	}
	var order []ranked
	for k := range options {
		order = append(order, rate(k, ""))
	}
	slices.SortFunc(order, func(a, b ranked) int {
		if a.Squares < b.Squares {
			return -1
		}
		return 1
	})
	for place := range order {
		order[place].Place = place + 1
		switch order[place].Choice.String() {
		case options[byDefault].String():
			c.Default = order[place]
		case options[byAll].String():
			c.All = order[place]
		}
	}
	c.Best = order[:10]
	return c, nil
}
