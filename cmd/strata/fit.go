package main

import (
	"errors"
	"fmt"
	"os"

	"strata/internal/fs"
	"strata/pkg/conformal"
	"strata/pkg/detector"
	"strata/pkg/detector/fit"
	"strata/pkg/imageset/resample"
)

type fitCommand struct {
	Good []string `arg:"" help:"Good images: folders, zips or files." placeholder:"GOOD"`
	Out  string   `required:"" help:"Model to write." placeholder:"MODEL"`

	Model         string `help:"Kind of the networks: glow, the default, or pixelcnn, whose heat map is the ratio of each pixel. A model's file that --general or --from names brings its own." enum:",glow,pixelcnn" default:"" placeholder:"KIND"`
	General       string `help:"What the ratio is taken to: drawn (comes with strata, for a Glow), a model's file, or a folder or zip of general images." default:"drawn" placeholder:"drawn|DIR|ZIP|MODEL"`
	GeneralKernel string `help:"What general images are resized by: bilinear, bicubic, lanczos, box, or nearest, the one that brings them nearest to the good ones." enum:",bilinear,bicubic,lanczos,box,nearest" default:"" placeholder:"KERNEL"`
	GeneralSteps  int    `help:"Steps on a folder of general images." default:"2500"`
	From          string `help:"Model to begin from, in the place of a general one: with --steps 0 it is only calibrated." placeholder:"MODEL"`
	Outliers      string `help:"Images unlike the good ones, 50 at least, for the outlier loss (Eq. 2)." placeholder:"DIR|ZIP"`

	Tiles   bool   `help:"Cut pictures into windows of 32x32 instead of resizing them as a whole."`
	Overlap *int   `help:"Pixels that neighbouring windows share, with --tiles; 0 for none (default 16)."`
	Longest *int   `help:"Longer side to which larger pictures are brought first, with --tiles (default 256)."`
	Kernel  string `help:"What pictures are resized by: bilinear, bicubic, lanczos or box." enum:",bilinear,bicubic,lanczos,box" default:"" placeholder:"KERNEL"`

	Steps  int      `help:"Most steps of training on the good images; 0 trains nothing." default:"1000"`
	Rate   float64  `help:"Learning rate." default:"0.0001"`
	Flip   bool     `help:"Mirror training images of a Glow; those of a PixelCNN++ stay as they are." negatable:"" default:"true"`
	Shift  bool     `help:"Move training images of a Glow by up to a tenth of the side." negatable:"" default:"true"`
	Seed   uint64   `help:"Seed of batches and noise." default:"1"`
	Most   int      `help:"Most images that are used." default:"50000"`
	Scores []string `help:"Scores that the model has; dimension, which takes two passes more, has to be asked for (default: all others of its kind)." placeholder:"SCORE"`
	Rule   string   `help:"How scores are combined: harmonic (the default), fisher or smallest." enum:",harmonic,fisher,smallest" default:"" placeholder:"RULE"`
}

func (fitCommand) Help() string {
	return `Examples:
  strata fit photos/good --out good.strata
  strata fit photos/good more.zip --out good.strata --tiles --no-flip
  strata fit photos/good --out good.strata --general imagenet/ --general-kernel nearest
  strata fit photos/good --out good.strata --model pixelcnn --general imagenet/
  strata fit photos/new-camera --out new.strata --from good.strata --steps 0

A model is one file. A PixelCNN++ has the scores log_likelihood, ratio, complexity and typicality, and takes about nine times as long as a Glow. Of the good images, 200 at least and 500 better, a fifth is held out, by their content: new images are compared with those, and what training is stopped by is a tenth of its own. Equal images count once. Ctrl-C saves and leaves; the same command goes on from MODEL.fitting, which is removed in the end.

With --from and --steps 0 the good images must not be those that the model was trained on: it would find new ones unusual more often than it says.`
}

func (c fitCommand) Run(e *environment) error {
	if err := c.zeros(); err != nil {
		return err
	}
	if err := fs.CanWrite(c.Out); err != nil { // before long work
		return err
	}
	o := fit.Options{Model: detector.Kind(c.Model), General: c.General, GeneralKernel: resample.Kernel(c.GeneralKernel),
		GeneralSteps: c.GeneralSteps, From: c.From, Outliers: c.Outliers, OnlyCalibrate: c.Steps == 0,
		Tiles: c.Tiles, Kernel: resample.Kernel(c.Kernel),
		Steps: c.Steps, Rate: c.Rate, NoFlip: !c.Flip, NoShift: !c.Shift, Seed: c.Seed, Most: c.Most, Scores: c.Scores,
		Rule: conformal.Rule(c.Rule),
		Work: c.Out + ".fitting", Out: e.err}
	if c.Overlap != nil {
		o.Overlap, o.NoOverlap = *c.Overlap, *c.Overlap == 0
	}
	if c.Longest != nil {
		o.Longest = *c.Longest
	}
	d, err := fit.Detector(e.ctx, o, c.Good...)
	if err != nil {
		if _, nothing := os.Stat(o.Work); nothing == nil && e.ctx.Err() != nil {
			return fmt.Errorf("%w; the same command goes on, from %s", err, o.Work)
		}
		return err
	}
	defer d.Close()
	if err := d.Save(c.Out); err != nil {
		return err
	}
	if err := os.RemoveAll(o.Work); err != nil {
		return err
	}
	for _, line := range fitted(d) {
		fmt.Fprintln(e.out, line)
	}
	fmt.Fprintln(e.out, c.Out)
	return nil
}

// zeros refuses those that would mean a default to package fit.
func (c fitCommand) zeros() error {
	switch {
	case c.Rate == 0:
		return errors.New("--rate 0 trains nothing: expected a rate above 0, as 0.0001, or --steps 0")
	case c.GeneralSteps == 0:
		return errors.New("--general-steps 0: expected 1 at least; a model's file as --general is taken as it is")
	case c.Most == 0:
		return fmt.Errorf("--most 0: expected %d at least", fit.Least)
	case c.Longest != nil && *c.Longest == 0:
		return fmt.Errorf("--longest 0: expected %d at least", detector.Side)
	}
	return nil
}

// fitted says what a model is worth.
func fitted(d *detector.Detector) []string {
	m := d.Manifest()
	lines := []string{fmt.Sprintf("general %s: %s", d.General().Kind().Title(), m.About)}
	if m.Fit.Steps > 0 {
		lines = append(lines, fmt.Sprintf("trained on %d of %d good images: %.3f bits/dim on others before, %.3f after %d of %d steps",
			m.Fit.Train, m.Fit.Images, m.Fit.From, m.Fit.To, m.Fit.Best, m.Fit.Steps))
	}
	lines = append(lines, fmt.Sprintf("false alarms to expect with %d held-out images:", m.HeldOut))
	for _, rate := range []float64{0.01, 0.05, 0.1} {
		if a := d.Expect(rate); a.Rate > 0 {
			lines = append(lines, fmt.Sprintf("  asked for %g %%: %.2g %% of good images (%.2g to %.2g %% in 95 of 100 cases)", 100*rate,
				100*a.Rate, 100*a.Low, 100*a.High))
		}
	}
	return lines
}
