// Package fit makes a detector of good images: it finetunes a Glow or PixelCNN++ from a general one, stops where good images that it is
// not trained on no longer gain, and compares with others that had no part in anything.
//
//	d, err := fit.Detector(ctx, fit.Options{}, "good/")
//	err = d.Save("good.strata")
package fit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"strata/pkg/conformal"
	"strata/pkg/detector"
	"strata/pkg/detector/measure"
	"strata/pkg/imageset"
	"strata/pkg/imageset/intake"
	"strata/pkg/imageset/resample"
	"strata/pkg/progress"
)

// Options say how a detector is made. The zero value will do.
type Options struct {
	// Model is the kind of both networks: "" for that of the file that General or From names, or else a Glow.
	Model detector.Kind
	// General is what the ratio is taken to, and the start of the own network: "" or Drawn for the general Glow that comes with strata; a
	// model's file, for the general network in it; or a folder or zip of general images, on which the drawn Glow is trained on,
	// or a PixelCNN++ trained.
	General string
	// GeneralKernel resizes general images: "" for Kernel, or Nearest for the kernel that brings their spectrum nearest
	// to the good images'.
	GeneralKernel resample.Kernel
	// GeneralSteps is how many steps a general network is trained on a folder for, the last fifth at a lower rate; 0 is 2,500.
	GeneralSteps int
	// From is a detector's file: its own network is what training begins from, and its general one and preparation are taken
	// over, and its scores and rule where none are named.
	From string
	// OnlyCalibrate trains nothing: what is held out is compared with as the start is. Good images must not be what From was trained on.
	OnlyCalibrate bool
	// Outliers is a folder or zip of images unlike the good ones, LeastOutliers at least, for the outlier loss (paper Eq. 2).
	Outliers string

	// Tiles cuts windows instead of resizing pictures as a whole, with Overlap pixels in common (0 is 16, half a window; NoOverlap puts
	// them side by side), of pictures whose longer side is at most Longest (0 is 256). Kernel resizes, "" for bilinear.
	Tiles, NoOverlap bool
	Overlap, Longest int
	Kernel           resample.Kernel

	// Steps is the most that the own network is trained for, 0 is 1,000, of Batch images, 0 is 32, at Rate, 0 is 1e-4. NoFlip keeps
	// training images from being mirrored, and NoShift from being moved by up to a tenth of the side, as those of a Glow are.
	Steps, Batch    int
	Rate            float64
	NoFlip, NoShift bool
	Seed            uint64
	// Most is how many good (and general) images are used, 0 is 50,000, chosen by their content.
	Most int

	// Scores and Rule are the detector's: see detector.Config.
	Scores []string
	Rule   conformal.Rule
	Limits intake.Limits

	// Work is the folder in which training is kept until it is done: a fit that was stopped goes on from there. "" is a temporary one.
	Work string
	// Out hears progress and what a person should know; nil is silence.
	Out io.Writer
}

// Drawn is the general Glow that comes with strata.
const Drawn = "drawn"

// Nearest is the GeneralKernel that is chosen by the spectrum.
const Nearest resample.Kernel = "nearest"

