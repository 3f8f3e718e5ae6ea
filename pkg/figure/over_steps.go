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
// all claims of that unit share at least; where it is closed no value lies beyond, though a threshold may.
var overStepsUnits = []struct {
	word, label   string
	lowest, upper float64
	closed        bool
}{
	{"points", "points of AUROC", 0, 0, false}, {"AUROC", "AUROC (%)", 0, 100, true},
	{"Spearman", "Spearman's \u03C1", 0.8, 1, false},
	{"bits/dim", "bits/dim", math.Inf(1), math.Inf(-1), false}, {"", "value", math.Inf(1), math.Inf(-1), false},
}

// OverSteps draws the claims over the steps of training, a small panel each: its value with its 95 % interval, at every
// step its verdict, and where the value must lie for the condition to hold that decides. All panels have one axis of
// steps, and those of one unit one axis of values.
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
	last, bounded := 0, false
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
		bounded = bounded || line.isBounded()
		_, _, lowest, highest := line.DataRange()
		units[i] = u
		if !overStepsUnits[u].closed {
			low[u], high[u] = min(low[u], lowest), max(high[u], highest)
		}
	}
	if bounded {
		drawn.legend = append(drawn.legend, key{"side of the threshold where it holds", heldMark})
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
	shows := fmt.Sprintf("%d claims over the steps of one seed's runs, on the learning curves' images, fewer than the "+
		"scorecard's, with 95 %% bands. L and F1 are from scratch, the others finetuned. ", len(lines))
	if bounded {
		shows += "A line is the threshold of the condition that decides, where it is of what is drawn. "
	}
	var changed []string
	for _, v := range []result.Verdict{result.Holds, result.Open, result.DoesNotHold} {
		if ids := turning[v]; len(ids) > 0 {
			changed = append(changed, strings.Join(ids, ", ")+" "+became(v, len(ids)))
		}
	}
	if len(changed) == 0 {
		shows += "No verdict changes with more training."
	} else {
		shows += "Last verdicts of those that change: " + strings.Join(changed, "; ") + "."
	}
	return r.figure(name, drawn, shows, nil, roleIn, roleSmooth, roleGeneral), nil
}

// became says of one claim or several what became of them.
func became(v result.Verdict, claims int) string {
	words := map[result.Verdict][2]string{result.Holds: {"holds", "hold"}, result.Open: {"is open", "are open"},
		result.DoesNotHold: {"does not hold", "do not hold"}}[v]
	if claims == 1 {
		return words[0]
	}
	return words[1]
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

// isBounded says whether the value itself is held against something at every step: where the condition that decides is
// another one at some steps, pieces of thresholds would say that the claim asks for nothing between them.
func (line claimLine) isBounded() bool {
	return !slices.ContainsFunc(line, func(m result.ClaimAtStep) bool { return m.Comparison == "" })
}

// DataRange implements plot.DataRanger.
func (line claimLine) DataRange() (xmin, xmax, ymin, ymax float64) {
	ymin, ymax = math.Inf(1), math.Inf(-1)
	bounded := line.isBounded()
	for _, m := range line {
		xmax = max(xmax, float64(m.Steps))
		ymin, ymax = min(ymin, m.Low, m.Value), max(ymax, m.High, m.Value)
		if bounded {
			ymin, ymax = min(ymin, m.Bound), max(ymax, m.Bound)
		}
	}
	return 0, xmax, ymin, ymax
}

// thresholds draws what the value is held against at every step: the line from halfway to the step before to halfway to
// the next, and behind it the side where the condition holds.
func (line claimLine) thresholds(c draw.Canvas, x, y func(float64) vg.Length) {
	if !line.isBounded() {
		return
	}
	var lines []func() // over all areas: the next one's seam would cut them
	for i, m := range line {
		from, to := c.Min.X, c.Max.X
		if i > 0 {
			from = x(float64(line[i-1].Steps+m.Steps) / 2)
		}
		if i+1 < len(line) {
			to = x(float64(m.Steps+line[i+1].Steps) / 2)
		}
		at, end := y(m.Bound), c.Max.Y
		if strings.HasPrefix(m.Comparison, "<") {
			end = c.Min.Y
		}
		within := max(c.Min.Y, min(c.Max.Y, at))
		left := max(c.Min.X, from-0.5) // over the piece before: the seam would show
		c.FillPolygon(heldSide, []vg.Point{{X: left, Y: within}, {X: to, Y: within}, {X: to, Y: end}, {X: left, Y: end}})
		if at == within { // a threshold beyond the axis has no line
			lines = append(lines, func() { c.StrokeLine2(thresholdLine, from, at, to, at) })
		}
	}
	for _, drawLine := range lines {
		drawLine()
	}
}

// thresholdLine is that of the scorecard.
var thresholdLine = draw.LineStyle{Color: ink, Width: vg.Points(0.6)}

// heldMark is the legend's picture of a threshold.
func heldMark(c draw.Canvas) {
	c.FillPolygon(heldSide, []vg.Point{{X: c.Min.X, Y: c.Center().Y}, {X: c.Max.X, Y: c.Center().Y},
		{X: c.Max.X, Y: c.Max.Y}, {X: c.Min.X, Y: c.Max.Y}})
	c.StrokeLine2(thresholdLine, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
}

// Plot implements plot.Plotter.
func (line claimLine) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	line.thresholds(c, x, y)
	var b band
	for _, m := range line {
		b.add(x(float64(m.Steps)), y, m.Value, m.Low, m.High)
	}
	b.fill(c, ink)
	c.StrokeLines(draw.LineStyle{Color: notes, Width: vg.Points(0.8)}, b.values)
	for i, m := range line {
		if m.Verdict != result.Holds { // what is behind a mark that is not filled would look like a part of it
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: white, Radius: verdictRadius, Shape: draw.CircleGlyph{}}, b.values[i])
		}
		verdictMark(c, b.values[i], m.Verdict)
	}
}
