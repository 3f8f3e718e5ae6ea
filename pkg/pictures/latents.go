package pictures

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"strata/pkg/imageset"
	"strata/pkg/invert"
	"strata/pkg/metric"
	"strata/pkg/optimiser"
	"strata/pkg/progress"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/score"
)

// keptSheet is a sheet that a run's network made of images, kept in the run's folder, since inverting takes minutes.
// The name says how it is made, as far as that may change.
func keptSheet(run *runs.Run, name string, of []*imageset.Set, draw func() (*result.Sheet, error)) (*result.Sheet, error) {
	images := sha256.New()
	for _, set := range of {
		images.Write([]byte(set.Hash()))
	}
	path := filepath.Join(run.Folder, "pictures", fmt.Sprintf("%s-%d-%s", name, of[0].Len(), hex.EncodeToString(images.Sum(nil)[:6])))
	sheet, err := result.ReadSheet(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return sheet, err
	}
	if sheet, err = draw(); err != nil {
		return nil, err
	}
	if err := result.Ignored(filepath.Dir(path)); err != nil { // wherever the runs lie
		return nil, err
	}
	return sheet, sheet.Write(path)
}

// mixedImages and climbedImages are how many images a set are inverted.
const (
	mixedImages   = 256
	climbedImages = 64
)

// invertible is the network of a configuration, ready for so many passes of an image in either direction; done gives
// its memory back.
func (v *Maker) invertible(configuration string, seed uint64, passes int) (inverter *invert.Inverter, done func(), err error) {
	run, err := v.schedule.Run(configuration, seed)
	if err != nil {
		return nil, nil, err
	}
	network, err := v.engine.Network(run, passes)
	if err != nil {
		return nil, nil, err
	}
	if inverter, err = invert.New(network); err != nil {
		network.Close()
		return nil, nil, err
	}
	return inverter, func() {
		inverter.Close()
		network.Close()
	}, nil
}

// testImages are some test images of a role.
func (v *Maker) testImages(role string, images int) (*imageset.Set, error) {
	name, err := v.schedule.Roles.Need(role)
	if err != nil {
		return nil, err
	}
	test, err := v.engine.TestImages(name, v.schedule.Size.TestImages)
	if err != nil {
		return nil, err
	}
	return test.Chunk(0, min(images, test.Len())), nil
}

// withPixels is a set of the same shape with other images.
func withPixels(like *imageset.Set, pixels []uint8) *imageset.Set {
	return &imageset.Set{Name: like.Name, Split: like.Split, Height: like.Height, Width: like.Width,
		Channels: like.Channels, Pixels: pixels}
}

