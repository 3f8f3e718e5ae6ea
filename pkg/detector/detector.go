// Package detector finds images that are unusual beside good ones, without labels: a Glow or PixelCNN++ that was finetuned on good images
// is held against the general one that it began as (Schirrmeister et al. 2020), and what comes of that, with other published scores, is
// compared with good images that were held out. A p-value says how rare a good image is that looks so unusual.
//
//	d, err := detector.Load("good.strata")
//	results, summary, err := d.Detect(ctx, detector.Options{Rate: 0.01}, "new/")
//	for _, r := range results { // most unusual first
//		fmt.Println(r.Path, r.PValue, r.Anomalous, r.Err)
//	}
//	fmt.Println(summary.Anomalous, "of", summary.Images)
//
// Package detector/fit makes one, and is the only one of the two that knows of training; package detector/output writes pages and tables.
package detector

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"strata/pkg/conformal"
	"strata/pkg/density"
	"strata/pkg/detector/measure"
)

// Side is the height and width of what the networks see, in pixels.
const Side = measure.Side

type (
	// Kind is a kind of network. Weights are the values of a network's parameters by name, row by row.
	Kind    = measure.Kind
	Weights = measure.Weights
	// Score is one way to say how unusual an image is.
	Score = measure.Score
	// Heat says where a picture is unusual.
	Heat = measure.Heat
)

// The kinds of networks that there are.
const (
	Glow     = measure.Glow
	PixelCNN = measure.PixelCNN
)

// Scores are all scores that a detector of a kind of network can have.
func Scores(kind Kind) []Score { return measure.Scores(kind) }

// DefaultScores are the names of those that it has unless others are asked for: all that need no more than a pass through each network.
func DefaultScores(kind Kind) []string { return measure.Default(kind) }

// Detector is a fitted model. It may be used by several goroutines, whose batches take turns: what is under way when Close or Calibrate
// is called ends as it began. Close gives its memory back.
type Detector struct {
	general *General
	own     Weights

	mu       sync.Mutex // of all below
	fitted   fitted
	networks *measure.Networks
	users    int  // of the networks
	closing  bool // with the last of them
}

// fitted is what says what a detector finds. It is not changed: Calibrate puts another in its place.
type fitted struct {
	manifest    Manifest
	calibration *calibration // nil before Calibrate
}

// state is what is found now.
func (d *Detector) state() fitted {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fitted
}

// Config is what a detector is made of.
type Config struct {
	General *General
	// Own are the weights of its own network, of the same architecture.
	Own         Weights
	Preparation Preparation
	// Scores are those that it has, nil for DefaultScores; log_likelihood is always one. Rule combines them, "" for the
	// first of conformal.Rules.
	Scores []string
	Rule   conformal.Rule
	// Drawn says that the general network is of images unlike any that people have: scores that need no general set are
	// combined, not its ratios.
	Drawn bool
	// Fit says how it was fitted.
	Fit Fit
}

// New is a detector that is not calibrated yet.
func New(c Config) (*Detector, error) {
	if c.Scores == nil {
		c.Scores = DefaultScores(c.General.Kind())
	}
	if !slices.Contains(c.Scores, measure.LogLikelihood) {
		c.Scores = append([]string{measure.LogLikelihood}, c.Scores...)
	}
	if c.Rule == "" {
		c.Rule = conformal.Rules()[0]
	}
	m := c.General.manifest()
	m.Preparation, m.Scores, m.Combined, m.Rule, m.Fit = c.Preparation, c.Scores, measure.Combined(c.Scores, c.Drawn), c.Rule, c.Fit
	d := &Detector{general: c.General, own: c.Own, fitted: fitted{manifest: m}}
	return d, d.check()
}

