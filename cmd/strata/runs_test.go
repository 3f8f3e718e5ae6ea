package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/checkpoint"

	"github.com/stretchr/testify/require"
)

func TestRuns(t *testing.T) {
	ownFolders(t)
	store := os.Getenv("STRATA_RUNS")
	train := func(args ...string) string {
		code, out, errOut := strata(append([]string{"train", "--in", "plain", "--size", "smoke"}, args...)...)
		require.Zero(t, code, errOut)
		return strings.TrimSpace(out)
	}
	code, out, errOut := strata("runs")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "0 runs")

	parent := train()
	child := train("--parent", parent, "--steps", "3")
	code, _, errOut = strata("score", parent, "-o", filepath.Join(t.TempDir(), "scores.csv"))
	require.Zero(t, code, errOut)

	code, out, errOut = strata("runs")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "2 runs")
	require.Contains(t, out, "KiB")
	_, out, _ = strata("runs", "list", "s3-ft")
	require.Contains(t, out, child)
	require.NotContains(t, out, parent)

	code, out, errOut = strata("runs", "compare", parent, child)
	require.Zero(t, code, errOut)
	require.Regexp(t, `(?m)^spec\.train\.steps +12 +3$`, out)
	require.Regexp(t, `(?m)^mean log_likelihood plain-test\S* +-?[0-9.]+ +-$`, out)
	require.NotContains(t, out, "spec.set_hash", "it is the same")
	code, _, errOut = strata("runs", "compare", parent)
	require.NotZero(t, code)
	require.Contains(t, errOut, "two runs")

	t.Run("a run that another is made from stays", func(t *testing.T) {
		code, _, errOut := strata("runs", "prune", parent, "--yes")
		require.NotZero(t, code)
		require.Contains(t, errOut, child+" is made from "+parent)
	})
	t.Run("nothing named, nothing removed", func(t *testing.T) {
		code, _, errOut := strata("runs", "prune", "--yes")
		require.NotZero(t, code)
		require.Contains(t, errOut, "--old-code")
		code, out, errOut := strata("runs", "prune", "--old-code", "--unfinished", "--yes")
		require.Zero(t, code, errOut)
		require.Contains(t, out, "0 removed")
	})
	t.Run("spare checkpoints", func(t *testing.T) {
		folder := filepath.Join(store, parent, "checkpoints")
		before, err := checkpoint.Steps(folder)
		require.NoError(t, err)
		require.Greater(t, len(before), 1)
		_, out, _ := strata("runs", "prune", "--spare")
		require.Contains(t, out, "add --yes")
		after, err := checkpoint.Steps(folder)
		require.NoError(t, err)
		require.Equal(t, before, after, "shown only")
		code, out, errOut := strata("runs", "prune", "--spare", "--yes")
		require.Zero(t, code, errOut)
		require.Contains(t, out, "removed")
		after, err = checkpoint.Steps(folder)
		require.NoError(t, err)
		require.Equal(t, []int{12}, after)
	})
	t.Run("a run at work stays", func(t *testing.T) {
		unlock, err := checkpoint.Lock(filepath.Join(store, child, "checkpoints"))
		require.NoError(t, err)
		code, _, errOut := strata("runs", "prune", child, "--yes")
		unlock()
		require.NotZero(t, code)
		require.Contains(t, errOut, "at work")
		require.DirExists(t, filepath.Join(store, child))
	})
	code, out, errOut = strata("runs", "prune", parent, child, "--yes")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "2 removed")
	left, err := os.ReadDir(store)
	require.NoError(t, err)
	require.Empty(t, left)
}
