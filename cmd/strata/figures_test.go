package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// strata figures draws from the newest results, or from those named, and says what to do where there are none.
func TestFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("draws every figure at the resolution of print")
	}
	figures, err := filepath.Abs(t.TempDir())
	require.NoError(t, err)
	t.Setenv("STRATA_FIGURES", figures)
	t.Setenv("STRATA_RESULTS", "")
	call := func(args ...string) (int, string, string) {
		var out, errOut strings.Builder
		code := run(append([]string{"figures"}, args...), &out, &errOut)
		return code, out.String(), errOut.String()
	}
	code, _, says := call()
	require.Equal(t, exitFailed, code)
	require.Contains(t, says, "holds no results")
	code, _, says = call("--results", t.TempDir())
	require.Equal(t, exitFailed, code)
	require.Contains(t, says, "no finished results there")

	newest := filepath.Join(figures, "results", "procedural-smoke")
	require.NoError(t, os.CopyFS(newest, os.DirFS(filepath.Join("..", "..", "pkg", "figure", "testdata", "results"))))
	code, out, says := call()
	require.Equal(t, 0, code, says)
	require.Contains(t, out, "36 figures and tables of "+newest)
	for _, name := range []string{"fig1a.png", "figS8.svg", "tables/tableS4.csv", "README.md", "index.csv"} {
		require.FileExists(t, filepath.Join(figures, name))
	}
	elsewhere := t.TempDir()
	code, _, says = call("--results", newest, "--out", elsewhere)
	require.Equal(t, 0, code, says)
	require.FileExists(t, filepath.Join(elsewhere, "index.csv"))
}
