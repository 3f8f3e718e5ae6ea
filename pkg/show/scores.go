package show

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"strata/pkg/figure"
	"strata/pkg/metric"
	"strata/pkg/score"
)

// Scores are the scores of a results folder, one row an image of each role, the in-distribution set first: columns are configurations (R06 is the
// finetuned in-distribution Glow), with _c1, _c2, _c3 for a scale, and png_bytes.
func Scores() *score.Table { return ScoresOf("scores.csv") }

// ScoresOf are those of another file of the folder: scores_grey.csv (Fashion-MNIST and MNIST) or scores_mri.csv (one modality and the others).
// Where its runs are not trained there is no such file: the cell says so, and what would show the table shows nothing.
func ScoresOf(file string) *score.Table {
	path := filepath.Join(resultsFolder(), file)
	table, err := score.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		gonbui.DisplayMarkdown(fmt.Sprintf("*Not shown: the results have no %s, its runs are not trained.*", file))
		return nil
	}
	must(err)
	for i := range table.Rows { // of these files the first role is the in-distribution one
		if table.Rows[i].Role == "grey_in" || table.Rows[i].Role == "mri_one" {
			table.Rows[i].Role = "in"
		}
	}
	return table
}

// Ratio adds the log-ratio of two configurations to a table, as column "R06/R01".
func Ratio(scores *score.Table, in, general string) {
	if scores == nil {
		return
	}
	must(addRatio(scores, in, general))
}

func addRatio(scores *score.Table, in, general string) error {
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
	return scores.AddColumn(in+"/"+general, ratio)
}

// AUROC shows how well scores of a table, by column or all of them, tell the in-distribution set from each of the others, in percent with the
// 95 % interval. 50 is guessing, below 50 confidently wrong.
func AUROC(scores *score.Table, columns ...string) {
	defer gonbui.Sync()
	if scores == nil {
		return
	}
	text, err := aurocs(scores, columns)
	must(err)
	gonbui.DisplayMarkdown(text)
}

// setsOf are the in-distribution set of a table and the others.
func setsOf(scores *score.Table) (in string, out []string, err error) {
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

func aurocs(scores *score.Table, columns []string) (string, error) {
	in, out, err := setsOf(scores)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| AUROC, %% | %s |\n|---|%s\n", strings.Join(out, " | "), strings.Repeat("---|", len(out)))
	if len(columns) == 0 { // two are no scores of their own
		columns = slices.DeleteFunc(slices.Clone(scores.Columns), func(c string) bool { return c == "general" || c == "png_bytes" })
	}
	for _, column := range columns {
		inside, err := scores.Column(column, func(r score.Row) bool { return r.Role == "in" })
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| %s |", column)
		for _, set := range out {
			outside, err := scores.Column(column, func(r score.Row) bool { return r.Role != "in" && r.Set == set })
			if err != nil {
				return "", err
			}
			a, err := metric.AUROC(inside, outside)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, " %.1f [%.1f, %.1f] |", 100*a.Value, 100*a.Low, 100*a.High)
		}
		b.WriteString("\n")
	}
	return b.String() + "\nIn-distribution: " + in + ".", nil
}

// Histogram shows how a score, in nats, is distributed over each set of a table.
func Histogram(scores *score.Table, column string) {
	defer gonbui.Sync()
	if scores == nil {
		return
	}
	file, err := histogram(scores, column)
	must(err)
	gonbui.DisplayPng(file)
}

func histogram(scores *score.Table, column string) ([]byte, error) {
	in, out, err := setsOf(scores)
	if err != nil {
		return nil, err
	}
	p := NewPlot()
	p.X.Label.Text, p.Y.Label.Text = column+", nats", "share of images"
	if column == "png_bytes" {
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
	for i, set := range append([]string{in}, out...) {
		values, err := scores.Column(column, func(r score.Row) bool { return r.Set == set && (r.Role == "in") == (i == 0) })
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
			line = append(line, plotter.XY{X: low + (high-low)*float64(b)/bins, Y: share}, plotter.XY{X: low + (high-low)*float64(b+1)/bins, Y: share})
		}
		if err := AddLine(p, line, i, set); err != nil {
			return nil, err
		}
	}
	return PlotPNG(p)
}

// NewPlot is an empty plot in the letters of the figures, with room for its legend above.
func NewPlot() *plot.Plot {
	p := plot.New()
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = figure.Ticks, figure.Ticks
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, 2
	p.Legend.YOffs = 1.1 * vg.Centimeter
	p.Title.Text, p.Title.Padding = " ", 1.3*vg.Centimeter
	return p
}

// AddLine draws the line of the i-th set of a plot, told apart by colour and by dashes.
func AddLine(p *plot.Plot, points plotter.XYs, i int, name string) error {
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	roles := []string{"in", "smooth", "far", "general", "near"}
	l.Color = figure.RoleColor(roles[min(i, len(roles)-1)])
	l.Width = vg.Points(1.5)
	if i > 0 {
		l.Dashes = []vg.Length{vg.Points(float64(1 + 2*i)), vg.Points(2)}
	}
	p.Add(l)
	p.Legend.Add(name, l)
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
