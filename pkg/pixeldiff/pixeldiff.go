// Package pixeldiff models images by nothing but how each pixel differs from its neighbours (digest §8, paper §2, Fig. 1A and 1B).
//
// A [Density] is a histogram of the differences between a pixel and the mean of its eight neighbours, over all images of a set.
// The pseudo-likelihood of an image is the sum of the log-densities of its differences. It has no notion of an object, and yet
// ranks images much as a convolutional flow does: that is the paper's argument.
//
// What the paper leaves open is chosen as the digest suggests: neighbours without the centre; interior pixels only (30x30 of
// 32x32), so every pixel has eight; all channels in one histogram, each compared with its own channel; 100 bins of equal
// width over [-255, 255]; one added to every bin, so no difference is impossible; fitted on the training set of the model that it is
// compared with. [Options] holds the variants.
package pixeldiff

import (
	"fmt"
	"math"

	"strata/pkg/imageset"
)

const (
	// maxDifference bounds every difference of two 8-bit grey levels, and so of a pixel and a mean of pixels.
	maxDifference = 255
	// smoothing is added to the count of every bin (digest §8: +1).
	smoothing = 1
	// maxBins keeps bins from being narrower than the differences are spaced: those are multiples of 1/8, so 4081 values.
	maxBins = 4080
)

// Options are the variants of the histogram. The zero value is what the digest suggests.
type Options struct {
	// Bins is the number of equal-width bins over [-255, 255]; 0 means 100, the paper's number.
	//
	// An even number has an edge at 0, and a difference of exactly 0, the most common one, then counts in the bin above.
	// An odd number, such as 101, has a bin centred at 0.
	Bins int
	// IncludeCentre takes the mean over all nine pixels of the 3x3 neighbourhood, the centre too. This is no new quantity: the
	// difference is 8/9 of the one without the centre. Only the bins that differences fall into change.
	IncludeCentre bool
}

// Validate says what is wrong with the options.
func (o Options) Validate() error {
	if o.Bins < 0 || o.Bins > maxBins {
		return fmt.Errorf("pixeldiff: %d bins: choose 1 to %d, or 0 for 100", o.Bins, maxBins)
	}
	return nil
}

// Density is the histogram of pixel differences of a set of images, as a probability density. Make one with [Fit].
type Density struct {
	Edges   []float64 // the ends of the bins in grey levels, ascending, one more than bins; bins hold their lower end
	Counts  []int64   // how many differences fell into each bin
	Density []float64 // (Counts + 1) / (total + bins) / width, per grey level; the sum times the width is 1

	options                 Options
	height, width, channels int
	logDensity              []float64 // natural log of Density
	binOf                   []uint16  // the bin of the sum of differences n, at n + 8*255 (see sumDifferences)
}

// Fit counts the differences of all images of a set, which is to be the training set of the model that the pseudo-likelihood is
// compared with.
//
// An empty set, images below 3x3 pixels and bad options are errors.
func Fit(set *imageset.Set, options Options) (*Density, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if err := checkSet(set); err != nil {
		return nil, err
	}
	bins := options.Bins
	if bins == 0 {
		bins = 100
	}
	d := &Density{
		options: options, height: set.Height, width: set.Width, channels: set.Channels,
		Edges: make([]float64, bins+1), Counts: make([]int64, bins), Density: make([]float64, bins),
		logDensity: make([]float64, bins), binOf: binTable(bins, options.IncludeCentre),
	}
	for b := range d.Edges {
		d.Edges[b] = maxDifference * float64(2*b-bins) / float64(bins)
	}
	for _, image := range set.Walk {
		d.count(image, d.Counts)
	}
	total := int64(set.Len()) * int64((set.Height-2)*(set.Width-2)*set.Channels)
	for b, count := range d.Counts {
		d.Density[b] = float64(count+smoothing) / float64(total+int64(bins)*smoothing) / d.BinWidth()
		d.logDensity[b] = math.Log(d.Density[b])
	}
	return d, nil
}

// Options returns what the density was fitted with.
func (d *Density) Options() Options { return d.options }

// BinWidth is the width of every bin, in grey levels.
func (d *Density) BinWidth() float64 { return 2 * maxDifference / float64(len(d.Counts)) }

