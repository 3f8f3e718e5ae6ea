package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"strata/pkg/imageset"
	"strata/pkg/invert"
	"strata/pkg/metric"
	"strata/pkg/optimiser"
	"strata/pkg/score"
)

// Claims that the paper shows by pictures (Figs 3A, 3B, S7, S8), measured: what a picture looks like is what a classifier
// calls it, or its variation and low frequencies.

// mixedImages and climbedImages are how many images a set are inverted.
const (
	mixedImages   = 256
	climbedImages = 64
)

// share is a proportion in percent with Wilson's 95 % interval.
func share(hits, of int) metric.Interval {
	n, p := float64(of), float64(hits)/float64(of)
	const z = 1.959964
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return percent(metric.Interval{Value: p, Low: max(0, centre-half), High: min(1, centre+half)})
}

// invertible is the network of a configuration, ready for so many passes of an image in either direction.
func (v *Evaluation) invertible(id string, seed uint64, passes int) (*invert.Inverter, error) {
	run, err := v.schedule.Run(id, seed)
	if err != nil {
		return nil, err
	}
	network, err := v.engine.Network(run, passes)
	if err != nil {
		return nil, err
	}
	return invert.New(network)
}

// testImages are some test images of a role.
func (v *Evaluation) testImages(role string, images int) (*imageset.Set, error) {
	name, err := v.set(role)
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
	return &imageset.Set{Name: like.Name, Split: like.Split, Height: like.Height, Width: like.Width, Channels: like.Channels, Pixels: pixels}
}

// judgeF5 asks the classifier of in against smooth (J1) what images with exchanged latents look like. An image that does not come back
// finite looks like neither.
func judgeF5(_ context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "share of mixed images that look like the source of their last latents, %", runs: []string{"R06", "J1"}, roles: whole}
	judge, err := v.schedule.Run("J1", seed)
	if err != nil {
		return f, err
	}
	sheet, err := v.mixed(seed)
	if err != nil {
		return f, err
	}
	like, err := v.testImages("in", 1)
	if err != nil {
		return f, err
	}
	pairs := sheet.Rows()
	var right [4]int // by column of the sheet: the images of in and of smooth, the mixes with their last latents
	for column := range right {
		pixels, likelihoods := sheet.Column(column, like.Channels)
		odds, err := v.engine.classify(judge, withPixels(like, pixels))
		if err != nil {
			return f, err
		}
		for i, o := range odds {
			finite := column < 2 || !math.IsNaN(likelihoods[i]) && !math.IsInf(likelihoods[i], 0)
			if finite && o != 0 && (o > 0) == (column%2 == 0) {
				right[column]++
			}
		}
	}
	f.value, f.images = share(right[2]+right[3], 2*pairs), 2*pairs
	f.holds = f.value.Value > 80
	f.note = fmt.Sprintf("last latents of in %.1f, of smooth %.1f; images as they are %.1f", 100*float64(right[2])/float64(pairs),
		100*float64(right[3])/float64(pairs), 100*float64(right[0]+right[1])/float64(2*pairs))
	return f, nil
}

// climb is how ln p is raised for F6. The paper gives neither rule nor length (digest §8): each latent can go about two
// standard deviations.
var climb = struct {
	rule  optimiser.Config
	steps int
}{optimiser.Config{Kind: optimiser.Adam, Rate: 0.02, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 100}

// lowFrequencies is the side of the blocks whose means are an image's low frequencies.
const lowFrequencies = 4

// judgeF6 raises ln p of images of in by their latents other than the last scale's.
func judgeF6(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "correlation of low frequencies with the original's", runs: []string{"R06"}, roles: []string{"in"}}
	sheet, err := v.climbed(ctx, seed, "in", climbedImages)
	if err != nil {
		return f, err
	}
	set, err := v.testImages("in", climbedImages)
	if err != nil {
		return f, err
	}
	_, before := sheet.Column(0, set.Channels)
	pixels, after := sheet.Column(1, set.Channels)
	climbed := withPixels(set, pixels)
	variation, variationBefore := score.TotalVariation(climbed), score.TotalVariation(set)
	var correlations, gains, falls []float64
	for i := range set.Len() {
		correlation, err := metric.Pearson(blockMeans(set, i), blockMeans(climbed, i))
		if err != nil || math.IsNaN(correlation) {
			correlation = 0 // an image of one colour has no shape left
		}
		correlations = append(correlations, correlation)
		gains = append(gains, after[i]-before[i])
		falls = append(falls, variation[i]/max(variationBefore[i], 1))
	}
	gains, _ = metric.ReplaceNonFinite(gains)
	mean, std := metric.OverSeeds(correlations)
	half := 1.96 * std / math.Sqrt(float64(len(correlations)))
	gain, _ := metric.OverSeeds(gains)
	left, _ := metric.OverSeeds(falls)
	f.value, f.images = metric.Interval{Value: mean, Low: mean - half, High: mean + half}, set.Len()
	f.holds = gain > 0 && left < 1 && mean > 0.8
	f.note = fmt.Sprintf("ln p rises by %.0f nats in %d steps; %.0f %% of the total variation is left", gain, climb.steps, 100*left)
	return f, nil
}

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

