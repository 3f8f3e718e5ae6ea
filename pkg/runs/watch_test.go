package runs_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"
	"strata/pkg/density"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// looking is a store with a run in the middle of its training: its network, and a request that watches three sets.
func looking(t *testing.T) (*runstest.Store, *runs.Run, *density.Network, runs.Request) {
	t.Helper()
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in"},
		Size: func(s *plan.Size) { s.CurveImages = 5 }})
	run, on := store.Run("glow-in", 1), backendtest.Go(t)
	model, err := run.Info.Spec.Model.New()
	require.NoError(t, err)
	network := density.NewNetwork(on, backend.Lowering(on), model, 1)
	t.Cleanup(network.Close)
	return store, run, network, runs.Request{Set: "cifar10", Size: store.Size, Watch: []string{"cifar10", "svhn",
		"lsun"}}
}

// A run that was stopped while it was looked at comes back to the same step: what is there of it stays, what is missing
// is scored, and the steps before have what they had (review, D2).
func TestWatchWritesWhatIsMissing(t *testing.T) {
	store, run, network, q := looking(t)
	at := func(set string, step int) string {
		curve, err := store.Engine.Curve(run, set, 5)
		require.NoError(t, err)
		return curve.File(step)
	}
	scores := func(set string, step int) *result.Scores {
		table, err := result.ReadScores(at(set, step))
		require.NoError(t, err)
		return table
	}
	const mark = "role,set,index,log_likelihood\n,svhn,0,7\n"
	store.Write(at("svhn", 4), []byte(mark))
	require.NoError(t, store.Engine.Watch(t.Context(), run, network, q, 4))
	text, err := os.ReadFile(at("svhn", 4))
	require.NoError(t, err)
	require.Equal(t, mark, string(text), "what was seen is not looked at again")
	places, err := store.Engine.TestPlaces("lsun", 5)
	require.NoError(t, err)
	for _, set := range []string{"cifar10", "lsun"} {
		table := scores(set, 4)
		require.Len(t, table.Rows, 5)
		for i, row := range table.Rows {
			require.Equal(t, set, row.Set)
			require.Equal(t, places[i], row.Index)
		}
	}
	// The noise is the step's own: the same network looks otherwise at another step, and the same at the same.
	require.NoError(t, store.Engine.Watch(t.Context(), run, network, q, 8))
	later := scores("lsun", 8)
	before := scores("lsun", 4)
	require.NotEqual(t, before.Rows[0].Values, later.Rows[0].Values)
	require.NoError(t, os.Remove(at("lsun", 4)))
	require.NoError(t, store.Engine.Watch(t.Context(), run, network, q, 4))
	again := scores("lsun", 4)
	require.Equal(t, before, again)
}

// A stop while a run is looked at is an error, so that the loop saves before the step, and leaves no half file.
func TestWatchStops(t *testing.T) {
	store, run, network, q := looking(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, store.Engine.Watch(ctx, run, network, q, 4), context.Canceled)
	require.NoDirExists(t, filepath.Join(run.Folder, "curve"))
	// Where the files cannot be written that is an error too.
	store.Write(filepath.Join(run.Folder, "curve"), nil)
	require.ErrorContains(t, store.Engine.Watch(t.Context(), run, network, q, 4), filepath.Join(run.Folder, "curve"))
}

// Steps are found per set, in order; a step that is not there is a gap, and a damaged one is not.
func TestCurveFiles(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in"},
		More: map[string]string{"grey_smooth": "svhn_other"}})
	run, curve := store.Run("glow-in", 1), store.Curve("glow-in", 1, "smooth")
	other := store.Curve("glow-in", 1, "grey_smooth")
	steps, err := curve.Steps()
	require.NoError(t, err)
	require.Empty(t, steps, "nobody has looked")
	whole := (&result.Scores{Columns: []string{"log_likelihood"}, Rows: []result.ScoreRow{{Set: "svhn",
		Values: []float64{1}}}}).Encode()
	for _, step := range []int{12, 4, 100_000_000} {
		store.Write(curve.File(step), whole)
	}
	store.Write(other.File(8), whole)
	store.Write(filepath.Join(run.Folder, "curve", ".svhn-00000006.csv123"), nil) // of a write that was killed
	store.Write(filepath.Join(run.Folder, "curve", "svhn-notes.csv"), nil)
	steps, err = curve.Steps()
	require.NoError(t, err)
	require.Equal(t, []int{4, 12, 100_000_000}, steps)
	steps, err = other.Steps()
	require.NoError(t, err)
	require.Equal(t, []int{8}, steps)
	table, err := curve.Scores(12)
	require.NoError(t, err)
	require.Equal(t, 1., table.Rows[0].Values[0])
	_, err = curve.Scores(8)
	require.ErrorIs(t, err, plan.ErrAbsent)
	require.EqualError(t, err, run.Info.ID+" was trained without looking at its scores on svhn, as it is now, at step 8")
	store.Write(curve.File(8), []byte("role,set"))
	_, err = curve.Scores(8)
	require.ErrorContains(t, err, curve.File(8))
	require.NotErrorIs(t, err, plan.ErrAbsent)
}

// Scores of images that are others now, or of more or fewer of them, are not taken for theirs: there is a gap.
func TestCurveOfAChangedSet(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in"}})
	store.Finish("glow-in")
	store.Score(runstest.Normal, "glow-in")
	run := store.Run("glow-in", 1)
	seen := func(images int) []int {
		engine := &runs.Engine{Sets: opened.Sets{Data: store.Data, Out: store.Out}, Runs: store.Runs}
		curve, err := engine.Curve(run, "svhn", images)
		require.NoError(t, err)
		steps, err := curve.Steps()
		require.NoError(t, err)
		if len(steps) == 0 {
			_, err := curve.Scores(4)
			require.ErrorIs(t, err, plan.ErrAbsent)
		}
		return steps
	}
	require.Equal(t, []int{4, 8, 12}, seen(store.Size.CurveImages))
	require.Empty(t, seen(3))
	file := filepath.Join(store.Data, "svhn", "test_batch.bin")
	pixels, err := os.ReadFile(file)
	require.NoError(t, err)
	for i := range pixels {
		if i%3073 != 0 { // not a label
			pixels[i] ^= 1
		}
	}
	store.Write(file, pixels)
	require.Empty(t, seen(store.Size.CurveImages))
}

func TestWatchEvery(t *testing.T) {
	for steps, want := range map[int]int{12: 4, 6: 2, 13: 4, 2: 1} {
		require.Equal(t, want, runs.WatchEvery(plan.Size{CurvePoints: 3}, steps))
	}
}
