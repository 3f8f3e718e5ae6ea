package evaluate

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs/runstest"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// A score file of results has the images that the cells are of, each with its own place and values, rounded to what
// float32 has, and a column for each configuration that is trained and each of its scales.
func TestScoreFiles(t *testing.T) {
	whole := mostFileImages
	t.Cleanup(func() { mostFileImages = whole })
	mostFileImages = 5
	store := runstest.New(t, runstest.Options{
		More: map[string]string{"grey_in": "fashion_mnist", "grey_smooth": "mnist"},
		Size: func(s *plan.Size) { s.TestImages = 12 }})
	store.Finish("glow-general", "glow-in", "glow-grey-in")
	broken := func(v runstest.Value) float64 {
		if v.Configuration == "glow-in" && v.Role == "far" {
			return math.NaN()
		}
		return runstest.Normal(v)
	}
	store.Score(broken)
	v, folder := of(t, store), t.TempDir()
	mri := filepath.Join(folder, result.MRIScoresFile)
	require.NoError(t, os.WriteFile(mri, nil, 0o644)) // of an older evaluation
	require.NoError(t, v.writeScores(t.Context(), folder))
	require.NoFileExists(t, mri, "no set plays its roles")

	table, err := result.ReadScores(filepath.Join(folder, result.ScoresFile))
	require.NoError(t, err)
	require.Equal(t, strings.Fields(`png_bytes pseudo_general pseudo_in pseudo_smooth
		glow-general glow-general/c1 glow-general/c2 glow-general/c3
		glow-in glow-in/c1 glow-in/c2 glow-in/c3`), table.Columns)
	require.Len(t, table.Rows, 5*5, "five of each role's twelve images")
	var roles []string
	for i, row := range table.Rows {
		roles = append(roles, row.Role)
		places, err := store.Engine.TestPlaces(row.Set, 5)
		require.NoError(t, err)
		require.Equal(t, places[i%5], row.Index)
		require.Equal(t, store.Roles.Set(row.Role), row.Set)
		images, err := store.Engine.TestImages(row.Set, 0)
		require.NoError(t, err)
		png, err := score.PNGBytes(images.Image(row.Index), 32, 32, 3)
		require.NoError(t, err)
		require.Equal(t, float64(png), row.Values[0])
		d, err := v.density("in")
		require.NoError(t, err)
		pseudo, err := d.LogLikelihoods(images.Chunk(row.Index, 1))
		require.NoError(t, err)
		require.InEpsilon(t, pseudo[0], row.Values[2], 1e-6)
		of := runstest.Value{Configuration: "glow-in", Seed: 1, Role: row.Role, Column: "c3", Image: row.Index}
		if row.Role == "far" {
			require.Equal(t, -3e6, row.Values[11])
			continue
		}
		seven, err := strconv.ParseFloat(strconv.FormatFloat(broken(of), 'g', 7, 64), 64)
		require.NoError(t, err)
		require.Equal(t, seven, row.Values[11])
	}
	require.Equal(t, []string{"in", "near", "smooth", "general", "far"}, slices.Compact(roles),
		"as figures expect them")

	grey, err := result.ReadScores(filepath.Join(folder, result.GreyScoresFile))
	require.NoError(t, err)
	require.Equal(t, strings.Fields("glow-grey-in glow-grey-in/c1 glow-grey-in/c2 glow-grey-in/c3"), grey.Columns)
	require.Len(t, grey.Rows, 2*5)

	// A column that fails is told, and takes no other with it.
	path := store.ScoreFile("glow-in", 1, "near")
	store.Write(path, nil)
	err = of(t, store).writeScores(t.Context(), folder)
	require.ErrorContains(t, err, "scores.csv, glow-in: score file "+path)
	require.NotErrorIs(t, err, result.ErrNotWritten, "the file is there, without it")
	table, err = result.ReadScores(filepath.Join(folder, result.ScoresFile))
	require.NoError(t, err)
	require.Contains(t, table.Columns, "glow-general/c3")
	require.NotContains(t, table.Columns, "glow-in")
}

