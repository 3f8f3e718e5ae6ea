package show

import (
	"bytes"
	"fmt"
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
func Scores() *score.Table {
	table, err := score.Read(filepath.Join(resultsFolder(), "scores.csv"))
	must(err)
	return table
}

// AUROC shows how well each score of a table tells the in-distribution set from each of the others, in percent with the 95 % interval.
// 50 is guessing, below 50 confidently wrong.
func AUROC(scores *score.Table) {
	defer gonbui.Sync()
	text, err := aurocs(scores)
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

func aurocs(scores *score.Table) (string, error) {
	in, out, err := setsOf(scores)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| AUROC, %% | %s |\n|---|%s\n", strings.Join(out, " | "), strings.Repeat("---|", len(out)))
	for _, column := range scores.Columns {
		if column == "general" || column == "png_bytes" {
			continue // no scores of their own
		}
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
	all, err := scores.Column(column, nil)
	if err != nil {
		return nil, err
	}
	low, high := slices.Min(all), slices.Max(all)
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
	p.Legend.Top, p.Legend.Left = true, true
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
