package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// marker parts what people write on the page from what writePage does.
const marker = "<!-- What follows is written by go run ./experiments/detector -tables. -->"

// peers are the results of peers/peers.py of a case.
type peers struct {
	Name     string            `json:"name"`
	Versions map[string]string `json:"versions"`
	Load     float64           `json:"load"`
	Peers    map[string]struct {
		Areas map[string]float64 `json:"auroc"`
		Fit   float64            `json:"fit_seconds"`
		Rate  float64            `json:"images_per_second"`
	} `json:"peers"`
}

// committed are all results there are, in the order of experiments.
type committed struct {
	results []*result
	peers   map[string]*peers
	many    []*scaled
	chosen  map[bool]*chosen // by whether the general Glow is the drawn one
}

// defaultRule is the name of the default combination.
var defaultRule = combinations(experiments()[0])[0].Name

func readResults(folder string) (*committed, error) {
	c := &committed{peers: map[string]*peers{}, chosen: map[bool]*chosen{}}
	for _, e := range experiments() {
		r := &result{}
		if err := readJSON(filepath.Join(folder, e.Name+".json"), r); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		c.results = append(c.results, r)
		p := &peers{}
		if err := readJSON(filepath.Join(folder, "peers", e.Name+".json"), p); err == nil {
			c.peers[e.Name] = p
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	paths, err := filepath.Glob(filepath.Join(folder, "many", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		s := &scaled{}
		if err := readJSON(path, s); err != nil {
			return nil, err
		}
		c.many = append(c.many, s)
	}
	for drawn, name := range choiceFiles {
		choice := &chosen{}
		if err := readJSON(filepath.Join(folder, "choices", name), choice); err == nil {
			c.chosen[drawn] = choice
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	slices.SortFunc(c.many, func(a, b *scaled) int { return a.Images - b.Images })
	return c, nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writePage writes the tables of docs/detector_evidence.md below the marker, and leaves what is above.
func writePage(root, results string) error {
	path := filepath.Join(root, "docs", "detector_evidence.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	above, _, ok := strings.Cut(string(text), marker)
	if !ok {
		return fmt.Errorf("%s lacks the line %q", path, marker)
	}
	c, err := readResults(results)
	if err != nil {
		return err
	}
	page := above + marker + "\n\n" + c.areas() + c.rules() + c.alarms() + c.beside() + c.scales() + c.fits()
	return renameio.WriteFile(path, []byte(page), 0o644)
}

// table is Markdown's, first row the heading.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	return b.String() + "\n"
}

var short = map[string]string{"log_likelihood": "ln p", "last_scale": "last scale",
	"last_scale_ratio": "last scale ratio", "latent_fit": "latent fit"}

func heading(score string) string {
	if s, ok := short[score]; ok {
		return s
	}
	return score
}

// each calls f for every case, a detector against some images.
func (c *committed) each(f func(r *result, against compare)) {
	for _, r := range c.results {
		for _, against := range r.Cases {
			f(r, against)
		}
	}
}

func caseName(r *result, against compare) string {
	if name, class, ok := strings.Cut(r.Name, "-without-"); ok {
		return name + " without " + class + ": " + class
	}
	return strings.NewReplacer("cifar10-tinyimagenet32", "cifar10", "cifar10-drawn", "cifar10 (drawn general)",
		"fashion_mnist-drawn", "fashion_mnist",
		"scenes-", "scenes, ").Replace(r.Name) + ": " + against.Name
}

func (c *committed) areas() string {
	names := allScores()
	head := []string{"good: unusual"}
	for _, n := range names {
		head = append(head, heading(n))
	}
	rows := [][]string{append(head, "**combined**", "regret", "found at 1, 5, 10 %")}
	intervals := [][]string{append(slices.Clone(head), "combined", "typicality of tens")}
	sums, worst := map[string]float64{}, math.Inf(-1)
	n := 0.0
	c.each(func(r *result, a compare) {
		row, wide := []string{caseName(r, a)}, []string{caseName(r, a)}
		for _, name := range names {
			cell := fmt.Sprintf("%.1f", a.Scores[name][0])
			if name == a.Best {
				cell = "**" + cell + "**"
			}
			row, wide = append(row, cell), append(wide, a.Scores[name].String())
			sums[name] += a.Scores[name][0]
		}
		combined := a.Combined[defaultRule]
		found := strings.Trim(strings.ReplaceAll(fmt.Sprintf("%.0f", a.Found), " ", ", "), "[]")
		rows = append(rows, append(row, combined.String(), fmt.Sprintf("%.1f", a.Regret), found))
		intervals = append(intervals, append(wide, combined.String(), a.Groups.String()))
		sums["combined"] += combined[0]
		sums["regret"] += a.Regret
		worst = max(worst, a.Regret)
		n++
	})
	mean := []string{"mean"}
	for _, name := range append(slices.Clone(names), "combined", "regret") {
		mean = append(mean, fmt.Sprintf("%.1f", sums[name]/n))
	}
	rows = append(rows, append(mean, ""))
	return "## AUROC of every score, and of the default combination\n\n" +
		"In percent; the best single score in bold; DeLong's 95 % interval in brackets " +
		"(of single scores: below). *regret* is the best single score, chosen when the answer is known, less the combination; " +
		"*found* is the share of unusual images called so at these rates of false alarms.\n\n" +
		table(rows) + "<details><summary>with all intervals, and the typicality of groups of ten</summary>\n\n" +
		table(intervals) + "</details>\n\n"
}

func (c *committed) rules() string {
	rows := [][]string{{"rule", "mean AUROC", "mean regret", "largest regret", "cases more than 10 behind"}}
	var names []string
	for _, rule := range combinations(experiments()[0]) {
		names = append(names, rule.Name)
	}
	for _, other := range candidates() {
		names = append(names, other.name)
	}
	for _, name := range names {
		sum, regret, worst, far, n := 0.0, 0.0, math.Inf(-1), 0, 0.0
		where := ""
		c.each(func(r *result, a compare) {
			area, ok := a.Combined[name]
			if !ok {
				return
			}
			behind := a.Scores[a.Best][0] - area[0]
			sum, regret, n = sum+area[0], regret+behind, n+1
			if behind > worst {
				worst, where = behind, caseName(r, a)
			}
			if behind > 10 {
				far++
			}
		})
		if n > 0 {
			rows = append(rows, []string{name, fmt.Sprintf("%.1f", sum/n), fmt.Sprintf("%.1f", regret/n),
				fmt.Sprintf("%.1f (%s)", worst, where), fmt.Sprint(far)})
		}
	}
	return "## Rules and choices of scores\n\nThe first is the default: of the two ratios, or where the general Glow is the drawn one of " +
		"complexity and latent_fit.\n\n" + table(rows) + c.choices()
}

func (c *committed) choices() string {
	text := ""
	for _, drawn := range []bool{false, true} {
		chosen := c.chosen[drawn]
		if chosen == nil {
			continue
		}
		row := func(what string, r ranked) []string {
			return []string{fmt.Sprint(r.Place), what + r.Choice.String(), fmt.Sprintf("%.1f", r.Squares), fmt.Sprintf("%.1f", r.Regret),
				fmt.Sprintf("%.1f", r.Largest)}
		}
		rows := [][]string{{"place", "choice", "root mean square regret", "mean", "largest"}}
		for _, r := range chosen.Best[:5] {
			rows = append(rows, row("", r))
		}
		rows = append(rows, row("default: ", chosen.Default), row("all: ", chosen.All))
		left := [][]string{{"left out", "best on the others", "its regret there: mean, largest", "that of all scores"}}
		for _, l := range chosen.LeftOut {
			left = append(left, []string{l.Family, l.Choice.String(), fmt.Sprintf("%.1f, %.1f", l.Regret, l.Largest),
				fmt.Sprintf("%.1f, %.1f", l.All, l.AllLargest)})
		}
		which := "a general set"
		if drawn {
			which = "the drawn general Glow"
		}
		text += fmt.Sprintf("### With %s\n\nAll %d choices of a rule and two scores or more, by the root mean square of their regrets, "+
			"families of detectors counting alike. This order is made of the tests themselves, and is no promise:\n\n",
			which, len(choices())) + table(rows) +
			"So it is also made without one family at a time, and tried on that one:\n\n" + table(left)
	}
	return text
}

func (c *committed) alarms() string {
	rows := [][]string{{"detector", "held out", "good test images", "at 1 %", "at 5 %", "at 10 %"}}
	inside, all, binomial := 0, 0, 0
	for _, r := range c.results {
		row := []string{strings.ReplaceAll(r.Name, "-", " "), fmt.Sprint(r.HeldOut), fmt.Sprint(r.TestImages)}
		for _, a := range r.Alarms {
			percent := 100 / float64(r.TestImages)
			cell := fmt.Sprintf("%.1f [%.1f, %.1f]", float64(a.Observed)*percent, float64(a.Low)*percent, float64(a.High)*percent)
			if all++; a.within() {
				inside++
			} else {
				cell = "**" + cell + "**"
			}
			if a.BinomialLow <= a.Observed && a.Observed <= a.BinomialHigh {
				binomial++
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return fmt.Sprintf("## False alarms\n\nThe share of good test images called unusual, in percent, and between what it should lie in "+
		"95 of 100 cases with so many held-out images and so many tested (beta-binomial); outside in bold. %d of %d are inside, "+
		"%d would be inside of the binomial interval, "+
		"which takes the threshold as known exactly.\n\n", inside, all, binomial) + table(rows)
}

func (c *committed) beside() string {
	rows := [][]string{{"good: unusual", "strata"}}
	var names []string
	for _, p := range c.peers {
		names = slices.Sorted(maps.Keys(p.Peers))
	}
	if names == nil {
		return ""
	}
	rows[0] = append(rows[0], names...)
	sums, fit, rate := map[string]float64{}, map[string][]float64{}, map[string][]float64{}
	n := 0.0
	c.each(func(r *result, a compare) {
		p := c.peers[r.Name]
		if p == nil {
			return
		}
		areas := []float64{a.Combined[defaultRule][0]}
		for _, name := range names {
			areas = append(areas, p.Peers[name].Areas[a.Name])
		}
		row := []string{caseName(r, a)}
		for i, v := range areas {
			cell := fmt.Sprintf("%.1f", v)
			if v == slices.Max(areas) {
				cell = "**" + cell + "**"
			}
			row = append(row, cell)
			sums[rows[0][i+1]] += v
		}
		n++
		rows = append(rows, row)
	})
	for _, r := range c.results {
		if p := c.peers[r.Name]; p != nil {
			fit["strata"], rate["strata"] = append(fit["strata"], r.FitSeconds), append(rate["strata"], r.Rate)
			for _, name := range names {
				fit[name], rate[name] = append(fit[name], p.Peers[name].Fit), append(rate[name], p.Peers[name].Rate)
			}
		}
	}
	mean, seconds, images := []string{"mean"}, []string{"seconds to fit, median"}, []string{"images/s, median"}
	for _, name := range rows[0][1:] {
		mean = append(mean, fmt.Sprintf("%.1f", sums[name]/n))
		seconds, images = append(seconds, fmt.Sprintf("%.1f", median(fit[name]))), append(images, fmt.Sprintf("%.0f", median(rate[name])))
	}
	return "## Beside other detectors\n\n" +
		"The same images for all; AUROC in percent. A peer is fitted on all good images, strata holds a fifth " +
		"out and a tenth back. Features are HOG and colour histograms; seconds and images/s count their making. strata's images/s are " +
		"with all scores, dimension too.\n\n" + table(append(rows, mean, seconds, images))
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func (c *committed) scales() string {
	if len(c.many) == 0 {
		return ""
	}
	rows := [][]string{{"images", "in", "seconds", "images/s", "CPU seconds", "peak memory, MiB", "load", "commit"}}
	for _, s := range c.many {
		in := "a zip"
		if s.Folder {
			in = "a folder"
		}
		rows = append(rows, []string{fmt.Sprint(s.Images), in, fmt.Sprintf("%.0f", s.Seconds), fmt.Sprintf("%.0f", s.Rate),
			fmt.Sprintf("%.0f", s.CPU),
			fmt.Sprintf("%.0f", s.MiB), fmt.Sprintf("%.1f", s.Machine.Load), s.Machine.Commit})
	}
	return "## Many images in one strata detect\n\nDrawn pictures, to a page and a table.\n\n" + table(rows)
}

func (c *committed) fits() string {
	rows := [][]string{{"detector", "good images", "trained on", "best step of", "bits/dim before, after",
		"seconds to fit", "images/s", "load", "commit"}}
	for _, r := range c.results {
		rows = append(rows, []string{strings.ReplaceAll(r.Name, "-", " "), fmt.Sprint(r.Fit.Images), fmt.Sprint(r.Fit.Train),
			fmt.Sprintf("%d of %d", r.Fit.Best, r.Steps),
			fmt.Sprintf("%.3f, %.3f", r.Fit.From, r.Fit.To), fmt.Sprintf("%.0f", r.FitSeconds), fmt.Sprintf("%.0f", r.Rate),
			fmt.Sprintf("%.1f", r.Machine.Load), r.Machine.Commit})
	}
	return "## What was fitted\n\n" + table(rows)
}
