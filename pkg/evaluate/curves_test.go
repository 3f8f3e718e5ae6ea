package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs/runstest"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// watched is a store with two watched runs of in and the general one, looked at on 10 images.
func watched(t *testing.T) *runstest.Store {
	t.Helper()
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in-from-general", "glow-in"},
		Size: func(s *plan.Size) { s.CurveImages = 10 }})
	store.Finish("glow-general", "glow-in", "glow-in-from-general")
	store.Score(runstest.Normal)
	return store
}

// steps are those of a configuration's rows of a role, in order.
func steps(rows []result.CurvePoint, configuration, role string) (steps []int) {
	for _, r := range rows {
		if r.Configuration == configuration && r.Role == role && r.Metric == result.AUROCRatio {
			steps = append(steps, r.Step)
		}
	}
	return steps
}

// A point of a curve is what can be counted from the scores of its step and the general model's final ones, which have
// the run's noise.
func TestCurvesByHand(t *testing.T) {
	store := watched(t)
	rows, err := of(t, store).curves(t.Context())
	require.NoError(t, err)
	require.Len(t, rows, 2*3*5, "two runs, three steps, bits/dim, three sets and their mean")
	seen := func(configuration, role string, step int) []float64 {
		v := runstest.Value{Configuration: configuration, Seed: 1, Role: role, Column: "log_likelihood", Step: step,
			Noise: step == 0}
		values, _ := truth(runstest.Normal).of(store, v, 10)
		return values
	}
	at := map[string]result.CurvePoint{}
	for _, r := range rows {
		at[fmt.Sprint(r.Configuration, r.Step, r.Metric, r.Role)] = r
		images := map[string]int{"in": 10, "mean": 40} // all of one set, or of four
		require.Equal(t, []any{uint64(1), cmp.Or(images[r.Role], 20)}, []any{r.Seed, r.Images})
		require.Equal(t, float64(r.Step)/2, r.Epoch, "an epoch of 32 images has two batches of 16")
		require.True(t, r.Low <= r.Value && r.Value <= r.High, "%+v", r)
	}
	for configuration, looks := range map[string][]int{"glow-in": {4, 8, 12}, "glow-in-from-general": {2, 4, 6}} {
		for _, step := range looks {
			own := seen(configuration, "in", step)
			bits := slices.Clone(own)
			for i := range bits {
				bits[i] = 8 - bits[i]/math.Ln2/3072
			}
			point := at[fmt.Sprint(configuration, step, result.BitsPerDim, "in")]
			require.InDelta(t, mean(bits), point.Value, 1e-9)
			require.InDelta(t, metric.MeanInterval(bits).High, point.High, 1e-9)
			sum := 0.
			for _, role := range []string{"smooth", "near", "far"} {
				want := area(less(own, seen("glow-general", "in", 0)), less(seen(configuration, role, step),
					seen("glow-general", role, 0)))
				require.InDelta(t, want, at[fmt.Sprint(configuration, step, result.AUROCRatio, role)].Value, 1e-9)
				sum += want
			}
			average := at[fmt.Sprint(configuration, step, result.AUROCRatio, "mean")]
			require.InDelta(t, sum/3, average.Value, 1e-9)
			require.Less(t, average.Low, average.Value)
		}
	}
}

// A look that is missing leaves a gap at its step and nowhere else, and is no error (review, D2).
func TestCurvesHaveGaps(t *testing.T) {
	store := watched(t)
	require.NoError(t, os.Remove(store.Curve("glow-in", 1, "smooth").File(8)))
	rows, err := of(t, store).curves(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{4, 12}, steps(rows, "glow-in", "far"),
		"no part of a step is shown: its mean would be of other sets")
	require.Equal(t, []int{2, 4, 6}, steps(rows, "glow-in-from-general", "far"))
	require.NoError(t, os.Remove(store.Curve("glow-in", 1, "in").File(4)))
	rows, err = of(t, store).curves(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{12}, steps(rows, "glow-in", "smooth"))

	// The same gap in a column that a claim asks for over steps is absent, and the other points are there.
	v := of(t, store)
	_, _, err = v.Values(t.Context(), score.Column{Configuration: "glow-in", Seed: 1, Role: "in", Name: likelihood,
		At: 1. / 3})
	require.ErrorIs(t, err, plan.ErrAbsent)
	population, values, err := v.Values(t.Context(), score.Column{Configuration: "glow-in", Seed: 1, Role: "in",
		Name: likelihood, At: 1})
	require.NoError(t, err)
	require.Equal(t, "in, learning curve", population)
	require.Len(t, values, 10)

	store.Unfinish("glow-general")
	rows, err = of(t, store).curves(t.Context())
	require.NoError(t, err, "without the general model there are no ratios, and bits/dim all the same")
	require.NotEmpty(t, rows)
	for _, r := range rows {
		require.Equal(t, result.BitsPerDim, r.Metric)
	}
}

// A look that is damaged is an error, and the other steps and runs are there.
func TestDamagedCurve(t *testing.T) {
	store := watched(t)
	path := store.Curve("glow-in", 1, "smooth").File(4)
	store.Write(path, []byte("role,set"))
	rows, err := of(t, store).curves(t.Context())
	require.ErrorContains(t, err, "glow-in: step 4: score file "+path)
	require.Equal(t, []int{8, 12}, steps(rows, "glow-in", "smooth"))
	require.Equal(t, []int{2, 4, 6}, steps(rows, "glow-in-from-general", "smooth"))
}

// What a claim over the steps asks for: the runs of its kind as they were, all others as they are in the end, on the
// same images.
func TestColumnsOverSteps(t *testing.T) {
	store := watched(t)
	v := of(t, store)
	for _, c := range []struct {
		configuration string
		at            float64
		kind          score.Kind
		step          int
	}{
		{"glow-in", 1. / 3, "", 4}, {"glow-in", 2. / 3, score.FromScratch, 8}, {"glow-in", 1, score.FromScratch, 12},
		{"glow-in", 0.1, "", 4}, // never before the first look
		{"glow-in", 1. / 3, score.Finetuned, 0}, {"glow-in-from-general", 2. / 3, score.Finetuned, 4},
		{"glow-in-from-general", 2. / 3, score.FromScratch, 0}, {"glow-general", 1, score.FromScratch, 12},
	} {
		_, got, err := v.Values(t.Context(), score.Column{Configuration: c.configuration, Seed: 1, Role: "near",
			Name: "c2", At: c.at, Of: c.kind})
		require.NoError(t, err)
		of := runstest.Value{Configuration: c.configuration, Seed: 1, Role: "near", Column: "c2", Step: c.step,
			Noise: c.step == 0}
		want, _ := truth(runstest.Normal).of(store, of, 10)
		require.Equal(t, want, got, "%+v", c)
	}
	step, err := v.Step("glow-in-from-general", 2)
	require.NoError(t, err)
	require.Equal(t, 4, step)
	_, err = v.Step("patch-in", 1)
	require.ErrorIs(t, err, plan.ErrAbsent)

	// Images without a run: the same that the curves are of.
	population, sizes, err := v.Values(t.Context(), score.Column{Role: "near", Name: "png_bytes", At: 0.5})
	require.NoError(t, err)
	require.Equal(t, "near, learning curve", population)
	require.Len(t, sizes, 10)
	require.InDelta(t, 1, variance([]uint8{1, 2, 3}), 1e-9, "in levels squared")
}
