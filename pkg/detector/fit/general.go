package fit

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"strata/pkg/density"
	"strata/pkg/detector"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/imageset/intake"
	"strata/pkg/imageset/resample"
	"strata/pkg/models"
	"strata/pkg/optimiser"
	"strata/pkg/pixelcnn"
	"strata/pkg/train"
)

// The general networks of strata's own drawings, of a kind one for RGB and one for grey: make general draws and trains them.
//
//go:embed general/*.strata
var drawn embed.FS

// GeneralFile is the name of the file of one for images of 1 or 3 channels.
func GeneralFile(kind detector.Kind, channels int) string {
	name := map[int]string{3: "rgb", 1: "grey"}[channels] + ".strata"
	if kind != detector.Glow {
		name = string(kind) + "_" + name
	}
	return name
}

// errNotDrawn ends what DrawnGeneral says where there is none.
var errNotDrawn = errors.New("comes with strata: name general images (--general DIR|ZIP), on which one is trained, or a model's file")

// checkDrawn says, without reading it, whether there is one of a kind for images of so many channels.
func checkDrawn(kind detector.Kind, channels int) error {
	if _, err := fs.Stat(drawn, "general/"+GeneralFile(kind, channels)); err != nil {
		return fmt.Errorf("fit: no general %s of %d channels %w", kind.Title(), channels, errNotDrawn)
	}
	return nil
}

// DrawnGeneral is the general network of a kind that comes with strata, for images of 1 or 3 channels.
func DrawnGeneral(kind detector.Kind, channels int) (*detector.General, error) {
	if err := checkDrawn(kind, channels); err != nil {
		return nil, err
	}
	name := GeneralFile(kind, channels)
	data, err := drawn.ReadFile("general/" + name)
	if err != nil {
		return nil, err
	}
	return detector.ReadGeneral(bytes.NewReader(data), int64(len(data)), name)
}

// isDrawn says whether a general network that was read from somebody's file is one of those that come with strata, by its weights.
func isDrawn(general *detector.General) (bool, error) {
	if checkDrawn(general.Kind(), general.Channels()) != nil {
		return false, nil
	}
	own, err := DrawnGeneral(general.Kind(), general.Channels())
	if err != nil {
		return false, err
	}
	return weightsHash(own.Weights) == weightsHash(general.Weights), nil
}

// networks are what general networks are from nothing, by their kind: those of the size demo of experiments/sizes.yaml.
var networks = map[detector.Kind]density.Config{
	detector.Glow:     glow.Config{Scales: 3, K: 4, Hidden: 64},
	detector.PixelCNN: pixelcnn.Config{ResNets: 1, Filters: 16, Mixtures: 5},
}

// Network is the architecture of the general network of a kind that is trained from nothing, for images of 1 or 3 channels.
func Network(kind detector.Kind, channels int) density.Config {
	return networks[kind].ForImages(detector.Side, detector.Side, channels)
}

// finetuneRate is the rate at which the own network is trained.
const finetuneRate = 1e-4

// recipe is how the paper trains a kind of network: the rule (S4.1, S4.2) at a constant rate, for that of PixelCNN++ falls by 5e-6 of
// itself an epoch, and there are few here; and what training images go through, as far as it is wanted. Those of a PixelCNN++ stay as
// they are.
func (o Options) recipe(config density.Config) (optimiser.Config, imageset.Augmentation, error) {
	name, _ := config.Cost()
	kind, err := models.KindOf(name)
	if err != nil {
		return optimiser.Config{}, imageset.Augmentation{}, err
	}
	rule, augmentation := kind.Optimiser(1), kind.Augmentation
	rule.Decay, rule.DecayEvery = 0, 0
	if o.NoFlip {
		augmentation.Flip = false
	}
	if o.NoShift {
		augmentation.Translate = 0
	}
	return rule, augmentation, nil
}

// TrainGeneral trains a general network on images, from the start of config where from is nil, or on from another one. work is a folder
// of its own. About begins with about. The rate is the paper's, and for the last fifth of the steps that of finetuning: a Glow that
// comes from a high rate gains on images of every kind once the rate falls, and where the own one alone did, the ratio would see that and
// little else (docs/detector_evidence.md).
func TrainGeneral(ctx context.Context, o Options, from *detector.General, config density.Config, images *imageset.Set,
	about, work string) (*detector.General, error) {
	o = o.withDefaults()
	fresh := from == nil
	if !fresh {
		config = from.Network
	}
	rule, augmentation, err := o.recipe(config)
	if err != nil {
		return nil, err
	}
	rule.Warmup, rule.Decay, rule.DecayAt = min(100, o.GeneralSteps/10), finetuneRate/rule.Rate, []int{o.GeneralSteps * 4 / 5}
	general := &detector.General{About: fmt.Sprintf("%s, %d steps", about, o.GeneralSteps), Network: config,
		Spectrum: detector.SpectrumOf(images.Subset(2000, 1))}
	t := training{options: o, config: config, images: images, work: work, rule: rule, steps: o.GeneralSteps,
		label: "train the general " + general.Kind().Title(), fresh: fresh, augmentation: augmentation}
	if !fresh {
		t.start = from.Weights
	}
	result, err := t.run(ctx)
	if err != nil {
		return nil, err
	}
	general.Weights = result.weights
	return general, nil
}

