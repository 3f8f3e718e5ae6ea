package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"strata/pkg/conformal"
	"strata/pkg/detector"
	"strata/pkg/detector/fit"

	"github.com/google/renameio/v2"
)

// measured is what a detector said of images, row by row, and where and when. It is kept in the work folder, so that tables can be
// made anew.
type measured struct {
	Machine measuredOn
	Fit     detector.Fit
	General string // what its general Glow was trained on
	Model   string // SHA-256
	// FitSeconds are those of fit.Detector on the zip, Rate images a second of Detect with all scores.
	FitSeconds, Rate float64
	Scores, Combined []string
	// HeldOut, Test and Against are scores, [image][score], higher for more in-distribution; Typical is for unusualness.
	Typical       []conformal.Typical
	HeldOut, Test [][]float64
	Against       map[string][][]float64
	TestP         []float64 // by the detector itself, to check what is made of the rows
}

// allScores are those that detectors of the experiments have: the default ones, and those that take longer.
func allScores() []string {
	var names []string
	for _, s := range detector.Scores(detector.Glow) {
		names = append(names, s.Name)
	}
	return names
}

// harness runs experiments in a work folder.
type harness struct {
	work    string
	library library
	out     io.Writer
}

func (h *harness) path(parts ...string) string {
	return filepath.Join(append([]string{h.work}, parts...)...)
}

// generalModel trains the general Glow of general images, where that is not done yet, and returns its file.
func (h *harness) generalModel(ctx context.Context) (string, error) {
	path := h.path("models", general+".strata")
	if detector.IsModel(path) {
		return path, nil
	}
	set, err := h.library.open(general, "train")
	if err != nil {
		return "", err
	}
	from, err := fit.DrawnGeneral(detector.Glow, set.Channels)
	if err != nil {
		return "", err
	}
	o := fit.Options{GeneralSteps: generalSteps, Seed: seed, Out: h.out}
	about := fmt.Sprintf("%d images of %s, trained on from: %s", set.Len(), general, from.About)
	g, err := fit.TrainGeneral(ctx, o, from, from.Network, set, about, h.path("fitting", general))
	if err != nil {
		return "", err
	}
	return path, g.Save(path)
}

// fitted is the detector of an experiment, fitted where it is not there yet.
func (h *harness) fitted(ctx context.Context, e experiment) (d *detector.Detector, path string, seconds float64, err error) {
	path = h.path("models", e.Name+".strata")
	took := h.path("models", e.Name+".seconds")
	if detector.IsModel(path) {
		if text, err := os.ReadFile(took); err == nil {
			if seconds, err = strconv.ParseFloat(string(text), 64); err != nil {
				return nil, "", 0, fmt.Errorf("%s: %w", took, err)
			}
		}
		d, err = detector.Load(path)
		return d, path, seconds, err
	}
	good, err := h.library.zipped(h.path("sets"), e.Good)
	if err != nil {
		return nil, "", 0, err
	}
	o := fit.Options{General: fit.Drawn, Steps: e.Steps, Seed: seed, Scores: allScores(), Work: h.path("fitting", e.Name), Out: h.out}
	if e.General != fit.Drawn {
		if o.General, err = h.generalModel(ctx); err != nil {
			return nil, "", 0, err
		}
	}
	begun := time.Now()
	if d, err = fit.Detector(ctx, o, good); err != nil {
		return nil, "", 0, err
	}
	seconds = time.Since(begun).Seconds()
	if err := renameio.WriteFile(took, strconv.AppendFloat(nil, seconds, 'f', 1, 64), 0o644); err != nil {
		return nil, "", 0, err
	}
	return d, path, seconds, d.Save(path)
}

// measure fits and scores an experiment, where that is not done yet.
func (h *harness) measure(ctx context.Context, e experiment) (*measured, error) {
	path := h.path("measured", e.Name+".gob")
	if file, err := os.Open(path); err == nil {
		defer file.Close()
		m := &measured{}
		return m, gob.NewDecoder(file).Decode(m)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	d, model, seconds, err := h.fitted(ctx, e)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	manifest := d.Manifest()
	m := &measured{Machine: describe(), Fit: manifest.Fit, General: manifest.About, FitSeconds: seconds, Scores: manifest.Scores,
		Combined: manifest.Combined,
		Typical:  manifest.Typical, Against: map[string][][]float64{}}
	if m.Model, m.HeldOut, err = readModel(model); err != nil {
		return nil, err
	}
	scored, took := 0, 0.0
	detect := func(of images) ([]detector.Result, error) {
		path, err := h.library.zipped(h.path("sets"), of)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(h.out, "%s: %s\n", e.Name, filepath.Base(path))
		begun := time.Now()
		results, summary, err := d.Detect(ctx, detector.Options{Rate: 0.05}, path)
		if err == nil && summary.Unreadable > 0 {
			err = fmt.Errorf("%d pictures of %s cannot be read", summary.Unreadable, path)
		}
		scored, took = scored+len(results), took+time.Since(begun).Seconds()
		// By path, so that groups of neighbours are the same for every detector.
		slices.SortFunc(results, func(a, b detector.Result) int { return strings.Compare(a.Path, b.Path) })
		return results, err
	}
	good, err := detect(e.Test)
	if err != nil {
		return nil, err
	}
	for _, r := range good {
		m.Test, m.TestP = append(m.Test, r.Scores), append(m.TestP, r.PValue)
	}
	for _, a := range e.Against {
		results, err := detect(a.images)
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			m.Against[a.Name] = append(m.Against[a.Name], r.Scores)
		}
	}
	m.Rate = float64(scored) / took
	file, err := renameio.NewPendingFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Cleanup()
	if err := gob.NewEncoder(file).Encode(m); err != nil {
		return nil, err
	}
	return m, file.CloseAtomicallyReplace()
}

// readModel is the hash of a model's file, and the scores of the held-out images in it.
func readModel(path string) (hash string, heldOut [][]float64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(text)
	z, err := zip.OpenReader(path)
	if err != nil {
		return "", nil, err
	}
	defer z.Close()
	table, err := z.Open("calibration.csv")
	if err != nil {
		return "", nil, err
	}
	defer table.Close()
	rows, err := csv.NewReader(table).ReadAll()
	if err != nil {
		return "", nil, err
	}
	for _, fields := range rows[1:] {
		row := make([]float64, len(fields))
		for j, text := range fields {
			if row[j], err = strconv.ParseFloat(text, 64); err != nil {
				return "", nil, err
			}
		}
		heldOut = append(heldOut, row)
	}
	return hex.EncodeToString(sum[:]), heldOut, nil
}
