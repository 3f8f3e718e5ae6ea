package evaluate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"strata/pkg/density"
	"strata/pkg/fourier"
	"strata/pkg/imageset"
	"strata/pkg/invert"
	"strata/pkg/metric"
	"strata/pkg/progress"
	"strata/pkg/score"
	"strata/pkg/tiles"
)

// Pictures of Figs 3A, 3B, S1, S7 and S8, and of the sets: sheets of tiles in the folder pictures of the results. The claims about Figs 3A,
// 3B and S1 (judge_pictures.go) are judged on the same images; those about S7 and S8 on test images, which no model has seen.

// keptSheet is a sheet that a run's network made of images, kept in the run's folder, since inverting takes minutes.
func keptSheet(run *Run, name string, of []*imageset.Set, make func() (*tiles.Sheet, error)) (*tiles.Sheet, error) {
	images := sha256.New()
	for _, set := range of {
		images.Write([]byte(set.Hash()))
	}
	path := filepath.Join(run.Folder, "pictures", fmt.Sprintf("%s-%d-%s", name, of[0].Len(), hex.EncodeToString(images.Sum(nil)[:6])))
	sheet, err := tiles.Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return sheet, err
	}
	if sheet, err = make(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return sheet, sheet.Write(path)
}

// chosen are the places in its test split of the images of a role that are scored.
func (v *Evaluation) chosen(role string) ([]int, error) {
	name, err := v.set(role)
	if err != nil {
		return nil, err
	}
	whole, err := v.engine.Set(name, imageset.Test)
	if err != nil {
		return nil, err
	}
	return whole.Choose(v.schedule.Size.TestImages, subsetSeed), nil
}

// mixed exchanges all latents but the last scale's between images of in and smooth, pair by pair (Fig 3A). The columns of the sheet are
// in, smooth, and the mixes with the last latents of in and of smooth; values are ln p, nats.
func (v *Evaluation) mixed(seed uint64) (*tiles.Sheet, error) {
	run, err := v.schedule.Run("glow-in-from-general", seed)
	if err != nil {
		return nil, err
	}
	sets := make([]*imageset.Set, 2)
	places := make([][]int, 2)
	for i, role := range whole {
		if sets[i], err = v.testImages(role, mixedImages); err != nil {
			return nil, err
		}
		if places[i], err = v.chosen(role); err != nil {
			return nil, err
		}
	}
	pairs := min(sets[0].Len(), sets[1].Len())
	for i := range sets {
		sets[i] = sets[i].Chunk(0, pairs)
	}
	return keptSheet(run, "mixed", sets, func() (*tiles.Sheet, error) {
		inverter, err := v.invertible("glow-in-from-general", seed, 4*pairs)
		if err != nil {
			return nil, err
		}
		defer inverter.Close()
		var latents [2]*invert.Latents
		sheet := &tiles.Sheet{}
		add := func(column int, what string, source int, of *imageset.Set, likelihoods []float64) error {
			for i := range pairs {
				t := tiles.Tile{Row: i, Column: column, What: what, Role: whole[source], Set: sets[source].Name, Index: places[source][i],
					Class: sets[source].Class(i), Value: likelihoods[i]}
				if err := sheet.Add(t, of, i); err != nil {
					return err
				}
			}
			return nil
		}
		for i := range sets {
			var likelihoods []float64
			if latents[i], likelihoods, err = inverter.Encode(sets[i].Pixels, nil); err != nil {
				return nil, err
			}
			if err := add(i, "image", i, sets[i], likelihoods); err != nil {
				return nil, err
			}
		}
		last := len(latents[0].Scales) - 1
		for i := range sets {
			exchanged, err := latents[1-i].Replace(latents[i], last)
			if err != nil {
				return nil, err
			}
			images, err := inverter.Decode(exchanged)
			if err != nil {
				return nil, err
			}
			if err := add(2+i, "mix with the last latents", i, withPixels(sets[i], images.Pixels()), images.LogLikelihoods); err != nil {
				return nil, err
			}
		}
		return sheet, nil
	})
}

