// Package report lays what was measured beside what the paper prints: every table cell by cell, and every claim with
// its verdict. It reads result folders (pkg/result), knows no model, and computes nothing but means of cells and how
// near all of them are to the paper's.
package report

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/figure"
	"strata/pkg/result"
	"strata/pkg/score"
)

// Report is everything that is shown.
type Report struct {
	Results []Result
}

// Result is what one results folder holds: a family of sets at a size.
type Result struct {
	Name       string // procedural-quick; "" where nothing was run
	Manifest   result.Manifest
	Claims     []result.Claim
	Conditions []result.Condition
	Tables     []Table
	Summary    Summary
	// Marks are the stand-ins, each with the letter that its cells carry.
	Marks []Mark
	// Courses are the claims over the steps of training in words, a line a claim, and Caption is what they say together;
	// "" where no run was looked at while it was trained.
	Courses []Course
	Caption string
	// Runs say where the numbers come from.
	Runs []result.Run
	// Gallery is the page of all figures of the results, seen from their folder; "" where there is none.
	Gallery string

	folder string
	// oneOfSizes says that the report has results of the same sets at another size, so that the size tells them apart.
	oneOfSizes bool
}

// Course is a claim over the steps of training.
type Course struct {
	ID, Measured string
	Steps        []result.ClaimAtStep
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
	// InSet and OutSet are the sets that were measured in their place, "" where they have the paper's names.
	InSet, OutSet string
	Cells         []View
	// Baselines are the AUROCs of what needs no model, in the order of BaselineNames; nil in a row of means.
	Baselines []View
}

// BaselineNames are the trivial baselines beside every row.
var BaselineNames = score.BaselineNames()

// Agreement is how a value stands to the paper's.
type Agreement string

// The agreements, from the best.
const (
	Agrees    Agreement = "agrees"
	Direction Agreement = "same direction"
	Disagrees Agreement = "disagrees"
	Open      Agreement = "open"
	NotRun    Agreement = "not run"
	Quoted    Agreement = "quoted"
	Nothing   Agreement = ""
)

// Symbol is how an agreement looks without colour.
func (a Agreement) Symbol() string {
	return map[Agreement]string{Agrees: "●", Direction: "◐", Disagrees: "○", Open: "?", NotRun: "–", Quoted: "”"}[a]
}

// Class is its name in the page's style.
func (a Agreement) Class() string { return strings.ReplaceAll(string(a), " ", "-") }

// Legend explains the agreements.
const Legend = "● agrees: the paper's value lies in our 95 % interval, where that is no wider than 20 points, or " +
	"within 5 points of our value (5 % for bits/dim). " +
	"◐ same direction: an AUROC on the same side of 50, with our whole interval there (a mean has none). ○ disagrees. " +
	"? open: our interval is wider than 20 points, and the paper's value lies in it. – not run: nothing was measured. " +
	"” quoted by the paper from other work. " +
	"Letters name the sets that stand in for the paper's. An interval is over images for one seed, over seeds for " +
	"several; ± is the standard deviation over seeds."

// View is a cell.
type View struct {
	Agreement
	Paper, Ours, Interval string
	// Marks are the letters of the stand-ins; Title is all that is known.
	Marks, Title string
	// Cell is what is shown; a mean is completed.
	Cell result.Cell
}

// Read reads result folders, each of which must be complete. Without any the report has the paper's side only.
func Read(folders []string) (*Report, error) {
	if len(folders) == 0 {
		r, err := nothingRun()
		return &Report{Results: []Result{r}}, err
	}
	r := &Report{}
	for _, folder := range folders {
		read, err := readFolder(folder)
		if err != nil {
			return nil, err
		}
		r.Results = append(r.Results, read)
	}
	for i, of := range r.Results {
		r.Results[i].oneOfSizes = slices.ContainsFunc(r.Results, func(other Result) bool {
			return other.Manifest.Family == of.Manifest.Family && other.Manifest.Size != of.Manifest.Size
		})
	}
	return r, nil
}

// nothingRun is the paper's side.
func nothingRun() (Result, error) {
	const note = "strata reproduce has not run"
	printed, err := result.PaperCells()
	if err != nil {
		return Result{}, err
	}
	r := Result{}
	if r.Claims, err = result.DeclaredClaims(); err != nil {
		return Result{}, err
	}
	for i := range r.Claims {
		r.Claims[i].Note = note
	}
	var cells []result.Cell
	for _, c := range printed {
		cells = append(cells, result.Unmeasured(c, "", note))
	}
	r.addTables(cells)
	return r, nil
}