// mixed exchanges all latents but the last scale's between images of in and smooth, pair by pair (Fig 3A). The
// columns of the sheet are in, smooth, and the mixes with the last latents of in and of smooth; values are ln p,
// nats.
func (v *Maker) mixed(ctx context.Context, seed uint64) (*result.Sheet, error) {
	run, err := v.schedule.Run(mixedGlow, seed)
	if err != nil {
		return nil, err
	}
	sets := make([]*imageset.Set, 2)
	places := make([][]int, 2)
	for i, role := range inAndSmooth {
		if sets[i], err = v.testImages(role, mixedImages); err != nil {
			return nil, err
		}
		if places[i], err = v.places(role); err != nil {
			return nil, err
		}
	}
	pairs := min(sets[0].Len(), sets[1].Len())
	for i := range sets {
		sets[i] = sets[i].Chunk(0, pairs)
	}
	return keptSheet(run, "mixed", sets, func() (*result.Sheet, error) {
		inverter, done, err := v.invertible(mixedGlow, seed, 4*pairs)
		if err != nil {
			return nil, err
		}
		defer done()
		var latents [2]*invert.Latents
		sheet := &result.Sheet{}
		add := func(column int, what string, source int, of *imageset.Set, likelihoods []float64) error {
			for i := range pairs {
				t := result.Tile{Row: i, Column: column, What: what, Role: inAndSmooth[source], Set: sets[source].Name,
					Index: places[source][i], Class: sets[source].Class(i), Value: likelihoods[i]}
				if err := sheet.Add(t, of, i); err != nil {
					return err
				}
			}
			return nil
		}
		for i := range sets {
			var likelihoods []float64
			if latents[i], likelihoods, err = inverter.Encode(ctx, sets[i].Pixels, nil); err != nil {
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
			images, err := inverter.Decode(ctx, exchanged)
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

// climbed raises ln p of images of a role by their latents other than the last scale's (Fig 3B). The columns of the
// sheet are the images and what became of them; values are ln p, nats.
func (v *Maker) climbed(ctx context.Context, seed uint64, role string, images int) (*result.Sheet, error) {
	run, err := v.schedule.Run(mixedGlow, seed)
	if err != nil {
		return nil, err
	}
	set, err := v.testImages(role, images)
	if err != nil {
		return nil, err
	}
	places, err := v.places(role)
	if err != nil {
		return nil, err
	}
	kept := fmt.Sprintf("climbed%d-at-%g", climb.steps, climb.rule.Rate)
	return keptSheet(run, kept, []*imageset.Set{set}, func() (*result.Sheet, error) {
		inverter, done, err := v.invertible(mixedGlow, seed, 3*climb.steps*set.Len()) // a gradient is three passes
		if err != nil {
			return nil, err
		}
		defer done()
		start, before, err := inverter.Encode(ctx, set.Pixels, nil)
		if err != nil {
			return nil, err
		}
		var free []int
		for scale := range len(start.Scales) - 1 {
			free = append(free, scale)
		}
		bar := progress.New(v.engine.Out, "raising ln p of "+set.Name+" (Fig 3B)", climb.steps)
		end, err := inverter.Maximise(start, invert.Ascent{Free: free, Optimiser: climb.rule, Steps: climb.steps,
			Progress: func(step int, mean float64) error {
				bar.Set(step, fmt.Sprintf("ln p %.0f", mean))
				return ctx.Err()
			}})
		bar.Done("")
		if err != nil {
			return nil, err
		}
		after, err := inverter.Decode(ctx, end)
		if err != nil {
			return nil, err
		}
		sheet := &result.Sheet{}
		for column, of := range []*imageset.Set{set, withPixels(set, after.Pixels())} {
			for i := range set.Len() {
				t := result.Tile{Row: i, Column: column, What: "image", Role: role, Set: set.Name, Index: places[i],
					Class: set.Class(i), Value: before[i]}
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

// climbedSheet has the rows of in, then those of smooth.
func (v *Maker) climbedSheet(ctx context.Context, seed uint64) (*result.Sheet, error) {
	both := &result.Sheet{}
	for i, role := range inAndSmooth {
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

// climb is how ln p is raised for F6. The paper gives neither rule nor length (digest §8): each latent can go about two
// standard deviations.
var climb = struct {
	rule  optimiser.Config
	steps int
}{optimiser.Config{Kind: optimiser.Adam, Rate: 0.02, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 100}

// lowFrequencies is the side of the blocks whose means are an image's low frequencies.
const lowFrequencies = 4

// blockMeans are the means of an image's blocks, colour by colour: its low frequencies.
func blockMeans(set *imageset.Set, index int) []float64 {
	pixels := set.Image(index)
	down, across := (set.Height+lowFrequencies-1)/lowFrequencies, (set.Width+lowFrequencies-1)/lowFrequencies
	sums, counts := make([]float64, down*across*set.Channels), make([]float64, down*across*set.Channels)
	for y := range set.Height {
		for x := range set.Width {
			for c := range set.Channels {
				at := (y/lowFrequencies*across+x/lowFrequencies)*set.Channels + c
				sums[at] += float64(pixels[(y*set.Width+x)*set.Channels+c])
				counts[at]++
			}
		}
	}
	for i := range sums {
		sums[i] /= counts[i]
	}
	return sums
}

// Values are values of images that strata made: of Fourier mixes (role "fourier": mixed, amplitude and phase, ln p in
// nats of the mix and of the images that gave amplitudes and phases), of images with exchanged latents ("mixed") and
// of images that climbed ("climbed").
func (v *Maker) Values(ctx context.Context, of score.Column) ([]float64, error) {
	key := fmt.Sprint(of)
	if known, ok := v.values[key]; ok {
		return known, nil
	}
	var values map[string][]float64
	var err error
	switch of.Role {
	case "fourier":
		values, err = v.fourierValues(ctx, of.Seed)
	case "mixed":
		values, err = v.mixedValues(ctx, of.Seed)
	case "climbed":
		values, err = v.climbedValues(ctx, of.Seed)
	}
	if err != nil {
		return nil, err
	}
	for name, known := range values {
		of.Name = name
		v.values[fmt.Sprint(of)] = known
	}
	if v.values[key] == nil {
		return nil, fmt.Errorf("nothing is called %s of the images of %s", key, of.Role)
	}
	return v.values[key], nil
}

func (v *Maker) fourierValues(ctx context.Context, seed uint64) (map[string][]float64, error) {
	own, mixed, err := v.fourierScores(ctx, seed)
	if err != nil {
		return nil, err
	}
	m, err := v.fourierMix()
	if err != nil {
		return nil, err
	}
	phase := make([]float64, len(own))
	for i, from := range m.order {
		phase[i] = own[from]
	}
	return map[string][]float64{"mixed": mixed, "amplitude": own, "phase": phase}, nil
}

// mixedValues say of each pair of images with exchanged latents what share of the two, in percent, the classifier of
// in against smooth takes for the source of its last latents (claim F5). An image that does not come back finite
// looks like neither.
func (v *Maker) mixedValues(ctx context.Context, seed uint64) (map[string][]float64, error) {
	classifier, err := v.schedule.Run("classifier-in-or-smooth", seed)
	if err != nil {
		return nil, err
	}
	sheet, err := v.mixed(ctx, seed)
	if err != nil {
		return nil, err
	}
	like, err := v.testImages("in", 1)
	if err != nil {
		return nil, err
	}
	shares := make([]float64, sheet.Rows())
	for source := range inAndSmooth {
		pixels, likelihoods := sheet.Column(2+source, like.Channels) // the mixes with its last latents
		odds, err := v.engine.Classify(ctx, classifier, withPixels(like, pixels))
		if err != nil {
			return nil, err
		}
		for i, o := range odds {
			finite := !math.IsNaN(likelihoods[i]) && !math.IsInf(likelihoods[i], 0)
			if finite && o != 0 && (o > 0) == (inAndSmooth[source] == "in") {
				shares[i] += 50
			}
		}
	}
	return map[string][]float64{"looks like its last latents": shares}, nil
}

// climbedValues are, of each image of in whose ln p was raised, how its low frequencies correlate with the
// original's, what it gained in nats, and what share of its total variation is left (claim F6).
func (v *Maker) climbedValues(ctx context.Context, seed uint64) (map[string][]float64, error) {
	sheet, err := v.climbed(ctx, seed, "in", climbedImages)
	if err != nil {
		return nil, err
	}
	set, err := v.testImages("in", climbedImages)
	if err != nil {
		return nil, err
	}
	_, before := sheet.Column(0, set.Channels)
	pixels, after := sheet.Column(1, set.Channels)
	climbed := withPixels(set, pixels)
	variation, variationBefore := score.TotalVariation(climbed), score.TotalVariation(set)
	var correlations, gains, left []float64
	for i := range set.Len() {
		correlation, err := metric.Pearson(blockMeans(set, i), blockMeans(climbed, i))
		if err != nil || math.IsNaN(correlation) {
			correlation = 0 // an image of one colour has no shape left
		}
		correlations = append(correlations, correlation)
		gains = append(gains, after[i]-before[i])
		left = append(left, variation[i]/max(variationBefore[i], 1))
	}
	gains, _ = metric.ReplaceNonFinite(gains)
	return map[string][]float64{"correlation of low frequencies": correlations, "gain of ln p": gains,
		"share of total variation left": left}, nil
}
