package runs

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"strata/pkg/imageset"
	"strata/pkg/ledger"
	"strata/pkg/optimiser"
	"strata/pkg/score"
	"strata/pkg/tiles"

	"github.com/stretchr/testify/require"
)

func TestDeclarations(t *testing.T) {
	for _, name := range plan.SizeNames() {
		size, err := plan.LoadSize(name)
		require.NoError(t, err)
		require.Equal(t, name, size.Name)
	}
	_, err := plan.LoadSize("huge")
	require.ErrorContains(t, err, "smoke, demo, long, small, gpu, paper")
	paper, err := plan.LoadSize("paper")
	require.NoError(t, err)
	require.Equal(t, optimiser.PaperAdamax(), paper.Optimiser.apply(optimiser.PaperAdamax()), "the paper's size has the paper's optimiser")
	require.Equal(t, optimiser.PaperAdamax(), paper.Finetune.apply(optimiser.PaperAdamax()))
	require.Equal(t, []int{3, 32, 512, 64, 195250}, []int{paper.Networks.Glow.Scales, paper.Networks.Glow.K, paper.Networks.Glow.Hidden, paper.Batch, paper.Steps})

	require.True(t, plan.Flip("cifar10"))
	require.False(t, plan.Flip("digits"))
	require.Equal(t, "SVHN", plan.StandsFor("digits"))
}

func TestDefaultRoles(t *testing.T) {
	procedural := []string{"leaves", "shapes", "digits", "textures"}
	roles, err := plan.DefaultRoles(procedural)
	require.NoError(t, err)
	require.Equal(t, "procedural", roles.Family)
	// One real set of a family is not enough: likelihoods across families must not be compared.
	roles, err = plan.DefaultRoles(append(procedural, "cifar10_q75"))
	require.NoError(t, err)
	require.Equal(t, "shapes_in", roles.Set("in"))
	roles, err = plan.DefaultRoles(append(procedural, "cifar10_q75", "tinyimagenet32_q75", "colour_numbers_q75", "dtd_part_q75"))
	require.NoError(t, err)
	require.Equal(t, "cifar10_q75_in", roles.Set("in"))
	require.Equal(t, "cifar10_q75_near", roles.Set("near"))
	require.Empty(t, roles.Set("grey_in"), "no Fashion-MNIST at hand")
	_, err = plan.DefaultRoles(nil)
	require.Error(t, err)
}

// Whatever changes a result changes the run's address; how it is carried out does not.
func TestSpecIDs(t *testing.T) {
	engine := &Engine{Cache: testCache, Runs: t.TempDir(), Out: io.Discard}
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	id := func(change func(*Request)) string {
		q := Request{Set: "shapes", Size: size, Seed: 1}
		if change != nil {
			change(&q)
		}
		spec, err := engine.Spec(q)
		require.NoError(t, err)
		return spec.ID()
	}
	same := id(nil)
	require.Equal(t, same, id(nil))
	require.Equal(t, same, id(func(q *Request) { q.Size.CheckpointEvery = 99 }))
	flip := false
	for name, change := range map[string]func(*Request){
		"seed": func(q *Request) { q.Seed = 2 }, "steps": func(q *Request) { q.Steps = 5 }, "rate": func(q *Request) { q.Rate = 1 },
		"set": func(q *Request) { q.Set = "leaves" }, "flip": func(q *Request) { q.Flip = &flip }, "images": func(q *Request) { q.Size.TrainImages = 100 },
		"parent": func(q *Request) {
			spec, err := engine.Spec(Request{Set: "leaves", Size: size, Seed: 1})
			require.NoError(t, err)
			q.Parent = &Run{Info: Info{ID: spec.ID(), Spec: spec}}
		},
	} {
		require.NotEqual(t, same, id(change), name)
	}
}

