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

// Population is a group of images that is resampled as one: the test images of a set. Whatever is computed from images of one
// population, by whatever model, is computed from the same images in the same resample, so that differences are paired.
type Population struct {
	Name   string
	Images int
}

// Statistic is a number that follows from how often each image counts: counts[p][i] is the count of image i of the p-th population
// it was made for. A statistic may have scratch memory: one goroutine uses it at a time.
type Statistic func(counts [][]int32) float64

// Resampled is a statistic with its values over bootstrap resamples. Sums and differences of two with equally many resamples are taken
// resample by resample.
type Resampled struct {
	Value float64
	// Resamples are the values over the resamples; nil for a number that no image changes.
	Resamples []float64
}

// Bootstrap computes a statistic of populations, once with every image counted once and then for resamples of the images. The images
// drawn for a population depend on its name, on seed, and on the number of the resample alone. newStatistic is called once for each worker.
func Bootstrap(populations []Population, resamples int, seed uint64, newStatistic func() Statistic) (Resampled, error) {
	if resamples < MinResamples {
		return Resampled{}, fmt.Errorf("metric: %d bootstrap resamples: a 95 %% interval needs at least %d (1000 is usual)", resamples, MinResamples)
	}
	seeds := make([]uint64, len(populations))
	once := make([][]int32, len(populations))
	for p, of := range populations {
		if of.Images < 1 {
			return Resampled{}, fmt.Errorf("metric: population %s has no images", of.Name)
		}
		name := fnv.New64a()
		name.Write([]byte(of.Name))
		seeds[p] = seed ^ name.Sum64()
		once[p] = ones(of.Images)
	}
	r := Resampled{Value: newStatistic()(once), Resamples: make([]float64, resamples)}
	workers := min(runtime.GOMAXPROCS(0), resamples)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			statistic := newStatistic()
			counts := make([][]int32, len(populations))
			for p, of := range populations {
				counts[p] = make([]int32, of.Images)
			}
			for i := w; i < resamples; i += workers {
				for p := range populations {
					drawCounts(counts[p], rand.New(rand.NewPCG(seeds[p], uint64(i))))
				}
				r.Resamples[i] = statistic(counts)
			}
		})
	}
	wait.Wait()
	return r, nil
}

// Interval is the percentile interval over the resamples; resamples without a value (a correlation of equal values) are left out.
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

// NewAUROC is the AUROC (a fraction) as a statistic of two populations, in and out.
func NewAUROC(in, out []float64) (func() Statistic, error) {
	if err := checkTwoSets(in, out); err != nil {
		return nil, err
	}
	all := order(slices.Concat(in, out))
	return func() Statistic {
		counts := make([]int32, len(in)+len(out))
		return func(of [][]int32) float64 {
			copy(counts[copy(counts, of[0]):], of[1])
			return countedArea(all, counts, len(in), len(out))
		}
	}, nil
}

// NewSpearman is Spearman's correlation as a statistic of all images of some populations together, one after the other; NaN where what
// is drawn does not vary.
func NewSpearman(x, y []float64) (func() Statistic, error) {
	if err := checkPairs(x, y, false); err != nil {
		return nil, err
	}
	orderX, orderY := order(x), order(y)
	return func() Statistic {
		ranksX, ranksY := make([]float64, len(x)), make([]float64, len(x))
		return joined(len(x), func(counts []int32) float64 {
			orderX.midRanks(ranksX, counts)
			orderY.midRanks(ranksY, counts)
			return correlation(ranksX, ranksY, counts)
		})
	}, nil
}

// NewPearson is the linear correlation as a statistic, as NewSpearman.
func NewPearson(x, y []float64) (func() Statistic, error) {
	if err := checkPairs(x, y, true); err != nil {
		return nil, err
	}
	x, y = scaled(x), scaled(y)
	return func() Statistic {
		return joined(len(x), func(counts []int32) float64 { return correlation(x, y, counts) })
	}, nil
}

// NewMean is the mean over all images of some populations together.
func NewMean(values []float64) func() Statistic {
	return func() Statistic {
		return joined(len(values), func(counts []int32) float64 {
			var sum, total float64
			for i, c := range counts {
				sum += float64(c) * values[i]
				total += float64(c)
			}
			return sum / total
		})
	}
}

// NewSpan is the range from the first to the last hundredth of the values of some populations together.
func NewSpan(values []float64) func() Statistic {
	sorted := order(values)
	return func() Statistic {
		return joined(len(values), func(counts []int32) float64 {
			total := 0
			for _, c := range counts {
				total += int(c)
			}
			at := func(share float64) float64 {
				left := int(share * float64(total-1))
				for _, i := range sorted.index {
					if left -= int(counts[i]); left < 0 {
						return values[i]
					}
				}
				return values[sorted.index[len(values)-1]]
			}
			return at(0.99) - at(0.01)
		})
	}
}

// NewTop is the mean of values over the n images with the highest scores.
func NewTop(scores, values []float64, n int) func() Statistic {
	sorted := order(scores)
	return func() Statistic {
		return joined(len(scores), func(counts []int32) float64 {
			left, sum := n, 0.0
			for p := len(sorted.index) - 1; p >= 0 && left > 0; p-- {
				i := sorted.index[p]
				taken := min(left, int(counts[i]))
				sum += float64(taken) * values[i]
				left -= taken
			}
			return sum / float64(n-left)
		})
	}
}

// joined makes a statistic of the counts of all populations in one row.
func joined(images int, statistic func(counts []int32) float64) Statistic {
	row := make([]int32, images)
	return func(counts [][]int32) float64 {
		at := 0
		for _, of := range counts {
			at += copy(row[at:], of)
		}
		return statistic(row)
	}
}

// MeanOverSeeds is the mean of one statistic over training runs, all of the same images, with a 95 % interval of both kinds of chance: another
// draw of test images (the bootstrap of the mean) and another draw of seeds (Student's, where there are several), added in squares. Of one
// run it is the interval over images, and says nothing about another training.
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
	return Interval{mean.Value, mean.Value - math.Hypot(mean.Value-overImages.Low, half), mean.Value + math.Hypot(overImages.High-mean.Value, half)}
}

// studentHalf is half of the 95 % interval of the mean of a few normal values.
func studentHalf(values []float64) float64 {
	n := float64(len(values))
	_, std := stat.MeanStdDev(values, nil)
	return studentsT(n-1) * std / math.Sqrt(n)
}
