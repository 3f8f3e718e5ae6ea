package fourier

import (
	"math"
	"testing"

	"strata/pkg/imageset"

	"github.com/stretchr/testify/require"
)

// painted is a set of one image of grey levels as colours.
func painted(channels int, level func(y, x int) uint8) *imageset.Set {
	set := &imageset.Set{Name: "painted", Split: imageset.Test, Height: 32, Width: 32, Channels: channels}
	for p := range 32 * 32 {
		for range channels {
			set.Pixels = append(set.Pixels, level(p/32, p%32))
		}
	}
	return set
}

// Images whose numbers can be said without computing.
func TestLuma(t *testing.T) {
	flat := LumaOf(painted(3, func(_, _ int) uint8 { return 77 }))[0]
	require.InDelta(t, 0, flat.Step+flat.Laplacian, 1e-9)
	require.InDelta(t, 0, flat.Power[0]+flat.Power[5], 1e-9)

	ramp := LumaOf(painted(1, func(_, x int) uint8 { return uint8(6 * x) }))[0]
	require.InDelta(t, 3, ramp.Step, 1e-9, "6 to the right, 0 down")
	require.InDelta(t, 0, ramp.Laplacian, 1e-9, "what is straight has none")

	board := LumaOf(painted(3, func(y, x int) uint8 { return uint8(100 + 10*((x+y)%2)) }))[0]
	require.InDelta(t, 10, board.Step, 1e-9)
	require.InDelta(t, 40, board.Laplacian, 1e-9, "each pixel is 10 from each of its four neighbours")

	// Waves of 4, 10 and 16 cycles lie in the second, fourth and last ring; a Hann window leaks into the next two
	// frequencies only.
	for cycles, ring := range map[float64]int{4: 1, 10: 3, 16: 5} {
		wave := LumaOf(painted(1, func(_, x int) uint8 {
			return uint8(math.Round(128 + 100*math.Cos(2*math.Pi*cycles*float64(x)/32)))
		}))[0]
		for other := range wave.Power {
			if other != ring {
				require.Greater(t, wave.Power[ring], 30*wave.Power[other], "%v cycles, ring %d", cycles, other)
			}
		}
	}
}

// Chroma is what grey images have none of, and what luma is blind to.
func TestChroma(t *testing.T) {
	require.Nil(t, ChromaOf(painted(1, func(_, x int) uint8 { return uint8(x) })))
	grey := ChromaOf(painted(3, func(_, x int) uint8 { return uint8(6 * x) }))[0]
	require.InDelta(t, 0, grey[0]+grey[5], 1e-9)

	// Blue waves of 10 cycles: luma has 0.114 of them, Cb 0.564 (1 - 0.114), Cr -0.713 x 0.114.
	blue := painted(3, func(_, _ int) uint8 { return 128 })
	for p := range 32 * 32 {
		blue.Pixels[3*p+2] = uint8(math.Round(128 + 100*math.Cos(2*math.Pi*10*float64(p%32)/32)))
	}
	chroma, luma := ChromaOf(blue)[0], LumaOf(blue)[0].Power
	cb, cr := 0.564*(1-0.114), 0.713*0.114
	for ring := range chroma {
		require.InEpsilon(t, (cb*cb+cr*cr)/2/(0.114*0.114), chroma[ring]/luma[ring], 1e-9)
	}
	require.Greater(t, chroma[3], 30*chroma[1])
}

// Parseval: the powers of all frequencies, rings and what they leave out, are the energy of what was transformed.
func TestLumaPowerIsEnergy(t *testing.T) {
	rings, counts := ringsOf(32, 32), map[int]int{}
	for _, ring := range rings {
		counts[ring]++
	}
	require.Equal(t, -1, rings[0], "0 is left out")
	require.Equal(t, -1, rings[16*32+16], "so is the corner")
	// An impulse beside the border, where the window is w: power w^2 at every frequency but for the mean that is taken off.
	set := painted(1, func(y, x int) uint8 {
		if y == 10 && x == 16 {
			return 200
		}
		return 0
	})
	weight := hann(32)[10] * hann(32)[16] * 200
	of := LumaOf(set)[0]
	for ring := 1; ring < 6; ring++ {
		require.Positive(t, counts[ring])
		require.InEpsilon(t, weight*weight, of.Power[ring], 0.02)
	}
}

// The weights of the colours are those of luma, and images are told apart.
func TestLumaOfColours(t *testing.T) {
	set := painted(3, func(_, _ int) uint8 { return 0 })
	set.Pixels = append(set.Pixels, set.Pixels...)
	for p := 0; p < 32*32; p += 2 { // columns of pure green in the second image
		set.Pixels[3*(32*32+p)+1] = 100
	}
	of := LumaOf(set)
	require.Zero(t, of[0].Step)
	require.InDelta(t, 58.7/2, of[1].Step, 1e-9, "58.7 to the right, 0 down")
}