// A set that cannot be read any more takes its rows along, and no others.
func TestScoreFilesWithoutASet(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	store.Finish("glow-general", "glow-in")
	store.Score(runstest.Normal)
	again := runstest.New(t, runstest.Options{Folder: store.Folder}) // as another process, that has no set in memory
	require.NoError(t, os.RemoveAll(filepath.Join(again.Data, "lsun")))
	folder := t.TempDir()
	err := of(t, again).writeScores(t.Context(), folder)
	require.ErrorContains(t, err, `scores.csv: no image set "lsun"`)
	table, err := result.ReadScores(filepath.Join(folder, result.ScoresFile))
	require.NoError(t, err)
	require.Len(t, table.Rows, 4*runstest.TestImages)
	require.Contains(t, table.Columns, "glow-in/c3")
	require.Contains(t, table.Columns, "pseudo_smooth")
}

// quiet is a store in which everything that needs no weights is there: what is made from glow-in-from-general's latents
// is not.
func quiet(t *testing.T, o runstest.Options) *runstest.Store {
	t.Helper()
	store := runstest.New(t, o)
	store.Finish()
	store.Unfinish("glow-in-from-general")
	store.Score(runstest.Normal)
	return store
}

// What is not trained, and a role without a set, leave notes in the files and no error (review, D3).
func TestGapsAreNoErrors(t *testing.T) {
	store := quiet(t, runstest.Options{Roles: func(sets map[string]string) { delete(sets, "near") }})
	folder := t.TempDir()
	store.Unfinish("pixelcnn-general")
	written, err := of(t, store).Write(t.Context(), folder)
	require.NoError(t, err)
	cells, err := result.Read[result.Cell](folder)
	require.NoError(t, err)
	require.Len(t, cells, len(written))
	notes := map[string]int{}
	for _, c := range cells {
		if c.IsMeasured() {
			require.Empty(t, c.Note)
			continue
		}
		require.NotEmpty(t, c.Note, "%+v", c.Place)
		if c.ReportedBy() == "" && !c.IsMean() {
			notes[c.Note]++
		}
	}
	require.Equal(t, []string{"glow-in-from-general is not trained", "no set plays the role faces in family imagenet32",
		"no set plays the role further in family imagenet32", "no set plays the role near in family imagenet32",
		"pixelcnn-general is not trained"}, slices.Sorted(keys(notes)))
	rows, err := result.Read[result.Run](folder)
	require.NoError(t, err)
	problems := map[string]string{}
	for _, r := range rows {
		problems[r.Configuration] = r.Problem
	}
	require.Equal(t, "glow-near: no set plays the role near in family imagenet32", problems["glow-near"])
	require.Equal(t, "glow-near-from-itself: no set plays the role near in family imagenet32",
		problems["glow-near-from-itself"])
	require.Equal(t, "glow-in-from-general is not trained", problems["glow-in-from-general"])
	require.Empty(t, problems["glow-in"])
	require.NoFileExists(t, filepath.Join(folder, "pictures_ignored", "mixed.csv"))
}

func keys[V any](of map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range of {
			if !yield(key) {
				return
			}
		}
	}
}

