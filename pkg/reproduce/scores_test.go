package reproduce_test

import (
	"context"
	"regexp"
	"slices"
	"testing"

	"strata/pkg/plan"
	"strata/pkg/reproduce"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// scoredBy are the runs whose networks scored images, in order, each as often as it took turns with others: the engine
// keeps the network that scored last, so that is how often they were loaded.
func scoredBy(out string) []string {
	var ids []string
	for _, line := range regexp.MustCompile(`score \S+ by (\S+?):? `).FindAllStringSubmatch(out, -1) {
		ids = append(ids, line[1])
	}
	return slices.Compact(ids)
}

// untouched is a store of finished runs with weights and no score file.
func untouched(t *testing.T) (store *runstest.Store, configurations []string) {
	t.Helper()
	configurations = []string{"glow-general", "glow-smooth", "glow-in", "glow-in-from-general", "glow-in-outlier-loss"}
	store = runstest.New(t, runstest.Options{Seeds: []uint64{1, 2}, Wanted: []string{"all"},
		Size: func(s *plan.Size) { s.TestImages, s.TopImages, s.CurveImages = 12, 6, 4 }})
	store.Finish(configurations...)
	for _, name := range configurations {
		for _, seed := range store.Seeds {
			store.Weights(name, seed)
		}
	}
	return store, configurations
}

// Cells, curves, files, pictures and claims ask for scores in orders of their own. A run's network is loaded once for all of them.
func TestScoresRunByRun(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles ten networks")
	}
	store, configurations := untouched(t)
	_, claims, err := reproduce.Results(t.Context(), store.Engine, store.Schedule(), t.TempDir())
	require.NoError(t, err)
	require.NotEmpty(t, claims)
	by := scoredBy(store.Out.String())
	require.Len(t, by, len(configurations)*len(store.Seeds))
	slices.Sort(by)
	require.Len(t, slices.Compact(by), len(configurations)*len(store.Seeds))
}

// stopping stops what writes to it as soon as a run has scored a set.
type stopping struct {
	runstest.Store
	stop func()
}

func (s *stopping) Write(text []byte) (int, error) {
	if len(scoredBy(s.Out.String()+string(text))) > 0 {
		s.stop()
	}
	return s.Out.Write(text)
}

// A stop while images are scored leaves what was scored, and ends it.
func TestScoringStops(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a network")
	}
	store, _ := untouched(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	store.Engine.Out = &stopping{*store, stop}
	_, _, err := reproduce.Results(ctx, store.Engine, store.Schedule(), t.TempDir())
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, scoredBy(store.Out.String()), 1)
}
