// Package report lays what was measured beside what the paper prints: every table cell by cell, and every claim with its
// verdict. It reads result folders (cells.csv, claims.csv, runs.csv), knows no model, and computes nothing but means of cells.
package report

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/figure"
	"strata/pkg/ledger"
	"strata/pkg/paper"
)

// Report is everything that is shown.
type Report struct {
	Results []Result
}

// Result is what one results folder holds: a family of sets at a size.
type Result struct {
	Name   string // shapes_in-demo; "" where nothing was run
	Claims []ledger.Claim
	Tables []Table
	// Marks are the stand-ins, each with the letter that its cells carry.
	Marks []Mark
	// OverSteps is a drawing of the claims over the steps of training, an SVG element, with its caption; "" where there is none.
	OverSteps template.HTML
	Caption   string
	// Moments are the claims over steps in words, a line a claim.
	Moments []Course
	// Runs is the provenance, a header and a row a run.
	Runs [][]string
}

// Course is a claim over the steps of training.
type Course struct {
	ID, Measured string
	Moments      []ledger.Moment
}

// Mark is a stand-in: "a", "shapes_in for CIFAR-10".
type Mark struct{ Letter, Text string }

// Table is one of the paper's in its shape: a row a pair of sets, a column a score.
type Table struct {
	Name, Caption string
	Columns       []string
	Rows          []Row
}

// Row is a pair of sets.
type Row struct {
	In, Out string
	Cells   []View
	// Baselines are the AUROCs of what needs no model, in the order of BaselineNames; nil in a row of means.
	Baselines []View
}

// BaselineNames are the trivial baselines beside every row.
var BaselineNames = []string{"brightness", "png_size", "jpeg_size", "total_variation"}

// Agreement is how a value stands to the paper's.
type Agreement string

// The agreements, from the best.
const (
	Agrees    Agreement = "agrees"
	Direction Agreement = "same direction"
	Disagrees Agreement = "disagrees"
	NotRun    Agreement = "not run"
	Quoted    Agreement = "quoted"
	Nothing   Agreement = ""
)

// Symbol is how an agreement looks without colour.
func (a Agreement) Symbol() string {
	return map[Agreement]string{Agrees: "●", Direction: "◐", Disagrees: "○", NotRun: "–", Quoted: "”"}[a]
}

// Class is its name in the page's style.
func (a Agreement) Class() string { return strings.ReplaceAll(string(a), " ", "-") }

// Legend explains the agreements.
const Legend = "● agrees: the paper's value lies in our 95 % interval, where that is no wider than 20 points, or within 5 points of our value (5 % for bits/dim). " +
	"◐ same direction: an AUROC on the same side of 50. ○ disagrees. – not run: nothing was measured. ” quoted by the paper from other work. " +
	"Letters name the sets that stand in for the paper's. An interval is over images for one seed, over seeds for several; ± is the standard deviation over seeds."

// View is a cell.
type View struct {
	Agreement
	Paper, Ours, Interval string
	// Marks are the letters of the stand-ins; Title is all that is known.
	Marks, Title string
	// Cell is what is shown; a mean is completed.
	Cell ledger.Cell
}

// Read reads result folders. Without any the report has the paper's side only.
func Read(folders []string) (*Report, error) {
	r := &Report{}
	for _, folder := range folders {
		cells, err := ledger.ReadCells(folder)
		if err != nil {
			return nil, err
		}
		claims, err := ledger.Read(folder)
		if err != nil {
			return nil, err
		}
		result := newResult(filepath.Base(folder), cells, claims)
		if result.Runs, err = readRows(filepath.Join(folder, "runs.csv")); err != nil {
			return nil, err
		}
		if err := result.overSteps(folder); err != nil {
			return nil, err
		}
		r.Results = append(r.Results, result)
	}
	if len(folders) == 0 {
		printed, err := paper.Cells()
		if err != nil {
			return nil, err
		}
		claims, err := ledger.Declared()
		if err != nil {
			return nil, err
		}
		var cells []ledger.Cell
		nan := math.NaN()
		for _, c := range printed {
			cells = append(cells, ledger.Cell{Cell: c, Measured: nan, Low: nan, High: nan, StdSeeds: nan, Note: "strata reproduce has not run"})
		}
		for i := range claims {
			claims[i].Note = "strata reproduce has not run"
		}
		r.Results = []Result{newResult("", cells, claims)}
	}
	return r, nil
}

// overSteps adds the claims over steps, where they were written.
func (r *Result) overSteps(folder string) error {
	moments, err := ledger.ReadMoments(folder)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(moments) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	drawn, err := figure.OverSteps(folder)
	if err != nil {
		return err
	}
	var svg strings.Builder
	if err := drawn.SVG(&svg); err != nil {
		return err
	}
	element := svg.String()
	// The element alone goes into the page; its text is this module's.
	r.OverSteps, r.Caption = template.HTML(element[strings.Index(element, "<svg"):]), drawn.Caption
	for _, m := range moments {
		if n := len(r.Moments); n == 0 || r.Moments[n-1].ID != m.ID {
			r.Moments = append(r.Moments, Course{ID: m.ID, Measured: m.Measured})
		}
		last := &r.Moments[len(r.Moments)-1]
		last.Moments = append(last.Moments, m)
	}
	return nil
}