// start is what a fit begins with.
type start struct {
	kind        detector.Kind
	detector    *detector.Detector // nil without Options.From
	general     *detector.General  // nil where it is to be trained, or is the drawn one
	preparation detector.Preparation
}

func (o Options) start() (start, error) {
	for _, named := range []struct{ what, path string }{{"general images", o.General}, {"outliers", o.Outliers}} {
		if named.path == "" || named.path == Drawn {
			continue
		}
		if _, err := os.Stat(named.path); err != nil { // hours before they are wanted
			return start{}, fmt.Errorf("fit: %s: %w", named.what, err)
		}
	}
	s := start{kind: cmp.Or(o.Model, detector.Glow),
		preparation: detector.Preparation{Channels: 3, Kernel: o.Kernel, Tiles: o.Tiles, Overlap: o.Overlap, Longest: o.Longest}}
	var err error
	switch {
	case o.From != "":
		if s.detector, err = detector.Load(o.From); err == nil {
			s.general, s.preparation = s.detector.General(), s.detector.Preparation()
		}
	case o.General != Drawn && detector.IsModel(o.General):
		s.general, err = detector.LoadGeneral(o.General)
	case o.General == Drawn:
		err = checkDrawn(s.kind, s.preparation.Channels)
	}
	if err != nil {
		return s, err
	}
	if s.general != nil {
		s.kind = s.general.Kind()
		if o.Model != "" && o.Model != s.kind {
			return s, fmt.Errorf("fit: %s has a %s, and a %s is asked for", cmp.Or(o.From, o.General), s.kind.Title(), o.Model.Title())
		}
	}
	if err := o.checkScores(s.kind); err != nil {
		return s, fmt.Errorf("fit: %w", err)
	}
	return s, nil
}

// grey says whether grey pictures make a grey model: not where the general network is one of colours.
func (s start) grey() bool { return s.general == nil || s.general.Channels() == 1 }

// general finds or makes the general network, and says whether it is one that comes with strata.
func (o Options) general(ctx context.Context, s start, p detector.Preparation,
	good detector.Spectrum) (g *detector.General, drawn bool, err error) {
	switch {
	case s.general != nil:
		if n := s.general.Channels(); n != p.Channels {
			return nil, false, fmt.Errorf("fit: the general %s of %s is for images of %d channels, and the good ones have %d",
				s.kind.Title(), o.General, n, p.Channels)
		}
		drawn, err = isDrawn(s.general)
		return s.general, drawn, err
	case o.General == Drawn:
		g, err = DrawnGeneral(s.kind, p.Channels)
		return g, true, err
	}
	g, err = o.generalOf(ctx, s, p, good)
	return g, false, err
}

// generalOf trains a general network on general images: the drawn one on, where there is one, or else one from nothing.
func (o Options) generalOf(ctx context.Context, s start, p detector.Preparation, good detector.Spectrum) (*detector.General, error) {
	from, err := DrawnGeneral(s.kind, p.Channels)
	if err != nil && !errors.Is(err, errNotDrawn) {
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
	images.tellProblems(o.Out)
	about := fmt.Sprintf("%d images of %s (%s)", len(images.samples), filepath.Base(o.General), p)
	if from != nil {
		about += ", trained on from: " + from.About
	}
	return TrainGeneral(ctx, o, from, Network(s.kind, p.Channels), set, about, filepath.Join(o.Work, "general"))
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

// finetune trains the own network on the good images, and against outliers where there are some, and says in fitted how that went.
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
	rule, augmentation, err := o.recipe(general.Network)
	if err != nil {
		return nil, err
	}
	rule.Rate, rule.Warmup = o.Rate, min(30, o.Steps/10)
	t := training{options: o, config: general.Network, start: own, images: set, stop: stop, work: filepath.Join(o.Work, "own"), rule: rule,
		steps: o.Steps, label: "finetune on the good images", augmentation: augmentation}
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
		fitted.Warnings = append(fitted.Warnings, "no step of training made good images more likely: the general network is used as "+
			"it is, and scores that compare with it say nothing; more good images, or fewer changes of them (no flip, no shift), may help")
	}
	return result.weights, nil
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
