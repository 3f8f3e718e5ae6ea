package figure

import (
	"github.com/stretchr/testify/require"
	"os"
	"testing"
)

// STRATA_FIGURE_LOOK names a folder to leave the synthetic figures in, for a look at them.
func TestLook(t *testing.T) {
	dir := os.Getenv("STRATA_FIGURE_LOOK")
	if dir == "" {
		t.Skip("STRATA_FIGURE_LOOK names no folder: nobody wants to look")
	}
	results := os.Getenv("STRATA_FIGURE_RESULTS")
	if results == "" {
		results = syntheticResults(t, 1000)
		os.CopyFS(dir+"/results", os.DirFS(results))
	}
	for _, entry := range All() {
		figure, err := entry.Draw(results)
		require.NoError(t, err)
		t.Log(figure.Name, figure.Caption)
		_, err = figure.Save(dir)
		require.NoError(t, err)
	}
}