func readRows(path string) ([][]string, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

func newResult(name string, cells []ledger.Cell, claims []ledger.Claim) Result {
	r := Result{Name: name, Claims: claims}
	for _, table := range paper.Tables() {
		r.Tables = append(r.Tables, r.table(table, cells))
	}
	return r
}

// captions are the tables' subjects, in our words.
var captions = map[string]string{
	"1":  "Raw likelihood and ratios to general models, AUROC in %",
	"2":  "Raw likelihoods and ratios (diff) at single scales, in-distribution CIFAR-10, AUROC in %",
	"3":  "Without outlier loss, with the margin loss, with Eq. 2, in-distribution CIFAR-10, AUROC in %",
	"4":  "With outliers, without and with labels, AUROC in %: last scale, ratio (diff), ratio to a general model trained with in-distribution outliers (diff†)",
	"S1": "Bits per dimension on test images with one noise sample",
	"S2": "As Table 4, with standard deviations over seeds, AUROC in %",
	"S3": "As Table 4, further outlier sets, AUROC in %",
	"S4": "The discriminative baseline, in-distribution against general, AUROC in %",
}

func (r *Result) table(name string, cells []ledger.Cell) Table {
	t := Table{Name: name, Caption: captions[name]}
	var of []ledger.Cell
	for _, c := range cells {
		if c.Table == name {
			of = append(of, c)
		}
	}
	label := labels(of)
	type pair struct{ in, out string }
	var rows []pair
	for _, c := range of {
		if !slices.Contains(rows, pair{c.In, c.Out}) {
			rows = append(rows, pair{c.In, c.Out})
		}
		if !slices.Contains(t.Columns, label(c)) {
			t.Columns = append(t.Columns, label(c))
		}
	}
	find := func(in, out, column string) *ledger.Cell {
		for i, c := range of {
			if c.In == in && c.Out == out && label(c) == column {
				return &of[i]
			}
		}
		return nil
	}
	for _, p := range rows {
		row := Row{In: p.in, Out: p.out}
		for _, column := range t.Columns {
			c := find(p.in, p.out, column)
			switch {
			case c == nil:
				row.Cells = append(row.Cells, View{})
			case c.IsMean():
				row.Cells = append(row.Cells, r.view(mean(*c, of, func(o ledger.Cell) bool { return label(o) == column })))
			default:
				row.Cells = append(row.Cells, r.view(*c))
			}
		}
		if p.in != "Mean" && p.out != "Mean" && p.out != "" {
			for _, baseline := range BaselineNames {
				v := View{Agreement: NotRun, Title: "not run"}
				for _, c := range cells {
					if c.Table == "baselines" && c.In == p.in && c.Out == p.out && c.Score == baseline && c.IsMeasured() {
						v = View{Ours: number(c, c.Measured), Interval: interval(c), Title: fmt.Sprintf("%s of %s against %s: %s %s", baseline, c.InSet, c.OutSet, number(c, c.Measured), interval(c))}
					}
				}
				row.Baselines = append(row.Baselines, v)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// scoreNames are the paper's names of scores that the files of its tables call otherwise.
var scoreNames = map[string]string{"p_indist": "p(in given x)", "MSP": "MSP-OE"}

// labels gives a cell's column, by the score and by what else differs within its table: "Glow diff to PNG", "supervised diff†".
func labels(cells []ledger.Cell) func(ledger.Cell) string {
	parts := func(c ledger.Cell) []string {
		setting := "unsupervised"
		if c.Supervised() {
			setting = "supervised"
		}
		return []string{setting, c.InModel(), map[string]string{"none": "no outlier loss", "outlier_eq2": "Eq. 2", "margin": "margin"}[c.Loss]}
	}
	differ := make([]bool, 3)
	var generals []string
	var first *ledger.Cell
	for i, c := range cells {
		if c.ReportedBy() != "" {
			continue // named by itself
		}
		if first == nil {
			first = &cells[i]
		}
		for i, p := range parts(c) {
			differ[i] = differ[i] || p != parts(*first)[i]
		}
		if c.General != "none" && c.General != "" && c.General != outlierTrained && !slices.Contains(generals, c.General) {
			generals = append(generals, c.General)
		}
	}
	return func(c ledger.Cell) string {
		name := cmp.Or(scoreNames[c.Score], strings.ReplaceAll(c.Score, "_", " "))
		switch {
		case c.ReportedBy() != "" && c.Score == "raw":
			name = "OE"
		case c.Option("trained_on") == "Tiny":
			name = "Tiny"
		case c.Option("init") != "":
			name = map[string]string{"scratch": "from scratch", "finetuned_from_Tiny": "finetuned from Tiny"}[c.Option("init")]
		case c.General == outlierTrained:
			name += "†"
		case len(generals) > 1 && slices.Contains(generals, c.General):
			name += " to " + c.General
		}
		var label []string
		for i, p := range parts(c) {
			if differ[i] && (c.ReportedBy() == "" || i == 0) {
				label = append(label, p)
			}
		}
		return strings.Join(append(label, name), " ")
	}
}

// outlierTrained is the paper's general model of Diff†: trained with in-distribution images as outliers (§5.4).
const outlierTrained = "Tiny-Glow-with-outlier-loss"

// mean completes a cell of means: the mean of all cells that the paper's is one of, if all of them were measured.
func mean(c ledger.Cell, of []ledger.Cell, sameColumn func(ledger.Cell) bool) ledger.Cell {
	var all, missing int
	sum := 0.0
	for _, o := range of {
		if o.IsMean() || !sameColumn(o) || c.In != "Mean" && o.In != c.In || c.Out != "Mean" && o.Out != c.Out {
			continue
		}
		all++
		if !o.IsMeasured() {
			missing++
			continue
		}
		sum += o.Measured
		c.StandsFor = joined(c.StandsFor, o.StandsFor)
	}
	if c.ReportedBy() != "" {
		return c
	}
	if missing > 0 || all == 0 {
		c.Note = fmt.Sprintf("%d of %d cells of this mean are missing", missing, all)
		return c
	}
	c.Measured, c.Seeds = sum/float64(all), 1
	return c
}

func joined(a, b string) string {
	parts := strings.Split(a, "; ")
	for _, p := range strings.Split(b, "; ") {
		if !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return strings.Trim(strings.Join(parts, "; "), "; ")
}

// view is a cell as it is shown.
func (r *Result) view(c ledger.Cell) View {
	v := View{Paper: number(c, c.Value), Agreement: judge(c), Cell: c}
	if !math.IsNaN(c.Std) {
		v.Paper += " ± " + number(c, c.Std)
	}
	if v.Agreement == NotRun || v.Agreement == Quoted {
		v.Title = c.Note
		return v
	}
	v.Ours, v.Interval = number(c, c.Measured), interval(c)
	if c.Seeds > 1 {
		v.Ours += " ± " + number(c, c.StdSeeds)
	}
	for _, stand := range strings.Split(c.StandsFor, "; ") {
		if stand != "" {
			v.Marks += r.mark(stand)
		}
	}
	v.Title = fmt.Sprintf("%s %s; paper %s; %s; %s steps, %d seeds; %d and %d images; %s; size %s", v.Ours, v.Interval, v.Paper, c.Network, c.Steps, c.Seeds, c.ImagesIn, c.ImagesOut, c.StandsFor, c.Size)
	if c.NonFinite > 0 {
		v.Title += fmt.Sprintf("; %d log-likelihoods were not finite", c.NonFinite)
	}
	return v
}

// mark is the letter of a stand-in.
func (r *Result) mark(text string) string {
	for _, m := range r.Marks {
		if m.Text == text {
			return m.Letter
		}
	}
	letter := string(rune('a' + len(r.Marks)))
	r.Marks = append(r.Marks, Mark{letter, text})
	return letter
}

// widest is the widest interval of an AUROC, in points, that a paper's value can agree with by lying in it: that of two seeds may span everything.
const widest = 20

// judge is the agreement of a cell.
func judge(c ledger.Cell) Agreement {
	switch {
	case c.ReportedBy() != "":
		return Quoted
	case !c.IsMeasured():
		return NotRun
	case c.Low <= c.Value && c.Value <= c.High && (isBits(c) || c.High-c.Low <= widest):
		return Agrees
	case isBits(c):
		if math.Abs(c.Measured-c.Value) <= 0.05*c.Value {
			return Agrees
		}
		return Disagrees
	case math.Abs(c.Measured-c.Value) <= 5:
		return Agrees
	case (c.Measured > 50) == (c.Value > 50):
		return Direction
	}
	return Disagrees
}

// number is a value of a cell with the paper's digits: two of bits/dim, one of a percentage.
func number(c ledger.Cell, v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case isBits(c):
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// isBits says whether a cell is of bits/dim, not an AUROC.
func isBits(c ledger.Cell) bool { return strings.HasPrefix(c.Score, "bpd") }

func interval(c ledger.Cell) string {
	if math.IsNaN(c.Low) || math.IsNaN(c.High) {
		return ""
	}
	return fmt.Sprintf("[%s, %s]", number(c, c.Low), number(c, c.High))
}

// Verdicts counts them: "12 hold, 5 do not, 19 not measured".
func (r Result) Verdicts() string {
	count := map[ledger.Verdict]int{}
	for _, c := range r.Claims {
		count[c.Verdict]++
	}
	return fmt.Sprintf("%d hold, %d do not, %d not measured", count[ledger.Holds], count[ledger.DoesNotHold], count[ledger.NotMeasured])
}

// Agreements counts the cells of all tables but the means.
func (r Result) Agreements() string {
	count := map[Agreement]int{}
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			for _, c := range row.Cells {
				if row.In != "Mean" && row.Out != "Mean" {
					count[c.Agreement]++
				}
			}
		}
	}
	return fmt.Sprintf("%d agree, %d in the same direction, %d disagree, %d not run", count[Agrees], count[Direction], count[Disagrees], count[NotRun])
}
