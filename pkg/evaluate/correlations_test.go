package evaluate

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"strata/pkg/claim"
	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs/runstest"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// Every correlation is what is counted by hand over the images of in and smooth together.
func TestCorrelationsByHand(t *testing.T) {
	store := runstest.New(t, runstest.Options{Size: func(s *plan.Size) { s.TestImages = 15 }})
	made := func(v runstest.Value) float64 {
		of := v
		of.Configuration = "glow-in"
		switch v.Configuration {
		case "patch-in": // ranks images as glow-in does, and is no line
			return math.Pow(runstest.Normal(of)/1000, 9)
		case "dense-in": // the other way round
			return -runstest.Normal(of)
		}
		return runstest.Normal(v)
	}
	store.Finish("glow-general", "glow-smooth", "glow-in", "patch-in", "dense-in") // and no glow-near
	store.Score(made)
	v := of(t, store)
	rows, err := v.correlations(t.Context())
	require.NoError(t, err)

	column := func(name string) []float64 {
		configuration, column := name, "log_likelihood"
		if len(name) > 3 && name[len(name)-3:] == "/c3" {
			configuration, column = name[:len(name)-3], "c3"
		}
		var both []float64
		for _, role := range []string{"in", "smooth"} {
			values, _ := truth(made).of(store, runstest.Value{Configuration: configuration, Seed: 1, Role: role,
				Column: column}, 15)
			both = append(both, values...)
		}
		return both
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r.About, ": ", r.A, " ", r.B))
		require.Equal(t, []any{"in smooth", 30}, []any{r.Over, r.Images})
		require.True(t, r.SpearmanLow <= r.Spearman && r.Spearman <= r.SpearmanHigh && r.PearsonLow <= r.Pearson &&
			r.Pearson <= r.PearsonHigh, "%+v", r)
		if r.About == "pixel differences" {
			continue
		}
		require.InDelta(t, spearman(column(r.A), column(r.B)), r.Spearman, 1e-9, "%+v", r)
		require.InDelta(t, pearson(column(r.A), column(r.B)), r.Pearson, 1e-9, "%+v", r)
	}
	require.Equal(t, []string{
		"pixel differences: pseudo_general glow-general", "pixel differences: pseudo_in glow-in",
		"pixel differences: pseudo_smooth glow-smooth",
		"network types: patch-in glow-general", "network types: patch-in glow-smooth",
		"network types: patch-in glow-in", "network types: dense-in glow-general",
		"network types: dense-in glow-smooth", "network types: dense-in glow-in",
		"training sets: glow-general glow-smooth", "training sets: glow-general/c3 glow-smooth/c3",
		"training sets: glow-general glow-in", "training sets: glow-general/c3 glow-in/c3",
		"training sets: glow-smooth glow-in", "training sets: glow-smooth/c3 glow-in/c3",
	}, got)
	find := func(a, b string) result.Correlation {
		return rows[slices.IndexFunc(rows, func(r result.Correlation) bool { return r.A == a && r.B == b })]
	}
	alike := find("patch-in", "glow-in")
	require.Equal(t, 1., alike.Spearman)
	require.Less(t, alike.Pearson, 0.999)
	require.Equal(t, -1., find("dense-in", "glow-in").Spearman)

	// A claim about the same columns has the same interval: both resample the same images.
	j, err := claim.NewJudge(v, []uint64{1})
	require.NoError(t, err)
	shown, err := claim.Parse([]byte("- {id: X, title: x, claim: x, if: x, holds: [1 > 0], " +
		"shows: 'spearman(raw(glow_general), raw(glow_in), in, smooth)'}"))
	require.NoError(t, err)
	judged, err := j.Judge(t.Context(), shown[0])
	require.NoError(t, err)
	general := find("glow-general", "glow-in")
	require.Equal(t, metric.Interval{Value: general.Spearman, Low: general.SpearmanLow, High: general.SpearmanHigh}, judged.Value)
	require.Less(t, judged.Value.Low, judged.Value.High)

	// Of pixel differences: the same numbers as the column of the score file.
	pseudo, _, err := v.over(t.Context(), score.Column{Name: "pseudo_in"}, inAndSmooth...)
	require.NoError(t, err)
	require.InDelta(t, spearman(pseudo, column("glow-in")), find("pseudo_in", "glow-in").Spearman, 1e-9)
	again, err := v.correlations(t.Context())
	require.NoError(t, err)
	require.Equal(t, rows, again)
}

// What cannot be correlated is an error that says of what, and the others are there.
func TestCorrelationThatFails(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	store.Finish("glow-general", "glow-smooth", "glow-in")
	store.Score(func(v runstest.Value) float64 {
		if v.Configuration == "glow-smooth" && v.Column == "c3" {
			return 7
		}
		return runstest.Normal(v)
	})
	rows, err := of(t, store).correlations(t.Context())
	require.ErrorContains(t, err, "training sets: correlation of glow-general/c3 and glow-smooth/c3: ")
	require.ErrorContains(t, err, "training sets: correlation of glow-smooth/c3 and glow-in/c3: ")
	require.NotErrorIs(t, err, plan.ErrAbsent)
	require.Len(t, rows, 3+3*2-2)
	_, err = metric.Spearman([]float64{7, 7}, []float64{1, 2})
	require.Error(t, err)
}
