package metric_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"strata/pkg/metric"

	"github.com/stretchr/testify/require"
)

func normals(seed uint64, n int, mean float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	values := make([]float64, n)
	for i := range values {
		values[i] = mean + rng.NormFloat64()
	}
	return values
}

func bootstrap(t *testing.T, populations []metric.Population, statistic func() metric.Statistic) metric.Resampled {
	t.Helper()
	r, err := metric.Bootstrap(populations, 1000, 7, statistic)
	require.NoError(t, err)
	return r
}

// Every statistic with each image counted once is the plain one, and its interval the one that is known otherwise, up to
// what 1000 resamples leave open. Of correlations TestCorrelationIntervals has that.
func TestBootstrapOfKnownStatistics(t *testing.T) {
	in, out := normals(1, 400, 1), normals(2, 300, 0)
	both := []metric.Population{{"in", 400}, {"out", 300}}
	auroc, err := metric.NewAUROC(in, out)
	require.NoError(t, err)
	area := bootstrap(t, both, auroc)
	delong, err := metric.AUROC(in, out)
	require.NoError(t, err)
	require.Equal(t, delong.Value, area.Value)
	require.InDelta(t, delong.Low, area.Interval().Low, 0.004)
	require.InDelta(t, delong.High, area.Interval().High, 0.004)

	x, y := normals(3, 700, 0), normals(4, 700, 0)
	for i := range y {
		y[i] += 2 * x[i]
	}
	for name, of := range map[string]struct {
		make  func(x, y []float64) (func() metric.Statistic, error)
		plain func(x, y []float64) (float64, error)
	}{"spearman": {metric.NewSpearman, metric.Spearman}, "pearson": {metric.NewPearson, metric.Pearson}} {
		statistic, err := of.make(x, y)
		require.NoError(t, err)
		want, err := of.plain(x, y)
		require.NoError(t, err)
		require.InDelta(t, want, bootstrap(t, both, statistic).Value, 1e-12, name)
	}

	mean := bootstrap(t, both[:1], metric.NewMean(in))
	exact := metric.MeanInterval(in)
	require.InDelta(t, exact.Value, mean.Value, 1e-12)
	require.InDelta(t, exact.Low, mean.Interval().Low, 0.01)
	require.InDelta(t, exact.High, mean.Interval().High, 0.01)
}

