package runs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// scored is a store with one finished run that can score images: glow-in.
func scored(t *testing.T) (*runstest.Store, *runs.Run) {
	t.Helper()
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in"},
		Size: func(s *plan.Size) { s.TestImages = 12 }})
	store.Finish("glow-in")
	store.Weights("glow-in", 1)
	return store, store.Run("glow-in", 1)
}

// another is an engine of its own on a store, as another process has.
func another(store *runstest.Store) *runs.Engine {
	return &runs.Engine{Sets: opened.Sets{Data: store.Data, Out: store.Out}, Runs: store.Runs}
}

// Images are scored once: the scores lie in a file that says of what they are, and whoever comes next takes them from
// there.
func TestScoredOnce(t *testing.T) {
	store, run := scored(t)
	engine, middle := store.Engine, density.Noise{}
	table, err := engine.Scores(t.Context(), run, "svhn", 12, middle)
	require.NoError(t, err)
	require.Equal(t, []string{"log_likelihood", "c1", "c2", "c3"}, table.Columns)
	places, err := engine.TestPlaces("svhn", 12)
	require.NoError(t, err)
	require.Len(t, table.Rows, 12)
	for i, row := range table.Rows {
		require.Equal(t, []any{"svhn", places[i]}, []any{row.Set, row.Index})
		require.InDelta(t, row.Values[0], row.Values[1]+row.Values[2]+row.Values[3], 0.01)
	}
	path, err := engine.ScoreFile(run, "svhn", imageset.Test, 12, middle)
	require.NoError(t, err)
	require.Regexp(t, `/scores/svhn-test-12-middle-[0-9a-f]{12}\.csv$`, path)
	kept, err := result.ReadScores(path)
	require.NoError(t, err)
	require.Equal(t, table, kept, "every digit is kept")

	// The same images among more of them have the same scores.
	whole, err := engine.Scores(t.Context(), run, "svhn", 0, middle)
	require.NoError(t, err)
	require.Len(t, whole.Rows, runstest.TestImages)
	for i, place := range places {
		require.Equal(t, place, whole.Rows[place].Index)
		require.InDelta(t, whole.Rows[place].Values[0], table.Rows[i].Values[0], 0.01)
	}

	// What is there is not computed: a file of other values is believed, and no weights are needed any more.
	for i := range kept.Rows {
		kept.Rows[i].Values[0] = float64(i)
	}
	store.Write(path, kept.Encode())
	require.NoError(t, os.RemoveAll(filepath.Join(run.Folder, "checkpoints")))
	again, err := another(store).Scores(t.Context(), run, "svhn", 12, middle)
	require.NoError(t, err)
	require.Equal(t, kept, again)

	// Another noise, another split, other images, another set: other scores, which are not there.
	for _, other := range []struct {
		set, split string
		images     int
		noise      density.Noise
	}{
		{"svhn", imageset.Test, 12, density.Noise{Sample: true, Seed: 1}}, {"svhn", imageset.Train, 12, middle},
		{"svhn", imageset.Test, 11, middle}, {"lsun", imageset.Test, 12, middle},
	} {
		_, err := another(store).SplitScores(t.Context(), run, other.set, other.split, other.images, other.noise)
		require.ErrorContains(t, err, "no checkpoint", "%+v", other)
		require.NotErrorIs(t, err, plan.ErrAbsent, "a finished run has weights: this is no gap")
	}
}

// A seed draws its own noise, and a file for each.
func TestNoiseHasAFileOfItsOwn(t *testing.T) {
	store, run := scored(t)
	var first []float64
	files := map[string]bool{}
	for _, noise := range []density.Noise{{}, {Sample: true, Seed: 1}, {Sample: true, Seed: 2}} {
		table, err := store.Engine.Scores(t.Context(), run, "lsun", 3, noise)
		require.NoError(t, err)
		first = append(first, table.Rows[0].Values[0])
		path, err := store.Engine.ScoreFile(run, "lsun", imageset.Test, 3, noise)
		require.NoError(t, err)
		require.FileExists(t, path)
		files[path] = true
	}
	require.Len(t, files, 3)
	require.Len(t, slices.Compact(first), 3, "%v", first)
}

