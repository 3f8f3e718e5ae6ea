// Package pictures makes the images of Figs 3A, 3B, S1, S7 and S8 from finished runs: exchanged and climbed latents,
// Fourier mixes, the most likely images, contact sheets. What claims about such pictures are judged by is computed
// from the same images.
package pictures

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/score"
)

// Maker makes pictures from the finished runs of a schedule, each once.
type Maker struct {
	engine   *runs.Engine
	schedule *runs.Schedule
	mix      *fourierMix
	values   map[string][]float64
}

// New prepares the pictures of a schedule's runs.
func New(engine *runs.Engine, schedule *runs.Schedule) *Maker {
	return &Maker{engine: engine, schedule: schedule, values: map[string][]float64{}}
}

// likelihood is the column of ln p in a run's score files.
const likelihood = "log_likelihood"

// inAndSmooth are the roles whose images are mixed.
var inAndSmooth = []string{"in", "smooth"}

// last is the column of the Glows' last scale.
func (v *Maker) last() string { return fmt.Sprintf("c%d", v.schedule.Size.Glow().Scales) }

// places are the places in its test split of the images of a role that are scored.
func (v *Maker) places(role string) ([]int, error) {
	name, err := v.schedule.Roles.Need(role)
	if err != nil {
		return nil, err
	}
	return v.engine.TestPlaces(name, v.schedule.Size.TestImages)
}

// shownPairs are how many rows of mixed and climbed images, and how many Fourier mixes of each kind, a figure has to
// choose from.
const (
	shownPairs = 8
	shownMixes = 2
	shownTop   = 12 // as in the paper
)

// Write writes the sheets of what is trained. What is not there, or cannot be made, has no sheet, and an older
// evaluation's is removed: it would be of runs that this one does not know.
func (v *Maker) Write(ctx context.Context, folder string) error {
	seed := v.schedule.Seeds[0]
	var problems plan.Problems
	for _, s := range []struct {
		name string
		draw func() (*result.Sheet, error)
	}{
		{"sets", v.setsSheet},
		{"augmentation", v.augmentationSheet},
		{"fourier", func() (*result.Sheet, error) { return v.fourierSheet(ctx, seed) }},
		{"mixed", func() (*result.Sheet, error) {
			sheet, err := v.mixed(ctx, seed)
			return firstRows(sheet, shownPairs), err
		}},
		{"climbed", func() (*result.Sheet, error) { return v.climbedSheet(ctx, seed) }},
		{result.TopSheet(topGlows[0]), func() (*result.Sheet, error) { return v.topSheet(ctx, seed, topGlows[0]) }},
		{result.TopSheet(topGlows[1]), func() (*result.Sheet, error) { return v.topSheet(ctx, seed, topGlows[1]) }},
	} {
		sheet, err := s.draw()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			err = result.WriteSheet(folder, s.name, sheet, v.engine.Drawn)
		case errors.Is(err, plan.ErrAbsent):
			err = result.RemoveSheet(folder, s.name)
		default:
			err = errors.Join(err, result.RemoveSheet(folder, s.name))
		}
		problems.Add(s.name, err)
	}
	v.mix = nil // images of hundreds of megabytes at the paper's size
	return problems.Err()
}

func firstRows(sheet *result.Sheet, n int) *result.Sheet {
	if sheet == nil {
		return nil
	}
	shown := *sheet
	shown.Tiles = slices.DeleteFunc(slices.Clone(sheet.Tiles), func(t result.Tile) bool { return t.Row >= n })
	return &shown
}

// topGlows are the Glows whose most likely images are shown (Figs S7, S8), and generalGlow the one that they are compared with.
var topGlows = []string{"glow-in-from-general", "glow-in-outlier-loss"}

const generalGlow = "glow-general"

// Score makes the scores of a finished run that pictures and the claims about them are made of, as far as they are
// missing: a network is loaded once where this is called when it has scored its other images. What is wrong is told
// when the pictures are made.
func (v *Maker) Score(ctx context.Context, configuration string, seed uint64) {
	run, err := v.schedule.Run(configuration, seed)
	if err != nil {
		return
	}
	if name := v.schedule.Roles.Set("general"); name != "" && seed == v.schedule.Seeds[0] &&
		slices.Contains(append(topGlows, generalGlow), configuration) {
		of := v.schedule.Size.TopImages
		if !v.engine.HasScores(run, name, imageset.Train, of, density.Noise{}) {
			v.engine.SplitScores(ctx, run, name, imageset.Train, of, density.Noise{})
		}
	}
	if configuration == mixedGlow {
		v.Values(ctx, score.Column{Role: "fourier", Name: "mixed", Seed: seed}) // claims will ask for them, when the mixes are gone
	}
}

