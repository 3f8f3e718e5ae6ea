package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"strata/pkg/result"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// madeStore points the command to a store of made-up scores; only what needs the weights of a network is not trained.
func madeStore(t *testing.T, seeds ...uint64) *runstest.Store {
	t.Helper()
	store := runstest.New(t, runstest.Options{Seeds: seeds,
		Roles: func(sets map[string]string) { sets["grey_general"] = "imagenet32_grey" }})
	store.Finish()
	store.Unfinish("glow-in-from-general")
	store.Score(runstest.Normal)
	for variable, value := range map[string]string{"STRATA_DATA": store.Data, "STRATA_RUNS": store.Runs,
		"STRATA_FIGURES": t.TempDir(), "STRATA_CACHE": t.TempDir(), "GOMLX_BACKEND": ""} {
		t.Setenv(variable, value)
	}
	return store
}

// Reproduce ends with 0 where runs or sets are not there, and with 1 where a file is damaged: each damaged file is
// named, and the results are complete all the same (review, D3).
func TestReproduceSaysWhatIsWrong(t *testing.T) {
	store := madeStore(t)
	evaluate := []string{"reproduce", "all", "--size", "smoke", "--stage", "evaluate"}
	code, out, errOut := strata(evaluate...)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "family imagenet32, 34 runs, 1 to train")
	measured := regexp.MustCompile(`(\d+) of the paper's .* cells measured; results in (.*); strata report shows them`)
	require.Regexp(t, measured, out)
	all, folder := measured.FindStringSubmatch(out)[1], measured.FindStringSubmatch(out)[2]
	require.Equal(t, filepath.Join(os.Getenv("STRATA_FIGURES"), "results", "imagenet32-smoke"), folder)
	require.NotContains(t, errOut, "not there")

	damaged := map[string]string{"patch-in": "smooth", "glow-smooth": "in", "classifier-near": "far",
		"glow-near-outlier-loss": "in"}
	for configuration, role := range damaged {
		store.Write(store.ScoreFile(configuration, 1, role), []byte("role,set,index,c1\n"))
	}
	record := filepath.Join(store.Run("glow-near-labels", 1).Folder, "run.json")
	store.Write(record, []byte("{"))
	code, out, errOut = strata(evaluate...)
	require.Equal(t, exitFailed, code)
	for configuration, role := range damaged {
		require.Contains(t, errOut, store.ScoreFile(configuration, 1, role))
	}
	require.Contains(t, errOut, record+": unexpected end of JSON input; remove the folder to train the run again")
	require.Less(t, strings.Count(errOut, "score file"), 40, "not once for every cell")
	require.Regexp(t, measured, out)
	require.NotEqual(t, all, measured.FindStringSubmatch(out)[1])
	_, err := result.ReadManifest(folder)
	require.NoError(t, err)
	code, _, errOut = strata("report", "--out", t.TempDir())
	require.Zero(t, code, errOut)
}

