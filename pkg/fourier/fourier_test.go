package fourier

import (
	"fmt"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"strata/pkg/imageset"

	"github.com/stretchr/testify/require"
)

func noise(n, height, width, channels int, seed uint64) *imageset.Set {
	rng := rand.New(rand.NewPCG(seed, 1))
	set := &imageset.Set{Name: "noise", Split: imageset.Test, Height: height, Width: width, Channels: channels}
	for range n * height * width * channels {
		set.Pixels = append(set.Pixels, uint8(rng.IntN(256)))
	}
	return set
}

// An image mixed with itself is itself.
func TestMixWithItself(t *testing.T) {
	for _, channels := range []int{1, 3} {
		set := noise(3, 8, 6, channels, 1)
		mixed, err := Mix(set, set)
		require.NoError(t, err)
		require.NoError(t, mixed.Validate())
		require.Equal(t, set.Pixels, mixed.Pixels)
	}
}

// Before it is clipped, a mix has the amplitudes of the one and, where they are not 0, the phases of the other. The phases of a
// real image are odd, so the inverse transform is real but for rounding.
func TestMixHasTheSpectrumOfBoth(t *testing.T) {
	a, b := channel(noise(1, 8, 8, 1, 1), 0, 0), channel(noise(1, 8, 8, 1, 2), 0, 0)
	transform := newTransform(8, 8)
	of, from := transform.forward(a), transform.forward(b)
	for i, v := range transform.forward(transform.mix(a, b)) {
		require.InDelta(t, cmplx.Abs(of[i]), cmplx.Abs(v), 1e-8*8*8*255)
		require.InDelta(t, 0, cmplx.Abs(v/complex(cmplx.Abs(v), 0)-from[i]/complex(cmplx.Abs(from[i]), 0)), 1e-8)
	}
}

func TestShuffledLeavesNoneInPlace(t *testing.T) {
	set := noise(9, 2, 2, 1, 3)
	shuffled, order := Shuffled(set, 7)
	seen := map[int]bool{}
	for i, from := range order {
		require.NotEqual(t, i, from)
		require.Equal(t, set.Image(from), shuffled.Image(i))
		seen[from] = true
	}
	require.Len(t, seen, 9)
}

func TestMixRefusesOtherShapes(t *testing.T) {
	_, err := Mix(noise(2, 4, 4, 3, 1), noise(3, 4, 4, 3, 1))
	require.ErrorContains(t, err, "2 images of 4x4x3")
}

func ExampleMix() {
	set := &imageset.Set{Name: "flat", Split: imageset.Test, Height: 2, Width: 2, Channels: 1, Pixels: []uint8{9, 9, 9, 9}}
	mixed, err := Mix(set, set)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mixed.Pixels)
	// Output: [9 9 9 9]
}
