package figure

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Fig1C draws rank correlations of likelihoods over test images of in and smooth as matrices: local and dense Glows of
// in against regular ones of every training set, and the regular ones against each other, as full likelihoods and at
// their last scale (digest §8; claims L3, L4, L8, F1).
func Fig1C(r *Results) (*Figure, error) {
	rows, err := r.correlations()
	if err != nil {
		return nil, err
	}
	regular := []named{{glowIn, "in"}, {glowSmooth, "smooth"}, {glowGeneral, "general"}, {glowNear, "near"}}
	p := page{width: twoColumns, height: 6.2 * vg.Centimeter}
	var missing []string
	for _, m := range []struct {
		title, paper  string
		suffix        string
		rows, columns []named
		axis          string
		triangle      bool
	}{
		{"Network types, trained on in", "\u03C1; paper: local > 0.95, dense less", "",
			[]named{{glowIn, "regular"}, {patchIn, "local"}, {denseIn, "dense"}}, regular, "", false},
		{"Regular Glows", "Spearman's \u03C1; paper: > 0.96", "", regular[1:], regular[:3], "trained on", true},
		{"Regular Glows, last scale", "Spearman's \u03C1; paper: mean 0.26", "/c3", regular[1:], regular[:3], "trained on", true},
	} {
		matrix := &matrix{rows: m.rows, columns: m.columns}
		var absent []string
		measured := 0
		for i, a := range m.rows {
			var lacks []string
			measuredBefore := measured
			for j, b := range m.columns {
				if m.triangle && j > i { // the matrix is symmetric
					matrix.cells = append(matrix.cells, matrixCell{hidden: true})
					continue
				}
				c := find(rows, a.id+m.suffix, b.id+m.suffix)
				matrix.cells = append(matrix.cells, matrixCell{of: c})
				switch {
				case c != nil:
					measured++
				case a.id != b.id:
					lacks = append(lacks, inWords(a.id+m.suffix)+" with "+inWords(b.id+m.suffix))
				}
			}
			if len(lacks) > 1 && measured == measuredBefore && !m.triangle { // with nothing: named once, and short
				lacks = []string{a.id}
			}
			absent = append(absent, lacks...)
		}
		if measured == 0 {
			drawn, said := notThere(m.title, "correlations.csv lacks", absent[:1])
			p.panels, missing = append(p.panels, drawn), append(missing, said)
			continue
		}
		p.panels = append(p.panels, panel{title: m.title, lines: []coloured{{m.paper, notes}},
			plot: matrix.plot("trained on", m.axis)})
		if len(absent) > 0 {
			missing = append(missing, "Not measured: "+strings.Join(absent, ", ")+".")
		}
	}
	return r.figure("fig1c", p, "Spearman's \u03C1 of log-likelihoods over test images of in and smooth, with "+
		"bootstrap intervals; all from scratch.", missing, roleIn, roleSmooth, roleGeneral, roleNear), nil
}

// named is a configuration and what a figure calls it.
type named struct{ id, name string }

func find(rows []result.Correlation, a, b string) *result.Correlation {
	i := slices.IndexFunc(rows, func(r result.Correlation) bool { return r.A == a && r.B == b || r.A == b && r.B == a })
	if i < 0 {
		return nil
	}
	return &rows[i]
}

// matrix is a table of correlations, dark where they are high.
type matrix struct {
	rows, columns []named
	cells         []matrixCell // row by row
}

// matrixCell is a correlation, nil for the same network, or for what was not measured.
type matrixCell struct {
	of     *result.Correlation
	hidden bool // above the diagonal of a symmetric matrix
}

func (m *matrix) plot(xLabel, yLabel string) *plot.Plot {
	p := newPlot(xLabel, yLabel)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, float64(len(m.columns)), 0, float64(len(m.rows))
	var xs, ys plot.ConstantTicks
	for i, c := range m.columns {
		xs = append(xs, plot.Tick{Value: float64(i) + 0.5, Label: c.name})
	}
	for i, r := range m.rows {
		ys = append(ys, plot.Tick{Value: float64(len(m.rows)-1-i) + 0.5, Label: r.name})
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = xs, ys
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Tick.Length, p.Y.Tick.Length = 0, 0
	p.X.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
	p.Add(m)
	return p
}

// shade is white at 0 and below, the blue of in at 1; grey levels keep the order.
func shade(value float64) color.NRGBA {
	share := min(max(value, 0), 1)
	share *= share // most correlations are high: spread them
	mix := func(to uint8) uint8 { return uint8(math.Round(255 + share*(float64(to)-255))) }
	return color.NRGBA{mix(0x00), mix(0x52), mix(0x8A), 255}
}

// Plot implements plot.Plotter.
func (m *matrix) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i, row := range m.rows {
		for j, column := range m.columns {
			left, right := x(float64(j)), x(float64(j+1))
			bottom, top := y(float64(len(m.rows)-1-i)), y(float64(len(m.rows)-i))
			at := vg.Rectangle{Min: vg.Point{X: left, Y: bottom}, Max: vg.Point{X: right, Y: top}}
			centre := vg.Point{X: (left + right) / 2, Y: (bottom + top) / 2}
			cell, hidden := m.cells[i*len(m.columns)+j].of, m.cells[i*len(m.columns)+j].hidden
			if hidden {
				continue
			}
			text, small, dark := "", "", false
			switch {
			case cell != nil:
				c.FillPolygon(shade(cell.Spearman), corners(at))
				text, dark = signed(cell.Spearman, 2), cell.Spearman > 0.8
				// An interval of 1 to 1 has no digits to show.
				if low, high := short(cell.SpearmanLow), short(cell.SpearmanHigh); low != "1" {
					small = low + ", " + high
				}
			case row.id == column.id:
				text = "same"
			default:
				text = "\u2013"
			}
			c.StrokeLines(draw.LineStyle{Color: color.White, Width: vg.Points(1)}, corners(at))
			if cell == nil { // a whole frame, inside its neighbours' white ones
				c.StrokeLines(draw.LineStyle{Color: guide, Width: hairpin}, corners(inset(at, 0.8)))
			}
			ink := color.Color(notes)
			if cell != nil {
				ink = color.Black
				if dark {
					ink = color.White
				}
			}
			style := textStyle(sizeTick, ink)
			style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
			if small != "" {
				centre.Y += 4
			}
			c.FillText(style, centre, text)
			style.Font.Size = 6
			if style.Width(small) < right-left-2 {
				c.FillText(style, vg.Point{X: centre.X, Y: centre.Y - 8}, small)
			}
		}
	}
}

// short is a correlation without its leading zero: two of them have to fit into a cell.
func short(value float64) string {
	return strings.Replace(strings.Replace(signed(value, 2), "0.", ".", 1), "1.00", "1", 1)
}

// inset is a rectangle whose sides have moved inwards.
func inset(r vg.Rectangle, by vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: r.Min.X + by, Y: r.Min.Y + by},
		Max: vg.Point{X: r.Max.X - by, Y: r.Max.Y - by}}
}
