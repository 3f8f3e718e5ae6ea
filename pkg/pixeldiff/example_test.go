package pixeldiff_test

import (
	"fmt"

	"strata/pkg/imageset"
	"strata/pkg/pixeldiff"
)

// One grey 3x3 image with a bright centre, and a flat one.
func ExampleFit() {
	set := &imageset.Set{Name: "tiny", Split: "train", Height: 3, Width: 3, Channels: 1, Pixels: []uint8{
		10, 10, 10, 10, 12, 10, 10, 10, 10,
		50, 50, 50, 50, 50, 50, 50, 50, 50,
	}}
	density, err := pixeldiff.Fit(set, pixeldiff.Options{Bins: 51})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("mode %v, peak %.4f per grey level\n", density.Mode(), density.Peak())
	fmt.Printf("log-density of the flat image: %.3f\n", density.LogLikelihood(set.Image(1)))
	// Output:
	// mode 0, peak 0.0057 per grey level
	// log-density of the flat image: -5.174
}