func (o Options) withDefaults() Options {
	o.General = cmp.Or(o.General, Drawn)
	o.GeneralSteps = cmp.Or(o.GeneralSteps, 2500)
	o.Steps, o.Batch, o.Rate, o.Most = cmp.Or(o.Steps, 1000), cmp.Or(o.Batch, 32), cmp.Or(o.Rate, finetuneRate), cmp.Or(o.Most, 50_000)
	if o.Tiles {
		o.Longest = cmp.Or(o.Longest, 256)
		if !o.NoOverlap {
			o.Overlap = cmp.Or(o.Overlap, detector.Side/2)
		}
	}
	if o.Limits == (intake.Limits{}) {
		o.Limits = intake.DefaultLimits
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	return o
}

// Validate says what is wrong with options, before anything is read.
func (o Options) Validate() error {
	o = o.withDefaults()
	kernel := o.GeneralKernel
	if kernel == Nearest {
		kernel = ""
	}
	preparation := detector.Preparation{Channels: 3, Kernel: o.Kernel, Tiles: o.Tiles, Overlap: o.Overlap, Longest: o.Longest}
	if err := errors.Join(preparation.Validate(), kernel.Validate()); err != nil {
		return err
	}
	switch {
	case o.Steps < 1 || o.GeneralSteps < 1 || o.Batch < 1 || o.Most < Least:
		return fmt.Errorf("%d steps, %d general ones, batches of %d and at most %d images: expected at least 1, 1, 1 and %d",
			o.Steps, o.GeneralSteps, o.Batch, o.Most, Least)
	case !(o.Rate > 0) || math.IsInf(o.Rate, 1):
		return fmt.Errorf("a learning rate of %g: expected one above 0, as %g", o.Rate, finetuneRate)
	case o.NoOverlap && (o.Overlap != 0 || !o.Tiles):
		return errors.New("no overlap is for tiles, and leaves out how much of it")
	case o.From != "" && o.General != Drawn:
		return errors.New("a detector to begin from brings its general network: name one of the two")
	case o.From != "" && (o.Tiles || o.Kernel != ""):
		return errors.New("a detector to begin from brings its preparation: leave out tiles and kernel")
	case o.OnlyCalibrate && o.Outliers != "":
		return errors.New("outliers are for training, and nothing is to be trained")
	case o.Rule != "" && !slices.Contains(conformal.Rules(), o.Rule):
		return fmt.Errorf("no rule %q: choose one of %v", o.Rule, conformal.Rules())
	}
	if o.Model != "" {
		if err := o.Model.Validate(); err != nil {
			return err
		}
	}
	return o.checkScores(o.Model)
}

// checkScores finds scores that a kind of network lacks, "" for any.
func (o Options) checkScores(kind detector.Kind) error {
	if o.Scores == nil {
		return nil
	}
	_, err := measure.Find(kind, o.Scores)
	return err
}

// windowsOfPicture are how many windows of a training picture are used, and of one that says what is typical.
const windowsOfPicture = 16

// Detector makes a detector of the good images of folders, zips and files.
func Detector(ctx context.Context, o Options, good ...string) (*detector.Detector, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	o = o.withDefaults()
	if o.Work == "" {
		folder, err := os.MkdirTemp("", "strata-fit-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(folder)
		o.Work = folder
	}
	start, err := o.start()
	if err != nil {
		return nil, err
	}
	if start.detector != nil { // what is not asked for is as it was
		before := start.detector.Manifest()
		o.Rule = cmp.Or(o.Rule, before.Rule)
		if o.Scores == nil {
			o.Scores = before.Scores
		}
	}
	walk := intake.Open(good...)
	defer walk.Close()
	images, err := o.readGood(ctx, walk, start, good)
	if err != nil {
		return nil, err
	}
	of := images.split(!o.OnlyCalibrate)
	fitted := detector.Fit{Images: len(images.samples), Duplicates: images.duplicates, Unreadable: images.unreadable,
		LeftOut: images.leftOut, Train: len(of.train), Stop: len(of.stop)}
	fmt.Fprintf(o.Out, "%d good images (%s)%s: %d to train on, %d to stop by, %d held out\n", fitted.Images,
		images.preparation, images.trouble(), fitted.Train, fitted.Stop, len(of.heldOut))
	images.tellProblems(o.Out)

	shown := of.train // whose spectrum is compared
	if o.OnlyCalibrate {
		shown = of.stop
	}
	some, err := images.set(ctx, "good", shown, 1, 2000)
	if err != nil {
		return nil, err
	}
	fitted.Spectrum = detector.SpectrumOf(some)
	config, err := o.findOrTrain(ctx, start, images, of, &fitted)
	if err != nil {
		return nil, err
	}
	config.Preparation, config.Scores, config.Rule, config.Fit = images.preparation, o.Scores, o.Rule, fitted
	d, err := detector.New(config)
	if err != nil {
		return nil, err
	}
	if err := o.calibrate(ctx, d, images, of); err != nil {
		d.Close()
		return nil, err
	}
	for _, warning := range fitted.Warnings {
		fmt.Fprintln(o.Out, "warning:", warning)
	}
	return d, nil
}

// readGood gathers the good images, of which there must be Least, in grey where all of them are and nothing wants colours.
func (o Options) readGood(ctx context.Context, walk *intake.Walk, start start, from []string) (*gathered, error) {
	images, err := o.read(ctx, walk, "good images", start.preparation, o.Most)
	if err != nil {
		return nil, err
	}
	if n := len(images.samples); n < Least {
		return nil, fmt.Errorf("fit: %d different good images in %s%s: at least %d are needed, %d of them to be held out; 500 are a "+
			"fair number", n, strings.Join(from, ", "), images.trouble()+images.why(), Least, detector.LeastHeldOut)
	}
	if start.detector == nil && start.grey() && images.grey() {
		images.inGrey()
	}
	return images, nil
}

// findOrTrain finds or trains both networks, and says in fitted how that went.
func (o Options) findOrTrain(ctx context.Context, start start, images *gathered, of parts, fitted *detector.Fit) (detector.Config, error) {
	var outliers *imageset.Set
	if o.Outliers != "" { // before a general network is trained, which may take hours
		var err error
		if outliers, _, err = o.setOf(ctx, "outliers", o.Outliers, images.preparation, LeastOutliers); err != nil {
			return detector.Config{}, err
		}
		fitted.Outliers = outliers.Len()
	}
	general, drawn, err := o.general(ctx, start, images.preparation, fitted.Spectrum)
	if err != nil {
		return detector.Config{}, err
	}
	for _, warning := range []string{images.repeats(), detector.Compare(fitted.Spectrum, general.Spectrum)} {
		if warning != "" {
			fitted.Warnings = append(fitted.Warnings, warning)
		}
	}
	own := general.Weights
	if start.detector != nil {
		own = start.detector.Own()
	} else if o.OnlyCalibrate {
		fitted.Warnings = append(fitted.Warnings, "nothing was trained: both networks are the general one, and the scores that compare "+
			"them say nothing; begin from a detector, or train")
	}
	if !o.OnlyCalibrate {
		own, err = o.finetune(ctx, general, own, images, of, outliers, fitted)
	}
	return detector.Config{General: general, Drawn: drawn, Own: own}, err
}

// repeats warns where many pictures are equal: they are one among those that are held out, and many among new ones.
func (g *gathered) repeats() string {
	read := len(g.samples) + g.leftOut + g.duplicates
	if 20*g.duplicates <= read {
		return ""
	}
	return fmt.Sprintf("%d of %d good images are equal to others (blank frames?) and count once; if they are called unusual, so is every "+
		"new one like them, and false alarms are more than is said here", g.duplicates, read)
}

// trouble says what was not used.
func (g *gathered) trouble() string {
	text := ""
	if g.duplicates > 0 {
		text += fmt.Sprintf(", %d duplicates used once", g.duplicates)
	}
	if g.leftOut > 0 {
		text += fmt.Sprintf(", %d more left out", g.leftOut)
	}
	if g.unreadable > 0 {
		text += fmt.Sprintf(", %d unreadable", g.unreadable)
	}
	return text
}

// why says in a line what could not be read, and tellProblems in one each.
func (g *gathered) why() string {
	if len(g.problems) == 0 {
		return ""
	}
	return " (" + strings.Join(g.problems, "; ") + ")"
}

func (g *gathered) tellProblems(to io.Writer) {
	for _, problem := range g.problems {
		fmt.Fprintln(to, "  unreadable:", problem)
	}
	if more := g.unreadable - len(g.problems); more > 0 {
		fmt.Fprintf(to, "  and %d more\n", more)
	}
}

// read gathers pictures.
func (o Options) read(ctx context.Context, walk *intake.Walk, what string, p detector.Preparation, most int) (*gathered, error) {
	bar := progress.New(o.Out, "read "+what, 0)
	defer bar.Done("")
	return gather(ctx, walk, p, o.Limits, most, bar)
}

// calibrate scores what was held out.
func (o Options) calibrate(ctx context.Context, d *detector.Detector, images *gathered, of parts) error {
	all := 2*len(of.stop) + len(of.heldOut)
	bar := progress.New(o.Out, "score good images", all)
	defer bar.Done("")
	begun := bar.During("the first images") // with what compiles the networks
	defer begun()
	return d.Calibrate(ctx, images.load(ctx, of.stop), images.load(ctx, of.heldOut), all, func(done int) {
		begun()
		bar.Set(done, "")
	})
}

// setOf makes one set of all images of a folder or zip, of which there must be so many.
func (o Options) setOf(ctx context.Context, what, path string, p detector.Preparation, least int) (*imageset.Set, *gathered, error) {
	walk := intake.Open(path)
	defer walk.Close()
	images, err := o.read(ctx, walk, what, p, o.Most)
	if err != nil {
		return nil, nil, err
	}
	if n := len(images.samples); n < least {
		return nil, nil, fmt.Errorf("fit: %d different %s in %s%s: at least %d are needed", n, what, path,
			images.trouble()+images.why(), least)
	}
	set, err := images.set(ctx, what, images.samples, windowsOfPicture, o.Most)
	return set, images, err
}
