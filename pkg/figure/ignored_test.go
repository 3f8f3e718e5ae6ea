package figure

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// A figure drawn from images that strata did not draw goes where git does not look, whatever repository the figures lie
// in; the others, drawn from the same results, stay where they are (review, D5). The index has them all.
func TestFiguresOfOthersImagesAreIgnored(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here")
	}
	folder, out := copied(t), t.TempDir()
	sheet, err := result.ReadSheet(result.SheetPath(folder, "mixed"))
	require.NoError(t, err)
	require.NoError(t, result.WriteSheet(folder, "mixed", sheet, func(set string) bool { return false }))
	r, err := Open(folder)
	require.NoError(t, err)
	w := writer{results: r, folder: out}
	for _, name := range []string{"fig3a", "figS1"} {
		i := slices.IndexFunc(All(), func(e Entry) bool { return e.Name == name })
		require.NoError(t, w.figure(All()[i]))
	}
	require.NoError(t, result.WriteFile(filepath.Join(out, IndexFile), w.index))
	require.FileExists(t, filepath.Join(out, "ignored", "fig3a.svg"))
	require.NoFileExists(t, filepath.Join(out, "fig3a.png"))
	rows, err := result.ReadFile[IndexRow](filepath.Join(out, IndexFile))
	require.NoError(t, err)
	require.Equal(t, []string{"ignored/fig3a.png", "ignored/fig3a.svg"}, rows[0].Files)
	require.Equal(t, []string{"pictures_ignored/mixed.csv", "pictures_ignored/mixed.png"},
		slices.Sorted(slices.Values(rows[0].ResultFiles)))
	require.Equal(t, []string{"figS1.png", "figS1.svg"}, rows[1].Files)
	require.Contains(t, rows[1].ResultFiles, "pictures/fourier.png")

	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"ls-files"}} {
		command := exec.Command("git", append([]string{"-C", out}, args...)...)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		said, err := command.CombinedOutput()
		require.NoError(t, err, string(said))
		if args[0] == "ls-files" {
			require.Equal(t, []string{"figS1.png", "figS1.svg", "index.csv"}, strings.Fields(string(said)))
		}
	}
}

// A figure that was drawn of strata's images and now shows somebody's is no longer where it was, and the other way round:
// no line of the index would name it. One that is not drawn at all is gone too.
func TestFiguresLeaveTheirEarlierPlace(t *testing.T) {
	folder, out := copied(t), t.TempDir()
	entry := func(name string) Entry {
		return All()[slices.IndexFunc(All(), func(e Entry) bool { return e.Name == name })]
	}
	draw := func(drawn bool) {
		path, _ := result.FindSheet(folder, "mixed")
		sheet, err := result.ReadSheet(path)
		require.NoError(t, err)
		require.NoError(t, result.WriteSheet(folder, "mixed", sheet, func(string) bool { return drawn }))
		r, err := Open(folder)
		require.NoError(t, err)
		w := writer{results: r, folder: out}
		require.NoError(t, w.figure(entry("fig3a")))
	}
	at := func(place string) []string {
		found, err := filepath.Glob(filepath.Join(out, place, "fig3a.*"))
		require.NoError(t, err)
		return found
	}
	draw(true)
	require.Len(t, at(""), 2)
	draw(false)
	require.Empty(t, at(""))
	require.Len(t, at(ignoredFigures), 2)
	draw(true)
	require.Len(t, at(""), 2)
	require.Empty(t, at(ignoredFigures))

	kernel := filepath.Join(out, "kernel.png")
	require.NoError(t, os.WriteFile(kernel, []byte("of an earlier evaluation"), 0o644))
	r, err := Open(folder)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(folder, result.FileOf[result.KernelValue]())))
	w := writer{results: r, folder: out}
	require.NoError(t, w.figure(entry("kernel")))
	require.NoFileExists(t, kernel)
}
