package main

import (
	"fmt"
	"path/filepath"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/invert"
	"strata/pkg/progress"
	"strata/pkg/runs"
)

type sampleCommand struct {
	Run_        string  `arg:"" name:"run" help:"Run to draw from; a prefix of its name will do."`
	Output      string  `short:"o" required:"" help:"Picture to write (.png)." placeholder:"FILE"`
	Count       int     `help:"Images to draw." default:"40"`
	Temperature float64 `help:"1 is the model's own distribution; below it, safer images." default:"1"`
	Seed        uint64  `help:"Seed of the images." default:"1"`
	Scale       int     `help:"Size of a pixel in the picture." default:"2"`
}

func (sampleCommand) Help() string {
	return `Example: strata sample glow-shapes --temperature 0.7 -o samples.png

A Glow's images come from normal latents of that standard deviation through the inverse, a PixelCNN++'s pixel after pixel. Image i of a seed is the same whatever --count is.`
}

func (c sampleCommand) Run(e *environment) error {
	if extension := filepath.Ext(c.Output); extension != ".png" {
		return fmt.Errorf("%s: samples are written as .png, not %q", c.Output, extension)
	}
	network, run, err := e.network(c.Run_, c.Count)
	if err != nil {
		return err
	}
	pixels, err := c.draw(e, network)
	if err != nil {
		return err
	}
	h, w, channels := network.Model.Shape()
	set := &imageset.Set{Name: "samples", Split: imageset.Test, Height: h, Width: w, Channels: channels, Pixels: pixels}
	columns := min(c.Count, 10)
	sheet := imageset.ContactSheet(set, columns, (c.Count+columns-1)/columns, c.Scale)
	if err := imageset.WritePNG(c.Output, sheet); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s: %d samples of %s (%s)\n", c.Output, c.Count, run.Info.ID, network.Model)
	return nil
}

func (c sampleCommand) draw(e *environment, network *density.Network) ([]uint8, error) {
	if sampler, ok := network.Model.(density.Sampler); ok {
		h, w, _ := network.Model.Shape()
		bar := progress.New(e.err, "sample", c.Count*h*w)
		defer bar.Done("pixels")
		return sampler.Sample(network, density.SampleOptions{Count: c.Count, Seed: c.Seed, Temperature: c.Temperature,
			Progress: func(done, _ int) error {
				bar.Set(done, "pixels")
				return e.ctx.Err()
			}})
	}
	inverter, err := invert.New(network)
	if err != nil {
		return nil, err
	}
	defer inverter.Close()
	images, err := inverter.Sample(e.ctx, invert.SampleOptions{Count: c.Count, Seed: c.Seed, Temperature: c.Temperature})
	return images.Pixels(), err
}

// network opens a finished run and its network, for so many images.
func (e *environment) network(name string, images int) (*density.Network, *runs.Run, error) {
	engine, err := e.engine(false)
	if err != nil {
		return nil, nil, err
	}
	run, err := runs.Open(engine.Runs, name)
	if err != nil {
		return nil, nil, err
	}
	network, err := engine.Network(run, images)
	return network, run, err
}

type reconstructCommand struct {
	Run_   string   `arg:"" name:"run" help:"Run of a Glow; a prefix of its name will do."`
	Sets   []string `arg:"" name:"set" help:"Sets whose test images go to the latents and back."`
	Images int      `help:"Test images a set, 0 for all." default:"256"`
}

func (reconstructCommand) Help() string {
	return `Example: strata reconstruct glow-shapes shapes digits textures

Images go to the latents and back in float32. An image's error is that of its worst sub-pixel, in levels, of which there are 256; exact is the share of images whose every pixel is right after rounding. Images unlike the training set may come back wrong: a coupling divides by scales that can be tiny there.`
}

func (c reconstructCommand) Run(e *environment) error {
	engine, err := e.engine(false)
	if err != nil {
		return err
	}
	run, err := runs.Open(engine.Runs, c.Run_)
	if err != nil {
		return err
	}
	var sets []*imageset.Set
	passes := 0
	for _, name := range c.Sets {
		set, err := engine.TestImages(name, c.Images)
		if err != nil {
			return err
		}
		sets, passes = append(sets, set), passes+2*set.Len()
	}
	network, err := engine.Network(run, passes)
	if err != nil {
		return err
	}
	inverter, err := invert.New(network)
	if err != nil {
		return err
	}
	defer inverter.Close()
	fmt.Fprintf(e.out, "%-24s %7s %12s %12s %7s %11s\n", "set", "images", "largest", "median", "exact", "not finite")
	for i, name := range c.Sets {
		set := sets[i]
		bar := progress.New(e.err, "reconstruct "+name, set.Len())
		r, err := inverter.Reconstruct(e.ctx, set, func(done int) error {
			bar.Set(done, "images")
			return e.ctx.Err()
		})
		bar.Done("images")
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%-24s %7d %12.3g %12.3g %6.1f%% %11d\n", name, r.Images, r.Largest, r.Median, 100*r.Exact, r.NotFinite)
	}
	return nil
}
