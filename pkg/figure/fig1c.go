package figure

import (
	"fmt"
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
	caption := "Spearman's correlations of log-likelihoods over the test images of in and smooth together, with 95 % " +
		"bootstrap intervals; all Glows from scratch. "
	for _, m := range []struct {
		title         string
		suffix        string
		rows, columns []named
	}{
		{"Network types, trained on in", "", []named{{glowIn, "regular"}, {patchIn, "local"}, {denseIn, "dense"}},
			regular},
		{"Regular Glows", "", regular, regular},
		{"Regular Glows, last scale", "/c3", regular, regular},
	} {
		matrix := &matrix{rows: m.rows, columns: m.columns}
		var missing []string
		measured := 0
		for _, a := range m.rows {
			for _, b := range m.columns {
				c := find(rows, a.id+m.suffix, b.id+m.suffix)
				matrix.cells = append(matrix.cells, c)
				switch {
				case c != nil:
					measured++
				case a.id != b.id:
					missing = append(missing, inWords(a.id+m.suffix)+" with "+inWords(b.id+m.suffix))
				}
			}
		}
		if measured == 0 {
			panel, said := notThere(m.title, "correlations.csv lacks", missing[:1])
			p.panels, caption = append(p.panels, panel), caption+said
			continue
		}
		p.panels = append(p.panels, panel{title: m.title, plot: matrix.plot("trained on")})
		caption += m.title + ": " + matrix.spans() + ". "
		if len(missing) > 0 {
			caption += "Not measured: " + strings.Join(missing, ", ") + ". "
		}
	}
	return &Figure{Name: "fig1c", page: p, Caption: caption +
		"On the diagonal stands the same network twice. In the paper: local above 0.95, dense less; regular Glows " +
		"above 0.96, 0.99 in the mean; last scale 0.26 in the mean. " + r.setsPlaying()}, nil
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
	cells         []*result.Correlation // row by row; nil for the same network, or what was not measured
}

// spans says the lowest and the highest value of every row.
func (m *matrix) spans() string {
	var said []string
	for i, row := range m.rows {
		low, high := math.Inf(1), math.Inf(-1)
		for _, c := range m.cells[i*len(m.columns) : (i+1)*len(m.columns)] {
			if c != nil {
				low, high = min(low, c.Spearman), max(high, c.Spearman)
			}
		}
		if low <= high {
			said = append(said, fmt.Sprintf("%s \u03C1 %s to %s", row.name, signed(low, 2), signed(high, 2)))
		}
	}
	return strings.Join(said, ", ")
}

func (m *matrix) plot(xLabel string) *plot.Plot {
	p := newPlot(xLabel, "")
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
			corners := []vg.Point{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top},
				{X: left, Y: bottom}}
			centre := vg.Point{X: (left + right) / 2, Y: (bottom + top) / 2}
			cell := m.cells[i*len(m.columns)+j]
			text, small, dark := "", "", false
			switch {
			case cell != nil:
				c.FillPolygon(shade(cell.Spearman), corners)
				text, dark = signed(cell.Spearman, 2), cell.Spearman > 0.8
				small = signed(cell.SpearmanLow, 2) + ", " + signed(cell.SpearmanHigh, 2)
			case row.id == column.id:
				text = "same"
			default:
				text = "\u2013"
			}
			c.StrokeLines(draw.LineStyle{Color: color.White, Width: vg.Points(1)}, corners)
			if cell == nil {
				c.StrokeLines(draw.LineStyle{Color: guide, Width: hairpin}, corners)
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
			if style.Width(small) < right-left-1 {
				c.FillText(style, vg.Point{X: centre.X, Y: centre.Y - 8}, small)
			}
		}
	}
}
