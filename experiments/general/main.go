// Command general draws the general images that strata brings with it and trains the general networks on them that pkg/detector/fit embeds:
//
//	go run ./experiments/general -model glow -steps 3750
//
// It is make general, and takes some ten minutes on two idle cores for the Glows. Stopped, it goes on from work.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"strata/pkg/backend"
	"strata/pkg/detector"
	"strata/pkg/detector/fit"
	"strata/pkg/imageset"
	"strata/pkg/imageset/procedural"
)

// batches are how many images a step has: those of the size demo of experiments/sizes.yaml.
var batches = map[detector.Kind]int{detector.Glow: 32, detector.PixelCNN: 16}

func main() {
	backend.HugePages()
	kind := flag.String("model", string(detector.Glow), "kind of the networks: glow or pixelcnn")
	steps := flag.Int("steps", 3750, "steps for each of the two networks, of 32 images for a Glow and 16 for a PixelCNN++")
	images := flag.Int("images", 40_000, "images to draw")
	out := flag.String("out", filepath.Join("pkg", "detector", "fit", "general"), "folder for the models")
	work := flag.String("work", filepath.Join("runs", "general"), "folder from which a stopped training goes on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, detector.Kind(*kind), *steps, *images, *out, *work); err != nil {
		fmt.Fprintln(os.Stderr, "general:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kind detector.Kind, steps, images int, out, work string) error {
	if err := kind.Validate(); err != nil {
		return err
	}
	// Seed 1: other leaves than those that results are measured on.
	pixels, _, _, err := procedural.Draw("leaves", imageset.Train, images, 1)
	if err != nil {
		return err
	}
	rgb := &imageset.Set{Name: "leaves", Split: imageset.Train, Height: procedural.Side, Width: procedural.Side, Channels: 3,
		Pixels: pixels}
	for _, set := range []*imageset.Set{rgb, rgb.Grey("leaves_grey")} {
		file := fit.GeneralFile(kind, set.Channels)
		about := fmt.Sprintf("%d leaves that strata draws (seed 1, version %d), batches of %d", images, procedural.Version, batches[kind])
		o := fit.Options{GeneralSteps: steps, Batch: batches[kind], Seed: 1, Out: os.Stderr}
		general, err := fit.TrainGeneral(ctx, o, nil, fit.Network(kind, set.Channels), set, about,
			filepath.Join(work, strings.TrimSuffix(file, ".strata")))
		if err != nil {
			return err
		}
		if err := general.Save(filepath.Join(out, file)); err != nil {
			return err
		}
	}
	return nil
}