// By hand: of 0..100 the hundredths are 1 and 99; the three highest scores have the values 7, 8 and 9.
func TestSpanAndTop(t *testing.T) {
	values := make([]float64, 101)
	for i := range values {
		values[i] = float64(i)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	require.Equal(t, 98.0, bootstrap(t, []metric.Population{{"a", 60}, {"b", 41}}, metric.NewSpan(values)).Value)
	top := metric.NewTop([]float64{5, 1, 9, 7, 3}, []float64{7, 0, 8, 9, 100}, 3)
	require.Equal(t, 8.0, bootstrap(t, []metric.Population{{"a", 5}}, top).Value)
	require.Equal(t, (8*2+9)/3.0, top()([][]uint8{{1, 0, 2, 1, 1}}), "an image that counts twice takes two places")
}

// Two models that differ by a constant shift of one image have differences that do not feel which images were drawn:
// the interval of the paired difference is far narrower than that of either.
func TestDifferencesArePaired(t *testing.T) {
	in, out := normals(1, 500, 1), normals(2, 500, 0)
	better := slices.Clone(in)
	for i := range better {
		better[i] += 0.1
	}
	both := []metric.Population{{"in", 500}, {"out", 500}}
	var areas [2]metric.Resampled
	for i, of := range [][]float64{in, better} {
		statistic, err := metric.NewAUROC(of, out)
		require.NoError(t, err)
		areas[i] = bootstrap(t, both, statistic)
	}
	difference := metric.Resampled{Value: areas[1].Value - areas[0].Value, Resamples: make([]float64, 1000)}
	for i := range difference.Resamples {
		difference.Resamples[i] = areas[1].Resamples[i] - areas[0].Resamples[i]
	}
	own, paired := areas[0].Interval(), difference.Interval()
	require.Greater(t, paired.Low, 0.0)
	require.Less(t, paired.High-paired.Low, (own.High-own.Low)/5)
	// Another population of the same size is drawn otherwise.
	statistic, err := metric.NewAUROC(in, out)
	require.NoError(t, err)
	require.NotEqual(t, areas[0].Resamples, bootstrap(t, []metric.Population{{"in", 500}, {"other", 500}}, statistic).Resamples)
}

// Three seeds: Student's 4.303 standard errors, and both kinds of chance add in squares.
func TestMeanOverSeeds(t *testing.T) {
	exact := metric.MeanOverSeeds([]metric.Resampled{{Value: 1}, {Value: 2}, {Value: 3}})
	require.InDelta(t, 2-4.3027/math.Sqrt(3), exact.Low, 1e-3)
	require.InDelta(t, 2+4.3027/math.Sqrt(3), exact.High, 1e-3)
	one := bootstrap(t, []metric.Population{{"a", 300}}, metric.NewMean(normals(5, 300, 0)))
	require.Equal(t, one.Interval(), metric.MeanOverSeeds([]metric.Resampled{one}))
	same := metric.MeanOverSeeds([]metric.Resampled{one, one, one})
	require.InDelta(t, one.Interval().Low, same.Low, 1e-12, "seeds that give the same leave the interval over images")
	require.InDelta(t, one.Interval().High, same.High, 1e-12)
}

// The textbook's factors for three values: 0.52 and 6.29.
func TestSpreadOverSeeds(t *testing.T) {
	s := metric.SpreadOverSeeds([]float64{1, 2, 3})
	require.InDelta(t, 1, s.Value, 1e-12)
	require.InDelta(t, 0.5207, s.Low, 1e-3)
	require.InDelta(t, 6.285, s.High, 1e-2)
}

func TestBootstrapRefuses(t *testing.T) {
	_, err := metric.Bootstrap([]metric.Population{{"a", 0}}, 1000, 1, metric.NewMean(nil))
	require.ErrorContains(t, err, "no images")
	_, err = metric.Bootstrap([]metric.Population{{"a", 1}}, 10, 1, metric.NewMean([]float64{1}))
	require.ErrorContains(t, err, "10 bootstrap resamples")
	_, err = metric.NewAUROC(nil, []float64{1})
	require.Error(t, err)
	_, err = metric.NewSpearman([]float64{1, 1}, []float64{1, 2})
	require.ErrorContains(t, err, "equal")
}

// A statistic of counts is the plain one of the images written down as often as they count, ties among them.
func TestStatisticsOfCountsAreThoseOfRepeatedImages(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	for range 50 {
		n, m := 2+rng.IntN(30), 2+rng.IntN(30)
		levels := 1 + rng.IntN(40) // few levels, many ties
		draw := func(n int) []float64 {
			values := make([]float64, n)
			for i := range values {
				values[i] = float64(rng.IntN(levels))
			}
			return values
		}
		repeat := func(values []float64, counts ...uint8) (all []float64) {
			for i, c := range counts {
				all = append(all, slices.Repeat(values[i:i+1], int(c))...)
			}
			return all
		}
		counts := [][]uint8{make([]uint8, n), make([]uint8, m)}
		for p := range counts {
			for range counts[p] {
				counts[p][rng.IntN(len(counts[p]))]++
			}
		}
		in, out := draw(n), draw(m)
		auroc, err := metric.NewAUROC(in, out)
		require.NoError(t, err)
		area, err := metric.AUROC(repeat(in, counts[0]...), repeat(out, counts[1]...))
		require.NoError(t, err)
		require.InDelta(t, area.Value, auroc()(counts), 1e-12)

		joined := slices.Concat(counts...)
		x, y := draw(n+m), draw(n+m)
		if slices.Min(x) == slices.Max(x) || slices.Min(y) == slices.Max(y) {
			continue // a correlation needs values that vary
		}
		x2, y2 := repeat(x, joined...), repeat(y, joined...)
		for _, of := range []struct {
			statistic func(x, y []float64) (func() metric.Statistic, error)
			plain     func(x, y []float64) (float64, error)
		}{{metric.NewSpearman, metric.Spearman}, {metric.NewPearson, metric.Pearson}} {
			statistic, err := of.statistic(x, y)
			require.NoError(t, err)
			want, err := of.plain(x2, y2)
			got := statistic()(counts)
			if err != nil { // what was drawn does not vary
				require.True(t, math.IsNaN(got))
				continue
			}
			require.InDelta(t, want, got, 1e-12)
		}
		mean, _ := metric.OverSeeds(x2)
		require.InDelta(t, mean, metric.NewMean(x)()(counts), 1e-12)
		slices.Sort(x2)
		at := func(share float64) float64 { return x2[int(share*float64(len(x2)-1))] }
		require.Equal(t, at(0.99)-at(0.01), metric.NewSpan(x)()(counts))
	}
}

// What is drawn of a population does not depend on whether it is kept, on what else is drawn with it, or on who asks.
func TestResamplesAreTheSameForAll(t *testing.T) {
	const large = 3000
	of := normals(1, 500, 0)
	resampler, err := metric.NewResampler(1000, 3)
	require.NoError(t, err)
	resampler.KeepAtMost(1_000_000)    // no large population
	first := func() metric.Statistic { // how often the first images are drawn, each with a digit of its own
		return func(counts [][]uint8) float64 {
			return float64(counts[0][0]) + 10*float64(counts[0][1]) + 100*float64(counts[0][2])
		}
	}
	for _, images := range []int{200, large} {
		alone := metric.Population{Name: "a", Images: images}
		want, err := metric.Bootstrap([]metric.Population{alone}, 1000, 3, first)
		require.NoError(t, err)
		for range 2 {
			got, err := resampler.Bootstrap([]metric.Population{alone, {Name: "b", Images: 5}}, first)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		require.Equal(t, 111.0, want.Value)
		require.NotEqual(t, want.Resamples[0], want.Resamples[1])
	}
	before, err := resampler.Bootstrap([]metric.Population{{Name: "c", Images: 500}}, metric.NewMean(of))
	require.NoError(t, err)
	resampler.Forget()
	var wait sync.WaitGroup
	results := make([]metric.Resampled, 4)
	for i := range results {
		wait.Go(func() {
			results[i], _ = resampler.Bootstrap([]metric.Population{{Name: "c", Images: 500}}, metric.NewMean(of))
		})
	}
	wait.Wait()
	for _, r := range results {
		require.Equal(t, before, r)
	}
}
