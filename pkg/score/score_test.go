package score

import (
	"fmt"
	"math"
	"testing"

	"strata/pkg/imageset"

	"github.com/stretchr/testify/require"
)

func TestRatio(t *testing.T) {
	ratio, err := Ratio([]float64{3, 5}, []float64{1, 5})
	require.NoError(t, err)
	require.Equal(t, []float64{2, 0}, ratio, "a model against itself is 0")
	_, err = Ratio([]float64{1}, nil)
	require.Error(t, err)
}

func TestHighest(t *testing.T) {
	require.Equal(t, []int{2, 0}, Highest([]float64{3, 1, 5, 3}, 2), "ties in the order of the images")
	require.Equal(t, []int{1, 0}, Highest([]float64{1, 2}, 12))
}

// A derived score is made of the columns that it asks for, and says which is missing.
func TestDerived(t *testing.T) {
	columns := func(of map[string][]float64) Columns {
		return func(name string) ([]float64, error) {
			values, ok := of[name]
			if !ok {
				return nil, fmt.Errorf("no column %s", name)
			}
			return values, nil
		}
	}
	own := columns(map[string][]float64{"log_likelihood": {10, 20}, "png_bytes": {1, 2}})
	general := columns(map[string][]float64{"log_likelihood": {4, 5}})
	want := map[string][]float64{"complexity": {10 + 8*math.Ln2, 20 + 16*math.Ln2}, "ratio": {6, 15}}
	for _, d := range All() {
		values, err := d.Of(own, general)
		require.NoError(t, err)
		require.Equal(t, want[d.Name], values, d.Name)
		_, err = d.Of(columns(nil), general)
		require.ErrorContains(t, err, "no column log_likelihood", d.Name)
		again, ok := Find(d.Name)
		require.True(t, ok)
		require.Equal(t, d.General, again.General)
		require.PanicsWithError(t, `score: there is a score "`+d.Name+`" already`, func() { Register(d) })
	}
	_, ok := Find("beauty")
	require.False(t, ok)
	for column, of := range map[string]bool{"log_likelihood": true, "c12": true, "log_odds": true, "png_bytes": false} {
		require.Equal(t, of, OfModel(column), column)
	}
}

func TestOfImages(t *testing.T) {
	set := &imageset.Set{Name: "black", Split: imageset.Test, Height: 2, Width: 2, Channels: 1, Pixels: make([]uint8, 8)}
	for name, want := range map[string]float64{"brightness": 0, "total_variation": 0} {
		values, err := OfImages(set, name)
		require.NoError(t, err)
		require.Equal(t, []float64{want, want}, values, name)
	}
	bytes, err := OfImages(set, PNGColumn)
	require.NoError(t, err)
	sizes, err := OfImages(set, "png_size")
	require.NoError(t, err)
	require.Equal(t, -sizes[0], bytes[0])
	_, err = OfImages(set, "beauty")
	require.ErrorContains(t, err, `under the name "beauty"`)
}
