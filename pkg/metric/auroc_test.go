package metric

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pairOutcome is 1 for a pair won by the in-distribution image, 1/2 for a tie, 0 otherwise.
func pairOutcome(in, out float64) float64 {
	switch {
	case in > out:
		return 1
	case in == out:
		return 0.5
	}
	return 0
}

// bruteForce computes area and DeLong's variance by definition, over all pairs.
func bruteForce(in, out []float64) (area, variance float64) {
	perIn, perOut := make([]float64, len(in)), make([]float64, len(out))
	for i, x := range in {
		for j, y := range out {
			won := pairOutcome(x, y)
			perIn[i] += won / float64(len(out))
			perOut[j] += won / float64(len(in))
			area += won
		}
	}
	area /= float64(len(in) * len(out))
	spread := func(shares []float64) float64 {
		var sum float64
		for _, s := range shares {
			sum += (s - area) * (s - area)
		}
		return sum / float64(len(shares)-1) / float64(len(shares))
	}
	return area, spread(perIn) + spread(perOut)
}

func TestAUROCByHand(t *testing.T) {
	// Shares won by 3, 5, 7 are 1/3, 2/3, 1; losses of 1, 4, 6 are 1, 2/3, 1/3: variance (1/9)/3 + (1/9)/3.
	got, err := AUROC([]float64{7, 3, 5}, []float64{1, 6, 4})
	require.NoError(t, err)
	assert.InDelta(t, 2.0/3, got.Value, 1e-15)
	assert.InDelta(t, 2.0/3-1.959963984540054*math.Sqrt(2.0/27), got.Low, 1e-14)
	assert.Equal(t, 1.0, got.High, "clipped")
}

// The rank formulas against the definition, with and without ties, on unequal sizes. Both sides round sums of at most 60
// shares, so they agree far below 1e-12.
func TestAUROCAgainstAllPairs(t *testing.T) {
	for seed := range uint64(30) {
		random := source(seed)
		in := normals(random, 2+random.IntN(60), 0.5, 0.4*float64(seed%3))
		out := normals(random, 2+random.IntN(60), 0, 0.4*float64(seed%3))
		area, variance := bruteForce(in, out)
		if variance == 0 {
			continue // the fallback has its own test
		}
		got, err := AUROC(in, out)
		require.NoError(t, err)
		assert.InDelta(t, area, got.Value, 1e-12)
		assert.InDelta(t, max(0, area-z95*math.Sqrt(variance)), got.Low, 1e-12)
		assert.InDelta(t, min(1, area+z95*math.Sqrt(variance)), got.High, 1e-12)
	}
}

func TestAUROCLaws(t *testing.T) {
	random := source(2)
	in, out := normals(random, 300, 0.7, 0.1), normals(random, 200, 0, 0.1)
	area, err := AUROC(in, out)
	require.NoError(t, err)

	monotone := func(scores []float64) []float64 {
		mapped := make([]float64, len(scores))
		for i, s := range scores {
			mapped[i] = -3e6 + math.Exp(s)
		}
		return mapped
	}
	mapped, err := AUROC(monotone(in), monotone(out))
	require.NoError(t, err)
	assert.Equal(t, area, mapped, "only the order counts")

	swapped, err := AUROC(out, in)
	require.NoError(t, err)
	assert.InDelta(t, 1-area.Value, swapped.Value, 1e-15)
	assert.InDelta(t, 1-area.Low, swapped.High, 1e-14)
	assert.InDelta(t, 1-area.High, swapped.Low, 1e-14)

	infinite, err := AUROC([]float64{0, math.Inf(1)}, []float64{math.Inf(-1), 0})
	require.NoError(t, err)
	assert.Equal(t, 3.5/4, infinite.Value)
}

