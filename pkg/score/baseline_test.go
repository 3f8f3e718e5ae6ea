package score_test

import (
	"testing"

	"strata/pkg/imageset"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// One flat grey image, one white, one checkered: every baseline orders them as its name says.
func TestBaselines(t *testing.T) {
	set := &imageset.Set{Name: "x", Split: imageset.Test, Height: 8, Width: 8, Channels: 3}
	for _, level := range []func(i int) uint8{
		func(int) uint8 { return 100 },
		func(int) uint8 { return 255 },
		func(i int) uint8 { return uint8(200 * ((i/3%8 + i/24) % 2)) },
	} {
		for i := range set.ImageSize() {
			set.Pixels = append(set.Pixels, level(i))
		}
	}
	values := map[string][]float64{}
	for _, b := range score.Baselines() {
		of, err := b.Of(set)
		require.NoError(t, err)
		require.Len(t, of, 3)
		values[b.Name] = of
	}
	require.Equal(t, []float64{100, 255, 100}, values["brightness"])
	require.Equal(t, []float64{0, 0, 200}, score.TotalVariation(set))
	require.Equal(t, -200., values["total_variation"][2])
	for _, size := range []string{"png_size", "jpeg_size"} {
		require.Less(t, values[size][2], values[size][0], size)
	}
	grey, err := score.Baselines()[2].Of(set.Grey("g"))
	require.NoError(t, err)
	require.Greater(t, grey[2], values["jpeg_size"][2], "grey takes less")
}