func readFolder(folder string) (Result, error) {
	r := Result{Name: filepath.Base(folder), folder: folder}
	var err error
	if r.Manifest, err = result.ReadManifest(folder); err != nil {
		return Result{}, err
	}
	var cells []result.Cell
	var steps []result.ClaimAtStep
	if r.Claims, err = result.ReadClaims(folder); err != nil {
		return Result{}, err
	}
	err = cmp.Or(readInto(folder, &r.Conditions), readInto(folder, &r.Runs),
		readInto(folder, &steps), readInto(folder, &cells))
	if err != nil {
		return Result{}, err
	}
	r.addTables(cells)
	return r, r.addSteps(folder, steps)
}

func readInto[T result.Row](folder string, rows *[]T) (err error) {
	*rows, err = result.Read[T](folder)
	return err
}

// addSteps adds the claims over steps, if any run was looked at while it was trained.
func (r *Result) addSteps(folder string, steps []result.ClaimAtStep) error {
	if len(steps) == 0 {
		return nil
	}
	results, err := figure.Open(folder)
	if err != nil {
		return err
	}
	drawn, err := figure.OverSteps(results)
	if err != nil {
		return err
	}
	r.Caption = drawn.Caption
	for _, s := range steps {
		if n := len(r.Courses); n == 0 || r.Courses[n-1].ID != s.ID {
			r.Courses = append(r.Courses, Course{ID: s.ID, Measured: s.Measured})
		}
		last := &r.Courses[len(r.Courses)-1]
		last.Steps = append(last.Steps, s)
	}
	return nil
}

func (r *Result) addTables(cells []result.Cell) {
	r.Summary = summarise(cells)
	for _, table := range result.PaperTables() {
		r.Tables = append(r.Tables, r.table(table, cells))
	}
}

// captions are the tables' subjects, in our words.
var captions = map[string]string{
	"1": "Raw likelihood and ratios to general models, AUROC in %",
	"2": "Raw likelihoods and ratios (diff) at single scales, in-distribution CIFAR-10, AUROC in %",
	"3": "Without outlier loss, with the margin loss, with Eq. 2, in-distribution CIFAR-10, AUROC in %",
	"4": "With outliers, without and with labels, AUROC in %: last scale, ratio (diff), ratio to a general model " +
		"trained with in-distribution outliers (diff†)",
	"S1": "Bits per dimension on test images with one noise sample",
	"S2": "As Table 4, with standard deviations over seeds, AUROC in %",
	"S3": "As Table 4, further outlier sets, AUROC in %",
	"S4": "The discriminative baseline, in-distribution against general, AUROC in %",
}

