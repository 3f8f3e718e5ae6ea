package imageset_test

import (
	"context"
	"fmt"

	"strata/pkg/imageset"
)

func ExampleOpen() {
	set, err := imageset.Open("", "digits", imageset.Test)
	if err != nil {
		fmt.Println(err)
		return
	}
	part := set.Subset(100, 1)
	fmt.Println(part.Len(), "images of", part.Height, "x", part.Width, "x", part.Channels)
	// Output: 100 images of 32 x 32 x 3
}

func ExampleNewSampler() {
	set := &imageset.Set{Name: "ramp", Split: imageset.Train, Height: 1, Width: 1, Channels: 1, Pixels: []uint8{0, 1, 2, 3, 4}}
	sampler, err := imageset.NewSampler(set, 2, imageset.Augmentation{}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for batch := range sampler.Prefetch(ctx, 0, 2) {
		fmt.Println(batch.Step, len(batch.Indices), len(batch.Pixels))
		batch.Release()
		if batch.Step == 2 {
			break
		}
	}
	// Output:
	// 0 2 2
	// 1 2 2
	// 2 2 2
}
