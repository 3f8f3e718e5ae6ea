package metric

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"
)

// Population is a group of images that is resampled as one: the test images of a set. Whatever is computed from images
// of one population, by whatever model, is computed from the same images in the same resample, so that differences are
// paired.
type Population struct {
	Name   string
	Images int
}

// Statistic is a number that follows from how often each image counts: counts[p][i] is the count of image i of the p-th
// population that it was made for. A statistic may have scratch memory: one goroutine uses it at a time.
//
// Counts are bytes, so that those of a resample stay in a core's cache: the chance that one of n > 255 images is drawn
// more than 255 times is below 1/255!.
type Statistic func(counts [][]uint8) float64

// Resampled is a statistic with its values over bootstrap resamples. Sums and differences of two with equally many
// resamples are taken resample by resample.
type Resampled struct {
	Value float64
	// Resamples are the values over the resamples; nil for a number that no image changes.
	Resamples []float64
}

// Resampler computes statistics over bootstrap resamples of populations. The images drawn for a population depend on
// its name, on the seed, and on the number of the resample alone, so two Resamplers with one seed draw the same.
//
// It keeps what it has drawn of populations that are asked for again and again: drawing costs a random number an image
// and resample, which is more than most statistics cost. Its methods may be called concurrently.
type Resampler struct {
	resamples int
	seed      uint64

	mutex sync.Mutex
	kept  map[Population]*draws
	bytes int // of the counts in kept, at most most
	most  int
}

// Resamples and ResampleSeed are those of every published interval: a quantity that two tables have is resampled on the
// same images in both, and has one interval.
const (
	Resamples    = 1000
	ResampleSeed = 2020
)

// MinResamples is the least number of bootstrap resamples: the 2.5 % tails of fewer hold no two values.
const MinResamples = 100

// NewResampler makes a Resampler. Fewer than [MinResamples] resamples are an error.
func NewResampler(resamples int, seed uint64) (*Resampler, error) {
	if resamples < MinResamples {
		return nil, fmt.Errorf("metric: %d bootstrap resamples: a 95 %% interval needs at least %d (1000 is usual)",
			resamples, MinResamples)
	}
	return &Resampler{resamples: resamples, seed: seed, kept: map[Population]*draws{}, most: keptBytes}, nil
}

// Bootstrap computes a statistic of populations once, by a Resampler of its own.
func Bootstrap(populations []Population, resamples int, seed uint64, newStatistic func() Statistic) (Resampled, error) {
	r, err := NewResampler(resamples, seed)
	if err != nil {
		return Resampled{}, err
	}
	r.most = 0 // nobody asks again
	return r.Bootstrap(populations, newStatistic)
}

// keptBytes is the most that a Resampler keeps: all of the paper's test sets at 1000 resamples, its general set among
// them. That one is asked for some forty times by claims of three seeds, and to draw it anew took longer than all else.
const keptBytes = 512 << 20

// Bootstrap computes a statistic of populations, once with every image counted once and then for resamples of the
// images. newStatistic is called once for each worker.
func (r *Resampler) Bootstrap(populations []Population, newStatistic func() Statistic) (Resampled, error) {
	whole := make([][]uint8, len(populations))
	draws := make([]*draws, len(populations))
	for p, of := range populations {
		if of.Images < 1 {
			return Resampled{}, fmt.Errorf("metric: population %s has no images", of.Name)
		}
		whole[p] = once(of.Images)
		draws[p] = r.of(of)
	}
	result := Resampled{Value: newStatistic()(whole), Resamples: make([]float64, r.resamples)}
	workers := min(runtime.GOMAXPROCS(0), r.resamples)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			statistic := newStatistic()
			counts, own := make([][]uint8, len(populations)), make([][]uint8, len(populations))
			for i := w; i < r.resamples; i += workers {
				for p, of := range draws {
					counts[p] = of.resample(i, &own[p])
				}
				result.Resamples[i] = statistic(counts)
			}
		})
	}
	wait.Wait()
	return result, nil
}

// Forget gives back the memory of what was drawn. Who asks again gets the same, drawn anew.
func (r *Resampler) Forget() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	clear(r.kept)
	r.bytes = 0
}