// judgeQ1 looks at the general images that the raw likelihood and the ratio of the in-distribution Glow like best.
func judgeQ1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "variance of the 12 images highest by ln p / of those highest by the ratio", runs: []string{"R06", "R01"}, roles: []string{"general"}}
	test, err := v.testImages("general", math.MaxInt)
	if err != nil {
		return f, err
	}
	var variances [2][]float64
	for i, s := range []source{{in: "R06", column: likelihood}, {in: "R06", general: "R01", column: likelihood}} {
		values, err := v.score(ctx, s, seed, "general")
		if err != nil {
			return f, err
		}
		for _, at := range score.Highest(values, 12) {
			variances[i] = append(variances[i], variance(test.Image(at)))
		}
	}
	raw, _ := metric.OverSeeds(variances[0])
	ratio, _ := metric.OverSeeds(variances[1])
	f.value = ratioOfMeans(variances[0], variances[1], raw/ratio, seed)
	f.images, f.holds = test.Len(), raw < ratio
	f.note = fmt.Sprintf("mean variance of a pixel, levels²: %.0f by ln p, %.0f by the ratio; test images of general", raw, ratio)
	return f, nil
}

// variance is that of all of an image's sub-pixels, in levels squared.
func variance(pixels []uint8) float64 {
	values := make([]float64, len(pixels))
	for i, p := range pixels {
		values[i] = float64(p)
	}
	_, std := metric.OverSeeds(values)
	return std * std
}

// judgeQ2 asks the discriminative classifier (R32) of how many of the general images that a score likes best it says that they are
// in-distribution, without and with the outlier loss.
func judgeQ2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{holds: true, runs: []string{"R11", "R06", "R01", "R32"}, roles: []string{"general"}}
	odds, err := v.scores(ctx, "R32", seed, "general", "log_odds")
	if err != nil {
		return f, err
	}
	n := min(100, len(odds)/10)
	if n == 0 {
		return f, errors.New("ten images are needed")
	}
	var notes []string
	for _, s := range []source{{column: likelihood}, {column: v.last()}, {column: likelihood, general: "R01"}} {
		name := s.column
		switch {
		case s.general != "":
			name = "ratio"
		case s.column == likelihood:
			name = "ln p"
		}
		shares := map[string]metric.Interval{}
		for _, id := range []string{"R06", "R11"} {
			s.in = id
			values, err := v.score(ctx, s, seed, "general")
			if err != nil {
				return f, err
			}
			hits := 0
			for _, at := range score.Highest(values, n) {
				if odds[at] > 0 {
					hits++
				}
			}
			shares[id] = share(hits, n)
		}
		f.holds = f.holds && shares["R11"].Value > shares["R06"].Value
		notes = append(notes, fmt.Sprintf("%s %.0f to %.0f", name, shares["R06"].Value, shares["R11"].Value))
		f.measured, f.value = fmt.Sprintf("share of the %d general images highest by the ratio that the classifier calls in-distribution, %%", n), shares["R11"]
	}
	f.images = len(odds)
	f.note = strings.Join(notes, "; ")
	return f, nil
}