// LogLikelihood is the pseudo-likelihood of one image: the sum of the natural logs of the densities (per grey level) of its
// differences, over interior pixels and channels. image is row by row, channels last, of the shape of the fitted set; another
// length has no likelihood and gives NaN.
//
// It compares images of one shape under one density. Neighbouring differences share pixels and are not independent, so
// it is no likelihood of the image in any unit that a flow's could be subtracted from.
func (d *Density) LogLikelihood(image []uint8) float64 {
	if len(image) != d.height*d.width*d.channels {
		return math.NaN()
	}
	counts := make([]int64, len(d.Counts))
	d.count(image, counts)
	var sum float64
	for b, count := range counts {
		sum += float64(count) * d.logDensity[b]
	}
	return sum
}

// LogLikelihoods returns [Density.LogLikelihood] of every image of a set, which must have the shape of the fitted one.
func (d *Density) LogLikelihoods(set *imageset.Set) ([]float64, error) {
	if err := checkSet(set); err != nil {
		return nil, err
	}
	if set.Height != d.height || set.Width != d.width || set.Channels != d.channels {
		return nil, fmt.Errorf("pixeldiff: images of %s/%s are %dx%dx%d, the density was fitted on %dx%dx%d: fit one on images of that "+
			"shape", set.Name, set.Split, set.Height, set.Width, set.Channels, d.height, d.width, d.channels)
	}
	values := make([]float64, set.Len())
	for i := range values {
		values[i] = d.LogLikelihood(set.Image(i))
	}
	return values, nil
}

// Peak is the highest density, per grey level. It depends on the width of the bins, so it compares only densities with equal
// options.
func (d *Density) Peak() float64 { return d.Density[d.modeBin()] }

// Mode is the centre, in grey levels, of the bin of the highest density; of several, the one nearest 0.
//
// With an even number of bins no centre is 0: the nearest are half a bin width away, 2.55 grey levels at 100 bins. A density
// centred at 0 as finely as such a histogram can show thus has a mode of plus or minus half a width, and "within one bin of 0" (claim
// L1) reads: |Mode()| <= BinWidth(), which holds for the two bins that meet at 0 and for no others. With an odd number it holds for the
// bin around 0 and its two neighbours.
func (d *Density) Mode() float64 {
	b := d.modeBin()
	return (d.Edges[b] + d.Edges[b+1]) / 2
}

func (d *Density) modeBin() int {
	bins := len(d.Counts)
	best := bins / 2
	for b, count := range d.Counts {
		fromCentre := func(b int) int { return max(2*b+1-bins, bins-2*b-1) }
		if count > d.Counts[best] || count == d.Counts[best] && fromCentre(b) < fromCentre(best) {
			best = b
		}
	}
	return best
}

// count adds the differences of one image to the counts of their bins.
//
// It works with whole numbers n = 8 times the pixel minus the sum of its neighbours, which is 9 times the pixel minus the sum of
// the whole 3x3 neighbourhood: 8 times the difference without the centre, 9 times that with it.
func (d *Density) count(image []uint8, counts []int64) {
	row := d.width * d.channels
	columns := make([]int, row) // sums over three rows
	for y := 1; y < d.height-1; y++ {
		above, here, below := image[(y-1)*row:y*row], image[y*row:(y+1)*row], image[(y+1)*row:(y+2)*row]
		for i := range columns {
			columns[i] = int(above[i]) + int(here[i]) + int(below[i])
		}
		for i := d.channels; i < row-d.channels; i++ {
			n := 9*int(here[i]) - columns[i-d.channels] - columns[i] - columns[i+d.channels]
			counts[d.binOf[n+8*maxDifference]]++
		}
	}
}

// binTable lists the bin of every n that count can meet, from -8*255 to 8*255, in whole numbers: no difference lands on the wrong
// side of an edge by rounding. Bins hold their lower end; the last holds its upper end too.
func binTable(bins int, includeCentre bool) []uint16 {
	pixels := 8
	if includeCentre {
		pixels = 9
	}
	table := make([]uint16, 2*8*maxDifference+1)
	for i := range table {
		n := i - 8*maxDifference
		bin := (n + pixels*maxDifference) * bins / (2 * pixels * maxDifference)
		table[i] = uint16(min(bin, bins-1))
	}
	return table
}

func checkSet(set *imageset.Set) error {
	if set == nil {
		return fmt.Errorf("pixeldiff: there are no images to count")
	}
	if err := set.Validate(); err != nil {
		return fmt.Errorf("pixeldiff: %w", err)
	}
	if set.Height < 3 || set.Width < 3 {
		return fmt.Errorf("pixeldiff: images of %s/%s are %dx%d: a pixel with eight neighbours needs at least 3x3",
			set.Name, set.Split, set.Height, set.Width)
	}
	return nil
}
