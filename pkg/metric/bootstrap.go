package metric

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// MinResamples is the least number of bootstrap resamples: the 2.5 % tails of fewer hold no two values.
const MinResamples = 100

// percentileInterval is the bootstrap percentile interval: the 2.5 % and 97.5 % quantiles of the statistic over resamples.
//
// newStatistic makes one statistic a worker, so that each has its own scratch memory; a statistic draws its resample from
// the given source. Every resample has its own source, made of seed and its number: the result does not depend on how many
// processors share the work.
func percentileInterval(value float64, resamples int, seed uint64, newStatistic func() func(*rand.Rand) float64) (Interval, error) {
	if resamples < MinResamples {
		return Interval{}, fmt.Errorf("metric: %d bootstrap resamples: a 95 %% interval needs at least %d (1000 is usual)",
			resamples, MinResamples)
	}
	values := make([]float64, resamples)
	workers := min(runtime.GOMAXPROCS(0), resamples)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			statistic := newStatistic()
			for r := w; r < resamples; r += workers {
				values[r] = statistic(rand.New(rand.NewPCG(seed, uint64(r))))
			}
		})
	}
	wait.Wait()
	slices.Sort(values)
	return Interval{value, quantile(values, 0.025), quantile(values, 0.975)}, nil
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

// drawCounts draws len(counts) images with replacement and writes how often each was drawn. A statistic that takes counts
// needs no copy of the resample, and no new sort: the order of the values is the one before.
func drawCounts[T uint8 | int32](counts []T, random *rand.Rand) {
	clear(counts)
	n := uint32(len(counts))
	for range counts {
		counts[random.Uint32N(n)]++
	}
}
