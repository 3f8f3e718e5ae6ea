package pictures

import (
	"context"
	"math"

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
	own, mixed  []float64 // ln p under mixedGlow, nats
}

// fourierMix mixes all test images of in and smooth with each other, paired at random over both sets (paper S3), once a seed. The paper does not
// say how its pairs were made (digest §8); pairs inside each set make the phase's image of the same set as the amplitude's, and the two
// correlations of claim L5 hard to tell apart.
func (v *Maker) fourierMix(ctx context.Context, seed uint64) (fourierMix, error) {
	if known, ok := v.mixes[seed]; ok {
		return known, nil
	}
	var m fourierMix
	run, err := v.schedule.Run(mixedGlow, seed)
	if err != nil {
		return m, err
	}
	m.images = &imageset.Set{Name: "both", Split: imageset.Test}
	for _, role := range inAndSmooth {
		images, err := v.testImages(role, math.MaxInt)
		if err != nil {
			return m, err
		}
		scored, err := v.engine.Scores(ctx, run, images.Name, v.schedule.Size.TestImages, density.Noise{})
		if err != nil {
			return m, err
		}
		own, err := scored.Column(likelihood, nil)
		if err != nil {
			return m, err
		}
		own, _ = metric.ReplaceNonFinite(own)
		m.images.Height, m.images.Width, m.images.Channels = images.Height, images.Width, images.Channels
		m.images.Pixels = append(m.images.Pixels, images.Pixels...)
		m.own = append(m.own, own...)
	}
	var phases *imageset.Set
	phases, m.order = fourier.Shuffled(m.images, runs.SubsetSeed)
	if m.mix, err = fourier.Mix(m.images, phases); err != nil {
		return m, err
	}
	table, err := v.engine.ScoreMade(ctx, run, "fourier", m.mix)
	if err != nil {
		return m, err
	}
	mixed, err := table.Column(likelihood, nil)
	if err != nil {
		return m, err
	}
	m.mixed, _ = metric.ReplaceNonFinite(mixed)
	v.mixes[seed] = m
	return m, nil
}

// fourierSheet has a row a mix: the image of the amplitudes, that of the phases, the result; values are ln p under mixedGlow, nats. The mixes
// are some of every kind: amplitudes and phases of in or smooth.
func (v *Maker) fourierSheet(ctx context.Context, seed uint64) (*result.Sheet, error) {
	m, err := v.fourierMix(ctx, seed)
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
