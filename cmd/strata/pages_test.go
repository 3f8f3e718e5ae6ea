package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strata/internal/notebook"
	"strata/internal/site"
	"strata/pkg/folders"
	"strata/pkg/imageset"
	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// resultsBelow copies a small results folder to where STRATA_FIGURES has its results.
func resultsBelow(t *testing.T, figures, name string) (folder string) {
	t.Helper()
	folder = filepath.Join(figures, "results", name)
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join("..", "..", "pkg", "figure", "testdata", "results"))))
	return folder
}

// One notebook that fails is named and takes no other along; its page shows how far it came.
func TestBooks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the GoNB kernel and compiles every cell")
	}
	root, err := folders.Root()
	require.NoError(t, err)
	kernel, err := notebook.EnsureTools(t.Context(), root)
	require.NoError(t, err)
	// Their first cells use the module three folders up.
	folder, err := os.MkdirTemp(filepath.Join(root, "tests", "testdata"), "executed-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	for _, name := range []string{"ok", "panics"} {
		text, err := os.ReadFile(filepath.Join(root, "tests", "testdata", "notebooks", name+".ipynb"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".ipynb"), text, 0o644))
	}
	var out, says strings.Builder
	e := &environment{ctx: t.Context(), out: &out, err: &says}
	b := books{kernel: kernel, results: "procedural-smoke", executed: filepath.Join(folder, "executed")}
	pages, err := b.pages(e, folder)
	require.ErrorContains(t, err, "1 of 2 notebooks failed (panics.ipynb)")
	require.Regexp(t, `ok: \d+ s\n`, says.String())
	require.Regexp(t, `panics: \d+ s, failed\n`, says.String())
	require.Len(t, pages, 2)
	require.Contains(t, pages[0].Body, "twice 21 is 42")
	require.Contains(t, pages[1].Body, "boom at 7")
	require.FileExists(t, filepath.Join(folder, "executed", "ok-procedural-smoke.ipynb"))
	require.FileExists(t, filepath.Join(folder, "executed", "panics-procedural-smoke-failed.ipynb"))

	// What was executed is taken again without a kernel, what failed or is of other cells is not.
	b.kernel, b.again = "none", true
	pages, err = b.pages(e, folder)
	require.ErrorContains(t, err, "1 of 2 notebooks failed (panics.ipynb)")
	require.Len(t, pages, 1)
	require.Contains(t, pages[0].Body, "twice 21 is 42")
	text, err := os.ReadFile(filepath.Join(folder, "ok.ipynb"))
	require.NoError(t, err)
	other := strings.Replace(string(text), "twice", "two times", 1)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ok.ipynb"), []byte(other), 0o644))
	_, err = b.pages(e, folder)
	require.ErrorContains(t, err, "2 of 2 notebooks failed")
}

// The reports are pages that hold together, beside each other and linked to their galleries.
func TestReportPages(t *testing.T) {
	figures, err := filepath.Abs(t.TempDir())
	require.NoError(t, err)
	t.Setenv("STRATA_FIGURES", figures)
	root, err := folders.Root()
	require.NoError(t, err)
	_, err = reportPages(root)
	require.ErrorContains(t, err, "no results to argue with")
	resultsBelow(t, figures, "procedural-smoke")
	second := resultsBelow(t, figures, "real-smoke")
	m, err := result.ReadManifest(second)
	require.NoError(t, err)
	m.Family = "real"
	require.NoError(t, result.WriteManifest(second, m))
	require.NoError(t, os.MkdirAll(filepath.Join(figures, "real"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(figures, "real", "README.md"), nil, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(figures, "real", "index.csv"),
		[]byte("figure,files,results,result_files,sha256,caption\nfig1a,fig1a.png,../results/real-smoke,x,y,z\n"), 0o644))
	pages, err := reportPages(root)
	require.NoError(t, err)
	require.Len(t, pages, 3)
	require.Equal(t, "results-real-smoke", pages[1].Name, "the paper's sets come first")
	require.Contains(t, pages[1].Body, `href="../../real/README.md"`)
	require.Contains(t, pages[0].Body, "the paper's claims")
	out := filepath.Join(figures, "pages")
	require.NoError(t, site.Write(out, pages))
	text, err := os.ReadFile(filepath.Join(out, "results-real-smoke.html"))
	require.NoError(t, err)
	require.Contains(t, string(text), `href="../real/README.md"`)
	text, err = os.ReadFile(filepath.Join(out, "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(text), `<td><a href="results-real-smoke.html">`)
}

// The committed notebooks' pages can be put beside other reports without a kernel.
func TestWrittenNotebooks(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	pages, err := writtenNotebooks(root, filepath.Join(root, "docs", "pages"))
	require.NoError(t, err)
	sources, err := notebooksIn(filepath.Join(root, "notebooks"))
	require.NoError(t, err)
	require.Len(t, pages, len(sources))
	for i, p := range pages {
		require.Equal(t, sources[i], p.Source)
		require.Contains(t, p.Body, "<h1")
		require.NotContains(t, p.Body, `src="pictures/`, "pictures come along")
	}
	_, err = writtenNotebooks(root, t.TempDir())
	require.ErrorContains(t, err, "Do without it to execute the notebooks")
}

// Images that strata did not draw reach no pages that git may have: results with such are refused, notebooks see no
// others, and pages of anything else lie where git does not look.
func TestPagesOfOthersImages(t *testing.T) {
	figures, err := filepath.Abs(t.TempDir())
	require.NoError(t, err)
	t.Setenv("STRATA_FIGURES", figures)
	t.Setenv("STRATA_DATA", t.TempDir())
	results := resultsBelow(t, figures, "real-smoke")
	b := books{results: results, executed: "executed"}
	remove, err := b.onlyDrawn()
	require.NoError(t, err)
	require.Len(t, b.env, 1)
	none := strings.TrimPrefix(b.env[0], "STRATA_DATA=")
	require.NotEqual(t, os.Getenv("STRATA_DATA"), none)
	entries, err := os.ReadDir(none)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.Equal(t, filepath.Join("executed", "drawn"), b.executed, "copies of other executions are not taken")
	remove()
	require.NoDirExists(t, none)

	sheet := &result.Sheet{}
	pixel := &imageset.Set{Height: 1, Width: 1, Channels: 1, Pixels: []uint8{1}}
	require.NoError(t, sheet.Add(result.Tile{Set: "cifar10"}, pixel, 0))
	require.NoError(t, result.WriteSheet(results, "sets", sheet, func(string) bool { return false }))
	var out, says strings.Builder
	pages := filepath.Join(figures, "pages")
	code := run([]string{"pages", "--drawn", "--results", results, "--out", pages}, &out, &says)
	require.Equal(t, exitFailed, code)
	require.Contains(t, says.String(), "pictures of images that strata did not draw (sets)")

	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here")
	}
	require.NoError(t, hide(pages))
	require.NoError(t, site.Write(pages, []site.Page{{Name: site.Home, Body: "<h1>Home</h1>"}}))
	require.NoError(t, hide(pages), "again")
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A", "pages"}, {"ls-files"}} {
		command := exec.Command("git", append([]string{"-C", figures}, args...)...)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		said, err := command.CombinedOutput()
		if args[0] == "ls-files" {
			require.NoError(t, err, string(said))
			require.Empty(t, string(said))
		}
	}
	require.NoError(t, os.Remove(filepath.Join(pages, ".gitignore")))
	require.ErrorContains(t, hide(pages), "holds pages that git does not ignore")
}