// Results of seeds that nobody asks for again are not lost, seeds may be trained in part, and the order in which they
// were asked for does not matter.
func TestReproduceKeepsSeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("evaluates six times")
	}
	store := madeStore(t, 1, 2, 3)
	three := []string{"glow-general", "glow-in", "glow-in-outlier-loss"}
	runs, err := filepath.Glob(filepath.Join(store.Runs, "*"))
	require.NoError(t, err)
	var keep []string
	for _, seed := range store.Seeds {
		for _, scheduled := range store.Schedule().Runs {
			name := scheduled.Configuration.Name
			if scheduled.Seed == seed && scheduled.Run != nil && (seed == 1 || slices.Contains(three, name)) {
				keep = append(keep, store.Run(name, seed).Folder)
			}
		}
	}
	for _, folder := range runs {
		if !slices.Contains(keep, folder) {
			require.NoError(t, os.RemoveAll(folder))
		}
	}
	results := filepath.Join(os.Getenv("STRATA_FIGURES"), "results", "imagenet32-smoke")
	evaluated := func(args ...string) (files, seeds string) {
		args = append([]string{"reproduce", "table3", "--size", "smoke", "--stage", "evaluate"}, args...)
		code, _, errOut := strata(args...)
		require.Zero(t, code, "%v: %s", args, errOut)
		for _, name := range []string{"cells.csv", "claims.csv", "runs.csv", "scores.csv"} {
			text, err := os.ReadFile(filepath.Join(results, name))
			require.NoError(t, err)
			files += string(text)
		}
		manifest, err := result.ReadManifest(results)
		require.NoError(t, err)
		return files, fmt.Sprint(manifest.Seeds)
	}
	_, seeds := evaluated()
	require.Equal(t, "[1]", seeds, "the others have no results yet")
	all, seeds := evaluated("--seeds", "3")
	require.Equal(t, "[1 2 3]", seeds, "what is not trained is absent, and no failure")
	for _, args := range [][]string{nil, {"--seed", "2"}, {"--seed", "7"}} {
		again, seeds := evaluated(args...)
		if args == nil || args[1] == "2" {
			require.Equal(t, "[1 2 3]", seeds, "%v", args)
			require.Equal(t, all, again, "%v", args)
		} else {
			require.Equal(t, "[1 2 3 7]", seeds, "asked for, and not trained")
		}
	}

	cells, err := result.Read[result.Cell](results)
	require.NoError(t, err)
	counts := map[int]int{}
	for _, c := range cells {
		if c.IsMeasured() && c.Table != "baselines" {
			counts[c.Seeds]++
			require.Equal(t, c.Seeds == 1, math.IsNaN(c.StdSeeds), "%+v", c)
		}
	}
	require.Len(t, counts, 2, "of three seeds and of one: %v", counts)
	require.NotZero(t, counts[1])
	require.NotZero(t, counts[3])

	// Without its runs a seed has no results any more; where nobody can say which seeds there are, nothing is written
	// over.
	for _, name := range three {
		require.NoError(t, os.RemoveAll(store.Run(name, 2).Folder))
	}
	_, seeds = evaluated()
	require.Equal(t, "[1 3]", seeds)
	store.Write(filepath.Join(results, "runs.csv"), []byte("configuration\n"))
	code, _, errOut := strata("reproduce", "table3", "--size", "smoke", "--stage", "evaluate")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, "there are results already, and of which seeds cannot be read: "+results)
	_, err = result.ReadManifest(results)
	require.NoError(t, err)
}

// A set that is damaged is no absent one: nothing is computed of the next family, and the file and the family are
// named. Where another set is chosen in its place it does not matter.
func TestReproduceNamesDamagedSets(t *testing.T) {
	store := madeStore(t)
	require.NoError(t, os.RemoveAll(filepath.Join(store.Data, "svhn")))
	damaged := filepath.Join(store.Data, "svhn.zip")
	store.Write(damaged, []byte("PK, and no more of it"))
	for _, args := range [][]string{{"--dry-run"}, {"--stage", "evaluate"}, {"--dry-run", "--in", "cifar100"}} {
		code, out, errOut := strata(append([]string{"reproduce", "all", "--size", "smoke"}, args...)...)
		require.Equal(t, exitFailed, code, "%v: %s", args, out)
		require.Contains(t, errOut, "set svhn, smooth in family imagenet32, cannot be read: "+damaged)
		require.NotContains(t, out, "procedural")
	}
	code, out, errOut := strata("reproduce", "all", "--dry-run", "--size", "smoke", "--out", "lsun")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "family chosen")
}

// Where a file of the results cannot be written, the exit code is 1 and nobody is told that the results are complete.
func TestReproduceCannotWrite(t *testing.T) {
	madeStore(t)
	folder := filepath.Join(os.Getenv("STRATA_FIGURES"), "results", "imagenet32-smoke")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "cells.csv", "in the way"), 0o755))
	code, out, errOut := strata("reproduce", "table3", "--size", "smoke", "--stage", "evaluate")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, filepath.Join(folder, "cells.csv"))
	require.Contains(t, out, "results in "+folder+"; they are not complete")
	require.FileExists(t, filepath.Join(folder, "claims.csv"))
	code, _, errOut = strata("figures", "--results", folder)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, "no finished results there")
}

// Of a library's error the first lines are shown, of joined errors each.
func TestErrorsAreReadable(t *testing.T) {
	require.Equal(t, "a\n  b\n  c\n  d\n  e\n  f", oneLine(errors.New("a\nb\nc\nd\ne\nf\ng\nh\n")))
	var many []error
	for i := range 9 {
		many = append(many, fmt.Errorf("file %d", i))
	}
	require.Equal(t, 9, strings.Count(oneLine(errors.Join(errors.Join(many...), errors.New("x"))), "file"))
}