// check finds what cannot be.
func (d *Detector) check() error {
	if err := d.general.check(); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	m := d.fitted.manifest
	p := m.Preparation
	if err := p.Validate(); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	if channels := d.general.Channels(); p.Channels != channels {
		return fmt.Errorf("detector: images of %d channels for a %s of %d", p.Channels, d.general.Kind().Title(), channels)
	}
	if _, err := measure.Find(m.kind(), m.Scores); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	if !slices.Contains(conformal.Rules(), m.Rule) {
		return fmt.Errorf("detector: no rule %q: choose one of %v", m.Rule, conformal.Rules())
	}
	for _, network := range []struct {
		what    string
		weights Weights
	}{{"own", d.own}, {"general", d.general.Weights}} {
		if err := fits(d.general.Network, network.weights); err != nil {
			return fmt.Errorf("detector: the %s %s: %w", network.what, d.general.Kind().Title(), err)
		}
	}
	return nil
}

// fits compares weights with the network that they should be of.
func fits(config density.Config, weights Weights) error {
	model, err := config.Model()
	if err != nil {
		return err
	}
	params := model.Params()
	if len(params) != len(weights) {
		return fmt.Errorf("%d parameters, %s has %d", len(weights), model, len(params))
	}
	for _, p := range params {
		size := 1
		for _, n := range p.Shape {
			size *= n
		}
		if len(weights[p.Name]) != size {
			return fmt.Errorf("parameter %s has %d values, not %d", p.Name, len(weights[p.Name]), size)
		}
		for _, v := range weights[p.Name] {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("parameter %s has values that are not finite: its training failed", p.Name)
			}
		}
	}
	return nil
}

// Manifest says what the detector is: what detector.json of its file holds.
func (d *Detector) Manifest() Manifest { return d.state().manifest }

// Scores are the scores that it has, in the order of Result.Scores.
func (d *Detector) Scores() []Score { return d.Manifest().scores() }

func (m Manifest) scores() []Score {
	all, err := measure.Find(m.kind(), m.Scores)
	if err != nil {
		panic(err) // check has seen to it
	}
	return all
}

// General is its general network.
func (d *Detector) General() *General { return d.general }

// Own are the weights of its own network, to begin another fit from; they are not to be changed.
func (d *Detector) Own() Weights { return d.own }

// Preparation is what it does to pictures first.
func (d *Detector) Preparation() Preparation { return d.Manifest().Preparation }

// HeldOut are the combined scores of the held-out good images, rising: what the score of a new one is drawn beside. There are
// none before Calibrate.
func (d *Detector) HeldOut() []float64 {
	c := d.state().calibration
	if c == nil {
		return nil
	}
	return slices.Clone(c.heldOut)
}

// HeldOutScores are those of the held-out good images under one of Scores, higher for more in-distribution; nil where it has no such score,
// and before Calibrate.
func (d *Detector) HeldOutScores(name string) []float64 {
	f := d.state()
	j := slices.Index(f.manifest.Scores, name)
	if j < 0 || f.calibration == nil {
		return nil
	}
	column := make([]float64, len(f.calibration.values))
	for i, row := range f.calibration.values {
		column[i] = row[j]
	}
	return column
}

// Expect is what share of good images it will call unusual at a rate: see conformal.Expect.
func (d *Detector) Expect(rate float64) conformal.Alarms {
	return conformal.Expect(rate, d.Manifest().HeldOut)
}

// DefaultRate is the rate of false alarms where none is asked for.
const DefaultRate = 0.01

// Open brings the networks to the backend that suits about so many images, 0 for an unknown number, many; Stream does it where nobody did.
func (d *Detector) Open(images int) error {
	_, done, err := d.use(images)
	if err != nil {
		return err
	}
	done()
	return nil
}

// use opens the networks, and keeps them open until done.
func (d *Detector) use(images int) (networks *measure.Networks, done func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.networks == nil {
		if images <= 0 {
			images = math.MaxInt32
		}
		opened, err := measure.Open(d.general.Network, d.own, d.general.Weights, images)
		if err != nil {
			return nil, nil, fmt.Errorf("detector: %w", err)
		}
		d.networks = opened
	}
	d.users++
	return d.networks, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.users--; d.users == 0 && d.closing {
			d.close()
		}
	}, nil
}

// Close gives the networks' memory back: at once, or where something is under way when that has ended. The detector can be opened again.
func (d *Detector) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing = d.users > 0; !d.closing {
		d.close()
	}
}

// close wants mu.
func (d *Detector) close() {
	if d.networks != nil {
		d.networks.Close()
	}
	d.networks, d.closing = nil, false
}
