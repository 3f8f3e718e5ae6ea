package imageset

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShift(t *testing.T) {
	src := []uint8{
		1, 2, 3,
		4, 5, 6,
	}
	for _, want := range []struct {
		dy, dx int
		pixels []uint8
	}{
		{0, 0, []uint8{1, 2, 3, 4, 5, 6}},
		{1, 0, []uint8{0, 0, 0, 1, 2, 3}},
		{-1, 1, []uint8{0, 4, 5, 0, 0, 0}},
		{0, -2, []uint8{3, 0, 0, 6, 0, 0}},
		{0, 3, make([]uint8, 6)},
		{-2, 0, make([]uint8, 6)},
		{5, -9, make([]uint8, 6)},
	} {
		dst := []uint8{9, 9, 9, 9, 9, 9}
		shift(dst, src, 2, 3, 1, want.dy, want.dx)
		assert.Equal(t, want.pixels, dst, "down %d, right %d", want.dy, want.dx)
	}
}

func TestMirrorKeepsChannelsTogether(t *testing.T) {
	image := []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9}
	mirror(image, 1, 3, 3)
	assert.Equal(t, []uint8{7, 8, 9, 4, 5, 6, 1, 2, 3}, image)
}

// The shares of digest §4.1, each within 4 standard errors.
func TestAugmentDistribution(t *testing.T) {
	const h, w, draws = 32, 32, 20000
	src := make([]uint8, h*w)
	src[16*w+10] = 1 // one light, left of the middle: mirrored it is at column 21
	dst := make([]uint8, len(src))
	rng := rand.New(rand.NewPCG(1, 2))
	var down, right [7]int
	flips := 0
	for range draws {
		Augment(dst, src, h, w, 1, PaperAugmentation, rng)
		at := -1
		for i, v := range dst {
			if v == 1 {
				at = i
			}
		}
		require.GreaterOrEqual(t, at, 0)
		y, x := at/w, at%w
		if x >= 16 {
			flips++
			x = w - 1 - x
		}
		down[y-16+3]++
		right[x-10+3]++
	}
	near := func(want float64, count int, what string) {
		t.Helper()
		assert.InDelta(t, want, float64(count)/draws, 4*math.Sqrt(want*(1-want)/draws), what)
	}
	near(0.5, flips, "flips")
	for i := range 7 {
		want := 1 / 6.4
		if i == 0 || i == 6 {
			want = 0.7 / 6.4
		}
		near(want, down[i], "down")
		near(want, right[i], "right")
	}
}

// Digest §9: shifts of -4 to 4 pixels by padding, each with probability 1/9, within 4 standard errors.
func TestPadDistribution(t *testing.T) {
	const h, w, draws = 32, 32, 20000
	src := make([]uint8, h*w)
	src[16*w+10] = 1
	dst := make([]uint8, len(src))
	rng := rand.New(rand.NewPCG(1, 2))
	var counts [9][9]int
	for range draws {
		Augment(dst, src, h, w, 1, Augmentation{Pad: 4}, rng)
		for i, v := range dst {
			if v == 1 {
				counts[i/w-16+4][i%w-10+4]++
			}
		}
	}
	for dy := range counts {
		for dx := range counts[dy] {
			const want = 1. / 81
			assert.InDelta(t, want, float64(counts[dy][dx])/draws, 4*math.Sqrt(want/draws), "down %d, right %d", dy-4, dx-4)
		}
	}
}

// Runs are named by a hash of their settings: a field that is not used must not show.
func TestAugmentationAsJSON(t *testing.T) {
	text, err := json.Marshal(PaperAugmentation)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Translate": 0.1, "Flip": true}`, string(text))
}

func TestAugmentZeroValueCopies(t *testing.T) {
	src := picture(5 * 6 * 3)
	dst := make([]uint8, len(src))
	Augment(dst, src, 5, 6, 3, Augmentation{}, rand.New(rand.NewPCG(1, 1)))
	assert.Equal(t, src, dst)
	assert.Panics(t, func() { Augment(dst[1:], src, 5, 6, 3, Augmentation{}, nil) })
}

func TestAugmentationValidate(t *testing.T) {
	assert.NoError(t, Augmentation{}.Validate())
	assert.NoError(t, PaperAugmentation.Validate())
	for _, bad := range []float64{-0.1, 1, math.NaN(), math.Inf(1)} {
		assert.Error(t, Augmentation{Translate: bad}.Validate())
	}
	assert.NoError(t, WideResNetAugmentation.Validate())
	assert.Error(t, Augmentation{Pad: -1}.Validate())
	assert.Error(t, Augmentation{Pad: 1, Translate: 0.1}.Validate())
}
