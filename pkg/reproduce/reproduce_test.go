package reproduce_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"strata/pkg/imageset"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/reproduce"
	"strata/pkg/result"
	"strata/pkg/runs"

	"github.com/stretchr/testify/require"
)

// testCache holds the drawn sets of the package's tests: drawing them takes seconds each, for every engine anew.
var testCache string

func TestMain(m *testing.M) {
	code := 1
	if folder, err := os.MkdirTemp("", "cache"); err == nil {
		testCache = folder
		code = m.Run()
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

func scheduleOf(t *testing.T, store string, targets ...string) (*runs.Engine, *runs.Schedule, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	engine := &runs.Engine{Sets: opened.Sets{Cache: testCache, Out: &out}, Runs: store, Resume: true}
	roles, err := engine.Roles(nil)
	require.NoError(t, err)
	all, err := plan.LoadConfigurations()
	require.NoError(t, err)
	wanted, err := all.For(targets...)
	require.NoError(t, err)
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	schedule, err := engine.Schedule(wanted, size, roles, []uint64{1})
	require.NoError(t, err)
	return engine, schedule, &out
}

// Two figures' runs at size smoke: once trained, nothing is trained, scored or inverted again, and the files are the
// same bytes. What is not trained has no column and no picture.
func TestReproduceTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("trains eight runs")
	}
	store := t.TempDir()
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	all, err := plan.LoadConfigurations()
	require.NoError(t, err)
	wanted, err := all.For("figS7", "fig3")
	require.NoError(t, err)
	var files [2]map[string]string
	var stores [2]map[string]time.Time
	for i := range files {
		engine := &runs.Engine{Sets: opened.Sets{Cache: testCache, Out: io.Discard}, Runs: store, Resume: true}
		roles, err := engine.Roles(nil)
		require.NoError(t, err)
		schedule, err := engine.Schedule(wanted, size, roles, []uint64{1})
		require.NoError(t, err)
		require.NoError(t, engine.TrainAll(t.Context(), schedule))
		require.NoError(t, schedule.Failures())
		folder := t.TempDir()
		// A sheet of a run that is not there any more must not stay.
		require.NoError(t, os.MkdirAll(filepath.Join(folder, "pictures"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "pictures", "top_glow-in-outlier-loss.csv"), nil, 0o644))
		_, claims, err := reproduce.Results(t.Context(), engine, schedule, folder)
		require.NoError(t, err)
		for _, c := range claims {
			if slices.Contains([]string{"L1", "L5", "D1", "D2", "F2", "F3", "F5", "F6", "Q1"}, c.ID) {
				require.NotEqual(t, result.NotMeasured, c.Verdict, "%s: %s", c.ID, c.Note)
			}
		}
		files[i], stores[i] = contents(t, folder), modified(t, store)
	}
	require.Equal(t, files[0], files[1])
	require.Equal(t, stores[0], stores[1], "no file of a run was touched")

	for _, name := range []string{"cells.csv", "cells_by_seed.csv", "claims.csv", "claims_over_steps.csv", "correlations.csv", "curves.csv",
		"pixel_differences.csv", "runs.csv", "scores.csv", "subsets.csv", "pictures/sets.png", "pictures/augmentation.csv",
		"pictures/fourier.png", "pictures/mixed.csv", "pictures/climbed.csv", "pictures/top_glow-in-from-general.csv"} {
		require.NotEmpty(t, files[0][name], name)
	}
	require.NotContains(t, files[0], "pictures/top_glow-in-outlier-loss.csv", "it is not trained")
	require.NotContains(t, files[0], "scores_grey.csv", "no grey run is trained")
	require.NotContains(t, files[0], "scores_mri.csv", "of its runs only the general one is trained")
	requireTop(t, files[0])

	path := filepath.Join(t.TempDir(), "scores.csv")
	require.NoError(t, os.WriteFile(path, []byte(files[0]["scores.csv"]), 0o644))
	scores, err := result.ReadScores(path)
	require.NoError(t, err)
	require.NotContains(t, scores.Columns, "glow-in-outlier-loss")
	// Per-scale contributions add up to the likelihood, within the rounding of float32 sums of thousands of nats and
	// of the file.
	parts := make([][]float64, 4)
	for j, column := range []string{"glow-in-from-general", "glow-in-from-general/c1", "glow-in-from-general/c2",
		"glow-in-from-general/c3"} {
		parts[j], err = scores.Column(column, nil)
		require.NoError(t, err)
	}
	for j, total := range parts[0] {
		require.InDelta(t, total, parts[1][j]+parts[2][j]+parts[3][j], 0.01)
	}

	run, err := runs.Open(store, "glow-leaves")
	require.NoError(t, err)
	require.True(t, run.Info.Done)
	_, err = runs.Open(store, "glow-digits")
	require.ErrorContains(t, err, "could be any of")
	_, err = runs.Open(store, "nothing")
	require.ErrorContains(t, err, "strata train")
}