// climbed raises ln p of images of a role by their latents other than the last scale's (Fig 3B). The columns of the sheet are the images
// and what became of them; values are ln p, nats.
func (v *Evaluation) climbed(ctx context.Context, seed uint64, role string, images int) (*tiles.Sheet, error) {
	run, err := v.schedule.Run("glow-in-from-general", seed)
	if err != nil {
		return nil, err
	}
	set, err := v.testImages(role, images)
	if err != nil {
		return nil, err
	}
	places, err := v.chosen(role)
	if err != nil {
		return nil, err
	}
	return keptSheet(run, fmt.Sprintf("climbed%d", climb.steps), []*imageset.Set{set}, func() (*tiles.Sheet, error) {
		inverter, err := v.invertible("glow-in-from-general", seed, 3*climb.steps*set.Len()) // a gradient is three passes
		if err != nil {
			return nil, err
		}
		defer inverter.Close()
		start, before, err := inverter.Encode(set.Pixels, nil)
		if err != nil {
			return nil, err
		}
		var free []int
		for scale := range len(start.Scales) - 1 {
			free = append(free, scale)
		}
		bar := progress.New(v.engine.Out, "raising ln p of "+set.Name+" (Fig 3B)", climb.steps)
		end, err := inverter.Maximise(start, invert.Ascent{Free: free, Optimiser: climb.rule, Steps: climb.steps, Progress: func(step int, mean float64) error {
			bar.Set(step, fmt.Sprintf("ln p %.0f", mean))
			return ctx.Err()
		}})
		bar.Done("")
		if err != nil {
			return nil, err
		}
		after, err := inverter.Decode(end)
		if err != nil {
			return nil, err
		}
		sheet := &tiles.Sheet{}
		for column, of := range []*imageset.Set{set, withPixels(set, after.Pixels())} {
			for i := range set.Len() {
				t := tiles.Tile{Row: i, Column: column, What: "image", Role: role, Set: set.Name, Index: places[i], Class: set.Class(i), Value: before[i]}
				if column == 1 {
					t.What, t.Value = "climbed", after.LogLikelihoods[i]
				}
				if err := sheet.Add(t, of, i); err != nil {
					return nil, err
				}
			}
		}
		return sheet, nil
	})
}

// shownPairs are how many rows of mixed and climbed images, and how many Fourier mixes of each kind, a figure has to choose from.
const (
	shownPairs = 8
	shownMixes = 2
	shownTop   = 12 // as in the paper
)

