package pictures

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs/runstest"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// few is a store whose network mixedGlow has the weights that training starts from, with a few test images of each set.
func few(t *testing.T) *runstest.Store {
	t.Helper()
	store := runstest.New(t, runstest.Options{Size: func(s *plan.Size) { s.TestImages = 8 }})
	store.Finish(mixedGlow, "glow-general")
	store.Weights(mixedGlow, 1)
	store.Score(runstest.Normal)
	return store
}

// requireTile looks whether a tile is the picture that it says it is.
func requireTile(t *testing.T, store *runstest.Store, split string, tile *result.Tile) {
	t.Helper()
	set, err := store.Engine.Set(tile.Set, split)
	require.NoError(t, err)
	require.Equal(t, store.Roles.Set(tile.Role), tile.Set)
	require.Equal(t, set.Image(tile.Index), tile.RGB, "%s image %d", tile.Set, tile.Index)
	require.Equal(t, set.Class(tile.Index), tile.Class)
}

// Without any run there are the sheets of the sets; sheets of what is not there any more are removed.
func TestSheetsWithoutRuns(t *testing.T) {
	store, folder := runstest.New(t, runstest.Options{Size: func(s *plan.Size) { s.TestImages = 30 }}), t.TempDir()
	old := result.SheetPath(folder, "mixed") + ".csv"
	store.Write(old, nil)
	require.NoError(t, New(store.Engine, store.Schedule()).Write(t.Context(), folder))
	require.NoFileExists(t, old)
	entries, err := os.ReadDir(filepath.Join(folder, "pictures_ignored"))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{".gitignore", "augmentation.csv", "augmentation.png", "sets.csv", "sets.png"}, names,
		"images that strata did not draw (review, D5)")

	path, _ := result.FindSheet(folder, "sets")
	sets, err := result.ReadSheet(path)
	require.NoError(t, err)
	require.Equal(t, []int{5, 12}, []int{sets.Rows(), sets.Columns()})
	for row, role := range []string{"in", "near", "smooth", "general", "far"} {
		classes := map[string]int{}
		for column := range 12 {
			tile := sets.At(row, column)
			require.Equal(t, role, tile.Role)
			requireTile(t, store, imageset.Test, tile)
			classes[tile.Class]++
		}
		require.GreaterOrEqual(t, len(classes), 9, "each class in its turn")
	}

	path, _ = result.FindSheet(folder, "augmentation")
	augmented, err := result.ReadSheet(path)
	require.NoError(t, err)
	require.Equal(t, []int{4, 12}, []int{augmented.Rows(), augmented.Columns()})
	for row, role := range []string{"in", "near", "smooth", "general"} {
		first := augmented.At(row, 0)
		require.Equal(t, role, first.Role)
		requireTile(t, store, imageset.Train, first)
		says := "translated, perhaps mirrored"
		if role == "smooth" {
			says = "translated" // digits are not mirrored
		}
		changed := 0
		for column := 1; column < 12; column++ {
			tile := augmented.At(row, column)
			require.Equal(t, says, tile.What)
			if !bytes.Equal(tile.RGB, first.RGB) {
				changed++
			}
		}
		require.Greater(t, changed, 7)
	}
}

// Sheets of sets that strata draws stay where git looks; one set of somebody's among them takes the sheet away (review,
// D5).
func TestDrawnSheetsStay(t *testing.T) {
	store, folder := runstest.New(t, runstest.Options{}), t.TempDir()
	store.Roles.Sets = map[string]string{"far": "textures"}
	require.NoError(t, New(store.Engine, store.Schedule()).Write(t.Context(), folder))
	require.FileExists(t, filepath.Join(folder, "pictures", "sets.png"))
	require.NoDirExists(t, filepath.Join(folder, "pictures_ignored"))
	store.Roles.Sets["near"] = "cifar100"
	require.NoError(t, New(store.Engine, store.Schedule()).Write(t.Context(), folder))
	require.FileExists(t, filepath.Join(folder, "pictures_ignored", "sets.png"))
	require.NoFileExists(t, filepath.Join(folder, "pictures", "sets.png"))
}

