package imageset

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func coloured() *Set {
	return &Set{Name: "s", Split: Train, Height: 1, Width: 1, Channels: 3, Pixels: []uint8{255, 255, 255, 10, 20, 30, 0, 0, 1, 200, 0, 0},
		Labels: []int32{2, 0, 1, 2}, Classes: []string{"a", "b", "c"}}
}

func TestOfClasses(t *testing.T) {
	set := coloured()
	part, err := set.OfClasses("part", "c", "a")
	require.NoError(t, err)
	require.NoError(t, part.Validate())
	require.Equal(t, []uint8{255, 255, 255, 10, 20, 30, 200, 0, 0}, part.Pixels)
	require.Equal(t, []int32{0, 1, 0}, part.Labels)
	require.Equal(t, []string{"c", "a"}, part.Classes)
	require.Equal(t, coloured(), set, "a set is not changed")

	_, err = set.OfClasses("part", "d")
	require.ErrorContains(t, err, `class "d" is unknown or named twice; it has a, b, c`)
	_, err = set.OfClasses("part", "a", "a")
	require.Error(t, err)
	_, err = set.OfClasses("part")
	require.Error(t, err)
	_, err = (&Set{Name: "bare", Height: 1, Width: 1, Channels: 1, Pixels: []uint8{1}}).OfClasses("part", "a")
	require.ErrorContains(t, err, "no labels")
}

// 10, 20, 30 is 18.149; white is 254.97, cut to 254 as the reference's 8 bits cut it.
func TestGrey(t *testing.T) {
	grey := coloured().Grey("g")
	require.NoError(t, grey.Validate())
	require.Equal(t, []uint8{254, 18, 0, 59}, grey.Pixels)
	require.Equal(t, grey.Pixels, grey.Grey("again").Pixels)
	require.Equal(t, coloured().Labels, grey.Labels)
}

func ExampleSet_OfClasses() {
	set := &Set{Name: "pets", Split: Train, Height: 1, Width: 1, Channels: 1, Pixels: []uint8{1, 2, 3}, Labels: []int32{0, 1, 0},
		Classes: []string{"cat", "dog"}}
	cats, err := set.OfClasses("cats", "cat")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cats.Len(), cats.Classes)
	// Output: 2 [cat]
}
