package main

import (
	"fmt"
	"math"
	"slices"

	"strata/pkg/conformal"
	"strata/pkg/detector"
	"strata/pkg/detector/measure"
	"strata/pkg/metric"

	"gonum.org/v1/gonum/stat"
)

// result is what is committed of an experiment: all tables are made of these.
type result struct {
	Name    string     `json:"name"`
	Machine measuredOn `json:"machine"`
	Good    images     `json:"good"`
	Test    images     `json:"test"`
	// TestImages are how many good ones it was tried on, HeldOut how many it compares with.
	TestImages int          `json:"test_images"`
	HeldOut    int          `json:"held_out"`
	General    string       `json:"general"`
	Model      string       `json:"model_sha256"`
	Steps      int          `json:"most_steps"`
	Fit        detector.Fit `json:"fit"`
	FitSeconds float64      `json:"fit_seconds"`
	// Rate is images a second with all scores, dimension too, which doubles the work.
	Rate   float64   `json:"images_per_second"`
	Alarms []alarms  `json:"false_alarms"`
	Cases  []compare `json:"against"`
}

// alarms are how many good test images were called unusual by the default combination.
type alarms struct {
	Rate     float64 `json:"rate"`
	Observed int     `json:"observed"`
	// Low and High are the middle 95 of 100 cases, of what is held out and of what is tested (beta-binomial), and BinomialLow and
	// BinomialHigh of what is tested alone, as if what is held out were endless.
	Low          int `json:"low"`
	High         int `json:"high"`
	BinomialLow  int `json:"binomial_low"`
	BinomialHigh int `json:"binomial_high"`
}

func (a alarms) within() bool { return a.Low <= a.Observed && a.Observed <= a.High }

// compare is good test images against others.
type compare struct {
	Name   string `json:"name"`
	Images images `json:"images"`
	Count  int    `json:"count"`
	// Scores are the AUROCs of single scores, and Combined those of each rule over each choice of scores.
	Scores   map[string]area `json:"scores"`
	Combined map[string]area `json:"combined"`
	// Best is the best single score, and Regret what the default combination is behind it.
	Best   string  `json:"best"`
	Regret float64 `json:"regret"`
	// Found is what share is called unusual at 1, 5 and 10 % of false alarms by the default combination.
	Found []float64 `json:"found"`
	// Groups are AUROCs of groups of ten images by the typicality of their mean likelihood (Nalisnick et al. 2019).
	Groups area `json:"groups_of_ten_typicality"`
}

// area is an AUROC with DeLong's interval, in percent.
type area [3]float64

func (a area) String() string { return fmt.Sprintf("%.1f [%.1f, %.1f]", a[0], a[1], a[2]) }

func areaOf(in, out []float64) (area, error) {
	for _, scores := range [][]float64{in, out} {
		for i, v := range scores {
			if math.IsNaN(v) {
				scores[i] = math.Inf(-1) // unusual, as the detector has it
			}
		}
	}
	a, err := metric.AUROC(in, out)
	round := func(v float64) float64 { return math.Round(1e4*v) / 100 }
	return area{round(a.Value), round(a.Low), round(a.High)}, err
}

var rates = []float64{0.01, 0.05, 0.1}

// combinations are the rules and scores that are compared; the first is what strata detect does unasked, which depends on the general
// Glow.
func combinations(e experiment) []combination {
	var all []combination
	scores := detector.DefaultScores(detector.Glow)
	for _, rule := range conformal.Rules() {
		all = append(all, combination{string(rule), rule, measure.Combined(scores, e.General != general)})
	}
	all = append(all,
		combination{"harmonic of the ratios", conformal.Harmonic, measure.Combined(scores, false)},
		combination{"harmonic of complexity and latent_fit", conformal.Harmonic, measure.Combined(scores, true)},
		combination{"harmonic of all four", conformal.Harmonic, []string{"ratio", "last_scale_ratio", "complexity", "latent_fit"}})
	for _, rule := range conformal.Rules() {
		all = append(all, combination{string(rule) + " of all but the likelihood and dimension", rule,
			without(scores, measure.LogLikelihood)})
	}
	for _, rule := range conformal.Rules() {
		all = append(all, combination{string(rule) + " of all but the likelihood", rule, without(allScores(), measure.LogLikelihood)})
	}
	return all
}

type combination struct {
	Name   string
	Rule   conformal.Rule
	Scores []string
}

// combined are the scores (higher for more unusual) and p-values of images.
func (m *measured) combined(c combination, images [][]float64) (scores, p []float64, err error) {
	columns := make([]int, len(c.Scores))
	typical := make([]conformal.Typical, len(c.Scores))
	for k, name := range c.Scores {
		if columns[k] = slices.Index(m.Scores, name); columns[k] < 0 {
			return nil, nil, fmt.Errorf("there is no score %s", name)
		}
		typical[k] = m.Typical[columns[k]]
	}
	unusual := func(row []float64) []float64 {
		u := make([]float64, len(columns))
		for k, j := range columns {
			u[k] = -row[j]
		}
		return u
	}
	var heldOut [][]float64
	for _, row := range m.HeldOut {
		heldOut = append(heldOut, unusual(row))
	}
	combine, err := conformal.NewCombination(c.Rule, heldOut, typical)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range images {
		s, value := combine.Score(unusual(row))
		scores, p = append(scores, s), append(p, value)
	}
	return scores, p, nil
}