func (r *Result) table(name string, cells []result.Cell) Table {
	t := Table{Name: name, Caption: captions[name]}
	var of []result.Cell
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
	find := func(in, out, column string) *result.Cell {
		for i, c := range of {
			if c.In == in && c.Out == out && label(c) == column {
				return &of[i]
			}
		}
		return nil
	}
	for _, p := range rows {
		row := Row{In: p.in, Out: p.out}
		for _, c := range of {
			if c.In == p.in && c.Out == p.out {
				row.InSet = cmp.Or(row.InSet, otherName(c.In, c.InSet))
				row.OutSet = cmp.Or(row.OutSet, otherName(c.Out, c.OutSet))
			}
		}
		for _, column := range t.Columns {
			c := find(p.in, p.out, column)
			switch {
			case c == nil:
				row.Cells = append(row.Cells, View{})
			case c.IsMean():
				row.Cells = append(row.Cells, r.view(mean(*c, of,
					func(o result.Cell) bool { return label(o) == column })))
			default:
				row.Cells = append(row.Cells, r.view(*c))
			}
		}
		if p.in != "Mean" && p.out != "Mean" && p.out != "" {
			for _, baseline := range BaselineNames {
				v := View{Agreement: NotRun, Title: "not run"}
				for _, c := range cells {
					if c.Table == "baselines" && c.In == p.in && c.Out == p.out && c.Score == baseline &&
						c.IsMeasured() {
						v = View{Ours: number(c, c.Measured), Interval: interval(c),
							Title: fmt.Sprintf("%s of %s against %s: %s %s", baseline, c.InSet, c.OutSet,
								number(c, c.Measured), interval(c))}
					}
				}
				row.Baselines = append(row.Baselines, v)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// otherName is the name of a set that was measured, where it is not the paper's: "" for cifar10 in the place of CIFAR10.
func otherName(paper, set string) string {
	plain := strings.NewReplacer("-", "", "_", "")
	if strings.EqualFold(plain.Replace(paper), plain.Replace(set)) {
		return ""
	}
	return set
}

// scoreNames are the paper's names of scores that the files of its tables call otherwise.
var scoreNames = map[string]string{"p_indist": "p(in given x)", "MSP": "MSP-OE"}

// labels gives a cell's column, by the score and by what else differs within its table: "Glow diff to PNG", "supervised
// diff†".
func labels(cells []result.Cell) func(result.Cell) string {
	parts := func(c result.Cell) []string {
		setting := "unsupervised"
		if c.Supervised() {
			setting = "supervised"
		}
		return []string{setting, c.InModel(), map[string]string{"none": "no outlier loss", "outlier_eq2": "Eq. 2",
			"margin": "margin"}[c.Loss]}
	}
	differ := make([]bool, 3)
	var generals []string
	var first *result.Cell
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
		if c.General != "none" && c.General != "" && c.General != outlierTrained &&
			!slices.Contains(generals, c.General) {
			generals = append(generals, c.General)
		}
	}
	return func(c result.Cell) string {
		name := cmp.Or(scoreNames[c.Score], strings.ReplaceAll(c.Score, "_", " "))
		switch {
		case c.ReportedBy() != "" && c.Score == "raw":
			name = "OE"
		case c.Option("trained_on") == "Tiny":
			name = "Tiny"
		case c.Option("init") != "":
			name = map[string]string{"scratch": "from scratch",
				"finetuned_from_Tiny": "finetuned from Tiny"}[c.Option("init")]
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
func mean(c result.Cell, of []result.Cell, sameColumn func(result.Cell) bool) result.Cell {
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
func (r *Result) view(c result.Cell) View {
	v := View{Paper: number(c, c.Value), Agreement: agreementOf(c), Cell: c}
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
	var marks []string
	for _, stand := range strings.Split(c.StandsFor, "; ") {
		if stand != "" {
			marks = append(marks, r.mark(stand))
		}
	}
	slices.Sort(marks) // in the order of their list, whichever set comes first
	v.Marks = strings.Join(marks, "")
	v.Title = fmt.Sprintf("%s %s; paper %s; %s; %s steps, %d seeds; %d and %d images; %s; size %s", v.Ours, v.Interval,
		v.Paper, c.Network, c.Steps, c.Seeds, c.ImagesIn, c.ImagesOut, c.StandsFor, c.Size)
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

// widest is the widest interval of an AUROC, in points, that a paper's value can agree with by lying in it: that of two
// seeds may span everything.
const widest = 20

// agreementOf says how a cell stands to the paper's. A mean has no interval, and is compared by its value.
func agreementOf(c result.Cell) Agreement {
	within := c.Low <= c.Value && c.Value <= c.High
	low, high := c.Low, c.High
	if math.IsNaN(low) || math.IsNaN(high) {
		low, high = c.Measured, c.Measured
	}
	switch {
	case c.ReportedBy() != "":
		return Quoted
	case !c.IsMeasured():
		return NotRun
	case isBits(c):
		if within || math.Abs(c.Measured-c.Value) <= 0.05*c.Value {
			return Agrees
		}
		return Disagrees
	case within && c.High-c.Low <= widest, math.Abs(c.Measured-c.Value) <= 5:
		return Agrees
	case c.Value > 50 && low > 50, c.Value < 50 && high < 50:
		return Direction
	case within:
		return Open
	}
	return Disagrees
}

// number is a value of a cell with the paper's digits: two of bits/dim, one of a percentage.
func number(c result.Cell, v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case isBits(c):
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// isBits says whether a cell is of bits/dim, not an AUROC.
func isBits(c result.Cell) bool { return strings.HasPrefix(c.Score, "bpd") }

func interval(c result.Cell) string {
	if math.IsNaN(c.Low) || math.IsNaN(c.High) {
		return ""
	}
	return fmt.Sprintf("[%s, %s]", number(c, c.Low), number(c, c.High))
}

// Verdicts counts them: "12 hold, 3 open, 5 do not, 16 not measured".
func (r Result) Verdicts() string {
	of := count(r.Claims)
	return fmt.Sprintf("%d hold, %d open, %d do not, %d not measured",
		of[result.Holds], of[result.Open], of[result.DoesNotHold], of[result.NotMeasured])
}

// count is how many claims have each verdict.
func count(claims []result.Claim) map[result.Verdict]int {
	of := map[result.Verdict]int{}
	for _, c := range claims {
		of[c.Verdict]++
	}
	return of
}