// Without spread DeLong's error is 0; the interval must then still say that the area is not known exactly.
func TestAUROCWithoutSpread(t *testing.T) {
	low, high := []float64{1, 2, 3, 3}, []float64{4, 5, 6, 6, 9}
	alike := math.Pow(0.025, 0.25) // four disjoint pairs
	for name, c := range map[string]struct {
		in, out []float64
		want    Interval
	}{
		"separated":       {high, low, Interval{1, alike, 1}},
		"wrong way round": {low, high, Interval{0, 0, 1 - alike}},
		"constant":        {[]float64{7, 7, 7, 7, 7}, []float64{7, 7, 7, 7}, Interval{0.5, alike / 2, 1 - alike/2}},
		"one image":       {[]float64{2}, low, Interval{0.375, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := AUROC(c.in, c.out)
			require.NoError(t, err)
			assert.Equal(t, c.want.Value, got.Value)
			assert.InDelta(t, c.want.Low, got.Low, 1e-15)
			assert.InDelta(t, c.want.High, got.High, 1e-15)
		})
	}
	got, err := AUROC(make([]float64, 1000), normals(source(3), 1000, 100, 0))
	require.NoError(t, err)
	assert.InDelta(t, 0.0037, got.High, 5e-5, "the number that the comment quotes")
}

// The area of two sets of the numbers 0..n-1 is exactly one half, and the shares won are evenly spread: their variance is
// (n+1)/(12n) on either side. n = 100,000 is beyond what int32 pair counts hold (pROC issue 19).
func TestAUROCLarge(t *testing.T) {
	const n = 100_000
	scores := make([]float64, n)
	for i := range scores {
		scores[i] = float64((i * 7919) % n)
	}
	start := time.Now()
	got, err := AUROC(scores, scores)
	require.NoError(t, err)
	assert.Equal(t, 0.5, got.Value)
	want := z95 * math.Sqrt(2*(n+1.0)/(12*n)/n)
	assert.InEpsilon(t, want, got.High-0.5, 1e-9)
	assert.InEpsilon(t, want, 0.5-got.Low, 1e-9)
	assert.Less(t, time.Since(start), 10*time.Second, "comparing all 10^10 pairs would take longer")
}

// Two normal sets one standard deviation apart have area Phi(1/sqrt 2). DeLong's interval covers it in 94.2 % of draws of 60
// images a set (20,000 other draws; a correct one is a little narrow at this size), so in 942 of 1,000, with standard deviation
// 7.4. The band is four of them.
func TestAUROCCoverage(t *testing.T) {
	truth := (1 + math.Erf(0.5)) / 2
	covered := 0
	for seed := range uint64(1000) {
		random := source(1000 + seed)
		got, err := AUROC(normals(random, 60, 1, 0), normals(random, 60, 0, 0))
		require.NoError(t, err)
		if got.Low <= truth && truth <= got.High {
			covered++
		}
	}
	assert.InDelta(t, 942, covered, 30)
}

// The fallback of perfect separation claims to be cautious: with four images a set and a true area of 0.9, perfectly
// separated draws are common, and their interval must still cover in at least 97.5 % of all draws.
func TestSeparationFallbackCovers(t *testing.T) {
	truth := 0.9
	distance := math.Sqrt2 * math.Sqrt2 * math.Erfinv(2*truth-1)
	separated, missed := 0, 0
	for seed := range uint64(2000) {
		random := source(5000 + seed)
		got, err := AUROC(normals(random, 4, distance, 0), normals(random, 4, 0, 0))
		require.NoError(t, err)
		if got.Value == 1 {
			separated++
			if got.Low > truth {
				missed++
			}
		}
	}
	assert.Greater(t, separated, 500, "the case under test occurs")
	assert.LessOrEqual(t, missed, 50, "0.025 of 2000")
}

func BenchmarkAUROC(b *testing.B) {
	random := source(5)
	in, out := normals(random, 10_000, 1, 0), normals(random, 26_032, 0, 0)
	for b.Loop() {
		if _, err := AUROC(in, out); err != nil {
			b.Fatal(err)
		}
	}
}
