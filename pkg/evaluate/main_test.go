package evaluate

import (
	"math"
	"slices"
	"testing"

	"strata/pkg/metric"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// paperSets are the sets of the paper's tables that runstest.Sets has not.
var paperSets = map[string]string{"faces": "celeba", "further": "tinyimagenet"}

// of is an evaluation of what a store has.
func of(t *testing.T, store *runstest.Store) *Evaluation {
	t.Helper()
	v, err := New(store.Engine, store.Schedule())
	require.NoError(t, err)
	return v
}

// truth are made-up values as an evaluation must read them: what is not finite is replaced.
type truth func(runstest.Value) float64

func (f truth) of(store *runstest.Store, v runstest.Value, images int) (values []float64, replaced int) {
	set, err := store.Engine.Set(store.Roles.Set(v.Role), "test")
	if err != nil {
		panic(err)
	}
	for _, v.Image = range set.Choose(images, 2020) {
		value := f(v)
		if math.IsNaN(value) || math.IsInf(value, 0) {
			value = metric.NonFiniteScore
			replaced++
		}
		values = append(values, value)
	}
	return values, replaced
}

// area is the share of pairs of an image of in and one of out that stand in the right order, in percent: the AUROC by
// counting.
func area(in, out []float64) float64 {
	wins := 0.
	for _, a := range in {
		for _, b := range out {
			switch {
			case a > b:
				wins++
			case a == b:
				wins += 0.5
			}
		}
	}
	return 100 * wins / float64(len(in)*len(out))
}

func less(a, b []float64) []float64 {
	difference := make([]float64, len(a))
	for i := range a {
		difference[i] = a[i] - b[i]
	}
	return difference
}

func mean(values []float64) float64 {
	sum := 0.
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// pearson is the correlation of two lists, and spearman that of their places in order; no two values of a list may be
// equal.
func pearson(x, y []float64) float64 {
	var xy, xx, yy float64
	mx, my := mean(x), mean(y)
	for i := range x {
		xy, xx, yy = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx), yy+(y[i]-my)*(y[i]-my)
	}
	return xy / math.Sqrt(xx*yy)
}

func spearman(x, y []float64) float64 {
	ranks := func(values []float64) []float64 {
		sorted := slices.Sorted(slices.Values(values))
		ranks := make([]float64, len(values))
		for i, v := range values {
			ranks[i] = float64(slices.Index(sorted, v))
		}
		return ranks
	}
	return pearson(ranks(x), ranks(y))
}
