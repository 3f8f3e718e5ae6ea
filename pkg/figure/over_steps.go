package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// overStepsUnits are what the claims' values are in, with a word in the name of what was measured, and the axis that
// all claims of that unit share at least.
var overStepsUnits = []struct {
	word, label   string
	lowest, upper float64
}{
	{"points", "points", 0, 0}, {"AUROC", "AUROC (%)", 0, 100}, {"Spearman", "Spearman's \u03C1", 0.8, 1},
	{"bits/dim", "bits/dim", math.Inf(1), math.Inf(-1)}, {"", "value", math.Inf(1), math.Inf(-1)},
}

// OverSteps draws the claims over the steps of training, a small panel each: its value with its 95 % interval, and at
// every step its verdict. All panels have one axis of steps, and those of one unit one axis of values.
func OverSteps(r *Results) (*Figure, error) {
	const name, columns = "claims_over_steps", 3
	rows, err := r.claimSteps()
	if err != nil {
		return nil, err
	}
	titles, err := result.ClaimTitles()
	if err != nil {
		return nil, err
	}
	drawn := page{width: twoColumns, columns: columns}
	for _, v := range []result.Verdict{result.Holds, result.Open, result.DoesNotHold} {
		drawn.legend = append(drawn.legend, key{string(v), func(c draw.Canvas) { verdictMark(c, c.Center(), v) }})
	}
	var lines []claimLine
	last := 0
	for _, m := range rows {
		if n := len(lines); n == 0 || lines[n-1][0].ID != m.ID {
			lines = append(lines, nil)
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], m)
		last = max(last, m.Steps)
	}
	units := make([]int, len(lines))
	low, high := make([]float64, len(overStepsUnits)), make([]float64, len(overStepsUnits))
	for u, unit := range overStepsUnits {
		low[u], high[u] = unit.lowest, unit.upper
	}
	for i, line := range lines {
		u := line.unit()
		_, _, lowest, highest := line.DataRange()
		units[i], low[u], high[u] = u, min(low[u], lowest), max(high[u], highest)
	}
	style := bold(textStyle(sizeLabel, ink))
	turning := map[result.Verdict][]string{} // by the last verdict
	for i, line := range lines {
		id := line[0].ID
		p := newPlot("steps of training", overStepsUnits[units[i]].label)
		p.Add(line)
		p.X.Min, p.X.Max = 0, float64(last)
		p.Y.Min, p.Y.Max = low[units[i]], high[units[i]]
		if i+columns < len(lines) {
			p.X.Label.Text = ""
		}
		title := cmp.Or(titles[id], id)
		// Two lines are enough for every title; a longer one of the future is cut rather than run into the plot.
		words := wrapped(title, style, twoColumns/columns-38)
		drawn.panels = append(drawn.panels, panel{letter: id, title: strings.Join(words[:min(2, len(words))], "\n"),
			plot: p})
		if line.turns() {
			ends := line[len(line)-1].Verdict
			turning[ends] = append(turning[ends], id)
		}
	}
	drawn.height = vg.Length((len(lines)+columns-1)/columns)*4.4*vg.Centimeter + 0.8*vg.Centimeter
	if len(lines) == 0 {
		drawn.columns, drawn.height = 1, 5*vg.Centimeter
		drawn.panels = []panel{emptyPanel("claims over steps", "no run was looked at while it was trained")}
	}
	shows := fmt.Sprintf("%d claims over the steps of their runs, on the images of the learning curves; bands are 95 %% "+
		"intervals. L and F1 are from scratch, the others finetuned. ", len(lines))
	var changed []string
	for _, v := range []result.Verdict{result.Holds, result.Open, result.DoesNotHold} {
		if ids := turning[v]; len(ids) > 0 {
			changed = append(changed, fmt.Sprintf("%s %s", strings.Join(ids, ", "), v))
		}
	}
	if len(changed) == 0 {
		shows += "No verdict changes with more training."
	} else {
		shows += "Changing with training, and their last verdict: " + strings.Join(changed, "; ") + "."
	}
	return r.figure(name, drawn, shows, nil, roleIn, roleSmooth, roleGeneral), nil
}

// claimLine is a claim over steps.
type claimLine []result.ClaimAtStep

// unit is the place of its unit.
func (line claimLine) unit() int {
	for u, unit := range overStepsUnits {
		if strings.Contains(line[0].Measured, unit.word) {
			return u
		}
	}
	return len(overStepsUnits) - 1
}

// turns says whether the verdict changes.
func (line claimLine) turns() bool {
	return slices.ContainsFunc(line, func(m result.ClaimAtStep) bool { return m.Verdict != line[0].Verdict })
}

// DataRange implements plot.DataRanger.
func (line claimLine) DataRange() (xmin, xmax, ymin, ymax float64) {
	ymin, ymax = math.Inf(1), math.Inf(-1)
	for _, m := range line {
		xmax = max(xmax, float64(m.Steps))
		ymin, ymax = min(ymin, m.Low, m.Value), max(ymax, m.High, m.Value)
	}
	return 0, xmax, ymin, ymax
}

// Plot implements plot.Plotter.
func (line claimLine) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var path, above, below []vg.Point
	for _, m := range line {
		at := x(float64(m.Steps))
		path = append(path, vg.Point{X: at, Y: y(m.Value)})
		above = append(above, vg.Point{X: at, Y: y(m.High)})
		below = append(below, vg.Point{X: at, Y: y(m.Low)})
	}
	fillBand(c, ink, above, below)
	c.StrokeLines(draw.LineStyle{Color: notes, Width: vg.Points(0.8)}, path)
	for i, m := range line {
		if m.Verdict != result.Holds { // what is behind a mark that is not filled would look like a part of it
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: white, Radius: verdictRadius, Shape: draw.CircleGlyph{}}, path[i])
		}
		verdictMark(c, path[i], m.Verdict)
	}
}
