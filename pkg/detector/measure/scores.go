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

	only   Kind // the kind of network that has it, "" for every one
	probes bool // wants the latents of the image under small perturbations
	of     func(m *measured) float64
}

// LogLikelihood is the score that every detector has.
const LogLikelihood = "log_likelihood"

// scores are all of them, in the order in which they are written.
var scores = []Score{
	{LogLikelihood, "ln p(x) of the own network, nats; for reference: smooth images have more of it than good ones",
		"Kingma and Dhariwal 2018; Nalisnick et al. 2019",
		"", false, func(m *measured) float64 { return m.own.total }},
	{"ratio", "ln p(x) less that of the general network, nats", "Schirrmeister et al. 2020, §3; Ren et al. 2019",
		"", false, func(m *measured) float64 { return m.own.total - m.general.total }},
	{"last_scale", "contribution of the own Glow's last scale, nats", "Schirrmeister et al. 2020, §4",
		Glow, false, func(m *measured) float64 { return m.own.last() }},
	{"last_scale_ratio", "the same less that of the general Glow, nats", "Schirrmeister et al. 2020, §4",
		Glow, false, func(m *measured) float64 { return m.own.last() - m.general.last() }},
	{"complexity", "ln p(x) and the bytes of the image as PNG, nats", "Serra et al. 2020, arXiv 1909.11480",
		"", false, complexity},
	{"typicality", "minus the distance of -ln p(x) from its mean on good images, nats: unusual on both sides",
		"Nalisnick et al. 2019, arXiv 1906.02994",
		"", false, func(m *measured) float64 { return -math.Abs(m.own.total - m.typical) }},
	{"latent_fit", "minus the sum over scales of the Anderson-Darling distance of the latents from the standard normal of the prior",
		"after Bomatter et al. 2026, arXiv 2605.22496 (continuous flows), Anderson and Darling 1952",
		Glow, false, latentFit},
	{"dimension", "about a lower bound of the number of directions in which the own Glow lets the image vary by a level, estimated from " +
		"two finite differences: smooth images have few. Two passes more", "after Kamkari et al. 2024, arXiv 2403.18910",
		Glow, true, dimension},
}

// Scores are those that a kind of network has, "" for all that there are.
func Scores(kind Kind) []Score {
	return slices.DeleteFunc(slices.Clone(scores), func(s Score) bool { return kind != "" && s.only != "" && s.only != kind })
}

// Default are those of a kind that one has unless others are asked for: all that need no passes more than two.
func Default(kind Kind) []string {
	return namesOf(slices.DeleteFunc(Scores(kind), func(s Score) bool { return s.probes }))
}

// Find finds scores of a kind by their names.
func Find(kind Kind, names []string) ([]Score, error) {
	all := Scores(kind)
	choose := "choose of " + strings.Join(namesOf(all), ", ")
	var found []Score
	for _, name := range names {
		named := func(s Score) bool { return s.Name == name }
		i := slices.IndexFunc(all, named)
		switch {
		case i < 0 && slices.ContainsFunc(scores, named):
			return nil, fmt.Errorf("a %s has no score %q: %s", kind.Title(), name, choose)
		case i < 0 || slices.ContainsFunc(found, named):
			return nil, fmt.Errorf("a score %q is unknown or named twice: %s", name, choose)
		}
		found = append(found, all[i])
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no score: %s", choose)
	}
	return found, nil
}

func namesOf(scores []Score) []string {
	var names []string
	for _, s := range scores {
		names = append(names, s.Name)
	}
	return names
}

// Combined are the scores that are combined, where names are at hand: the ratios, which take away what any image has (paper §3). Where the
// general network is drawn, one of images unlike any that people have, it does not know what that is, and scores that need no
// general set take their place. The others are there to be looked at; combined too they put the combination farther behind the best single
// score (docs/detector_evidence.md). Without any of these it is all but the likelihood, which likes what is smooth.
//
// Of a PixelCNN++, which has neither scales nor latents, that leaves one each: the ratio, and with the drawn network complexity, whose PNG
// is a general model that knows pictures of all kinds; Serra et al. measured it on both. The reason is the same as for Glows; that it is
// the better choice was measured for these alone.
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