// Weights that are damaged are read once: every cell of a table asks for them, and a checkpoint of the paper's size is half a gigabyte.
func TestDamagedWeightsAreReadOnce(t *testing.T) {
	store, run := scored(t)
	files, err := filepath.Glob(filepath.Join(run.Folder, "checkpoints", "*", "tensors.npz"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		store.Write(file, []byte("no weights"))
	}
	_, first := store.Engine.Scores(t.Context(), run, "svhn", 12, density.Noise{})
	require.Error(t, first)
	require.NotErrorIs(t, first, plan.ErrAbsent)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	_, again := store.Engine.Scores(t.Context(), run, "cifar10", 12, density.Noise{})
	require.ErrorContains(t, again, errors.Unwrap(first).Error(), "what was found the first time")
	_, again = another(store).Scores(t.Context(), run, "svhn", 12, density.Noise{})
	require.NotEqual(t, first.Error(), again.Error(), "another process looks for itself")
}

// A file that is not what was scored is an error that names it, and no gap: nothing is computed in its place, and
// nothing is taken from it.
func TestDamagedScores(t *testing.T) {
	store, run := scored(t)
	store.Score(runstest.Normal, "glow-in")
	path := store.ScoreFile("glow-in", 1, "smooth")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(whole), "\n")
	for name, c := range map[string]struct{ text, says string }{
		"cut within a line":     {string(whole[:len(whole)/2]), "score file"},
		"cut at a line's end":   {strings.Join(lines[:6], ""), "has 5 of 12 images"},
		"lines exchanged":       {lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""), "line 2: image"},
		"of another sample":     {strings.ReplaceAll(string(whole), ",svhn,", ",svhn,1"), "was scored"},
		"a value that is none":  {strings.Replace(string(whole), lines[1][8:12], "x", 1), "score file"},
		"nothing":               {"", "expected role,set,index"},
		"a page of some server": {"<html>", "expected role,set,index"},
	} {
		store.Write(path, []byte(c.text))
		_, err := store.Engine.Scores(t.Context(), run, "svhn", 12, density.Noise{})
		require.ErrorContains(t, err, c.says, name)
		require.ErrorContains(t, err, path, name)
		require.NotErrorIs(t, err, plan.ErrAbsent, name)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, c.text, string(after), "%s: the file stays for whoever looks into it", name)
	}
	require.NoError(t, os.Remove(path))
	table, err := store.Engine.Scores(t.Context(), run, "svhn", 12, density.Noise{})
	require.NoError(t, err, "what was removed is scored again")
	require.Len(t, table.Rows, 12)
}

