package site

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A picture of few colours keeps them all; of many, each pixel stays near its own, and paper stays white.
func TestIndexed(t *testing.T) {
	few := image.NewRGBA(image.Rect(3, 5, 19, 21))
	for i := range 256 {
		few.SetRGBA(3+i%16, 5+i/16, color.RGBA{uint8(i), uint8(i / 2), 7, 255})
	}
	got, ok := indexed(few)
	require.True(t, ok)
	for y := 5; y < 21; y++ {
		for x := 3; x < 19; x++ {
			require.Equal(t, few.At(x, y), color.RGBAModel.Convert(got.At(x, y)), "%d %d", x, y)
		}
	}

	many := image.NewRGBA(image.Rect(0, 0, 256, 256))
	for y := range 256 {
		for x := range 256 {
			c := color.RGBA{255, 255, 255, 255}
			if y >= 128 { // half of it is paper
				c = color.RGBA{uint8(x), uint8(y), uint8(x / 2), 255}
			}
			many.SetRGBA(x, y, c)
		}
	}
	got, ok = indexed(many)
	require.True(t, ok)
	require.LessOrEqual(t, len(got.Palette), 256)
	sum := 0.0
	for y := range 256 {
		for x := range 256 {
			want, is := many.RGBAAt(x, y), color.RGBAModel.Convert(got.At(x, y)).(color.RGBA)
			if y < 128 {
				require.Equal(t, want, is)
			}
			for _, d := range []int{int(want.R) - int(is.R), int(want.G) - int(is.G), int(want.B) - int(is.B)} {
				sum += float64(d * d)
			}
		}
	}
	require.Less(t, math.Sqrt(sum/(3*128*256)), 6.0, "levels")

	_, ok = indexed(image.NewRGBA(image.Rect(0, 0, 2, 2)))
	require.False(t, ok, "transparent")
}

// A file that is as small as it gets is left alone, and equal files give equal bytes.
func TestSmaller(t *testing.T) {
	picture := image.NewRGBA(image.Rect(0, 0, 300, 300))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(i*i) | uint8(255*(i%4/3))
	}
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, picture))
	once, err := smaller(file.Bytes())
	require.NoError(t, err)
	require.Less(t, len(once), file.Len())
	again, err := smaller(file.Bytes())
	require.NoError(t, err)
	require.Equal(t, once, again)
	twice, err := smaller(once)
	require.NoError(t, err)
	require.Equal(t, once, twice)
}
