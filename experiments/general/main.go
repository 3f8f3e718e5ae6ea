// Command general draws the general images that strata brings with it and trains the general Glows on them that pkg/detector/fit embeds:
//
//	go run ./experiments/general -steps 3750
//
// It is make general, and takes some ten minutes on two idle cores. Stopped, it goes on from work.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"strata/pkg/backend"
	"strata/pkg/detector/fit"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/imageset/procedural"
)

func main() {
	backend.HugePages()
	steps := flag.Int("steps", 3750, "steps of 32 images for each of the two Glows")
	images := flag.Int("images", 40_000, "images to draw")
	out := flag.String("out", filepath.Join("pkg", "detector", "fit", "general"), "folder for the models")
	work := flag.String("work", filepath.Join("runs", "general"), "folder from which a stopped training goes on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *steps, *images, *out, *work); err != nil {
		fmt.Fprintln(os.Stderr, "general:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, steps, images int, out, work string) error {
	// Seed 1: other leaves than those that results are measured on.
	pixels, _, _, err := procedural.Draw("leaves", imageset.Train, images, 1)
	if err != nil {
		return err
	}
	rgb := &imageset.Set{Name: "leaves", Split: imageset.Train, Height: procedural.Side, Width: procedural.Side, Channels: 3,
		Pixels: pixels}
	for _, set := range []*imageset.Set{rgb, rgb.Grey("leaves_grey")} {
		config := glow.Config{Height: set.Height, Width: set.Width, Channels: set.Channels, Scales: 3, K: 4, Hidden: 64}
		about := fmt.Sprintf("%d leaves that strata draws (seed 1, version %d)", images, procedural.Version)
		o := fit.Options{GeneralSteps: steps, Seed: 1, Out: os.Stderr}
		general, err := fit.TrainGeneral(ctx, o, nil, config, set, about, filepath.Join(work, fmt.Sprint(set.Channels)))
		if err != nil {
			return err
		}
		if err := general.Save(filepath.Join(out, fit.GeneralFiles[set.Channels])); err != nil {
			return err
		}
	}
	return nil
}