// contents are the files below a folder, by their path.
func contents(t *testing.T, folder string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		relative, _ := filepath.Rel(folder, path)
		files[relative] = string(text)
		return err
	}))
	return files
}

// modified are the times of the files below a folder.
func modified(t *testing.T, folder string) map[string]time.Time {
	times := map[string]time.Time{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			times[path] = info.ModTime()
		}
		return err
	}))
	return times
}

// requireTop looks at the most likely images: of the training images that the size names, the best first, each the
// picture that its place says.
func requireTop(t *testing.T, files map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"top_glow-in-from-general.csv", "top_glow-in-from-general.png"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(files["pictures/"+name]), 0o644))
	}
	sheet, err := result.ReadSheet(filepath.Join(folder, "top_glow-in-from-general"))
	require.NoError(t, err)
	require.Equal(t, 3, sheet.Rows())
	require.Equal(t, 12, sheet.Columns())
	train, err := (&runs.Engine{Sets: opened.Sets{Cache: testCache, Out: io.Discard}}).Set(sheet.Tiles[0].Set, imageset.Train)
	require.NoError(t, err)
	for row, what := range []string{"raw of 256 training images", "ratio of 256 training images", "c3 of 256 training images"} {
		for column := range 12 {
			tile := sheet.At(row, column)
			require.Equal(t, what, tile.What)
			require.Equal(t, train.Image(tile.Index), tile.RGB)
			if column > 0 {
				require.LessOrEqual(t, tile.Value, sheet.At(row, column-1).Value)
			}
		}
	}
}

// A run that fails does not take the others along; those that are made from it say why they are not there. When what
// was wrong is mended, only what is missing is trained.
func TestFailedRunIsReported(t *testing.T) {
	if testing.Short() {
		t.Skip("trains seven runs")
	}
	store := t.TempDir()
	engine, schedule, _ := scheduleOf(t, store, "table3", "glow-smooth")
	bad := schedule.Scheduled("glow-in-margin-loss", 1).Run.Folder
	require.NoError(t, os.WriteFile(bad, []byte("a file where a folder should be"), 0o644))
	require.NoError(t, engine.TrainAll(t.Context(), schedule))
	require.ErrorContains(t, schedule.Failures(), "glow-in-margin-loss seed 1")
	for _, id := range []string{"glow-general", "glow-smooth", "glow-in-from-general", "glow-in-outlier-loss"} {
		_, err := schedule.Run(id, 1)
		require.NoError(t, err, id)
	}
	folder := t.TempDir()
	cells, claims, err := reproduce.Results(t.Context(), engine, schedule, folder)
	require.NoError(t, err)
	var measured, without int
	for _, c := range cells {
		switch {
		case c.Table != "3":
		case c.Loss == "margin":
			require.False(t, c.IsMeasured())
			require.Contains(t, c.Note, "glow-in-margin-loss")
			without++
		case !c.IsMean():
			require.True(t, c.IsMeasured(), "%+v", c)
			require.Contains(t, c.StandsFor, "shapes_in for CIFAR-10")
			measured++
		}
	}
	require.NotZero(t, measured)
	require.NotZero(t, without)
	for _, c := range claims {
		if c.ID == "O1" {
			require.Equal(t, result.NotMeasured, c.Verdict)
			require.Contains(t, c.Note, "glow-in-margin-loss")
		}
	}
	read, err := result.Read[result.Cell](folder)
	require.NoError(t, err)
	require.Len(t, read, len(cells))

	require.NoError(t, os.Remove(bad))
	engine, schedule, out := scheduleOf(t, store, "table3", "glow-smooth")
	missing, _ := schedule.Missing()
	require.Len(t, missing, 1)
	require.NoError(t, engine.TrainAll(t.Context(), schedule))
	require.NoError(t, schedule.Failures())
	require.Contains(t, out.String(), "1/1 glow-in-margin-loss")
}
