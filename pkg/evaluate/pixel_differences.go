package evaluate

import (
	"strata/pkg/imageset"
	"strata/pkg/pixeldiff"
)

// pixelRoles are the sets of Fig 1A.
var pixelRoles = []string{"general", "in", "smooth"}

// density is the pixel-difference density of the training images of a role, fitted once.
func (v *Evaluation) density(role string) (*pixeldiff.Density, error) {
	name, err := v.set(role)
	if err != nil {
		return nil, err
	}
	if d := v.densities[name]; d != nil {
		return d, nil
	}
	train, _, err := v.engine.trainingSet(name, v.schedule.Size.TrainImages)
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

// imagePeaks are the shares of the differences of some images, one an image, that lie in a density's densest bin.
func imagePeaks(train *imageset.Set, d *pixeldiff.Density) ([]float64, error) {
	sample := train.Subset(peakImages, subsetSeed)
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

// differenceRows are pixel_differences.csv: a row a bin, its centre in grey levels and its density per level.
func (v *Evaluation) differenceRows() ([][]string, error) {
	rows := [][]string{{"role", "set", "centre", "density"}}
	for _, role := range pixelRoles {
		d, err := v.density(role)
		if err != nil {
			return nil, err // these roles are needed by every family
		}
		for i, density := range d.Density {
			rows = append(rows, []string{role, v.schedule.Roles.Set(role), number((d.Edges[i] + d.Edges[i+1]) / 2), number(density)})
		}
	}
	return rows, nil
}