// Two figures' runs at size smoke: once trained, nothing is trained, scored or inverted again, and the files are the same bytes. What is not
// trained has no column and no picture.
func TestReproduceTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("trains eight runs")
	}
	runs := t.TempDir()
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	all, err := plan.LoadConfigurations()
	require.NoError(t, err)
	wanted, err := all.For("figS7", "fig3")
	require.NoError(t, err)
	var files [2]map[string]string
	var stores [2]map[string]time.Time
	for i := range files {
		engine := &Engine{Cache: testCache, Runs: runs, Out: io.Discard, Resume: true}
		available, err := engine.Available()
		require.NoError(t, err)
		roles, err := plan.DefaultRoles(available)
		require.NoError(t, err)
		schedule, err := engine.Schedule(wanted, size, roles, []uint64{1})
		require.NoError(t, err)
		require.NoError(t, engine.TrainAll(t.Context(), schedule))
		require.NoError(t, schedule.Failures())
		evaluation, err := engine.Evaluate(schedule)
		require.NoError(t, err)
		folder := t.TempDir()
		// A sheet of a run that is not there any more must not stay.
		require.NoError(t, os.MkdirAll(filepath.Join(folder, "pictures"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "pictures", "top_R11.csv"), nil, 0o644))
		_, claims, err := evaluation.Write(t.Context(), folder)
		require.NoError(t, err)
		for _, c := range claims {
			if slices.Contains([]string{"L1", "L5", "D1", "D2", "F2", "F3", "F5", "F6", "Q1"}, c.ID) {
				require.NotEqual(t, ledger.NotMeasured, c.Verdict, "%s: %s", c.ID, c.Note)
			}
		}
		files[i], stores[i] = contents(t, folder), modified(t, runs)
	}
	require.Equal(t, files[0], files[1])
	require.Equal(t, stores[0], stores[1], "no file of a run was touched")

	for _, name := range []string{"cells.csv", "cells_by_seed.csv", "claims.csv", "claims_over_steps.csv", "correlations.csv", "curves.csv", "pixel_differences.csv", "runs.csv",
		"scores.csv", "subsets.csv", "pictures/sets.png", "pictures/augmentation.csv", "pictures/fourier.png", "pictures/mixed.csv", "pictures/climbed.csv", "pictures/top_R06.csv"} {
		require.NotEmpty(t, files[0][name], name)
	}
	require.NotContains(t, files[0], "pictures/top_R11.csv", "R11 is not trained")
	require.NotContains(t, files[0], "scores_grey.csv", "no grey run is trained")
	require.NotContains(t, files[0], "scores_mri.csv", "of its runs only the general one is trained")
	requireTop(t, files[0])

	path := filepath.Join(t.TempDir(), "scores.csv")
	require.NoError(t, os.WriteFile(path, []byte(files[0]["scores.csv"]), 0o644))
	scores, err := score.Read(path)
	require.NoError(t, err)
	require.NotContains(t, scores.Columns, "glow-in-outlier-loss")
	// Per-scale contributions add up to the likelihood, within the rounding of float32 sums of thousands of nats and of the file.
	parts := make([][]float64, 4)
	for j, column := range []string{"glow-in-from-general", "R06_c1", "R06_c2", "R06_c3"} {
		parts[j], err = scores.Column(column, nil)
		require.NoError(t, err)
	}
	for j, total := range parts[0] {
		require.InDelta(t, total, parts[1][j]+parts[2][j]+parts[3][j], 0.01)
	}

	run, err := OpenRun(runs, "glow-leaves")
	require.NoError(t, err)
	require.True(t, run.Info.Done)
	_, err = OpenRun(runs, "glow-digits")
	require.ErrorContains(t, err, "could be any of")
	_, err = OpenRun(runs, "nothing")
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

// requireTop looks at the most likely images: of the training images that the size names, the best first, each the picture that its place says.
func requireTop(t *testing.T, files map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"top_R06.csv", "top_R06.png"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(files["pictures/"+name]), 0o644))
	}
	sheet, err := tiles.Read(filepath.Join(folder, "top_R06"))
	require.NoError(t, err)
	require.Equal(t, 3, sheet.Rows())
	require.Equal(t, shownTop, sheet.Columns())
	train, err := (&Engine{Cache: testCache, Out: io.Discard}).Set(sheet.Tiles[0].Set, imageset.Train)
	require.NoError(t, err)
	for row, what := range []string{"raw of 256 training images", "ratio of 256 training images", "c3 of 256 training images"} {
		for column := range shownTop {
			tile := sheet.At(row, column)
			require.Equal(t, what, tile.What)
			require.Equal(t, train.Image(tile.Index), tile.RGB)
			if column > 0 {
				require.LessOrEqual(t, tile.Value, sheet.At(row, column-1).Value)
			}
		}
	}
}

// An epoch has whole batches only: the 195,250 steps of size paper are 250 epochs of CIFAR-10 (S4.1).
func TestEpochs(t *testing.T) {
	size, err := plan.LoadSize("paper")
	require.NoError(t, err)
	require.Equal(t, 250, size.Steps/imageset.BatchesPerEpoch(50_000, size.Batch))
	require.Equal(t, 1, imageset.BatchesPerEpoch(10, 64))
}
