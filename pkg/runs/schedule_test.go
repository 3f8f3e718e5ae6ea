package runs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
