package pictures

import (
	"context"
	"math"
	"slices"

	"strata/pkg/density"
	"strata/pkg/fourier"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/result"
	"strata/pkg/runs"
)

// mixedGlow is the model whose latents are exchanged and climbed, and that scores Fourier mixes (Figs 3A, 3B, S1).
const mixedGlow = "glow-in-from-general"

// fourierMix is what Fourier mixing makes of images: image i has the amplitudes of image i of images and the phases of image order[i].
type fourierMix struct {
	images, mix *imageset.Set
	order       []int
}

// fourierMix mixes all test images of in and smooth with each other, paired at random over both sets (paper S3), once
// for all seeds. The paper does not say how its pairs were made (digest §8); pairs inside each set make the phase's
// image of the same set as the amplitude's, and the two correlations of claim L5 hard to tell apart.
func (v *Maker) fourierMix() (*fourierMix, error) {
	if v.mix != nil {
		return v.mix, nil
	}
	m := &fourierMix{images: &imageset.Set{Name: "both", Split: imageset.Test}}
	var pixels [][]uint8
	for _, role := range inAndSmooth {
		images, err := v.testImages(role, math.MaxInt)
		if err != nil {
			return nil, err
		}
		m.images.Height, m.images.Width, m.images.Channels = images.Height, images.Width, images.Channels
		pixels = append(pixels, images.Pixels)
		defer images.Unload()
	}
	m.images.Pixels = slices.Concat(pixels...) // at once: 110 MB at the paper's size
	var phases *imageset.Set
	var err error
	phases, m.order = fourier.Shuffled(m.images, runs.SubsetSeed)
	if m.mix, err = fourier.Mix(m.images, phases); err != nil {
		return nil, err
	}
	v.mix = m
	return m, nil
}

// fourierScores are ln p of the images and of the mixes under mixedGlow, nats.
func (v *Maker) fourierScores(ctx context.Context, seed uint64) (own, mixed []float64, err error) {
	run, err := v.schedule.Run(mixedGlow, seed)
	if err != nil {
		return nil, nil, err
	}
	for _, role := range inAndSmooth {
		name, err := v.schedule.Roles.Need(role)
		if err != nil {
			return nil, nil, err
		}
		scored, err := v.engine.Scores(ctx, run, name, v.schedule.Size.TestImages, density.Noise{})
		if err != nil {
			return nil, nil, err
		}
		values, err := scored.Column(likelihood, nil)
		if err != nil {
			return nil, nil, err
		}
		own = append(own, values...)
	}
	m, err := v.fourierMix()
	if err != nil {
		return nil, nil, err
	}
	table, err := v.engine.ScoreMade(ctx, run, "fourier", m.mix)
	if err != nil {
		return nil, nil, err
	}
	if mixed, err = table.Column(likelihood, nil); err != nil {
		return nil, nil, err
	}
	own, _ = metric.ReplaceNonFinite(own)
	mixed, _ = metric.ReplaceNonFinite(mixed)
	return own, mixed, nil
}

// fourierSheet has a row a mix: the image of the amplitudes, that of the phases, the result; values are ln p under
// mixedGlow, nats. The mixes are some of every kind: amplitudes and phases of in or smooth.
func (v *Maker) fourierSheet(ctx context.Context, seed uint64) (*result.Sheet, error) {
	own, mixed, err := v.fourierScores(ctx, seed)
	if err != nil {
		return nil, err
	}
	m, err := v.fourierMix()
	if err != nil {
		return nil, err
	}
	type image struct {
		role, set, class string
		index            int
	}
	var images []image
	for _, role := range inAndSmooth {
		places, err := v.places(role)
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
	sheet, row := &result.Sheet{}, 0
	for _, amplitude := range inAndSmooth {
		for _, phase := range inAndSmooth {
			shown := 0
			for i, from := range m.order {
				if images[i].role != amplitude || images[from].role != phase || shown == shownMixes {
					continue
				}
				a, p := images[i], images[from]
				for column, t := range []result.Tile{
					{What: "amplitude", Role: a.role, Set: a.set, Index: a.index, Class: a.class, Value: own[i]},
					{What: "phase", Role: p.role, Set: p.set, Index: p.index, Class: p.class, Value: own[from]},
					{What: "result", Role: a.role, Set: a.set, Index: a.index, Value: mixed[i]},
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