// What is damaged, and a file that cannot be written, are errors at the end; every other cell, row and file is there
// all the same (review, D3), and nothing of the folder says where the store lies (D4).
func TestErrorsComeLast(t *testing.T) {
	home := filepath.Join(t.TempDir(), "somebodys-home")
	store, folder := quiet(t, runstest.Options{Folder: home}), t.TempDir()
	damaged := store.ScoreFile("glow-smooth-from-general", 1, "far")
	store.Write(damaged, []byte("role,set,index,log_likelihood\n"))
	record := filepath.Join(store.Run("glow-near", 1).Folder, "run.json")
	store.Write(record, []byte("{"))
	curve := store.Curve("glow-in", 1, "smooth").File(8)
	store.Write(curve, []byte("x"))
	odds := store.ScoreFile("classifier-in", 1, "in")
	require.NoError(t, os.Remove(odds)) // and there are no weights to score again
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "correlations.csv", "x"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pictures_ignored"), nil, 0o644))
	require.NoError(t, result.Begin(folder))

	cells, err := of(t, store).Write(t.Context(), folder)
	for _, says := range []string{"cells: table 1, SVHN against LSUN: score file " + damaged, "times more)",
		"cells: table S1, CIFAR100 against : glow-near: " + record, "cells: table S4, CIFAR10 against ",
		"no checkpoint", "scores: scores.csv, glow-smooth-from-general: score file " + damaged,
		"curves: glow-in: step 8: score file " + curve,
		filepath.Join(folder, "correlations.csv"), "pictures: sets: ", "pictures_ignored"} {
		require.ErrorContains(t, err, says)
	}
	require.ErrorIs(t, err, result.ErrNotWritten)
	require.Less(t, len(strings.Split(err.Error(), "\n")), 30,
		"each cause is told where it was met, and not for every cell")

	measured, broken := 0, 0
	for _, c := range cells {
		switch {
		case c.Note == brokenNote:
			broken++
			require.False(t, c.IsMeasured())
			require.True(t, c.Table == "S4" && c.In == "CIFAR10" ||
				c.In == "SVHN" && c.Out == "LSUN" && c.InModel() == "Glow" ||
				c.Table == "S1" && c.In == "CIFAR100" && c.Option("init") == "scratch", "%+v", c.Place)
		case c.IsMeasured():
			measured++
		}
	}
	require.Equal(t, 3+4+1, broken)
	require.Greater(t, measured, 130)
	read, err := result.Read[result.Cell](folder)
	require.NoError(t, err)
	require.Len(t, read, len(cells))
	runs, err := result.Read[result.Run](folder)
	require.NoError(t, err)
	at := slices.IndexFunc(runs, func(r result.Run) bool { return r.Configuration == "glow-near" })
	require.Equal(t, brokenNote, runs[at].Problem)
	curves, err := result.Read[result.CurvePoint](folder)
	require.NoError(t, err)
	require.Equal(t, []int{4, 12}, steps(curves, "glow-in", "smooth"))
	scores, err := result.ReadScores(filepath.Join(folder, result.ScoresFile))
	require.NoError(t, err)
	require.Contains(t, scores.Columns, "glow-in-outlier-loss/c3")
	for _, name := range []string{"cells_by_seed.csv", "pixel_differences.csv", "subsets.csv"} {
		require.FileExists(t, filepath.Join(folder, name))
	}
	requireNoPath(t, folder, "somebodys-home")
	requireNoPath(t, folder, os.TempDir())
}

// requireNoPath looks for a part of a path in all files of a folder.
func requireNoPath(t *testing.T, folder, part string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		require.False(t, bytes.Contains(text, []byte(part)), "%s has %s", path, part)
		return err
	}))
	require.Greater(t, files, 5)
}

// A stop ends the evaluation, and is not told as something that is wrong.
func TestStopEndsIt(t *testing.T) {
	store := quiet(t, runstest.Options{Wanted: []string{"table2"}})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	cells, err := of(t, store).Write(ctx, t.TempDir())
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, result.ErrNotWritten)
	require.Nil(t, cells)
}

// What runs.csv says of a run comes from its record.
func TestRunRows(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	store.Finish("glow-general", "glow-in-outlier-loss")
	rows, err := of(t, store).runs()
	require.NoError(t, err)
	require.Len(t, rows, len(store.Schedule().Runs))
	info := store.Run("glow-in-outlier-loss", 1).Info
	at := slices.IndexFunc(rows, func(r result.Run) bool { return r.ID == info.ID })
	general := store.Run("glow-general", 1).Info.ID
	want := result.Run{Configuration: "glow-in-outlier-loss", Seed: 1, ID: info.ID, Network: "Glow L3 K1 H8",
		Set: "cifar10", SetHash: info.Spec.SetHash[:16], TrainImages: runstest.TrainImages, Steps: 6, Batch: 16,
		Rate: 5e-5, Loss: "outlier", Outliers: "imagenet32", General: general, Parent: general, LastValue: 4.5,
		Dropped: 2, Skipped: 1, Backend: "xla plugin.so (v0.1)", Lowering: "library", Precision: "float32",
		Toolchain: "go", CodeVersion: info.Spec.CodeVersion, Seconds: 3, Finished: info.Finished}
	require.Equal(t, want, rows[at])
	require.Equal(t, "80 Million Tiny Images", rows[0].StandsFor)
}