// of finds or makes the draws of a population, and decides whether they are kept.
func (r *Resampler) of(population Population) *draws {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if known, ok := r.kept[population]; ok {
		return known
	}
	name := fnv.New64a()
	name.Write([]byte(population.Name))
	of := &draws{images: population.Images, seed: r.seed ^ name.Sum64()}
	if bytes := population.Images * r.resamples; r.bytes+bytes <= r.most {
		of.kept = make([]kept, r.resamples)
		r.kept[population] = of
		r.bytes += bytes
	}
	return of
}

// draws are the resamples of one population.
type draws struct {
	images int
	seed   uint64
	kept   []kept // nil where they are drawn anew each time
}

type kept struct {
	once   sync.Once
	counts []uint8
}

// resample is how often each image counts in a resample, kept or drawn into own.
func (d *draws) resample(i int, own *[]uint8) []uint8 {
	draw := func(counts []uint8) { drawCounts(counts, rand.New(rand.NewPCG(d.seed, uint64(i)))) }
	if d.kept == nil {
		if *own == nil {
			*own = make([]uint8, d.images)
		}
		draw(*own)
		return *own
	}
	k := &d.kept[i]
	k.once.Do(func() {
		k.counts = make([]uint8, d.images)
		draw(k.counts)
	})
	return k.counts
}

// once are the counts that count every image once.
func once(images int) []uint8 { return slices.Repeat([]uint8{1}, images) }

// drawCounts draws len(counts) images with replacement and writes how often each was drawn. A statistic that takes counts
// needs no copy of the resample, and no new sort: the order of the values is the one before.
func drawCounts(counts []uint8, random *rand.Rand) {
	clear(counts)
	n := uint32(len(counts))
	for range counts {
		counts[random.Uint32N(n)]++
	}
}

// quantile interpolates linearly between order statistics, the first being the 0 and the last the 1 quantile (NumPy's rule).
func quantile(sorted []float64, p float64) float64 {
	position := p * float64(len(sorted)-1)
	below := int(position)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	share := position - float64(below)
	return sorted[below]*(1-share) + sorted[below+1]*share
}

// Interval is the percentile interval over the resamples; resamples without a value (a correlation of equal values) are
// left out.
func (r Resampled) Interval() Interval {
	if r.Resamples == nil {
		return Interval{r.Value, r.Value, r.Value}
	}
	sorted := slices.DeleteFunc(slices.Clone(r.Resamples), math.IsNaN)
	if len(sorted) == 0 {
		return Interval{r.Value, math.Inf(-1), math.Inf(1)}
	}
	slices.Sort(sorted)
	return Interval{r.Value, quantile(sorted, 0.025), quantile(sorted, 0.975)}
}

// MeanOverSeeds is the mean of one statistic over training runs, all of the same images, with a 95 % interval of both
// kinds of chance: another draw of test images (the bootstrap of the mean) and another draw of seeds (Student's, where
// there are several), added in squares. Of one run it is the interval over images, and says nothing about another
// training.
func MeanOverSeeds(seeds []Resampled) Interval {
	mean := Resampled{}
	var values []float64
	for _, s := range seeds {
		values = append(values, s.Value)
		mean.Value += s.Value / float64(len(seeds))
		if s.Resamples != nil && mean.Resamples == nil {
			mean.Resamples = make([]float64, len(s.Resamples))
		}
	}
	for i := range mean.Resamples {
		for _, s := range seeds {
			of := s.Value
			if s.Resamples != nil {
				of = s.Resamples[i]
			}
			mean.Resamples[i] += of / float64(len(seeds))
		}
	}
	overImages := mean.Interval()
	if len(seeds) < 2 {
		return overImages
	}
	half := studentHalf(values)
	return Interval{mean.Value, mean.Value - math.Hypot(mean.Value-overImages.Low, half),
		mean.Value + math.Hypot(overImages.High-mean.Value, half)}
}

// studentHalf is half of the 95 % interval of the mean of a few normal values.
func studentHalf(values []float64) float64 {
	n := float64(len(values))
	_, std := stat.MeanStdDev(values, nil)
	return studentsT(n-1) * std / math.Sqrt(n)
}