func column(rows [][]float64, j int) []float64 {
	values := make([]float64, len(rows))
	for i, row := range rows {
		values[i] = row[j]
	}
	return values
}

// derive makes a result of what was measured.
func derive(e experiment, m *measured) (*result, error) {
	r := &result{Name: e.Name, Machine: m.Machine, Good: e.Good, Test: e.Test, TestImages: len(m.Test),
		HeldOut: len(m.HeldOut), General: m.General,
		Model: m.Model, Steps: e.Steps, Fit: m.Fit, FitSeconds: math.Round(10*m.FitSeconds) / 10, Rate: math.Round(10*m.Rate) / 10}
	rules := combinations(e)
	_, p, err := m.combined(combination{"", conformal.Rules()[0], m.Combined}, m.Test)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(p, m.TestP) {
		return nil, fmt.Errorf("%s: p-values made of its rows are not those of the detector", e.Name)
	}
	if _, p, err = m.combined(rules[0], m.Test); err != nil {
		return nil, err
	}
	for _, rate := range rates {
		r.Alarms = append(r.Alarms, alarmsOf(rate, p, len(m.HeldOut)))
	}
	likelihood := slices.Index(m.Scores, measure.LogLikelihood)
	mean := stat.Mean(column(m.HeldOut, likelihood), nil)
	for _, a := range e.Against {
		rows := m.Against[a.Name]
		c := compare{Name: a.Name, Images: a.images, Count: len(rows), Scores: map[string]area{}, Combined: map[string]area{}}
		best := -1.0
		for j, name := range m.Scores {
			if c.Scores[name], err = areaOf(column(m.Test, j), column(rows, j)); err != nil {
				return nil, fmt.Errorf("%s, %s, %s: %w", e.Name, a.Name, name, err)
			}
			if c.Scores[name][0] > best {
				best, c.Best = c.Scores[name][0], name
			}
		}
		for _, rule := range rules {
			in, _, err := m.combined(rule, m.Test)
			if err != nil {
				return nil, err
			}
			out, p, err := m.combined(rule, rows)
			if err != nil {
				return nil, err
			}
			if c.Combined[rule.Name], err = areaOf(negative(in), negative(out)); err != nil {
				return nil, err
			}
			if c.Found == nil {
				for _, rate := range rates {
					called := alarmsOf(rate, p, len(m.HeldOut)).Observed
					c.Found = append(c.Found, math.Round(1000*float64(called)/float64(len(p)))/10)
				}
			}
		}
		for _, other := range candidates() {
			if c.Combined[other.name], err = m.areaOfCandidate(other, rows); err != nil {
				return nil, err
			}
		}
		c.Regret = math.Round(100*(best-c.Combined[rules[0].Name][0])) / 100
		if c.Groups, err = areaOf(groups(column(m.Test, likelihood), mean), groups(column(rows, likelihood), mean)); err != nil {
			return nil, err
		}
		r.Cases = append(r.Cases, c)
	}
	return r, nil
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

func negative(values []float64) []float64 {
	n := make([]float64, len(values))
	for i, v := range values {
		n[i] = -v
	}
	return n
}

// groups are minus the distances of the means of ten images from what is typical. Images are taken in turns from all over the
// list, which is sorted by class.
func groups(likelihoods []float64, typical float64) []float64 {
	n := len(likelihoods) / 10
	values := make([]float64, n)
	for g := range n {
		sum := 0.0
		for k := range 10 {
			sum += likelihoods[g+k*n]
		}
		values[g] = -math.Abs(sum/10 - typical)
	}
	return values
}

// alarmsOf counts what is called unusual at a rate, and says between what the number should lie for good images.
func alarmsOf(rate float64, p []float64, heldOut int) alarms {
	k := math.Floor(rate*float64(heldOut+1) + 1e-9)
	a := alarms{Rate: rate}
	for _, value := range p {
		if value <= k/float64(heldOut+1)+1e-12 {
			a.Observed++
		}
	}
	a.Low, a.High = middle(len(p), func(i int) float64 { return betaBinomial(i, len(p), k, float64(heldOut+1)-k) })
	share := k / float64(heldOut+1)
	a.BinomialLow, a.BinomialHigh = middle(len(p), func(i int) float64 {
		return math.Exp(logChoose(len(p), i) + float64(i)*math.Log(share) + float64(len(p)-i)*math.Log1p(-share))
	})
	return a
}

// middle is the least and the largest of 0..n between which all but 2.5 % on either side lies.
func middle(n int, probability func(int) float64) (low, high int) {
	sum := 0.0
	low = -1
	for i := range n + 1 {
		sum += probability(i)
		if low < 0 && sum > 0.025 {
			low = i
		}
		if sum >= 0.975 {
			return low, i
		}
	}
	return max(low, 0), n
}

// betaBinomial is the probability of i of n where the share is Beta(a, b) distributed, as that of good images with p-values up to
// a/(a+b) is (Vovk 2012).
func betaBinomial(i, n int, a, b float64) float64 {
	return math.Exp(logChoose(n, i) + logBeta(float64(i)+a, float64(n-i)+b) - logBeta(a, b))
}

func logChoose(n, i int) float64 {
	return logGamma(float64(n+1)) - logGamma(float64(i+1)) - logGamma(float64(n-i+1))
}

func logBeta(a, b float64) float64 { return logGamma(a) + logGamma(b) - logGamma(a+b) }

func logGamma(x float64) float64 {
	value, _ := math.Lgamma(x)
	return value
}
