package detector

import (
	"testing"

	"strata/pkg/imageset/intake"

	"github.com/stretchr/testify/require"
)

// Whatever the size, windows cover all of the picture, at the stated overlap or more, and lie in it.
func TestPreparation(t *testing.T) {
	p := Preparation{Channels: 1, Tiles: true, Overlap: 8, Longest: 100}
	for _, size := range [][2]int{{1, 1}, {32, 32}, {33, 40}, {300, 20}, {20, 3000}, {64, 100}} {
		picture := &intake.Picture{Height: size[0], Width: size[1], Channels: 3, Pixels: make([]uint8, 3*size[0]*size[1])}
		w := p.Of(picture)
		require.GreaterOrEqual(t, min(w.Height, w.Width), Side)
		require.LessOrEqual(t, max(w.Height, w.Width), 100)
		require.Len(t, w.Pixels, len(w.Corners)*Side*Side)
		covered := make([]bool, w.Height*w.Width)
		for _, c := range w.Corners {
			require.True(t, c.X >= 0 && c.Y >= 0 && c.X+Side <= w.Width && c.Y+Side <= w.Height)
			for y := range Side {
				for x := range Side {
					covered[(c.Y+y)*w.Width+c.X+x] = true
				}
			}
		}
		require.NotContains(t, covered, false, size)
		require.Contains(t, w.Notes, "a colour picture in a grey model: its luma")
	}
	require.Equal(t, []int{0, 24, 48, 68}, p.starts(100))
	whole := Preparation{Channels: 3}.Of(&intake.Picture{Height: 7, Width: 90, Channels: 1, Pixels: make([]uint8, 630)})
	require.Len(t, whole.Corners, 1)
	require.Len(t, whole.Pixels, 3072)
	for _, bad := range []Preparation{{}, {Channels: 2}, {Channels: 3, Tiles: true}, {Channels: 3, Tiles: true, Longest: 64, Overlap: 32},
		{Channels: 3, Overlap: 3}, {Channels: 1, Kernel: "sharp"}} {
		require.Error(t, bad.Validate(), "%+v", bad)
	}
}

// The numbers of docs/kernel.md: a box leaves Tiny ImageNet finer than CIFAR-10, bilinear does not.
func TestCompare(t *testing.T) {
	cifar, box := Spectrum{70.5, 60.5, 53.7, 48.7, 43.5, 39.1}, Spectrum{69.7, 60.1, 53.9, 50.2, 47.6, 46.3}
	bilinear := Spectrum{69.6, 59.8, 52.8, 47.6, 43.0, 40.0}
	require.Contains(t, Compare(cifar, box), "finer than the good ones, by 5.1 dB")
	require.Contains(t, Compare(box, cifar), "smoother than the good ones, by 5.1 dB")
	require.Empty(t, Compare(cifar, bilinear))
	louder := cifar
	for ring := range louder {
		louder[ring] += 12
	}
	require.InDelta(t, 0, louder.Finer(cifar), 1e-9, "contrast does not count")
}
