package fit

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"strata/pkg/density"
	"strata/pkg/detector"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/imageset/intake"
	"strata/pkg/imageset/resample"
	"strata/pkg/optimiser"
	"strata/pkg/train"
)

// The general Glows of strata's own drawings, one for RGB and one for grey: make general draws and trains them.
//
//go:embed general/rgb.strata general/grey.strata
var drawn embed.FS

// GeneralFiles are their names by the number of channels.
var GeneralFiles = map[int]string{3: "rgb.strata", 1: "grey.strata"}

// DrawnGeneral is the general Glow that comes with strata, for images of 1 or 3 channels.
func DrawnGeneral(channels int) (*detector.General, error) {
	name := GeneralFiles[channels]
	data, err := drawn.ReadFile("general/" + name)
	if err != nil {
		return nil, fmt.Errorf("fit: there is no general Glow of %d channels: 1 or 3", channels)
	}
	return detector.ReadGeneral(bytes.NewReader(data), int64(len(data)), name)
}

// isDrawn says whether a general Glow is one of those that come with strata, by its weights, wherever it was read from.
func isDrawn(general *detector.General) (bool, error) {
	own, err := DrawnGeneral(general.Glow.Channels)
	if err != nil {
		return false, err
	}
	return weightsHash(own.Weights) == weightsHash(general.Weights), nil
}

// generalRate is the rate at which a general Glow is trained: the paper's (S4.1). For the last fifth of the steps it is that of
// finetuning: a Glow that comes from a high rate gains on images of every kind once the rate falls, and where the own one alone
// did, the ratio would see that and little else (docs/detector_evidence.md).
const (
	generalRate  = 5e-4
	finetuneRate = 1e-4
)

// TrainGeneral trains a general Glow on images, from its start where from is nil, or on from another one. work is a folder of its
// own. About begins with about.
func TrainGeneral(ctx context.Context, o Options, from *detector.General, config glow.Config, images *imageset.Set,
	about, work string) (*detector.General, error) {
	o = o.withDefaults()
	fresh := from == nil
	if !fresh {
		config = from.Glow
	}
	rule := optimiser.PaperAdamax()
	rule.Rate, rule.Warmup = generalRate, min(100, o.GeneralSteps/10)
	rule.Decay, rule.DecayAt = finetuneRate/generalRate, []int{o.GeneralSteps * 4 / 5}
	t := training{options: o, config: config, images: images, work: work, rule: rule, steps: o.GeneralSteps,
		label: "train the general Glow", fresh: fresh, augmentation: o.augmentation()}
	if !fresh {
		t.start = from.Weights
	}
	result, err := t.run(ctx)
	if err != nil {
		return nil, err
	}
	return &detector.General{About: fmt.Sprintf("%s, %d steps", about, o.GeneralSteps), Glow: config, Weights: result.weights,
		Spectrum: detector.SpectrumOf(images.Subset(2000, 1))}, nil
}

// start is what a fit begins with.
type start struct {
	detector    *detector.Detector // nil without Options.From
	general     *detector.General  // nil where it is to be trained, or is the drawn one
	preparation detector.Preparation
}

func (o Options) start() (start, error) {
	for what, path := range map[string]string{"general images": o.General, "outliers": o.Outliers} {
		if path == "" || path == Drawn {
			continue
		}
		if _, err := os.Stat(path); err != nil { // hours before they are wanted
			return start{}, fmt.Errorf("fit: %s: %w", what, err)
		}
	}
	if o.From != "" {
		d, err := detector.Load(o.From)
		if err != nil {
			return start{}, err
		}
		return start{d, d.General(), d.Preparation()}, nil
	}
	s := start{preparation: detector.Preparation{Channels: 3, Kernel: o.Kernel, Tiles: o.Tiles, Overlap: o.Overlap, Longest: o.Longest}}
	var err error
	if o.General != Drawn && detector.IsModel(o.General) {
		s.general, err = detector.LoadGeneral(o.General)
	}
	return s, err
}

// grey says whether grey pictures make a grey model: not where the general Glow is one of colours.
func (s start) grey() bool { return s.general == nil || s.general.Glow.Channels == 1 }

