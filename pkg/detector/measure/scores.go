package measure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/pkg/score"
)

// Score is one way to say how unusual an image is. Its values are higher for more in-distribution, as everywhere in strata,
// and what is unusual is what is lower: for all of them, as typicality is made so.
type Score struct {
	Name string
	// About says what it is, Source where it comes from.
	About, Source string

	probes bool // wants the latents of the image under small perturbations
	of     func(m *measured) float64
}

// LogLikelihood is the score that every detector has.
const LogLikelihood = "log_likelihood"

// scores are all of them, in the order in which they are written.
var scores = []Score{
	{LogLikelihood, "ln p(x) of the own Glow, nats; for reference: smooth images have more of it than good ones",
		"Kingma and Dhariwal 2018; Nalisnick et al. 2019",
		false, func(m *measured) float64 { return m.own.total }},
	{"ratio", "ln p(x) less that of the general Glow, nats", "Schirrmeister et al. 2020, §3; Ren et al. 2019",
		false, func(m *measured) float64 { return m.own.total - m.general.total }},
	{"last_scale", "contribution of the own Glow's last scale, nats", "Schirrmeister et al. 2020, §4",
		false, func(m *measured) float64 { return m.own.last() }},
	{"last_scale_ratio", "the same less that of the general Glow, nats", "Schirrmeister et al. 2020, §4",
		false, func(m *measured) float64 { return m.own.last() - m.general.last() }},
	{"complexity", "ln p(x) and the bytes of the image as PNG, nats", "Serra et al. 2020, arXiv 1909.11480",
		false, complexity},
	{"typicality", "minus the distance of -ln p(x) from its mean on good images, nats: unusual on both sides",
		"Nalisnick et al. 2019, arXiv 1906.02994",
		false, func(m *measured) float64 { return -math.Abs(m.own.total - m.typical) }},
	{"latent_fit", "minus the sum over scales of the Anderson-Darling distance of the latents from the standard normal of the prior",
		"after Bomatter et al. 2026, arXiv 2605.22496 (continuous flows), Anderson and Darling 1952",
		false, latentFit},
	{"dimension", "about a lower bound of the number of directions in which the own Glow lets the image vary by a level, estimated from " +
		"two finite differences: smooth images have few. Two passes more", "after Kamkari et al. 2024, arXiv 2403.18910",
		true, dimension},
}

// Scores are all that there are.
func Scores() []Score { return slices.Clone(scores) }

// Default are those that one has unless others are asked for: all that need no passes more than two.
func Default() []string {
	var names []string
	for _, s := range scores {
		if !s.probes {
			names = append(names, s.Name)
		}
	}
	return names
}

// Find finds scores by their names.
func Find(names []string) ([]Score, error) {
	var found []Score
	for _, name := range names {
		i := slices.IndexFunc(scores, func(s Score) bool { return s.Name == name })
		if i < 0 || slices.ContainsFunc(found, func(s Score) bool { return s.Name == name }) {
			return nil, fmt.Errorf("a score %q is unknown or named twice: choose of %s", name, strings.Join(allNames(), ", "))
		}
		found = append(found, scores[i])
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no score: choose of %s", strings.Join(allNames(), ", "))
	}
	return found, nil
}

func allNames() []string {
	var names []string
	for _, s := range scores {
		names = append(names, s.Name)
	}
	return names
}

// Combined are the scores that are combined, where names are at hand: the ratios, which take away what any image has (paper §3). Where the
// general Glow is drawn, one of images unlike any that people have, it does not know what that is, and scores that need no
// general set take their place. The others are there to be looked at; combined too they put the combination farther behind the best single
// score (docs/detector_evidence.md). Without any of these it is all but the likelihood, which likes what is smooth.
func Combined(names []string, drawn bool) []string {
	wanted := []string{"ratio", "last_scale_ratio"}
	if drawn {
		wanted = []string{"complexity", "latent_fit"}
	}
	for _, rest := range [][]string{
		slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(wanted, name) }),
		slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == LogLikelihood }),
	} {
		if len(rest) > 0 {
			return rest
		}
	}
	return names
}

func complexity(m *measured) float64 {
	bytes, err := score.PNGBytes(m.pixels, Side, Side, len(m.pixels)/(Side*Side))
	if err != nil {
		return math.NaN()
	}
	return m.own.total + 8*float64(bytes)*math.Ln2
}

// latentFit asks whether the latents of an image look like draws from the prior, which it takes no general set to know. The
// paper on continuous flows tests noise of one scale; a Glow's latents are tested scale by scale.
func latentFit(m *measured) float64 {
	sum := 0.0
	for _, z := range m.own.latents {
		sum += AndersonDarling(z)
	}
	return -sum
}

// AndersonDarling is the distance A^2 of the distribution of values from the standard normal: about 1 where they are drawn from
// it, and above 2.5 in a twentieth of cases. Values that are not finite are infinitely far. It sorts the values.
func AndersonDarling(values []float32) float64 {
	slices.Sort(values)
	n := len(values)
	if n == 0 || math.IsNaN(float64(values[0])) || math.IsInf(float64(values[0]), 0) || math.IsInf(float64(values[n-1]), 0) {
		return math.Inf(1)
	}
	sum := 0.0
	for i, z := range values {
		// ln F(z) for the i-th from below, ln (1 - F(z)) for the i-th from above.
		below, above := logTails(float64(z))
		sum += float64(2*i+1)*below + float64(2*(n-1-i)+1)*above
	}
	return -float64(n) - sum/float64(n)
}

// logTails are the logarithms of the shares of a standard normal below and above z.
func logTails(z float64) (below, above float64) {
	away := math.Abs(z)
	if away > 30 { // erfc is 0 from 38 on; the first terms of its expansion are right to 1e-6 here
		below, above = -away*away/2-math.Log(away)-0.5*math.Log(2*math.Pi)+math.Log1p(-1/(away*away)), 0
	} else {
		tail := 0.5 * math.Erfc(away/math.Sqrt2)
		below, above = math.Log(tail), math.Log1p(-tail)
	}
	if z > 0 {
		return above, below
	}
	return below, above
}

// The local intrinsic dimension of Kamkari et al. is the slope of the log-density of p convolved with noise of standard deviation s
// against ln s. Where the flow is taken as linear around the image, with Jacobian J of latents by sub-pixels, it is
//
//	D - sum of s^2/(l + s^2) = sum of 1/(1 + s^2 a)
//
// over the eigenvalues a = 1/l of J J^T. They would take D passes. By Schur and Horn the same sum over the diagonal of J J^T is no
// more, for 1/(1 + s^2 a) is convex; and an element of the diagonal is the mean of (J v)_k^2 over random signs v, here over two
// of them, with J v by a finite difference. So few make the sum too large on average, by the same convexity, so that it is no strict
// bound. s is a level.
const (
	probeCount = 2
	probeStep  = 0.25 // levels
)

func dimension(m *measured) float64 {
	sum := 0.0
	for scale, z := range m.unsorted {
		for k, at := range z {
			square := 0.0
			for _, probe := range m.probes {
				moved := float64(probe[scale][k]-at) / probeStep
				square += moved * moved / float64(len(m.probes))
			}
			sum += 1 / (1 + square)
		}
	}
	return sum
}