// The most likely images are those with the highest made-up scores, in their order, by each of three scores.
func TestTopByHand(t *testing.T) {
	store := runstest.New(t, runstest.Options{Size: func(s *plan.Size) { s.TopImages = 20 }})
	store.Finish(mixedGlow, "glow-general")
	made := func(v runstest.Value) float64 {
		if v.Configuration == mixedGlow && v.Column == likelihood && v.Image%2 == 0 {
			return math.Inf(1) // not the highest, but broken
		}
		return runstest.Normal(v)
	}
	store.Score(made)
	sheet, err := New(store.Engine, store.Schedule()).topSheet(t.Context(), 1, mixedGlow)
	require.NoError(t, err)
	train, err := store.Engine.Set("imagenet32", imageset.Train)
	require.NoError(t, err)
	places := train.Choose(20, 2020)
	value := func(configuration, column string, place int) float64 {
		v := made(runstest.Value{Configuration: configuration, Seed: 1, Role: "general", Column: column, Train: true,
			Image: place})
		if math.IsInf(v, 0) {
			return metric.NonFiniteScore
		}
		return v
	}
	for row, of := range map[int]func(place int) float64{
		0: func(place int) float64 { return value(mixedGlow, likelihood, place) },
		1: func(place int) float64 {
			return value(mixedGlow, likelihood, place) - value("glow-general", likelihood, place)
		},
		2: func(place int) float64 { return value(mixedGlow, "c3", place) },
	} {
		best := slices.Clone(places)
		slices.SortStableFunc(best, func(a, b int) int { return map[bool]int{true: -1, false: 1}[of(a) > of(b)] })
		require.Equal(t, []string{"raw of 20 training images", "ratio of 20 training images",
			"c3 of 20 training images"}[row], sheet.At(row, 0).What)
		for column := range 12 {
			tile := sheet.At(row, column)
			requireTile(t, store, imageset.Train, tile)
			require.InDelta(t, of(tile.Index), tile.Value, 1e-9)
			require.InDelta(t, of(best[column]), tile.Value, 1e-9, "row %d, column %d", row, column)
		}
	}
	_, err = New(store.Engine, store.Schedule()).topSheet(t.Context(), 1, "glow-in-outlier-loss")
	require.ErrorIs(t, err, plan.ErrAbsent)
}

// Fourier mixes: every image of in and smooth gives its amplitudes to one mix and its phases to one, and the sheet
// shows which.
func TestFourierMixes(t *testing.T) {
	store := few(t)
	maker := New(store.Engine, store.Schedule())
	m, err := maker.fourierMix()
	require.NoError(t, err)
	own, mixed, err := maker.fourierScores(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 16, m.images.Len())
	sorted := slices.Sorted(slices.Values(m.order))
	for i, from := range sorted {
		require.Equal(t, i, from)
	}
	value := func(role string, place int) float64 {
		return runstest.Normal(runstest.Value{Configuration: mixedGlow, Seed: 1, Role: role, Column: likelihood,
			Image: place})
	}
	sheet, err := maker.fourierSheet(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 3, sheet.Columns())
	kinds := map[string]int{}
	for row := range sheet.Rows() {
		amplitude, phase, mixed := sheet.At(row, 0), sheet.At(row, 1), sheet.At(row, 2)
		kinds[amplitude.Role+" "+phase.Role]++
		for _, tile := range []*result.Tile{amplitude, phase} {
			requireTile(t, store, imageset.Test, tile)
			require.Equal(t, value(tile.Role, tile.Index), tile.Value)
		}
		require.Equal(t, []string{"amplitude", "phase", "result"}, []string{amplitude.What, phase.What, mixed.What})
		require.NotEqual(t, amplitude.RGB, mixed.RGB)
		require.Equal(t, amplitude.Index, mixed.Index)
	}
	for kind, n := range kinds {
		require.LessOrEqual(t, n, shownMixes, kind)
	}
	require.Len(t, kinds, 4)

	// What the claim is judged by are the same numbers, each with its mix; they need no network the second time.
	require.NoError(t, os.RemoveAll(filepath.Join(store.Run(mixedGlow, 1).Folder, "checkpoints")))
	again := New(store.Engine, store.Schedule())
	values := func(name string) []float64 {
		values, err := again.Values(t.Context(), score.Column{Role: "fourier", Name: name, Seed: 1})
		require.NoError(t, err)
		return values
	}
	require.Equal(t, own, values("amplitude"))
	require.Equal(t, mixed, values("mixed"))
	for i, from := range m.order {
		require.Equal(t, own[from], values("phase")[i])
	}
	_, err = again.Values(t.Context(), score.Column{Role: "fourier", Name: "beauty", Seed: 1})
	require.ErrorContains(t, err, "nothing is called")
	require.NotErrorIs(t, err, plan.ErrAbsent)
}

