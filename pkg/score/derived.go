package score

import (
	"fmt"
	"regexp"
	"slices"
)

// LogLikelihood is the column of ln p(x) in score files, nats.
const LogLikelihood = "log_likelihood"

// Derived is a score that is made of columns: a run's, a general run's on the same images, and those of the images
// themselves. Listed here it is a column of strata score and a function of experiments/claims.yaml.
type Derived struct {
	// Name is that of the column and of the function: complexity(c), ratio(c, g).
	Name string
	// General says that it compares with a general model.
	General bool
	// Of computes it, one number an image. general is nil where there is no general model.
	Of func(own, general Columns) ([]float64, error)
}

// Columns gives a column by its name: log_likelihood, c1, c2, ... or log_odds of a run, or what OfImages knows. What is
// not finite is replaced (digest §6).
type Columns func(name string) ([]float64, error)

var derived = []Derived{
	{Name: "complexity", Of: complexity},
	{Name: "ratio", General: true, Of: ratio},
}

// All are the derived scores, in the order in which strata score writes them.
func All() []Derived { return slices.Clone(derived) }

// Find is the derived score with a name.
func Find(name string) (Derived, bool) {
	i := slices.IndexFunc(derived, func(d Derived) bool { return d.Name == name })
	if i < 0 {
		return Derived{}, false
	}
	return derived[i], true
}

// Register adds a score that strata does not have, for a program or a test of one's own; it is to be called before
// anything else. It panics where there is one of the name.
func Register(d Derived) {
	if _, ok := Find(d.Name); ok || OfModel(d.Name) {
		panic(fmt.Errorf("score: there is a score %q already", d.Name))
	}
	derived = append(derived, d)
}

// OfModel says whether a column is a run's; all others are of the images alone.
func OfModel(column string) bool { return modelColumn.MatchString(column) }

var modelColumn = regexp.MustCompile(`^(log_likelihood|log_odds|c\d+)$`)

func complexity(own, _ Columns) ([]float64, error) {
	likelihoods, err := own(LogLikelihood)
	if err != nil {
		return nil, err
	}
	sizes, err := own(PNGColumn)
	if err != nil {
		return nil, err
	}
	whole := make([]int, len(sizes))
	for i, size := range sizes {
		whole[i] = int(size)
	}
	return ComplexityRatio(likelihoods, whole)
}

func ratio(own, general Columns) ([]float64, error) {
	a, err := own(LogLikelihood)
	if err != nil {
		return nil, err
	}
	b, err := general(LogLikelihood)
	if err != nil {
		return nil, err
	}
	return Ratio(a, b)
}
