package measure

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A^2 by its definition with the distribution function in full, and its law under the prior: the 95 % point of many draws
// is 2.492 (Anderson and Darling 1954), which a twentieth of 4,000 draws passes, within four standard errors.
func TestAndersonDarling(t *testing.T) {
	sum := func(z []float64) float64 { // sorted
		n, total := float64(len(z)), 0.0
		f := func(v float64) float64 { return 0.5 * math.Erfc(-v/math.Sqrt2) }
		for i := range z {
			total += (2*float64(i) + 1) / n * (math.Log(f(z[i])) + math.Log(1-f(z[len(z)-1-i])))
		}
		return -n - total
	}
	require.InDelta(t, sum([]float64{-1.2, -0.3, 0.1, 0.8, 2.2}), AndersonDarling([]float32{0.8, -0.3, 2.2, 0.1, -1.2}), 1e-5)
	rng := rand.New(rand.NewPCG(1, 2))
	const draws = 4000
	above := 0
	z := make([]float32, 100)
	for range draws {
		for i := range z {
			z[i] = float32(rng.NormFloat64())
		}
		if AndersonDarling(z) > 2.492 {
			above++
		}
	}
	require.InDelta(t, 0.05, float64(above)/draws, 4*math.Sqrt(0.05*0.95/draws))
	for _, z := range []float64{-29.9, -2, 0, 0.3, 8} {
		below, above := logTails(z)
		require.InDelta(t, math.Log(0.5*math.Erfc(-z/math.Sqrt2)), below, 1e-9)
		require.InDelta(t, math.Log(0.5*math.Erfc(z/math.Sqrt2)), above, 1e-9)
	}
	near, _ := logTails(-30)
	far, _ := logTails(-30.0001)
	require.InDelta(t, near, far, 0.01, "no jump between the two ways")
	require.False(t, math.IsInf(AndersonDarling([]float32{-1e4, 1e4}), 0))
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		require.True(t, math.IsInf(AndersonDarling([]float32{0, bad, 1}), 1))
	}
}

// The dimension of a map along the axes is known: of 8 directions those count along which a latent hardly moves for a level.
func TestDimension(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 8
	diagonal := make([]float64, n) // of a map along the axes, latents a level
	for k := range diagonal {
		diagonal[k] = 100
		if k < 3 {
			diagonal[k] = 0.01
		}
	}
	signs := func() []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = 2*float64(rng.IntN(2)) - 1
		}
		return v
	}
	m := &measured{unsorted: [][]float32{make([]float32, n)}}
	for range probeCount {
		moved := make([]float32, n)
		for k, v := range signs() {
			moved[k] = float32(diagonal[k] * v * probeStep)
		}
		m.probes = append(m.probes, [][]float32{moved})
	}
	require.InDelta(t, 3, dimension(m), 0.01)
}

// A Glow's heat of a window adds up to the log-ratio of its latents under the prior.
func TestHeatAddsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	m := &measured{}
	want := 0.0
	for _, dims := range []int{1536, 768, 768} {
		a, b := make([]float32, dims), make([]float32, dims)
		for k := range a {
			a[k], b[k] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
			want += float64(b[k]*b[k]-a[k]*a[k]) / 2
		}
		m.unsorted, m.general.latents = append(m.unsorted, a), append(m.general.latents, b)
	}
	got := 0.0
	for _, h := range latentHeat(m) {
		got += float64(h)
	}
	require.InDelta(t, want, got, 0.01)
	// One latent of the second scale, at row 1 and column 2 of 8x8 positions of 4 pixels.
	for _, z := range append(m.unsorted, m.general.latents...) {
		clear(z)
	}
	m.unsorted[1][64*5+1*8+2] = 4
	for p, h := range latentHeat(m) {
		if inside := p/Side/4 == 1 && p%Side/4 == 2; inside {
			require.InDelta(t, -0.5, h, 1e-6)
		} else {
			require.Zero(t, h)
		}
	}
}

func TestFind(t *testing.T) {
	_, err := Find(Glow, []string{"ratio", "beauty"})
	require.ErrorContains(t, err, `a score "beauty" is unknown or named twice: choose of log_likelihood, ratio,`)
	_, err = Find(Glow, []string{"ratio", "ratio"})
	require.Error(t, err)
	_, err = Find(Glow, nil)
	require.Error(t, err)
	_, err = Find("", []string{"ratio", "dimension"})
	require.NoError(t, err)
	for _, name := range []string{"last_scale", "last_scale_ratio", "latent_fit", "dimension"} {
		_, err = Find(PixelCNN, []string{"ratio", name})
		require.EqualError(t, err, `a PixelCNN++ has no score "`+name+`": choose of log_likelihood, ratio, complexity, typicality`)
	}
	for _, s := range Scores("") {
		require.NotEmpty(t, s.Source, s.Name)
	}
	require.Equal(t, []string{"ratio"}, Combined([]string{"log_likelihood", "ratio"}, false))
	require.Equal(t, []string{"ratio", "last_scale_ratio"}, Combined(Default(Glow), false))
	require.Equal(t, []string{"complexity", "latent_fit"}, Combined(Default(Glow), true))
	require.Equal(t, []string{"ratio"}, Combined(Default(PixelCNN), false))
	require.Equal(t, []string{"complexity"}, Combined(Default(PixelCNN), true))
	require.Equal(t, []string{"last_scale", "latent_fit"}, Combined([]string{"log_likelihood", "last_scale", "latent_fit"}, false))
	require.Equal(t, []string{"log_likelihood"}, Combined([]string{"log_likelihood"}, true))
}

// What the host does for an image beside the Glows: latents of the paper's size, and the PNG.
func BenchmarkScores(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := &measured{pixels: make([]uint8, Side*Side*3)}
	for i := range m.pixels {
		m.pixels[i] = uint8(rng.IntN(256))
	}
	var z [][]float32
	for _, dims := range []int{1536, 768, 768} {
		values := make([]float32, dims)
		for k := range values {
			values[k] = float32(rng.NormFloat64())
		}
		z = append(z, values)
	}
	b.Run("latent_fit", func(b *testing.B) {
		for b.Loop() {
			m.own.latents = nil
			for _, values := range z {
				m.own.latents = append(m.own.latents, append([]float32(nil), values...))
			}
			latentFit(m)
		}
	})
	b.Run("complexity", func(b *testing.B) {
		for b.Loop() {
			complexity(m)
		}
	})
}