// Images that strata made are found by what they are, under the name that they were given.
func TestScoreMade(t *testing.T) {
	store, run := scored(t)
	images, err := store.Engine.TestImages("svhn", 5)
	require.NoError(t, err)
	table, err := store.Engine.ScoreMade(t.Context(), run, "mixes", images)
	require.NoError(t, err)
	require.Len(t, table.Rows, 5)
	require.Equal(t, result.ScoreRow{Set: "mixes", Index: 4, Values: table.Rows[4].Values}, table.Rows[4])
	files, err := filepath.Glob(filepath.Join(run.Folder, "scores", "mixes-5-*.csv"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	of, err := store.Engine.Scores(t.Context(), run, "svhn", 5, density.Noise{})
	require.NoError(t, err)
	require.InDelta(t, of.Rows[2].Values[0], table.Rows[2].Values[0], 0.01)

	require.NoError(t, os.RemoveAll(filepath.Join(run.Folder, "checkpoints")))
	again, err := another(store).ScoreMade(t.Context(), run, "mixes", images)
	require.NoError(t, err)
	require.Equal(t, table, again)
	_, err = another(store).ScoreMade(t.Context(), run, "mixes", images.Chunk(0, 4))
	require.ErrorContains(t, err, "no checkpoint", "other images are other scores")
	store.Write(files[0], []byte("role,set,index,log_likelihood\n,mixes,0,1\n"))
	_, err = another(store).ScoreMade(t.Context(), run, "mixes", images)
	require.ErrorContains(t, err, "has 1 of 5 images")
}

// Who stops the scoring finds no file of half of the images, and scores them all when he comes again.
func TestStoppedScoringLeavesNoFile(t *testing.T) {
	store, run := scored(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	files := func() []string {
		found, err := filepath.Glob(filepath.Join(run.Folder, "scores", "*"))
		require.NoError(t, err)
		return found
	}
	_, err := store.Engine.Scores(ctx, run, "svhn", 0, density.Noise{})
	require.ErrorIs(t, err, context.Canceled)
	images, err := store.Engine.TestImages("lsun", 3)
	require.NoError(t, err)
	_, err = store.Engine.ScoreMade(ctx, run, "mixes", images)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, files())
	table, err := store.Engine.Scores(t.Context(), run, "svhn", 0, density.Noise{})
	require.NoError(t, err)
	require.Len(t, table.Rows, runstest.TestImages)
	require.Len(t, files(), 1)
}

// A run that is still trained has weights, and no scores yet.
func TestUnfinishedRunIsNotScored(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in"}})
	store.Weights("glow-in", 1)
	run := store.Run("glow-in", 1)
	_, err := store.Engine.Scores(t.Context(), run, "svhn", 3, density.Noise{})
	require.EqualError(t, err, "run "+run.Info.ID+" is not finished: strata train --resume goes on with it")
}

// A family is passed over where a set that it needs is absent, and not where one is damaged, unless another is chosen for it.
func TestRolesOfDamagedSets(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	roles, err := store.Engine.Roles(nil)
	require.NoError(t, err)
	require.Equal(t, "imagenet32", roles.Family)
	require.NoError(t, os.RemoveAll(filepath.Join(store.Data, "imagenet32")))
	roles, err = store.Engine.Roles(nil)
	require.NoError(t, err)
	require.Equal(t, "procedural", roles.Family)
	damaged := filepath.Join(store.Data, "imagenet32.zip")
	store.Write(damaged, []byte("PK"))
	_, err = store.Engine.Roles(nil)
	require.ErrorContains(t, err, "set imagenet32, general in family imagenet32, cannot be read: "+damaged)
	_, err = store.Engine.Roles(map[string]string{"general": "svhn"})
	require.ErrorContains(t, err, "set imagenet32_grey, grey_general in family imagenet32", "which is made of it")
	store.Write(filepath.Join(store.Data, "notes", "readme.txt"), []byte("no set"))
	require.NoError(t, os.Remove(damaged))
	_, err = store.Engine.Roles(nil)
	require.NoError(t, err, "a folder that plays no role")
}

// A set is opened once, whatever is made of it; sets that strata did not draw are somebody's.
func TestSets(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	grey, err := store.Engine.Set("imagenet32_grey", imageset.Test)
	require.NoError(t, err)
	require.Equal(t, 1, grey.Channels)
	colour, err := store.Engine.Set("imagenet32", imageset.Test)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(store.Data))
	again, err := store.Engine.Set("imagenet32_grey", imageset.Test)
	require.NoError(t, err)
	require.Same(t, grey, again)
	require.Len(t, colour.Pixels, 3*len(grey.Pixels))
	_, err = store.Engine.Set("imagenet32", imageset.Train)
	require.Error(t, err, "it is not there any more")
	require.False(t, store.Engine.Drawn("imagenet32"))
	require.False(t, store.Engine.Drawn("nowhere"), "what cannot be opened might be anybody's")
}

// A classifier's scores are its log-odds, in one column, kept as those of other runs are.
func TestClassifierScores(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	q := runs.Request{Set: "cifar10", Model: "classifier", Outliers: "svhn", Size: store.Size, Seed: 1, Steps: 1}
	q.Size.Batch, q.Size.Budgets = 2, nil
	run, err := store.Engine.Train(t.Context(), q)
	require.NoError(t, err)
	require.True(t, run.Info.Done)
	require.Equal(t, 1, run.Steps())
	table, err := store.Engine.Scores(t.Context(), run, "lsun", 4, density.Noise{})
	require.NoError(t, err)
	require.Equal(t, []string{"log_odds"}, table.Columns)
	images, err := store.Engine.TestImages("lsun", 4)
	require.NoError(t, err)
	odds, err := store.Engine.Classify(t.Context(), run, images)
	require.NoError(t, err)
	for i, row := range table.Rows {
		require.InDelta(t, odds[i], row.Values[0], 1e-6)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(run.Folder, "checkpoints")))
	again, err := another(store).Scores(t.Context(), run, "lsun", 4, density.Noise{})
	require.NoError(t, err)
	require.Equal(t, table, again)
	_, err = another(store).Classify(t.Context(), run, images)
	require.Error(t, err)
}

// A run that is trained is looked at on its way, records what it was, and is found by whoever asks again.
func TestTrainLeavesARecord(t *testing.T) {
	t.Setenv(backend.Variable, "")
	store := runstest.New(t, runstest.Options{})
	q := runs.Request{Set: "cifar10", Size: store.Size, Seed: 1, Steps: 4, Watch: []string{"svhn"}}
	q.Size.Batch, q.Size.CurvePoints, q.Size.CurveImages, q.Size.CheckpointEvery = 2, 2, 3, 3
	run, err := store.Engine.Train(t.Context(), q)
	require.NoError(t, err)
	curve, err := store.Engine.Curve(run, "svhn", 3)
	require.NoError(t, err)
	steps, err := curve.Steps()
	require.NoError(t, err)
	require.Equal(t, []int{2, 4}, steps)
	found, err := runs.Open(store.Runs, run.Info.ID)
	require.NoError(t, err)
	require.Equal(t, run.Info, found.Info)
	require.True(t, found.Info.Done)
	require.Positive(t, found.Info.Seconds)
	require.Positive(t, found.Info.LastValue)
	require.Equal(t, 4, found.Steps())
	require.Equal(t, "go", found.Info.Place.Kind())
	require.False(t, found.Info.Finished.Before(found.Info.Started))
	bytes, err := found.Bytes()
	require.NoError(t, err)
	require.Greater(t, bytes, int64(1000))
	tuned, err := store.Engine.Train(t.Context(), runs.Request{Set: "svhn", Size: q.Size, Seed: 1, Steps: 1,
		Parent: found})
	require.NoError(t, err)
	require.Equal(t, found.Info.ID, tuned.Info.Spec.Parent)
}
