package figure

import (
	"fmt"
	"image/color"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// acrossSizes are the claims that wait for a larger network and more steps: what the likelihood, its ratio and the last
// scale tell of smooth outliers, and how alike the last scales of different Glows are.
var acrossSizes = []struct{ id, title string }{
	{"D1", "The likelihood"}, {"D2", "The ratio to the general Glow"}, {"F7", "What the last scale gains, least set"},
	{"F3", "The last scale"}, {"F4", "The ratio of the last scale"}, {"F1", "How alike last scales are"},
}

// sizeLooks tell sizes apart, the one that saw the fewest images first; more have the last one's look.
var sizeLooks = []roleLook{
	{color.NRGBA{R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF}, nil, draw.RingGlyph{}},
	{color.NRGBA{R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}, nil, draw.CircleGlyph{}},
	{color.NRGBA{R: 0x4A, G: 0x4A, B: 0x4A, A: 0xFF}, []vg.Length{3, 1.5}, draw.SquareGlyph{}},
	{color.NRGBA{R: 0x00, G: 0x9E, B: 0x73, A: 0xFF}, []vg.Length{6, 2}, draw.PyramidGlyph{}},
}

// sizeLine is a claim over the images that the Glows of one size saw.
type sizeLine struct {
	look   roleLook
	images []float64 // thousands
	rows   []result.ClaimAtStep
}

// AcrossSizes draws the claims that wait for larger networks over the images that the Glows saw, one line for each of
// the results, which are of one family, the least trained first: where the last scale begins to see smooth outliers,
// and whether the ratio holds. Dashed is what the paper's Glow ends at. Of several seeds it is the first, as in the
// claims over steps. Results that no run was looked at for are an error that wraps fs.ErrNotExist.
func AcrossSizes(name string, all []*Results) (*Figure, error) {
	drawn := page{width: twoColumns, height: 11 * vg.Centimeter, columns: 3}
	lines := map[string][]sizeLine{} // by claim
	var networks []string
	for i, r := range all {
		look := sizeLooks[min(i, len(sizeLooks)-1)]
		rows, err := r.claimSteps()
		if err != nil {
			return nil, err
		}
		runs, err := r.runs()
		if err != nil {
			return nil, err
		}
		for _, claim := range acrossSizes {
			of := sizeLine{look: look}
			for _, row := range rows {
				if seen, ok := imagesSeen(runs, row.Run, row.Steps); ok && row.ID == claim.id {
					of.images, of.rows = append(of.images, float64(seen)/1000), append(of.rows, row)
				}
			}
			if len(of.rows) > 0 {
				lines[claim.id] = append(lines[claim.id], of)
			}
		}
		network := r.manifest.Size
		if at := trainedRun(runs, glowGeneral); at >= 0 {
			network += ": " + runs[at].Network
			networks = append(networks, fmt.Sprintf("%s, %d steps of %d images", runs[at].Network, runs[at].Steps, runs[at].Batch))
		}
		drawn.legend = append(drawn.legend, key{network, lineMark(sizeStyle(look), look.mark)})
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("figure: %s: no results have claims over steps: %w", name, fs.ErrNotExist)
	}
	drawn.legend = append(drawn.legend, key{"the paper, at its end", guessingKey.mark})
	declared, err := result.DeclaredClaims()
	if err != nil {
		return nil, err
	}
	furthest := 0.0
	for _, of := range lines {
		for _, line := range of {
			furthest = max(furthest, slices.Max(line.images))
		}
	}
	for i, claim := range acrossSizes {
		if len(lines[claim.id]) == 0 {
			drawn.panels = append(drawn.panels, emptyPanel(claim.title, "not measured over steps"))
			continue
		}
		unit := overStepsUnits[claimLine(lines[claim.id][0].rows).unit()]
		p := newPlot("thousand images seen", unit.label)
		if i+drawn.columns < len(acrossSizes) {
			p.X.Label.Text = ""
		}
		at := slices.IndexFunc(declared, func(c result.Claim) bool { return c.ID == claim.id })
		p.Add(sizeLines{lines[claim.id], leadingNumber(declared[at].Paper)})
		p.X.Min, p.X.Max = 0, furthest
		if unit.closed {
			p.Y.Min, p.Y.Max = unit.lowest, unit.upper
		}
		drawn.panels = append(drawn.panels, panel{letter: claim.id, title: claim.title, plot: p})
	}
	said := "What the likelihood, its last scale and their ratios tell of smooth outliers, over the images that the Glows saw, " +
		"those of general before they are finetuned counted, with 95 % bands over images: " + strings.Join(networks, "; ") + "."
	return all[len(all)-1].figure(name, drawn, said, nil, roleIn, roleSmooth, roleGeneral), nil
}

// imagesSeen is how many images a configuration's first run has seen at a step, with those of the runs it was finetuned from.
func imagesSeen(runs []result.Run, configuration string, step int) (int, bool) {
	at := trainedRun(runs, configuration)
	if at < 0 {
		return 0, false
	}
	seen := step * runs[at].Batch
	for parent := runs[at].Parent; parent != ""; parent = runs[at].Parent {
		if at = slices.IndexFunc(runs, func(r result.Run) bool { return r.ID == parent }); at < 0 {
			return 0, false
		}
		seen += runs[at].Steps * runs[at].Batch
	}
	return seen, true
}

// trainedRun is the place of a configuration's first run, -1 where none was trained.
func trainedRun(runs []result.Run, configuration string) int {
	return slices.IndexFunc(runs, func(r result.Run) bool { return r.Configuration == configuration && r.ID != "" })
}

// leadingNumber is what a claim's value in the paper begins with: 92.9 of "92.9 vs 8.8"; NaN where that is no number.
func leadingNumber(paper string) float64 {
	end := strings.IndexFunc(paper, func(r rune) bool { return r != '.' && r != '-' && !unicode.IsDigit(r) })
	if end < 0 {
		end = len(paper)
	}
	if strings.HasPrefix(paper[end:], ",") { // one of several
		return math.NaN()
	}
	value, err := strconv.ParseFloat(paper[:end], 64)
	if err != nil {
		return math.NaN()
	}
	return value
}

func sizeStyle(look roleLook) draw.LineStyle {
	return draw.LineStyle{Color: look.color, Width: vg.Points(1.2), Dashes: look.dash}
}

// sizeLines are a claim's lines, and what the paper's ends at.
type sizeLines struct {
	lines []sizeLine
	paper float64
}

// DataRange implements plot.DataRanger.
func (s sizeLines) DataRange() (xmin, xmax, ymin, ymax float64) {
	ymin, ymax = math.Inf(1), math.Inf(-1)
	if !math.IsNaN(s.paper) {
		ymin, ymax = s.paper, s.paper
	}
	for _, line := range s.lines {
		xmax = max(xmax, slices.Max(line.images))
		for _, row := range line.rows {
			ymin, ymax = min(ymin, row.Low, row.Value), max(ymax, row.High, row.Value)
		}
	}
	return 0, xmax, ymin, ymax
}

// Plot implements plot.Plotter.
func (s sizeLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if !math.IsNaN(s.paper) {
		c.StrokeLine2(guessing, c.Min.X, y(s.paper), c.Max.X, y(s.paper))
	}
	for _, line := range s.lines {
		var b band
		for i, row := range line.rows {
			b.add(x(line.images[i]), y, row.Value, row.Low, row.High)
		}
		b.fill(c, line.look.color)
		c.StrokeLines(sizeStyle(line.look), b.values)
		for _, at := range b.values {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: line.look.color, Radius: vg.Points(1.8), Shape: line.look.mark}, at)
		}
	}
}
