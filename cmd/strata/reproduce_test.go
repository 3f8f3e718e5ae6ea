package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"strata/pkg/result"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// madeStore points the command to a store of made-up scores; only what needs the weights of a network is not trained.
func madeStore(t *testing.T) *runstest.Store {
	t.Helper()
	store := runstest.New(t,
		runstest.Options{Roles: func(sets map[string]string) { sets["grey_general"] = "imagenet32_grey" }})
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

// A set that is damaged is no absent one: nothing is computed of the next family, and the file and the family are named. Where
// another set is chosen in its place it does not matter.
func TestReproduceNamesDamagedSets(t *testing.T) {
	store := madeStore(t)
	require.NoError(t, os.RemoveAll(filepath.Join(store.Data, "svhn")))
	damaged := filepath.Join(store.Data, "svhn.zip")
	store.Write(damaged, []byte("PK, and no more of it"))
	for _, args := range [][]string{{"reproduce", "all", "--dry-run"}, {"reproduce", "all", "--stage", "evaluate"}, {"reproduce", "all", "--dry-run", "--in", "cifar100"}} {
		code, out, errOut := strata(append(args, "--size", "smoke")...)
		require.Equal(t, exitFailed, code, "%v: %s", args, out)
		require.Contains(t, errOut, "set svhn, smooth in family imagenet32, cannot be read: "+damaged)
		require.NotContains(t, out, "procedural")
	}
	code, out, errOut := strata("reproduce", "all", "--dry-run", "--size", "smoke", "--out", "lsun")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "family chosen")
	require.NoError(t, os.Remove(damaged))
	code, out, errOut = strata("reproduce", "all", "--dry-run", "--size", "smoke")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "family procedural", "what is absent is no mistake")
}

// Where a file of the results cannot be written, the exit code is 1 and nobody is told that the results are complete.
func TestReproduceCannotWrite(t *testing.T) {
	madeStore(t)
	folder := filepath.Join(os.Getenv("STRATA_FIGURES"), "results", "imagenet32-smoke")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "runs.csv", "in the way"), 0o755))
	code, out, errOut := strata("reproduce", "table3", "--size", "smoke", "--stage", "evaluate")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, filepath.Join(folder, "runs.csv"))
	require.Contains(t, out, "results in "+folder+"; they are not complete")
	require.FileExists(t, filepath.Join(folder, "claims.csv"))
	code, _, errOut = strata("figures", "--results", folder, "--no-notebooks")
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
