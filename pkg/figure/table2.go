package figure

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// table2Rows are the scores of Table 2 from top to bottom, in groups.
var table2Rows = []struct {
	score, label string
	endsGroup    bool
}{
	{"full", "full likelihood", false},
	{"c1", "scale 1 (c1)", false},
	{"c2", "scale 2 (c2)", false},
	{"c3", "last scale (c3)", true},
	{"ratio", "ratio (full)", false},
	{"ratio_c1", "ratio (scale 1)", false},
	{"ratio_c2", "ratio (scale 2)", false},
	{"ratio_c3", "ratio (last scale)", true},
	{"png", "ratio to PNG", true},
}

// series is an outlier set of the plot.
type series struct {
	role, set string
	shape     draw.GlyphDrawer
}

// roleShapes tell roles apart without colour.
var roleShapes = map[string]draw.GlyphDrawer{
	roleSmooth:  draw.CircleGlyph{},
	roleGeneral: draw.BoxGlyph{},
	roleFar:     draw.PyramidGlyph{},
}

func (s series) style() draw.GlyphStyle {
	return draw.GlyphStyle{Color: RoleColor(s.role), Radius: vg.Points(2.2), Shape: s.shape}
}

// Table2 draws Table 2 as dots: the AUROC of every score with its 95 % interval against every outlier set, one panel for the finetuned and one
// for the in-distribution Glow from scratch (digest §6; claims D1, D2, F3). Scores and models that it does not know are left out.
func Table2(results string) (*Figure, error) {
	comparisons, err := readTable2(results)
	if err != nil {
		return nil, err
	}
	sets := outlierSets(comparisons)
	figure := &Figure{Name: "table2", page: page{width: twoColumns, height: 9.5 * vg.Centimeter}}
	for _, set := range sets {
		figure.page.legend = append(figure.page.legend, key{"in vs " + roleLabel(set.role, set.set), glyphMark(set.style())})
	}
	caption := "AUROC with 95 % interval over images, in-distribution as the positive class; the grey line is chance. "
	for i, model := range []struct{ name, title string }{
		{"in_finetuned", "Glow of in, finetuned from general"}, {"in", "Glow of in, from scratch"},
	} {
		panel, said := table2Panel(model.name, model.title, comparisons, sets, i == 0)
		figure.page.panels = append(figure.page.panels, panel)
		caption += said
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("figure: %s has no comparison, only a header: %s", filepath.Join(results, "table2.csv"), again)
	}
	figure.Caption = strings.TrimSpace(caption)
	return figure, nil
}

// outlierSets are the sets of the table, those of known roles first. A second set of a role has a hollow mark.
func outlierSets(comparisons []comparison) []series {
	var sets []series
	for _, c := range comparisons {
		if !slices.ContainsFunc(sets, func(s series) bool { return s.role == c.role && s.set == c.set }) {
			shape := roleShapes[c.role]
			if shape == nil {
				shape = draw.CrossGlyph{}
			}
			if slices.ContainsFunc(sets, func(s series) bool { return s.role == c.role }) {
				shape = draw.RingGlyph{}
			}
			sets = append(sets, series{c.role, c.set, shape})
		}
	}
	order := []string{roleSmooth, roleGeneral, roleFar}
	slices.SortStableFunc(sets, func(a, b series) int {
		rank := func(s series) int {
			if i := slices.Index(order, s.role); i >= 0 {
				return i
			}
			return len(order)
		}
		return rank(a) - rank(b)
	})
	return sets
}

func table2Panel(model, title string, comparisons []comparison, sets []series, labelled bool) (panel, string) {
	p := newPlot("AUROC (%)", "")
	p.X.Min, p.X.Max = 0, 100
	p.Y.Min, p.Y.Max = -float64(len(table2Rows))+0.4, 0.6
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 25, Label: "25"}, {Value: 50, Label: "50"},
		{Value: 75, Label: "75"}, {Value: 100, Label: "100"}}
	p.Y.Tick.Length, p.Y.LineStyle.Width = 0, 0
	dots := dotRows{}
	var ticks plot.ConstantTicks
	var absent, values []string
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
		for k, set := range sets {
			for _, c := range comparisons {
				if c.model == model && c.score == r.score && c.role == set.role && c.set == set.set {
					found = true
					offset := 0.24 * (float64(len(sets)-1)/2 - float64(k)) * min(1, 3/float64(len(sets)))
					dots.dots = append(dots.dots, dot{y + offset, 100 * c.auroc, 100 * c.low, 100 * c.high, set})
					if set.role == roleSmooth {
						values = append(values, fmt.Sprintf("%s %.1f", r.label, 100*c.auroc))
					}
				}
			}
		}
		if !found {
			absent = append(absent, r.label)
			dots.absent = append(dots.absent, y)
		}
	}
	if len(dots.dots) == 0 {
		return notThere(title, "table2.csv has no rows of model", []string{model})
	}
	p.Y.Tick.Marker = ticks
	p.Add(dots)
	said := title + ":"
	if len(values) > 0 {
		said += " against smooth " + strings.Join(values, ", ")
	}
	if len(absent) > 0 {
		said += "; not in the table: " + strings.Join(absent, ", ")
	}
	return panel{title: title, plot: p}, said + ". "
}

// dotRows draws estimates with intervals, a line at chance and rules between groups of rows.
type dotRows struct {
	dots          []dot
	rules, absent []float64
}

type dot struct {
	y, value, low, high float64
	set                 series
}

// Plot implements plot.Plotter.
func (d dotRows) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, rule := range d.rules {
		c.StrokeLine2(draw.LineStyle{Color: guide, Width: hairpin}, c.Min.X, y(rule), c.Max.X, y(rule))
	}
	c.StrokeLine2(draw.LineStyle{Color: notes, Width: hairpin, Dashes: []vg.Length{2, 2}}, x(50), c.Min.Y, x(50), c.Max.Y)
	for _, row := range d.absent {
		style := textStyle(sizeNote, notes)
		style.YAlign = draw.YCenter
		c.FillText(style, vg.Point{X: c.Min.X + 2, Y: y(row)}, "not in the table")
	}
	for _, dot := range d.dots {
		c.StrokeLine2(draw.LineStyle{Color: RoleColor(dot.set.role), Width: vg.Points(0.8)}, x(dot.low), y(dot.y), x(dot.high), y(dot.y))
		c.DrawGlyphNoClip(dot.set.style(), vg.Point{X: x(dot.value), Y: y(dot.y)})
	}
}