func TestResultsFolder(t *testing.T) {
	schedule := runstest.New(t, runstest.Options{}).Schedule()
	want := filepath.Join("figures", "results", "imagenet32-smoke")
	require.Equal(t, want, ResultsFolder(schedule, "figures"))
	schedule.Roles = schedule.Roles.With("in", "my/own set")
	want = filepath.Join("figures", "results", "my_own_set-imagenet32-smoke")
	require.Equal(t, want, ResultsFolder(schedule, "figures"))
}

// What claims ask of an evaluation besides scores.
func TestNumbersForClaims(t *testing.T) {
	store := runstest.New(t, runstest.Options{Seeds: []uint64{5}})
	store.Finish("glow-general", "glow-in-from-general", "patch-in")
	store.Score(runstest.Normal)
	v := of(t, store)
	require.True(t, v.Has("near"))
	require.False(t, v.Has("faces"))
	require.Equal(t, 3, v.LastScale())
	bits, err := v.BitsPerDim("in", -3072*math.Ln2)
	require.NoError(t, err)
	require.InDelta(t, 9, bits, 1e-9)
	_, err = v.BitsPerDim("faces", 0)
	require.ErrorIs(t, err, plan.ErrAbsent)
	sets, networks, steps := v.Describe([]string{"in", "smooth", "in", "faces"},
		[]string{"glow-in-from-general", "patch-in", "glow-general", "glow-near"})
	require.Equal(t, "cifar10, svhn", sets)
	require.Equal(t, "Glow L3 K1 H8, patch Glow 8x8 K1 H8", networks)
	require.Equal(t, "glow-in-from-general 6 after 12, patch-in 12, glow-general 12", steps)

	value := func(of score.Column) (string, []float64) {
		population, values, err := v.Values(t.Context(), of)
		require.NoError(t, err)
		return population, values
	}
	population, values := value(score.Column{Configuration: "glow-general", Seed: 5, Role: "far", Name: "c1"})
	require.Equal(t, "far", population)
	want, _ := truth(runstest.Normal).of(store, runstest.Value{Configuration: "glow-general", Seed: 5, Role: "far",
		Column: "c1"}, 0)
	require.Equal(t, want, values)
	_, noisy := value(score.Column{Configuration: "glow-general", Seed: 5, Role: "far", Name: "c1", Noise: true})
	require.NotEqual(t, values, noisy)
	population, peaks := value(score.Column{Role: "smooth", Name: "peak"})
	require.Equal(t, "smooth, training images", population)
	require.Len(t, peaks, runstest.TrainImages)
	population, centre := value(score.Column{Role: "smooth", Name: "off_centre"})
	require.Empty(t, population, "of the set, not of its images")
	require.Len(t, centre, 1)
	_, variances := value(score.Column{Role: "smooth", Name: "variance"})
	images, err := store.Engine.TestImages("svhn", 0)
	require.NoError(t, err)
	require.InDelta(t, variance(images.Image(7)), variances[7], 1e-9)
	for _, c := range []struct {
		of   score.Column
		says string
	}{
		{score.Column{Role: "in", Name: "beauty"}, `nothing is known of images under the name "beauty"`},
		{score.Column{Configuration: "glow-general", Seed: 5, Role: "in", Name: "c7"},
			`scores of cifar10 by glow-general: score table has no column "c7"`},
		{score.Column{Configuration: "glow-of-nothing", Seed: 5, Role: "in", Name: "c1"}, "no configuration"},
	} {
		_, _, err := v.Values(t.Context(), c.of)
		require.ErrorContains(t, err, c.says)
		require.NotErrorIs(t, err, plan.ErrAbsent)
	}
	_, _, err = v.Values(t.Context(), score.Column{Role: "faces", Name: "png_bytes"})
	require.ErrorIs(t, err, plan.ErrAbsent)
}