// writePictures writes the sheets of what is trained to a folder. What is not there has no sheet.
func (v *Evaluation) writePictures(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	seed := v.schedule.Seeds[0]
	sheets := []struct {
		name  string
		needs []string
		make  func() (*tiles.Sheet, error)
	}{
		{"sets", nil, v.setsSheet},
		{"augmentation", nil, v.augmentationSheet},
		{"fourier", []string{"glow-in-from-general"}, func() (*tiles.Sheet, error) { return v.fourierSheet(ctx, seed) }},
		{"mixed", []string{"glow-in-from-general"}, func() (*tiles.Sheet, error) {
			sheet, err := v.mixed(seed)
			return firstRows(sheet, shownPairs), err
		}},
		{"climbed", []string{"glow-in-from-general"}, func() (*tiles.Sheet, error) { return v.climbedSheet(ctx, seed) }},
		{"top_R06", []string{"glow-in-from-general", "glow-general"}, func() (*tiles.Sheet, error) { return v.topSheet(ctx, seed, "glow-in-from-general") }},
		{"top_R11", []string{"glow-in-outlier-loss", "glow-general"}, func() (*tiles.Sheet, error) { return v.topSheet(ctx, seed, "glow-in-outlier-loss") }},
	}
	for _, s := range sheets {
		path := filepath.Join(folder, s.name)
		if slices.ContainsFunc(s.needs, func(id string) bool { _, err := v.schedule.Run(id, seed); return err != nil }) {
			// An older evaluation's sheet would be of runs that this one does not know.
			if err := errors.Join(ignoreMissing(os.Remove(path+".csv")), ignoreMissing(os.Remove(path+".png"))); err != nil {
				return err
			}
			continue
		}
		sheet, err := s.make()
		if err != nil {
			return fmt.Errorf("pictures %s: %w", s.name, err)
		}
		if err := sheet.Write(path); err != nil {
			return err
		}
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func firstRows(sheet *tiles.Sheet, n int) *tiles.Sheet {
	if sheet == nil {
		return nil
	}
	shown := *sheet
	shown.Tiles = slices.DeleteFunc(slices.Clone(sheet.Tiles), func(t tiles.Tile) bool { return t.Row >= n })
	return &shown
}

// climbedSheet has the rows of in, then those of smooth.
func (v *Evaluation) climbedSheet(ctx context.Context, seed uint64) (*tiles.Sheet, error) {
	both := &tiles.Sheet{}
	for i, role := range whole {
		images := shownPairs
		if role == "in" {
			images = climbedImages // those of claim F6
		}
		sheet, err := v.climbed(ctx, seed, role, images)
		if err != nil {
			return nil, err
		}
		both.Height, both.Width = sheet.Height, sheet.Width
		for _, t := range firstRows(sheet, shownPairs).Tiles {
			t.Row += i * shownPairs
			both.Tiles = append(both.Tiles, t)
		}
	}
	return both, nil
}

// fourierMix is what Fourier mixing makes of images: image i has the amplitudes of image i of images and the phases of image order[i].
type fourierMix struct {
	images, mix *imageset.Set
	order       []int
	own, mixed  []float64 // ln p under R06, nats
}

// fourierMix mixes all test images of some roles with each other, paired at random (paper S3).
func (v *Evaluation) fourierMix(ctx context.Context, seed uint64, roles ...string) (fourierMix, error) {
	var m fourierMix
	run, err := v.schedule.Run("glow-in-from-general", seed)
	if err != nil {
		return m, err
	}
	m.images = &imageset.Set{Name: "both", Split: imageset.Test}
	for _, role := range roles {
		images, err := v.testImages(role, math.MaxInt)
		if err != nil {
			return m, err
		}
		own, err := v.scores(ctx, "glow-in-from-general", seed, role, likelihood)
		if err != nil {
			return m, err
		}
		m.images.Height, m.images.Width, m.images.Channels = images.Height, images.Width, images.Channels
		m.images.Pixels = append(m.images.Pixels, images.Pixels...)
		m.own = append(m.own, own...)
	}
	var phases *imageset.Set
	phases, m.order = fourier.Shuffled(m.images, subsetSeed)
	if m.mix, err = fourier.Mix(m.images, phases); err != nil {
		return m, err
	}
	m.mixed, err = v.made(ctx, run, "fourier", m.mix)
	return m, err
}

// fourierSheet has a row a mix: the image of the amplitudes, that of the phases, the result; values are ln p under R06, nats. The mixes
// are some of every kind: amplitudes and phases of in or smooth.
func (v *Evaluation) fourierSheet(ctx context.Context, seed uint64) (*tiles.Sheet, error) {
	m, err := v.fourierMix(ctx, seed, whole...)
	if err != nil {
		return nil, err
	}
	type image struct {
		role, set, class string
		index            int
	}
	var images []image
	for _, role := range whole {
		places, err := v.chosen(role)
		if err != nil {
			return nil, err
		}
		test, err := v.testImages(role, math.MaxInt)
		if err != nil {
			return nil, err
		}
		for i := range test.Len() {
			images = append(images, image{role, test.Name, test.Class(i), places[i]})
		}
	}
	sheet, row := &tiles.Sheet{}, 0
	for _, amplitude := range whole {
		for _, phase := range whole {
			shown := 0
			for i, from := range m.order {
				if images[i].role != amplitude || images[from].role != phase || shown == shownMixes {
					continue
				}
				a, p := images[i], images[from]
				for column, t := range []tiles.Tile{
					{What: "amplitude", Role: a.role, Set: a.set, Index: a.index, Class: a.class, Value: m.own[i]},
					{What: "phase", Role: p.role, Set: p.set, Index: p.index, Class: p.class, Value: m.own[from]},
					{What: "result", Role: a.role, Set: a.set, Index: a.index, Value: m.mixed[i]},
				} {
					t.Row, t.Column = row, column
					of, at := m.images, i
					switch column {
					case 1:
						at = from
					case 2:
						of = m.mix
					}
					if err := sheet.Add(t, of, at); err != nil {
						return nil, err
					}
				}
				row, shown = row+1, shown+1
			}
		}
	}
	return sheet, nil
}

// topSheet has the training images of general that the scores of a Glow like best (Figs S7, S8): rows raw, ratio and last scale, the best
// first; values are the scores, nats.
func (v *Evaluation) topSheet(ctx context.Context, seed uint64, id string) (*tiles.Sheet, error) {
	name, err := v.set("general")
	if err != nil {
		return nil, err
	}
	candidates, _, err := v.engine.trainingSet(name, v.schedule.Size.TopImages)
	if err != nil {
		return nil, err
	}
	var tables [2]*score.Table
	for i, of := range []string{id, "glow-general"} {
		run, err := v.schedule.Run(of, seed)
		if err != nil {
			return nil, err
		}
		if tables[i], err = v.engine.splitScores(ctx, run, name, imageset.Train, v.schedule.Size.TopImages, density.Noise{}); err != nil {
			return nil, err
		}
	}
	var columns [3][]float64
	for i, of := range []struct {
		table  *score.Table
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
	sheet := &tiles.Sheet{}
	for row, s := range []struct {
		what   string
		values []float64
	}{{"raw", columns[0]}, {"ratio", ratio}, {v.last(), columns[2]}} {
		for column, at := range score.Highest(s.values, shownTop) {
			t := tiles.Tile{Row: row, Column: column, What: fmt.Sprintf("%s of %d training images", s.what, candidates.Len()), Role: "general", Set: name, Index: tables[0].Rows[at].Index, Class: candidates.Class(at), Value: s.values[at]}
			if err := sheet.Add(t, candidates, at); err != nil {
				return nil, err
			}
		}
	}
	return sheet, nil
}

// shownRoles are the sets of the contact sheet, as far as they are at hand and of one size.
var shownRoles = []string{"in", "near", "smooth", "general", "far", "faces", "further", "grey_in", "grey_smooth", "mri_one", "mri_others"}

// setsSheet has a row a role: test images, the classes in turn.
func (v *Evaluation) setsSheet() (*tiles.Sheet, error) {
	sheet, row := &tiles.Sheet{}, 0
	for _, role := range shownRoles {
		if v.schedule.Roles.Set(role) == "" {
			continue
		}
		test, err := v.testImages(role, math.MaxInt)
		if err != nil {
			return nil, err
		}
		places, err := v.chosen(role)
		if err != nil {
			return nil, err
		}
		if sheet.Height != 0 && (test.Height != sheet.Height || test.Width != sheet.Width) {
			continue
		}
		for column, i := range inTurn(test, shownTop) {
			t := tiles.Tile{Row: row, Column: column, What: "image", Role: role, Set: test.Name, Index: places[i], Class: test.Class(i), Value: math.NaN()}
			if err := sheet.Add(t, test, i); err != nil {
				return nil, err
			}
		}
		row++
	}
	return sheet, nil
}

// inTurn are n images, one of each class after the other, in the order of the set.
func inTurn(set *imageset.Set, n int) []int {
	var turns [][]int // the images of each turn
	seen := map[int32]int{}
	for i := range set.Len() {
		turn := i
		if set.Labels != nil {
			turn = seen[set.Labels[i]]
			seen[set.Labels[i]]++
		}
		for len(turns) <= turn {
			turns = append(turns, nil)
		}
		turns[turn] = append(turns[turn], i)
	}
	var images []int
	for _, turn := range turns {
		if set.Labels != nil {
			slices.SortStableFunc(turn, func(a, b int) int { return int(set.Labels[a]) - int(set.Labels[b]) })
		}
		images = append(images, turn...)
	}
	return images[:min(n, len(images))]
}

// augmentationSheet shows what training makes of some training images of in, near, smooth and general: the image, then draws (S4.1).
func (v *Evaluation) augmentationSheet() (*tiles.Sheet, error) {
	sheet, row := &tiles.Sheet{}, 0
	rng := rand.New(rand.NewPCG(subsetSeed, 0x617567))
	for _, role := range []string{"in", "near", "smooth", "general"} {
		name := v.schedule.Roles.Set(role)
		if name == "" {
			continue
		}
		train, _, err := v.engine.trainingSet(name, v.schedule.Size.TrainImages)
		if err != nil {
			return nil, err
		}
		split, err := v.engine.Set(name, imageset.Train)
		if err != nil {
			return nil, err
		}
		place := split.Choose(v.schedule.Size.TrainImages, subsetSeed)[0]
		augmentation := imageset.PaperAugmentation
		augmentation.Flip = plan.Flip(name)
		drawn := withPixels(train, slices.Clone(train.Image(0)))
		for column := range shownTop {
			t := tiles.Tile{Row: row, Column: column, What: "training image", Role: role, Set: name, Index: place, Class: train.Class(0), Value: math.NaN()}
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