// Exchanged and climbed latents: the images that it began with, what became of them, and both kept beside the run.
func TestLatents(t *testing.T) {
	whole := climb.steps
	t.Cleanup(func() { climb.steps = whole })
	climb.steps = 2
	store := few(t)
	maker := New(store.Engine, store.Schedule())
	mixed, err := maker.mixed(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []int{8, 4}, []int{mixed.Rows(), mixed.Columns()})
	for row := range 8 {
		requireTile(t, store, imageset.Test, mixed.At(row, 0))
		requireTile(t, store, imageset.Test, mixed.At(row, 1))
		for column, role := range []string{"in", "smooth", "in", "smooth"} {
			require.Equal(t, role, mixed.At(row, column).Role)
		}
		require.NotEqual(t, mixed.At(row, 0).RGB, mixed.At(row, 2).RGB, "it has the other's early latents")
		require.Equal(t, mixed.At(row, 0).Index, mixed.At(row, 2).Index, "and these last ones")
	}
	climbed, err := maker.climbed(t.Context(), 1, "smooth", 3)
	require.NoError(t, err)
	require.Equal(t, []int{3, 2}, []int{climbed.Rows(), climbed.Columns()})
	for row := range 3 {
		requireTile(t, store, imageset.Test, climbed.At(row, 0))
		require.Greater(t, climbed.At(row, 1).Value, climbed.At(row, 0).Value, "ln p was climbed")
	}
	gains, err := maker.Values(t.Context(), score.Column{Role: "climbed", Name: "gain of ln p", Seed: 1})
	require.NoError(t, err)
	require.Len(t, gains, 8)
	for _, gain := range gains {
		require.Positive(t, gain)
	}
	left, err := maker.Values(t.Context(), score.Column{Role: "climbed", Name: "share of total variation left",
		Seed: 1})
	require.NoError(t, err)
	require.Less(t, left[0], 1.5)

	folder := t.TempDir()
	require.NoError(t, maker.Write(t.Context(), folder))
	kept, err := filepath.Glob(filepath.Join(store.Run(mixedGlow, 1).Folder, "pictures", "*.csv"))
	require.NoError(t, err)
	require.Len(t, kept, 4, "mixed, climbed of in and of smooth, and that of three images above")

	// Another climb is another sheet, and a stop ends each.
	rate := climb.rule.Rate
	climb.rule.Rate = 2 * rate
	faster, err := maker.climbed(t.Context(), 1, "smooth", 3)
	climb.rule.Rate = rate
	require.NoError(t, err)
	require.NotEqual(t, climbed.At(0, 1).Value, faster.At(0, 1).Value)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, path := range kept {
		if strings.HasPrefix(filepath.Base(path), "mixed") {
			require.NoError(t, os.Rename(path, path+".aside"))
			_, err = New(store.Engine, store.Schedule()).mixed(stopped, 1)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, os.Rename(path+".aside", path))
		}
	}

	// Inverting takes minutes: what is kept is read again, and needs no weights.
	require.NoError(t, os.RemoveAll(filepath.Join(store.Run(mixedGlow, 1).Folder, "checkpoints")))
	again := New(store.Engine, store.Schedule())
	same, err := again.mixed(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, mixed, same)
	require.NoError(t, again.Write(t.Context(), folder))
	path, ignored := result.FindSheet(folder, "climbed")
	require.True(t, ignored)
	both, err := result.ReadSheet(path)
	require.NoError(t, err)
	require.Equal(t, 2*shownPairs, both.Rows(), "eight of in, then eight of smooth")
	require.Equal(t, "in", both.At(0, 0).Role)
	require.Equal(t, "smooth", both.At(shownPairs, 1).Role)

	// A kept sheet that is damaged is an error, and an older sheet of the results folder does not stand for it.
	for _, path := range kept {
		store.Write(path, []byte("row"))
	}
	err = New(store.Engine, store.Schedule()).Write(t.Context(), folder)
	require.ErrorContains(t, err, "mixed: ")
	require.ErrorContains(t, err, "climbed: ")
	require.NotErrorIs(t, err, result.ErrNotWritten)
	for _, name := range []string{"mixed", "climbed"} {
		path, _ := result.FindSheet(folder, name)
		require.NoFileExists(t, path+".csv")
	}
	path, _ = result.FindSheet(folder, "fourier")
	require.FileExists(t, path+".csv")
	require.ErrorIs(t, New(store.Engine, store.Schedule()).Write(stopped, folder), context.Canceled)
}

// Without a classifier nobody can say what mixed images look like.
func TestMixedValuesNeedTheJudge(t *testing.T) {
	store := few(t)
	_, err := New(store.Engine, store.Schedule()).Values(t.Context(), score.Column{Role: "mixed",
		Name: "looks like its last latents", Seed: 1})
	require.ErrorIs(t, err, plan.ErrAbsent)
	require.EqualError(t, err, "classifier-in-or-smooth is not trained")
}