// topSheet has the training images of general that the scores of a Glow like best (Figs S7, S8): rows raw, ratio and last scale, the best
// first; values are the scores, nats.
func (v *Maker) topSheet(ctx context.Context, seed uint64, configuration string) (*result.Sheet, error) {
	name, err := v.schedule.Roles.Need("general")
	if err != nil {
		return nil, err
	}
	train, err := v.engine.Set(name, imageset.Train)
	if err != nil {
		return nil, err
	}
	var tables [2]*result.Scores
	for i, of := range []string{configuration, generalGlow} {
		run, err := v.schedule.Run(of, seed)
		if err != nil {
			return nil, err
		}
		if tables[i], err = v.engine.SplitScores(ctx, run, name, imageset.Train, v.schedule.Size.TopImages, density.Noise{}); err != nil {
			return nil, err
		}
	}
	var columns [3][]float64
	for i, of := range []struct {
		table  *result.Scores
		column string
	}{{tables[0], likelihood}, {tables[1], likelihood}, {tables[0], v.last()}} {
		values, err := of.table.Column(of.column, nil)
		if err != nil {
			return nil, err
		}
		columns[i], _ = metric.ReplaceNonFinite(values)
	}
	ratio, err := score.Ratio(columns[0], columns[1])
	if err != nil {
		return nil, err
	}
	sheet := &result.Sheet{}
	for row, s := range []struct {
		what   string
		values []float64
	}{{"raw", columns[0]}, {"ratio", ratio}, {v.last(), columns[2]}} {
		for column, at := range score.Highest(s.values, shownTop) {
			t := result.Tile{Row: row, Column: column, What: fmt.Sprintf("%s of %d training images", s.what, len(s.values)),
				Role: "general", Set: name, Index: tables[0].Rows[at].Index, Value: s.values[at]}
			t.Class = train.Class(t.Index)
			if err := sheet.Add(t, train, t.Index); err != nil {
				return nil, err
			}
		}
	}
	return sheet, nil
}

// shownRoles are the sets of the contact sheet, as far as they are at hand and of one size.
var shownRoles = []string{"in", "near", "smooth", "general", "far", "faces", "further", "grey_in", "grey_smooth", "mri_one", "mri_others"}

// setsSheet has a row a role: test images, the classes in turn.
func (v *Maker) setsSheet() (*result.Sheet, error) {
	sheet, row := &result.Sheet{}, 0
	for _, role := range shownRoles {
		if v.schedule.Roles.Set(role) == "" {
			continue
		}
		test, err := v.testImages(role, math.MaxInt)
		if err != nil {
			return nil, err
		}
		places, err := v.places(role)
		if err != nil {
			return nil, err
		}
		if sheet.Height != 0 && (test.Height != sheet.Height || test.Width != sheet.Width) {
			continue
		}
		for column, i := range inTurn(test, shownTop) {
			t := result.Tile{Row: row, Column: column, What: "image", Role: role, Set: test.Name, Index: places[i],
				Class: test.Class(i), Value: math.NaN()}
			if err := sheet.Add(t, test, i); err != nil {
				return nil, err
			}
		}
		row++
	}
	return sheet, nil
}

// inTurn are n images, one of each class after the other, in the order of the set; of a set without labels the first n.
func inTurn(set *imageset.Set, n int) []int {
	images := make([]int, set.Len())
	turn := make([]int, set.Len()) // how many images of its class stand before an image
	seen := map[int32]int{}
	for i := range images {
		images[i] = i
		if set.Labels != nil {
			turn[i] = seen[set.Labels[i]]
			seen[set.Labels[i]]++
		}
	}
	if set.Labels != nil {
		slices.SortStableFunc(images, func(a, b int) int {
			return cmp.Or(cmp.Compare(turn[a], turn[b]), cmp.Compare(set.Labels[a], set.Labels[b]))
		})
	}
	return images[:min(n, len(images))]
}

// augmentationSheet shows what training makes of some training images of in, near, smooth and general: the image,
// then draws (S4.1).
func (v *Maker) augmentationSheet() (*result.Sheet, error) {
	sheet, row := &result.Sheet{}, 0
	rng := rand.New(rand.NewPCG(opened.SubsetSeed, 0x617567))
	for _, role := range []string{"in", "near", "smooth", "general"} {
		name := v.schedule.Roles.Set(role)
		if name == "" {
			continue
		}
		train, _, err := v.engine.TrainingImages(name, v.schedule.Size.TrainImages)
		if err != nil {
			return nil, err
		}
		split, err := v.engine.Set(name, imageset.Train)
		if err != nil {
			return nil, err
		}
		place := split.Choose(v.schedule.Size.TrainImages, opened.SubsetSeed)[0]
		augmentation := plan.Augmentation(name, imageset.PaperAugmentation)
		drawn := withPixels(train, slices.Clone(train.Image(0)))
		for column := range shownTop {
			t := result.Tile{Row: row, Column: column, What: "training image", Role: role, Set: name, Index: place,
				Class: train.Class(0), Value: math.NaN()}
			if column > 0 {
				t.What = "translated"
				if augmentation.Flip {
					t.What = "translated, perhaps mirrored"
				}
				drawn = withPixels(train, make([]uint8, train.ImageSize()))
				imageset.Augment(drawn.Pixels, train.Image(0), train.Height, train.Width, train.Channels, augmentation, rng)
			}
			if err := sheet.Add(t, drawn, 0); err != nil {
				return nil, err
			}
		}
		row++
	}
	return sheet, nil
}
