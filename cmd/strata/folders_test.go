package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A command makes the folders that it writes to, also where a variable names one that is absent; one that only reads
// makes none.
func TestAbsentFoldersAreMade(t *testing.T) {
	if testing.Short() {
		t.Skip("draws every figure and an image set")
	}
	ownFolders(t)
	root := t.TempDir()
	folder := func(name string) string { return filepath.Join(root, "deep", name) }
	for variable, name := range map[string]string{"STRATA_RUNS": "runs", "STRATA_FIGURES": "figures", "STRATA_CACHE": "cache"} {
		t.Setenv(variable, folder(name))
	}
	results, err := filepath.Abs(filepath.Join("..", "..", "pkg", "figure", "testdata", "results"))
	require.NoError(t, err)

	code, out, errOut := strata("runs")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "0 runs")
	require.NoDirExists(t, filepath.Join(root, "deep"), "nothing was written")

	for _, c := range []struct {
		makes string
		args  []string
	}{
		{"runs", []string{"train", "--in", "plain", "--size", "smoke", "--steps", "1"}},
		{"figures", []string{"figures", "--results", results}},
		{"cache", []string{"data", "sheet", "digits", "-o", filepath.Join(root, "digits.png")}},
	} {
		code, _, errOut := strata(c.args...)
		require.Zero(t, code, errOut)
		entries, err := os.ReadDir(folder(c.makes))
		require.NoError(t, err, c.args)
		require.NotEmpty(t, entries, c.args)
	}
}
