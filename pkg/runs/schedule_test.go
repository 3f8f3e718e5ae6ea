package runs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"strata/pkg/plan"

	"github.com/stretchr/testify/require"
)

func scheduleOf(t *testing.T, runs string, targets ...string) (*Engine, *Schedule, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	engine := &Engine{Cache: testCache, Runs: runs, Out: &out, Resume: true}
	available, err := engine.Available()
	require.NoError(t, err)
	roles, err := plan.DefaultRoles(available)
	require.NoError(t, err)
	all, err := plan.LoadConfigurations()
	require.NoError(t, err)
	wanted, err := all.For(targets...)
	require.NoError(t, err)
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	schedule, err := engine.Schedule(wanted, size, roles, []uint64{1})
	require.NoError(t, err)
	return engine, schedule, &out
}

func TestPlanNamesWhatIsNotPossible(t *testing.T) {
	_, schedule, _ := scheduleOf(t, t.TempDir(), "glow-general-clean", "glow-smooth-from-general")
	var text bytes.Buffer
	schedule.Print(&text)
	require.Contains(t, text.String(), "no set plays the role general_clean")
	require.Contains(t, text.String(), "2 to train")
	require.NoError(t, schedule.Failures(), "a set that is not there is no failure")
	_, err := schedule.Run("glow-general-clean", 1)
	require.ErrorContains(t, err, "general_clean")
	require.ErrorIs(t, err, plan.ErrAbsent)
	_, err = schedule.Run("glow-general", 1)
	require.ErrorIs(t, err, plan.ErrAbsent, "not trained")
	_, err = schedule.Run("glow-of-nothing", 1)
	require.Error(t, err)
	require.NotErrorIs(t, err, plan.ErrAbsent, "a name that is not declared is a mistake")
}

// A damaged run is named, and the others are listed.
func TestList(t *testing.T) {
	runs := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(runs, "bad"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(runs, "bad", "run.json"), []byte("{"), 0o644))
	require.NoError(t, (&Run{Folder: filepath.Join(runs, "good"), Info: Info{ID: "good"}}).save())
	found, err := List(runs)
	require.ErrorContains(t, err, filepath.Join("bad", "run.json"))
	require.Len(t, found, 1)
	none, err := List(filepath.Join(runs, "none"))
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestRoughly(t *testing.T) {
	for seconds, want := range map[int]string{5: "5 s", 300: "5 min", 36000: "10.0 h", 864000: "10 days"} {
		require.Equal(t, want, Roughly(time.Duration(seconds)*time.Second))
	}
}
