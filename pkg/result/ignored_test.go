package result

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/imageset"

	"github.com/stretchr/testify/require"
)

// tracked are the files below a folder that git would put under version control, in a repository of the test's own.
func tracked(t *testing.T, folder string) []string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here")
	}
	run := func(args ...string) string {
		command := exec.Command("git", append([]string{"-C", folder}, args...)...)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	run("init", "-q")
	run("add", "-A")
	return strings.Fields(run("ls-files"))
}

func sheetOf(t *testing.T, sets ...string) *Sheet {
	t.Helper()
	s := &Sheet{}
	for i, set := range sets {
		require.NoError(t, s.Add(Tile{Row: i, Set: set}, &imageset.Set{Height: 1, Width: 1, Channels: 1,
			Pixels: []uint8{uint8(i)}}, 0))
	}
	return s
}

// A sheet with one image that strata did not draw goes where git does not look, in whatever repository the folder lies;
// drawn ones do not (review, D5). A sheet that changes its kind leaves nothing in its old place.
func TestOthersImagesAreIgnored(t *testing.T) {
	folder := t.TempDir()
	drawn := func(set string) bool { return set == "shapes" || set == "leaves" }
	require.NoError(t, WriteSheet(folder, "sets", sheetOf(t, "shapes", "cifar10", "leaves"), drawn))
	require.NoError(t, WriteSheet(folder, "mixed", sheetOf(t, "shapes", "leaves"), drawn))
	require.NoError(t, WriteSheet(folder, "top", sheetOf(t, "brats"), drawn))
	require.NoError(t, Write(folder, []Cell{}))
	require.Equal(t, []string{"cells.csv", "pictures/mixed.csv", "pictures/mixed.png"}, tracked(t, folder))
	others, err := OthersPictures(folder)
	require.NoError(t, err)
	require.Equal(t, []string{"sets", "top"}, others)
	text, err := os.ReadFile(filepath.Join(folder, "pictures_ignored", ".gitignore"))
	require.NoError(t, err)
	require.Contains(t, strings.Split(string(text), "\n"), "*")
	for name, ignored := range map[string]bool{"sets": true, "mixed": false, "top": true} {
		path, is := FindSheet(folder, name)
		require.Equal(t, ignored, is, name)
		sheet, err := ReadSheet(path)
		require.NoError(t, err)
		require.NotEmpty(t, sheet.Tiles)
	}

	require.NoError(t, WriteSheet(folder, "sets", sheetOf(t, "shapes"), drawn))
	require.NoError(t, WriteSheet(folder, "mixed", sheetOf(t, "svhn"), drawn))
	require.NoFileExists(t, filepath.Join(folder, "pictures_ignored", "sets.png"))
	require.NoFileExists(t, filepath.Join(folder, "pictures", "mixed.png"))
	require.Equal(t, []string{"cells.csv", "pictures/sets.csv", "pictures/sets.png"}, tracked(t, folder))
	for range 2 { // what is not there is removed as well
		require.NoError(t, RemoveSheet(folder, "mixed"))
		require.NoError(t, RemoveSheet(folder, "sets"))
	}
	_, is := FindSheet(folder, "mixed")
	require.False(t, is)
	require.NoFileExists(t, SheetPath(folder, "sets")+".csv")
}

// A file of a results folder that cannot be written is told apart from all other errors.
func TestNotWritten(t *testing.T) {
	require.NoError(t, NotWritten(nil))
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "cells.csv"), 0o755))
	err := Write(folder, []Cell{})
	require.ErrorIs(t, err, ErrNotWritten)
	require.ErrorContains(t, err, filepath.Join(folder, "cells.csv"))
	var path *os.LinkError
	require.ErrorAs(t, err, &path, "the cause is still there")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pictures"), nil, 0o644))
	require.ErrorIs(t, WriteSheet(folder, "sets", sheetOf(t, "shapes"), func(string) bool { return true }),
		ErrNotWritten)
	_, err = Read[Run](folder)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrNotWritten)
}
