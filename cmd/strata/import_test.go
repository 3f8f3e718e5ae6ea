package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const foreignWeights = "../../tests/testdata/foreign/"

// A checkpoint is a file of weights too: imported, it scores to the last digit as the run does that it was taken from.
func TestImportedRunScoresAlike(t *testing.T) {
	ownFolders(t)
	code, trained, errOut := strata("train", "--in", "plain", "--size", "smoke", "--steps", "2")
	require.Zero(t, code, errOut)
	trained = strings.TrimSpace(trained)
	files, err := filepath.Glob(filepath.Join(os.Getenv("STRATA_RUNS"), trained, "checkpoints", "*", "tensors.npz"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	code, out, errOut := strata("import", files[len(files)-1], "--name", "taken-over", "--in", "plain")
	require.Zero(t, code, errOut)
	require.Equal(t, "taken-over\n", out)
	require.Contains(t, errOut, "weights of strata for 32x32x3 images")

	var tables [2]string
	for i, run := range []string{trained, "taken-over"} {
		file := filepath.Join(t.TempDir(), "scores.csv")
		code, _, errOut := strata("score", run, "--out", "noisy", "-o", file)
		require.Zero(t, code, errOut)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		tables[i] = string(text)
	}
	require.Equal(t, tables[0], tables[1])
	require.Greater(t, strings.Count(tables[0], "\n"), 48)
}

func TestImport(t *testing.T) {
	ownFolders(t)
	for range 2 { // the same file again changes nothing
		code, out, errOut := strata("import", foreignWeights+"matrix.pt", "--name", "public.matrix-1")
		require.Zero(t, code, errOut)
		require.Equal(t, "public.matrix-1\n", out)
		require.Contains(t, errOut, "weights of y0ast/Glow-PyTorch for 8x8x3 images")
	}
	record, err := os.ReadFile(filepath.Join(os.Getenv("STRATA_RUNS"), "public.matrix-1", "run.json"))
	require.NoError(t, err)
	require.Regexp(t, `"file": "matrix.pt",\s+"sha256": "[0-9a-f]{64}",\s+"format": "y0ast/Glow-PyTorch"`, string(record))
	require.Contains(t, string(record), `"prior": "conditioned"`)

	page := filepath.Join(t.TempDir(), "page.pt")
	require.NoError(t, os.WriteFile(page, []byte("<html>"), 0o600))
	scores := filepath.Join(t.TempDir(), "s.csv")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"import", foreignWeights + "lu.pt", "--name", "public.matrix-1"}, "of other weights: choose another name"},
		{[]string{"import", foreignWeights + "lu.pt", "--name", "../x"}, `"../x" is no name for a run`},
		{[]string{"import", foreignWeights + "lu.pt", "--name", ".x"}, `".x" is no name for a run`},
		{[]string{"import", foreignWeights + "lu.pt", "--name", ""}, `"" is no name for a run`},
		{[]string{"import", page, "--name", "page"}, `page.pt: offset 0: begins with "<html>"`},
		{[]string{"import", foreignWeights + "absent.pt", "--name", "absent"}, "no such file"},
		{[]string{"import", foreignWeights + "lu_values.npz", "--name", "values"}, "these are not the names of y0ast/Glow-PyTorch"},
		{[]string{"score", "public.matrix-1", "-o", scores}, "choose the in-distribution set with --in"},
		{[]string{"score", "public.matrix-1", "--in", "plain", "-o", scores}, "32x32x3 images, the model wants 8x8x3"},
	} {
		code, _, errOut := strata(c.args...)
		require.Equal(t, exitFailed, code, c.args)
		require.Contains(t, errOut, c.says)
	}
	runs, err := os.ReadDir(os.Getenv("STRATA_RUNS"))
	require.NoError(t, err)
	require.Len(t, runs, 1, "what was refused leaves nothing behind")
}
