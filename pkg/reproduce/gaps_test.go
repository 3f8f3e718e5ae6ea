package reproduce_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"strata/pkg/reproduce"
	"strata/pkg/result"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// made is a store of made-up scores in which only what needs the weights of a network is not trained.
func made(t *testing.T, o runstest.Options) *runstest.Store {
	t.Helper()
	store := runstest.New(t, o)
	store.Finish()
	store.Unfinish("glow-in-from-general")
	store.Score(runstest.Normal)
	return store
}

func verdicts(claims []result.Claim) map[string]result.Verdict {
	of := map[string]result.Verdict{}
	for _, c := range claims {
		of[c.ID] = c.Verdict
	}
	return of
}

// What is not trained and roles without a set leave claims and cells not measured, with a note that says why, and no
// error; the folder is complete, and the same store gives the same bytes.
func TestGapsAreNotes(t *testing.T) {
	store := made(t, runstest.Options{})
	var files [2]map[string]string
	for i := range files {
		folder := t.TempDir()
		schedule := store.Schedule()
		_, claims, err := reproduce.Results(t.Context(), store.Engine, schedule, folder)
		require.NoError(t, err)
		of := verdicts(claims)
		require.Equal(t, result.NotMeasured, of["D1"], "of the run that is not trained")
		require.Equal(t, result.NotMeasured, of["L6"], "of grey sets")
		require.NotEqual(t, result.NotMeasured, of["L8"])
		for _, c := range claims {
			if c.Verdict == result.NotMeasured {
				require.Regexp(t, "is not trained|no set plays the role|three seeds are needed", c.Note, c.ID)
			}
		}
		manifest, err := result.ReadManifest(folder)
		require.NoError(t, err)
		require.Equal(t, []any{"imagenet32", "smoke"}, []any{manifest.Family, manifest.Size})
		require.Equal(t, runstest.Sets, manifest.Roles)
		require.Equal(t, map[string]string{"imagenet32": "80 Million Tiny Images"}, manifest.StandsFor)
		require.Equal(t, time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC), manifest.When, "when the last run was finished")
		files[i] = contents(t, folder)
	}
	require.Equal(t, files[0], files[1])
	over, err := result.ReadFile[result.ClaimAtStep](write(t, files[0], "claims_over_steps.csv"))
	require.NoError(t, err)
	var steps []int
	for _, c := range over {
		if c.ID == "L8" {
			steps = append(steps, c.Steps)
		}
	}
	require.Equal(t, []int{4, 8, 12}, steps, "of runs from scratch; those that are finetuned are not there")
}

// write writes a file of contents again, and says where.
func write(t *testing.T, files map[string]string, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(files[name]), 0o644))
	return path
}

// A damaged file is an error after all else is written: its cells and claims are not measured, with a note that is no
// path, the others are, and the folder is complete (review, D3 and D4).
func TestDamageIsAnErrorAtTheEnd(t *testing.T) {
	home := filepath.Join(t.TempDir(), "somebodys-home")
	store, folder := made(t, runstest.Options{Folder: home}), filepath.Join(t.TempDir(), "results")
	damaged := store.ScoreFile("patch-in", 1, "smooth")
	store.Write(damaged, []byte("role,set"))
	record := filepath.Join(store.Run("glow-near-labels", 1).Folder, "run.json")
	store.Write(record, []byte("{"))
	cells, claims, err := reproduce.Results(t.Context(), store.Engine, store.Schedule(), folder)
	require.ErrorContains(t, err, "claim L3: spearman(raw(patch_in), raw(glow_in), in, smooth): score file "+damaged)
	require.ErrorContains(t, err, "table 4, CIFAR100 against ")
	require.ErrorContains(t, err, record)
	require.NotErrorIs(t, err, result.ErrNotWritten)
	const note = "an error kept it from being measured; strata reproduce says which"
	of := verdicts(claims)
	for _, id := range []string{"L3", "L4"} {
		require.Equal(t, result.NotMeasured, of[id])
		require.Equal(t, note, claims[slices.IndexFunc(claims, func(c result.Claim) bool { return c.ID == id })].Note)
	}
	require.NotEqual(t, result.NotMeasured, of["L8"])
	broken := 0
	for _, c := range cells {
		if c.Note == note {
			broken++
			require.True(t, c.Supervised() && c.In == "CIFAR100", "%+v", c.Place)
		}
	}
	require.Equal(t, 3*3+3*3+2*3, broken, "of Tables 4, S2 and S3")
	_, err = result.ReadManifest(folder)
	require.NoError(t, err)
	read, err := result.Read[result.Claim](folder)
	require.NoError(t, err)
	require.Len(t, read, len(claims))
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.False(t, bytes.Contains(text, []byte("somebodys-home")), path)
		require.False(t, bytes.Contains(text, []byte(folder)), path)
		return err
	}))
}

// A file of the results that cannot be written is an error after all others are, and the folder is not complete:
// whoever reads it would take an older file for a new one (review, D3).
func TestUnwritableResultsAreNotComplete(t *testing.T) {
	store := made(t, runstest.Options{Wanted: []string{"table3"}})
	for _, name := range []string{"cells.csv", "scores.csv", "subsets.csv", "claims.csv"} {
		folder := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(folder, name, "in the way"), 0o755))
		require.NoError(t, result.WriteManifest(folder, result.Manifest{}))
		_, claims, err := reproduce.Results(t.Context(), store.Engine, store.Schedule(), folder)
		require.ErrorIs(t, err, result.ErrNotWritten, name)
		require.ErrorContains(t, err, filepath.Join(folder, name))
		require.NotEmpty(t, claims, "they are computed all the same")
		for _, other := range []string{"cells.csv", "cells_by_seed.csv", "scores.csv", "curves.csv", "runs.csv",
			"claims.csv"} {
			if other != name {
				require.FileExists(t, filepath.Join(folder, other), "beside %s", name)
			}
		}
		_, err = result.ReadManifest(folder)
		require.ErrorIs(t, err, fs.ErrNotExist, "not even the older one")
	}
	// A file where the folder should be: nothing can be written, and nothing is computed.
	file := filepath.Join(t.TempDir(), "results")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, claims, err := reproduce.Results(t.Context(), store.Engine, store.Schedule(), file)
	require.ErrorContains(t, err, file)
	require.Nil(t, claims)
}

// A stop leaves a folder that is not complete, and is told as a stop.
func TestStopLeavesResultsIncomplete(t *testing.T) {
	store, folder := made(t, runstest.Options{Wanted: []string{"table3"}}), t.TempDir()
	require.NoError(t, result.WriteManifest(folder, result.Manifest{}))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, claims, err := reproduce.Results(ctx, store.Engine, store.Schedule(), folder)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, errors.Is(err, result.ErrNotWritten))
	require.Nil(t, claims)
	require.NotContains(t, strings.ToLower(err.Error()), "damaged")
	_, err = result.ReadManifest(folder)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
