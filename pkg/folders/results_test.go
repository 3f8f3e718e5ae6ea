package folders

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestResults(t *testing.T) {
	figures := t.TempDir()
	t.Setenv("STRATA_FIGURES", figures)
	t.Setenv("STRATA_RESULTS", "")
	_, err := Results("")
	require.ErrorContains(t, err, "make figures")

	for i, name := range []string{"old", "new", "unfinished"} {
		folder := filepath.Join(figures, "results", name)
		require.NoError(t, os.MkdirAll(folder, 0o755))
		if name == "unfinished" {
			continue // no manifest yet
		}
		path := filepath.Join(folder, "results.json")
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		when := time.Unix(int64(1000*(i+1)), 0)
		require.NoError(t, os.Chtimes(path, when, when))
	}
	dir, err := Results("")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(figures, "results", "new"), dir)

	t.Setenv("STRATA_RESULTS", filepath.Join(figures, "results", "old"))
	dir, err = Results("")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(figures, "results", "old"), dir)
	t.Setenv("STRATA_RESULTS", filepath.Join(figures, "nowhere"))
	_, err = Results("")
	require.ErrorContains(t, err, "STRATA_RESULTS")
}
