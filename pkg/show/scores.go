package show

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"strata/pkg/figure"
	"strata/pkg/metric"
	"strata/pkg/result"
	"strata/pkg/score"
)

// Scores are the scores of a results folder, one row an image of each role, the in-distribution set first: columns are
// configurations, with /c1, /c2, /c3 for a scale ("glow-in-from-general/c3"), and png_bytes.
func Scores() *result.Scores { return ScoresOf(result.ScoresFile) }

// optional are the score files that a results folder has only where their runs are trained, with the role that is
// in-distribution in each.
var optional = map[string]string{result.GreyScoresFile: "grey_in", result.MRIScoresFile: "mri_one"}

// ScoresOf are those of another file of the folder: scores_grey.csv (Fashion-MNIST and MNIST) or scores_mri.csv (one
// modality and the others). Where none of its runs is trained there is no such file: the cell says so, and what would
// show the table shows nothing.
func ScoresOf(file string) *result.Scores {
	folder := resultsFolder()
	must(result.CheckSchema(folder))
	table, err := result.ReadScores(filepath.Join(folder, file))
	if errors.Is(err, fs.ErrNotExist) && optional[file] != "" {
		gonbui.DisplayMarkdown(fmt.Sprintf("*Not shown: the results have no %s, its runs are not trained.*", file))
		return nil
	}
	must(err)
	for i := range table.Rows {
		if table.Rows[i].Role == optional[file] {
			table.Rows[i].Role = "in"
		}
	}
	return table
}

// untrained are those of some columns that a table lacks and that are a configuration's: its run is not there yet.
func untrained(scores *result.Scores, columns ...string) (absent []string) {
	for _, c := range columns {
		if configuration.MatchString(c) && !slices.Contains(scores.Columns, c) {
			absent = append(absent, c)
		}
	}
	return absent
}

// trained are the columns that are left without the untrained ones, which the cell is told of.
func trained(scores *result.Scores, columns ...string) []string {
	absent := untrained(scores, columns...)
	if len(absent) > 0 {
		gonbui.DisplayMarkdown(fmt.Sprintf("*Not shown: %s, not trained.*", strings.Join(absent, ", ")))
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(absent, c) })
}

// configuration is how the name of a configuration begins (experiments/configurations.yaml).
var configuration = regexp.MustCompile(`^(glow|patch|dense|pixelcnn|classifier)-`)

// Ratio adds the log-ratio of two configurations to a table, ln p of the first less ln p of the second, as column
// "FIRST - SECOND".
func Ratio(scores *result.Scores, in, general string) {
	if scores == nil || len(untrained(scores, in, general)) > 0 {
		return // what shows the ratio says so
	}
	must(addRatio(scores, in, general))
}

func addRatio(scores *result.Scores, in, general string) error {
	own, err := scores.Column(in, nil)
	if err != nil {
		return err
	}
	theirs, err := scores.Column(general, nil)
	if err != nil {
		return err
	}
	ratio, err := score.Ratio(own, theirs)
	if err != nil {
		return err
	}
	return scores.AddColumn(in+" - "+general, ratio)
}

// AUROC shows how well scores of a table, by column or all of them, tell the in-distribution set from each of the
// others, in percent with the 95 % interval. 50 is guessing, below 50 confidently wrong.
func AUROC(scores *result.Scores, columns ...string) {
	defer gonbui.Sync()
	if scores == nil {
		return
	}
	left := trained(scores, columns...)
	if len(columns) > 0 && len(left) == 0 {
		return
	}
	table, err := aurocs(scores, left)
	must(err)
	gonbui.DisplayMarkdown(table)
}

// setsOf are the in-distribution set of a table and the others.
func setsOf(scores *result.Scores) (in string, out []string, err error) {
	for _, row := range scores.Rows {
		switch {
		case row.Role == "in":
			in = row.Set
		case !slices.Contains(out, row.Set):
			out = append(out, row.Set)
		}
	}
	if in == "" || len(out) == 0 {
		return "", nil, fmt.Errorf("the score table has no in-distribution set or no other: it takes both")
	}
	return in, out, nil
}

func aurocs(scores *result.Scores, columns []string) (string, error) {
	in, out, err := setsOf(scores)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| AUROC, %% | %s |\n|---|%s\n", strings.Join(out, " | "), strings.Repeat("---|", len(out)))
	if len(columns) == 0 { // two are no scores of their own
		columns = slices.DeleteFunc(slices.Clone(scores.Columns),
			func(c string) bool { return c == "general" || c == result.PNGBytes })
	}
	var areas []float64 // of the first of the other sets
	for _, column := range columns {
		inside, err := scores.Column(column, func(r result.ScoreRow) bool { return r.Role == "in" })
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| %s |", column)
		for _, set := range out {
			outside, err := scores.Column(column, func(r result.ScoreRow) bool {
				return r.Role != "in" &&
					r.Set == set
			})
			if err != nil {
				return "", err
			}
			a, err := metric.AUROC(inside, outside)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, " %.1f [%.1f, %.1f] |", 100*a.Value, 100*a.Low, 100*a.High)
			if set == out[0] {
				areas = append(areas, a.Value)
			}
		}
		b.WriteString("\n")
	}
	return b.String() + "\nIn-distribution: " + in + ". " + inWords(columns, areas, in, out[0]), nil
}

