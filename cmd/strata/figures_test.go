package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/internal/notebook"
	"strata/pkg/folders"

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
		code := run(append([]string{"figures", "--no-notebooks"}, args...), &out, &errOut)
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

// One notebook that fails is named, and takes no other along.
func TestExecuteNotebooks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the GoNB kernel and compiles every cell")
	}
	root, err := folders.Root()
	require.NoError(t, err)
	kernel, err := notebook.EnsureTools(t.Context(), root)
	require.NoError(t, err)
	folder, err := os.MkdirTemp(filepath.Join(root, "tests", "testdata"), "executed-") // their first cells use the module three folders up
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	pages := filepath.Join(t.TempDir(), "pages")
	for _, name := range []string{"ok", "panics", "compile_error"} {
		text, err := os.ReadFile(filepath.Join(root, "tests", "testdata", "notebooks", name+".ipynb"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".ipynb"), text, 0o644))
	}
	var out, says strings.Builder
	e := &environment{ctx: t.Context(), out: &out, err: &says}
	err = executeNotebooks(e, kernel, folder, "procedural-smoke", pages)
	require.ErrorContains(t, err, "2 of 3 notebooks failed (compile_error.ipynb, panics.ipynb)")
	require.Regexp(t, `ok: \d+ s, .*ok.html\n`, says.String())
	require.Regexp(t, `panics: \d+ s, .*panics.html, failed\n`, says.String())
	for _, name := range []string{"ok", "panics", "compile_error"} {
		require.FileExists(t, filepath.Join(pages, name+".html"))
		require.FileExists(t, filepath.Join(folder, "executed", name+"-procedural-smoke.ipynb"))
	}
	require.Empty(t, out.String())

	for _, name := range []string{"panics", "compile_error"} {
		require.NoError(t, os.Remove(filepath.Join(folder, name+".ipynb")))
	}
	require.NoError(t, executeNotebooks(e, kernel, folder, "procedural-smoke", pages))
	require.Contains(t, out.String(), "1 notebooks executed: pages in "+pages)
}
