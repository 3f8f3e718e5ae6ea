package evaluate

import (
	"errors"
	"math"

	"strata/pkg/imageset"
	"strata/pkg/opened"
	"strata/pkg/pixeldiff"
	"strata/pkg/plan"
	"strata/pkg/result"
)

// pixelRoles are the sets of Fig 1A.
var pixelRoles = []string{"general", "in", "smooth"}

// density is the pixel-difference density of the training images of a role, fitted once.
func (v *Evaluation) density(role string) (*pixeldiff.Density, error) {
	name, err := v.schedule.Roles.Need(role)
	if err != nil {
		return nil, err
	}
	if d := v.densities[name]; d != nil {
		return d, nil
	}
	train, _, err := v.engine.TrainingImages(name, v.schedule.Size.TrainImages)
	if err != nil {
		return nil, err
	}
	d, err := pixeldiff.Fit(train, pixeldiff.Options{})
	if err == nil {
		v.densities[name] = d
	}
	return d, err
}

// peakImages is how many training images the interval of a density's peak rests on.
const peakImages = 2000

// peaks are, of a role's pixel-difference density: for each of some training images the share of its differences in the
// densest bin, per level ("peak"), or how many bins its mode lies from 0 ("off_centre").
func (v *Evaluation) peaks(role, name string) ([]float64, error) {
	d, err := v.density(role)
	if err != nil {
		return nil, err
	}
	if name == "off_centre" {
		return []float64{math.Abs(d.Mode()) / d.BinWidth()}, nil
	}
	key := role + "/peak"
	if known, ok := v.images[key]; ok {
		return known, nil
	}
	train, _, err := v.engine.TrainingImages(v.schedule.Roles.Set(role), v.schedule.Size.TrainImages)
	if err != nil {
		return nil, err
	}
	v.images[key], err = imagePeaks(train, d)
	train.Unload()
	return v.images[key], err
}

// imagePeaks are the densities of the differences of some images, one an image, in a density's densest bin.
func imagePeaks(train *imageset.Set, d *pixeldiff.Density) ([]float64, error) {
	sample := train.Subset(peakImages, opened.SubsetSeed)
	densest := 0
	for bin, height := range d.Density {
		if height > d.Density[densest] {
			densest = bin
		}
	}
	var peaks []float64
	for i := range sample.Len() {
		one, err := pixeldiff.Fit(sample.Chunk(i, 1), pixeldiff.Options{})
		if err != nil {
			return nil, err
		}
		peaks = append(peaks, one.Density[densest])
	}
	return peaks, nil
}

// pixelDifferences are the densities: a row a bin, its centre in grey levels and its density per level.
func (v *Evaluation) pixelDifferences() ([]result.PixelDifference, error) {
	var rows []result.PixelDifference
	var problems plan.Problems
	for _, role := range pixelRoles {
		d, err := v.density(role)
		if errors.Is(err, plan.ErrAbsent) {
			continue
		}
		if err != nil {
			problems.Add(role, err)
			continue
		}
		for i, density := range d.Density {
			rows = append(rows, result.PixelDifference{Role: role, Set: v.schedule.Roles.Set(role), Centre: (d.Edges[i] + d.Edges[i+1]) / 2,
				Density: density})
		}
	}
	return rows, problems.Err()
}

// WritePixelDifferences saves what Fig 1A is drawn from: it needs no run.
func (v *Evaluation) WritePixelDifferences(folder string) error {
	return save(folder, v.pixelDifferences)
}
