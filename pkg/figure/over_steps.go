package figure

import (
	"fmt"
	"image/color"
	"slices"
	"sort"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// lineColors tell claims apart, in the order of Okabe and Ito (2008) without yellow, which does not print.
var lineColors = []color.NRGBA{
	{R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}, {R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF}, {R: 0x00, G: 0x9E, B: 0x73, A: 0xFF},
	{R: 0x4A, G: 0x4A, B: 0x4A, A: 0xFF},
	{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF}, {R: 0x56, G: 0xB4, B: 0xE9, A: 0xFF}, {R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF},
}

// overStepsUnits are what the claims' values are in, a panel each, with a word in the name of what was measured.
var overStepsUnits = []struct{ word, label string }{{"points", "difference (points)"}, {"AUROC", "AUROC (%)"},
	{"Spearman", "Spearman's ρ"}, {"", "value"}}

// OverSteps draws the claims over the steps of training: which turn with more of it. A dot is filled where the claim
// holds, pale where it is open; the band is the 95 % interval.
func OverSteps(r *Results) (*Figure, error) {
	rows, err := r.claimSteps()
	if err != nil {
		return nil, err
	}
	drawn := page{width: twoColumns, height: 9 * vg.Centimeter}
	groups := map[string][]*claimLine{}
	var turned []string
	for _, m := range rows {
		unit := overStepsUnits[slices.IndexFunc(overStepsUnits,
			func(u struct{ word, label string }) bool { return strings.Contains(m.Measured, u.word) })].label
		lines := groups[unit]
		if len(lines) == 0 || lines[len(lines)-1].id != m.ID {
			lines = append(lines, &claimLine{id: m.ID, color: lineColors[len(lines)%len(lineColors)]})
			groups[unit] = lines
		}
		line := lines[len(lines)-1]
		line.steps = append(line.steps, m)
	}
	for i := len(overStepsUnits) - 1; i >= 0; i-- {
		unit := overStepsUnits[i].label
		lines := groups[unit]
		if len(lines) == 0 {
			continue
		}
		p := newPlot("steps of training", unit)
		title := []string{}
		for _, line := range lines {
			title = append(title, line.id)
			if n := line.turns(); n > 0 {
				turned = append(turned, fmt.Sprintf("%s turns %d times, and ends as %s", line.id, n,
					line.steps[len(line.steps)-1].Verdict))
			}
		}
		p.Add(claimLines(lines))
		_, last, _, _ := claimLines(lines).DataRange()
		p.X.Max = 1.12 * last // room for the labels
		drawn.panels = append(drawn.panels, panel{title: strings.Join(title, ", "), plot: p})
	}
	if len(rows) == 0 {
		drawn.panels = []panel{emptyPanel("claims over steps", "no run was looked at while it was trained")}
	}
	drawn.legend = []key{
		{"holds", glyphMark(draw.GlyphStyle{Color: ink, Radius: vg.Points(2), Shape: draw.CircleGlyph{}})},
		{"open", glyphMark(draw.GlyphStyle{Color: faded(ink, openAlpha), Radius: vg.Points(2),
			Shape: draw.CircleGlyph{}})},
		{"does not hold", glyphMark(draw.GlyphStyle{Color: ink, Radius: vg.Points(2), Shape: draw.RingGlyph{}})},
	}
	caption := "Claims over the steps of the runs that they are about, on the images of the learning curves, with 95 " +
		"% intervals; filled where a claim holds, pale where the interval leaves it open. D, F3, F4, F7, O and T: " +
		"while finetuning; L, F1: from scratch. "
	if len(turned) > 0 {
		caption += strings.Join(turned, "; ") + "."
	} else {
		caption += "No verdict turns."
	}
	return &Figure{Name: "claims_over_steps", page: drawn, Caption: caption}, nil
}

// openAlpha is how pale the mark of an open claim is.
const openAlpha = 0.5

// mixed is a colour on white, as pale as faded makes it but opaque.
func mixed(c color.NRGBA, alpha float64) color.NRGBA {
	pale := func(v uint8) uint8 { return uint8(255 - alpha*(255-float64(v))) }
	return color.NRGBA{R: pale(c.R), G: pale(c.G), B: pale(c.B), A: 255}
}

// claimLine is a claim over steps.
type claimLine struct {
	id    string
	color color.NRGBA
	steps []result.ClaimAtStep
}

// turns is how often the verdict changes.
func (l *claimLine) turns() (n int) {
	for i := range l.steps[1:] {
		if l.steps[i].Verdict != l.steps[i+1].Verdict {
			n++
		}
	}
	return n
}

type claimLines []*claimLine

// DataRange implements plot.DataRanger.
func (lines claimLines) DataRange() (xmin, xmax, ymin, ymax float64) {
	first := lines[0].steps[0]
	ymin, ymax = first.Low, first.High
	for _, line := range lines {
		for _, m := range line.steps {
			xmax = max(xmax, float64(m.Steps))
			ymin, ymax = min(ymin, m.Low, m.Value), max(ymax, m.High, m.Value)
		}
	}
	return 0, xmax, ymin, ymax
}

// Plot implements plot.Plotter.
func (lines claimLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, line := range lines {
		var path, above, below []vg.Point
		for _, m := range line.steps {
			at := x(float64(m.Steps))
			path = append(path, vg.Point{X: at, Y: y(m.Value)})
			above = append(above, vg.Point{X: at, Y: y(m.High)})
			below = append(below, vg.Point{X: at, Y: y(m.Low)})
		}
		slices.Reverse(below)
		c.FillPolygon(faded(line.color, fillAlpha), append(above, below...))
		c.StrokeLines(draw.LineStyle{Color: line.color, Width: vg.Points(0.8)}, path)
	}
	for _, line := range lines {
		for _, m := range line.steps {
			style := draw.GlyphStyle{Color: line.color, Radius: vg.Points(1.6), Shape: draw.CircleGlyph{}}
			at := vg.Point{X: x(float64(m.Steps)), Y: y(m.Value)}
			c.DrawGlyphNoClip(style, at)
			inner := draw.GlyphStyle{Color: color.White, Radius: vg.Points(1), Shape: draw.CircleGlyph{}}
			switch m.Verdict {
			case result.DoesNotHold:
				c.DrawGlyphNoClip(inner, at)
			case result.Open:
				inner.Color = mixed(line.color, openAlpha)
				c.DrawGlyphNoClip(inner, at)
			}
		}
	}
	// Labels stand at the lines' ends, pushed apart where they would cover each other.
	ends := slices.Clone(lines)
	end := func(l *claimLine) result.ClaimAtStep { return l.steps[len(l.steps)-1] }
	sort.SliceStable(ends, func(i, j int) bool { return end(ends[i]).Value < end(ends[j]).Value })
	lowest := vg.Length(-1)
	for _, line := range ends {
		m := end(line)
		at := max(y(m.Value), lowest)
		lowest = at + vg.Length(sizeNote) + 1
		style := textStyle(sizeNote, line.color)
		style.YAlign = draw.YCenter
		c.FillText(style, vg.Point{X: x(float64(m.Steps)) + 4, Y: at}, line.id)
	}
}