// general finds or makes the general Glow.
func (o Options) general(ctx context.Context, s start, p detector.Preparation, good detector.Spectrum) (*detector.General, error) {
	if o.General == Drawn && s.general == nil {
		return DrawnGeneral(p.Channels)
	}
	if g := s.general; g != nil {
		var err error
		if g.Glow.Channels != p.Channels {
			err = fmt.Errorf("fit: the general Glow of %s is for images of %d channels, and the good ones have %d", o.General,
				g.Glow.Channels, p.Channels)
		}
		return g, err
	}
	from, err := DrawnGeneral(p.Channels)
	if err != nil {
		return nil, err
	}
	if o.GeneralKernel == Nearest {
		if p.Kernel, err = o.nearest(ctx, p, good); err != nil {
			return nil, err
		}
		fmt.Fprintf(o.Out, "general images are resized by %s, which brings their spectrum nearest to the good images'\n", p.Kernel)
	} else if o.GeneralKernel != "" {
		p.Kernel = o.GeneralKernel
	}
	set, images, err := o.setOf(ctx, "general images", o.General, p, Least)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Out, "%d general images (%s)%s\n", len(images.samples), p, images.trouble())
	about := fmt.Sprintf("%d images of %s (%s), trained on from: %s", len(images.samples), filepath.Base(o.General), p, from.About)
	return TrainGeneral(ctx, o, from, from.Glow, set, about, filepath.Join(o.Work, "general"))
}

// someGeneral is how many general images a kernel is tried on.
const someGeneral = 300

// nearest is the kernel by which general images are about as fine as the good ones.
func (o Options) nearest(ctx context.Context, p detector.Preparation, good detector.Spectrum) (resample.Kernel, error) {
	var best resample.Kernel
	least := math.Inf(1)
	for _, kernel := range []resample.Kernel{resample.Bilinear, resample.Bicubic, resample.Lanczos, resample.Box} {
		p.Kernel = kernel
		set := &imageset.Set{Name: "general", Split: imageset.Train, Height: detector.Side, Width: detector.Side, Channels: p.Channels}
		walk := intake.Open(o.General)
		n := 0
		for prepared := range p.Read(ctx, walk.Files, o.Limits) {
			if prepared.Err == nil {
				set.Pixels = append(set.Pixels, prepared.Windows.Pixels[:set.ImageSize()]...)
				n++
			}
			if n == someGeneral {
				break
			}
		}
		walk.Close()
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if n == 0 {
			return "", fmt.Errorf("fit: no picture in %s can be read", o.General)
		}
		if finer := math.Abs(detector.SpectrumOf(set).Finer(good)); finer < least {
			best, least = kernel, finer
		}
	}
	return best, nil
}

// finetune trains the own Glow on the good images, and against outliers where there are some, and says in fitted how that went.
func (o Options) finetune(ctx context.Context, general *detector.General, own detector.Weights, images *gathered, of parts,
	outliers *imageset.Set, fitted *detector.Fit) (detector.Weights, error) {
	set, err := images.set(ctx, "good", of.train, windowsOfPicture, o.Most)
	if err != nil {
		return nil, err
	}
	stop, err := images.set(ctx, "stop", of.stop, 4, 500)
	if err != nil {
		return nil, err
	}
	rule := optimiser.PaperAdamax()
	rule.Rate, rule.Warmup = o.Rate, min(30, o.Steps/10)
	t := training{options: o, config: general.Glow, start: own, images: set, stop: stop, work: filepath.Join(o.Work, "own"), rule: rule,
		steps: o.Steps, label: "finetune on the good images", augmentation: o.augmentation()}
	if outliers != nil {
		t.loss, t.outliers, t.general = train.PaperLoss(train.Eq2, false), outliers, general
	}
	result, err := t.run(ctx)
	if err != nil {
		return nil, err
	}
	fitted.Steps, fitted.Best, fitted.From, fitted.To = result.steps, result.best, result.from, result.to
	if warning := result.warning(); warning != "" {
		fitted.Warnings = append(fitted.Warnings, warning)
	}
	if result.best == 0 {
		fitted.Warnings = append(fitted.Warnings, "no step of training made good images more likely: the general Glow is used as it "+
			"is, and scores that "+
			"compare with it say nothing; more good images, or fewer changes of them (no flip, no shift), may help")
	}
	return result.weights, nil
}

// augmentation is what training images go through: the paper's (S4.1), as far as it is wanted.
func (o Options) augmentation() imageset.Augmentation {
	a := imageset.PaperAugmentation
	if a.Flip = !o.NoFlip; o.NoShift {
		a.Translate = 0
	}
	return a
}

// bitsPerDim is the mean over a set.
func bitsPerDim(network *density.Network, set *imageset.Set, stopped func() error) (float64, error) {
	rows, err := network.LogLikelihoods(set, density.Noise{}, func(int) error { return stopped() })
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, row := range rows {
		sum += density.BitsPerDim(row[0], set.ImageSize()) / float64(len(rows))
	}
	return sum, nil
}