// inWords says what the AUROCs of the first of some columns and of the best of them mean, in pairs of images.
func inWords(columns []string, areas []float64, in, out string) string {
	best := slices.Index(areas, slices.Max(areas))
	said := fmt.Sprintf("Of 100 pairs of an image of %s and one of %s, `%s` ranks %.0f right", in, out, columns[0],
		100*areas[0])
	if best > 0 {
		said += fmt.Sprintf("; the best of these scores, `%s`, ranks %.0f right", columns[best], 100*areas[best])
	}
	return said + ". Guessing ranks 50 right."
}

// Values are a column of a table's images of one set, named by the set or by its role, or of all images where that is
// "": numbers for a cell to compute with.
func Values(scores *result.Scores, column, set string) []float64 {
	values, err := scores.Column(column, func(r result.ScoreRow) bool {
		return set == "" || r.Set == set || r.Role == set
	})
	must(err)
	if len(values) == 0 {
		panic(fmt.Errorf("no image of %q among the scores", set))
	}
	return values
}

// Same shows a number that a cell computed by itself beside a library's, and fails the cell where they are further
// apart than tolerance.
func Same(what string, byHand, library, tolerance float64) {
	defer gonbui.Sync()
	must(same(what, byHand, library, tolerance))
	gonbui.DisplayMarkdown(fmt.Sprintf("%s: by hand **%.6g**, the library **%.6g**: the same.", what, byHand, library))
}

func same(what string, byHand, library, tolerance float64) error {
	if !(math.Abs(byHand-library) <= tolerance) { // NaN is the same as nothing
		return fmt.Errorf("%s: by hand %v, the library %v; they should be within %v", what, byHand, library, tolerance)
	}
	return nil
}

// Histogram shows how a score, in nats, is distributed over each set of a table.
func Histogram(scores *result.Scores, column string) {
	defer gonbui.Sync()
	if scores == nil || len(trained(scores, column)) == 0 {
		return
	}
	file, err := histogram(scores, column)
	must(err)
	gonbui.DisplayPng(file)
}

func histogram(scores *result.Scores, column string) ([]byte, error) {
	in, out, err := setsOf(scores)
	if err != nil {
		return nil, err
	}
	p := NewPlot()
	p.X.Label.Text, p.Y.Label.Text = column+", nats", "share of images"
	if column == result.PNGBytes {
		p.X.Label.Text = "size as PNG, bytes"
	}
	all, err := scores.Column(column, nil)
	if err != nil {
		return nil, err
	}
	// A few images far off would leave the others one bin.
	slices.Sort(all)
	beyond := len(all) / 200
	low, high := all[beyond], all[len(all)-1-beyond]
	if beyond > 0 {
		p.X.Label.Text += " (the middle 99 % of images)"
	}
	if !(high > low) {
		low, high = low-1, high+1
	}
	const bins = 40
	roles := rolesOf(scores, in, out)
	for i, set := range append([]string{in}, out...) {
		values, err := scores.Column(column, func(r result.ScoreRow) bool {
			return r.Set == set &&
				(r.Role == "in") == (i == 0)
		})
		if err != nil {
			return nil, err
		}
		shares := make([]float64, bins)
		for _, v := range values {
			if v < low || v > high {
				continue
			}
			shares[min(int((v-low)/(high-low)*bins), bins-1)] += 1 / float64(len(values))
		}
		var line plotter.XYs
		for b, share := range shares {
			line = append(line, plotter.XY{X: low + (high-low)*float64(b)/bins, Y: share},
				plotter.XY{X: low + (high-low)*float64(b+1)/bins, Y: share})
		}
		if err := AddLine(p, line, roles[i], set); err != nil {
			return nil, err
		}
	}
	return PlotPNG(p)
}

// rolesOf are the roles of a table's sets for their colours. Tables of a lab know in and out alone: its outliers take
// turns.
func rolesOf(scores *result.Scores, in string, out []string) []string {
	roles := []string{"in"}
	for i, set := range out {
		row := scores.Rows[slices.IndexFunc(scores.Rows,
			func(r result.ScoreRow) bool { return r.Role != "in" && r.Set == set })]
		role := row.Role
		if role == "out" {
			role = InTurn(i + 1)
		}
		roles = append(roles, role)
	}
	return roles
}

// InTurn is a role for the i-th of sets that have none, for their colours.
func InTurn(i int) string {
	roles := []string{"in", "smooth", "far", "general", "near"}
	return roles[min(i, len(roles)-1)]
}

// NewPlot is an empty plot in the letters of the figures, with room for its legend above.
func NewPlot() *plot.Plot {
	p := plot.New()
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label,
		&p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = figure.Ticks, figure.Ticks
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, 2
	p.Title.Text = " "
	return p
}

// AddLine draws the line of a set in the colour and dash of its role, and makes room for its name above.
func AddLine(p *plot.Plot, points plotter.XYs, role, name string) error {
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	l.LineStyle = figure.RoleLine(role)
	l.Width = vg.Points(1.5)
	p.Add(l)
	p.Legend.Add(name, l)
	p.Legend.YOffs += 0.52 * vg.Centimeter
	p.Title.Padding += 0.52 * vg.Centimeter
	return nil
}

// PlotPNG is a plot of the width of a notebook.
func PlotPNG(p *plot.Plot) ([]byte, error) {
	to, err := p.WriterTo(14*vg.Centimeter, 8*vg.Centimeter, "png")
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	_, err = to.WriteTo(&file)
	return file.Bytes(), err
}
