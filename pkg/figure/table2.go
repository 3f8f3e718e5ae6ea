package figure

import (
	"cmp"
	"math"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// table2Rows are the scores of Table 2 from top to bottom, in groups; that with PNG is of Table 1.
var table2Rows = []struct {
	table, score, general, label string
	endsGroup                    bool
}{
	{"2", "raw_full", "none", "full likelihood", false},
	{"2", "raw_16x16", "none", "scale 1 (16x16)", false},
	{"2", "raw_8x8", "none", "scale 2 (8x8)", false},
	{"2", "raw_4x4", "none", "last scale (4x4)", true},
	{"2", "diff_full", "Tiny-Glow", "ratio, full", false},
	{"2", "diff_16x16", "Tiny-Glow", "ratio, scale 1", false},
	{"2", "diff_8x8", "Tiny-Glow", "ratio, scale 2", false},
	{"2", "diff_4x4", "Tiny-Glow", "ratio, last scale", true},
	{"1", "diff", "PNG", "ratio to PNG", true},
}

// Table2 draws Table 2 as dots: the AUROC of every score of the finetuned Glow of in with its 95 % interval, a panel an
// outlier set, the paper's values beside ours (digest §6; claims D1, D2, F3, F7).
func Table2(r *Results) (*Figure, error) {
	cells, err := r.cells()
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 8.5 * vg.Centimeter, legend: []key{
		{"here, with 95 % interval", roleMarks(roleSmooth, roleNear, roleFar)},
		{"paper", glyphMark(draw.GlyphStyle{Color: paperColor, Radius: vg.Points(2.4), Shape: diamond{}})}, guessingKey}}
	var missing []string
	for i, out := range []string{"SVHN", "CIFAR100", "LSUN"} {
		drawn, lacking := table2Panel(cells, out, i == 0)
		p.panels, missing = append(p.panels, drawn), append(missing, lacking...)
	}
	return r.figure("table2", p, "AUROC of the scores of Table 2, finetuned Glow of in, in as the positive "+
		"class; hairlines lead from the paper's values.", missing, roleIn, roleSmooth,
		roleNear, roleFar, roleGeneral), nil
}

// roleMarks is the legend of what has the marks of several roles.
func roleMarks(roles ...string) func(draw.Canvas) {
	var styles []draw.GlyphStyle
	for _, role := range roles {
		styles = append(styles, scatterStyle(role, 1))
	}
	return glyphsMark(styles)
}

// table2Panel is the panel of an outlier set, and what of it is missing.
func table2Panel(cells []result.Cell, out string, labelled bool) (drawn panel, missing []string) {
	role := paperSets[out]
	title := "in vs " + role
	p := newPlot("AUROC (%)", "")
	p.X.Min, p.X.Max = 0, 100
	p.Y.Min, p.Y.Max = -float64(len(table2Rows))+0.4, 0.6
	p.X.Tick.Marker = percentTicks
	p.Y.Tick.Length, p.Y.LineStyle.Width = 0, 0
	dots := dotRows{role: role}
	var ticks plot.ConstantTicks
	var absent []string
	why, set := "", ""
	for row, r := range table2Rows {
		y := -float64(row)
		label := ""
		if labelled {
			label = r.label
		}
		ticks = append(ticks, plot.Tick{Value: y, Label: label})
		if r.endsGroup && row < len(table2Rows)-1 {
			dots.rules = append(dots.rules, y-0.5)
		}
		found := false
		for _, c := range cells {
			if c.Table != r.table || c.In != "CIFAR10" || c.Out != out || c.Score != r.score ||
				c.General != r.general || c.InModel() != "Glow" {
				continue
			}
			dots.dots = append(dots.dots, dotRow{y, c.Measured, c.Low, c.High, c.Value})
			if c.IsMeasured() {
				found, set = true, c.OutSet
			} else {
				why = c.Note
			}
		}
		if !found {
			absent = append(absent, r.label)
		}
	}
	if len(absent) == len(table2Rows) {
		drawn, said := notThere(title, cmp.Or(why, noCell), nil)
		return drawn, []string{said}
	}
	p.Y.Tick.Marker = ticks
	p.Add(dots)
	if len(absent) > 0 {
		missing = []string{title + ", not measured: " + strings.Join(absent, ", ") + "."}
	}
	return panel{title: title, lines: []coloured{{fitted(set, textStyle(sizeLabel, ink), 130), roleInk(role)}},
		plot: p}, missing
}

// dotRows draws estimates with intervals, the paper's beside them, a line at chance and rules between groups of rows.
type dotRows struct {
	role  string
	dots  []dotRow
	rules []float64
}

type dotRow struct{ y, value, low, high, paper float64 }

// Plot implements plot.Plotter.
func (d dotRows) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, rule := range d.rules {
		c.StrokeLine2(draw.LineStyle{Color: guide, Width: hairpin}, c.Min.X, y(rule), c.Max.X, y(rule))
	}
	c.StrokeLine2(guessing, x(50), c.Min.Y, x(50), c.Max.Y)
	for _, r := range d.dots {
		if !math.IsNaN(r.paper) {
			if !math.IsNaN(r.value) {
				c.StrokeLine2(draw.LineStyle{Color: paperColor, Width: hairpin}, x(r.paper), y(r.y)-3, x(r.value),
					y(r.y)+2)
			}
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: paperColor, Radius: vg.Points(2.4), Shape: diamond{}},
				vg.Point{X: x(r.paper), Y: y(r.y) - 3})
		}
		if math.IsNaN(r.value) {
			style := textStyle(sizeNote, notes)
			style.YAlign = draw.YCenter
			c.FillText(style, vg.Point{X: c.Min.X + 2, Y: y(r.y) + 2}, "not measured")
			continue
		}
		c.StrokeLine2(draw.LineStyle{Color: RoleColor(d.role), Width: vg.Points(0.8)}, max(c.Min.X, x(r.low)), y(r.y)+2,
			min(c.Max.X, x(r.high)), y(r.y)+2)
		style := scatterStyle(d.role, 1)
		c.DrawGlyphNoClip(style, vg.Point{X: x(r.value), Y: y(r.y) + 2})
	}
}
