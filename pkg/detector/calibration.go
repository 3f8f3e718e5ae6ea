package detector

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"

	"strata/pkg/conformal"
	"strata/pkg/detector/measure"

	"gonum.org/v1/gonum/stat"
)

// calibration is what good images that no network was trained on score: what new ones are compared with.
type calibration struct {
	// values are the scores of the held-out images, [n][scores], higher for more in-distribution.
	values [][]float64
	// heat is what their heat maps are at each position of a window.
	heat measure.HeatScale
	// Made of them:
	single      []conformal.Reference
	combination *conformal.Combination
	combined    []int // which of the scores
	heldOut     []float64
	likelihood  int     // which one is log_likelihood
	mean, std   float64 // of it
}

// build makes what is compared with of values and of what is typical.
func (c *calibration) build(names []string, mixed []string, rule conformal.Rule, typical []conformal.Typical) error {
	if len(typical) != len(names) {
		return fmt.Errorf("what is typical of %d scores, not of %d", len(typical), len(names))
	}
	c.single, c.combined = nil, nil
	for j := range names {
		column := make([]float64, len(c.values))
		for i, row := range c.values {
			if len(row) != len(names) {
				return fmt.Errorf("image %d has %d scores, not %d", i, len(row), len(names))
			}
			column[i] = -row[j]
		}
		reference, err := conformal.NewReference(column)
		if err != nil {
			return err
		}
		c.single = append(c.single, reference)
	}
	var of []conformal.Typical
	for _, name := range mixed {
		j := slices.Index(names, name)
		if j < 0 {
			return fmt.Errorf("score %q is combined and not there", name)
		}
		c.combined, of = append(c.combined, j), append(of, typical[j])
	}
	if c.likelihood = slices.Index(names, measure.LogLikelihood); c.likelihood < 0 {
		return fmt.Errorf("there is no score %s", measure.LogLikelihood)
	}
	rows, likelihoods := make([][]float64, len(c.values)), make([]float64, len(c.values))
	for i, row := range c.values {
		rows[i], likelihoods[i] = c.unusual(row), row[c.likelihood]
	}
	c.mean, c.std = stat.MeanStdDev(likelihoods, nil)
	var err error
	if c.combination, err = conformal.NewCombination(rule, rows, of); err != nil {
		return err
	}
	c.heldOut = c.combination.HeldOut()
	slices.Sort(c.heldOut)
	return nil
}

// unusual are the scores that are combined, higher for more unusual.
func (c *calibration) unusual(values []float64) []float64 {
	u := make([]float64, len(c.combined))
	for k, j := range c.combined {
		u[k] = -values[j]
	}
	return u
}

// Calibrate scores good images that the networks were not trained on. reference, at least 20, says what is typical: it may be what
// training was stopped by, and is gone through twice. heldOut, at least LeastHeldOut, is what new images are compared
// with, and must have had no part in anything. images is about how many are scored, those of reference twice, and
// progress, if not nil, hears how many of them are. What is judged meanwhile is compared with what was there before, and so is all where
// it fails.
func (d *Detector) Calibrate(ctx context.Context, reference, heldOut iter.Seq[Windows], images int, progress func(done int)) error {
	if progress == nil {
		progress = func(int) {}
	}
	nets, done, err := d.use(images)
	if err != nil {
		return err
	}
	defer done()
	m := d.Manifest()
	m.Typical, m.TypicalLikelihood = nil, 0
	typical, err := scoreAll(ctx, nets, m, reference, nil, progress)
	if err != nil {
		return err
	}
	if len(typical) < leastReference {
		return fmt.Errorf("detector: %d good images to say what is typical: at least %d are needed", len(typical), leastReference)
	}
	sum, n := 0.0, 0
	for _, s := range typical {
		if l := s.likelihood; !math.IsNaN(l) && !math.IsInf(l, 0) {
			sum, n = sum+l, n+1
		}
	}
	if n == 0 {
		return errors.New("detector: no good image has a finite likelihood: the network is broken, or not one of such images")
	}
	m.TypicalLikelihood = sum / float64(n) // typicality is the distance from it
	again := func(done int) { progress(len(typical) + done) }
	if typical, err = scoreAll(ctx, nets, m, reference, nil, again); err != nil {
		return err
	}
	for j := range m.Scores {
		column := make([]float64, len(typical))
		for i, s := range typical {
			column[i] = -s.values[j]
		}
		m.Typical = append(m.Typical, conformal.TypicalOf(column))
	}
	c, sums := &calibration{}, measure.NewHeatSums()
	scored, err := scoreAll(ctx, nets, m, heldOut, sums.Add, func(done int) { progress(2*len(typical) + done) })
	if err != nil {
		return err
	}
	if len(scored) < LeastHeldOut {
		return fmt.Errorf("detector: %d good images to compare with: at least %d are needed", len(scored), LeastHeldOut)
	}
	for _, s := range scored {
		c.values = append(c.values, s.values)
	}
	c.heat = sums.Scale()
	if err := c.build(m.Scores, m.Combined, m.Rule, m.Typical); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	m.HeldOut = len(scored)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fitted = fitted{m, c}
	return nil
}

// LeastHeldOut is how many good images at least are held out, so that 1 % of false alarms can be asked for.
const LeastHeldOut = 100

// leastReference is how many say at least what is typical.
const leastReference = 20

// write writes the held-out scores as CSV, every bit of them.
func (c *calibration) write(w io.Writer, names []string) error {
	table := csv.NewWriter(w)
	if err := table.Write(names); err != nil {
		return err
	}
	for _, row := range c.values {
		fields := make([]string, len(row))
		for j, v := range row {
			fields[j] = strconv.FormatFloat(v, 'g', -1, 64)
		}
		if err := table.Write(fields); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

func (c *calibration) read(r io.Reader, names []string) error {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) == 0 || !slices.Equal(rows[0], names) {
		return errors.New("its columns are not the detector's scores")
	}
	for _, fields := range rows[1:] {
		row := make([]float64, len(fields))
		for j, text := range fields {
			if row[j], err = strconv.ParseFloat(text, 64); err != nil {
				return err
			}
		}
		c.values = append(c.values, row)
	}
	return nil
}
