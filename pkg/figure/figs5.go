package figure

import (
	"cmp"
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

// paperSets are the roles of the sets that the paper's tables name.
var paperSets = map[string]string{"CIFAR10": roleIn, "CIFAR100": roleNear, "SVHN": roleSmooth, "LSUN": roleFar,
	"CelebA": roleFaces, "Tiny-Imagenet": roleFurther}

// summary is a score of Tables S2 and S3.
type summary struct {
	label, score, general string
	mark, hollow          draw.GlyphDrawer
}

var summaries = []summary{
	{"4x4", "raw_4x4", "none", draw.BoxGlyph{}, draw.SquareGlyph{}},
	{"Diff", "diff", "Tiny-Glow", draw.CircleGlyph{}, draw.RingGlyph{}},
	{"Diff\u2020", "diff", "Tiny-Glow-with-outlier-loss", draw.PyramidGlyph{}, draw.TriangleGlyph{}},
}

// Without and with labels: filled and hollow, so that they can be told in grey.
var (
	unsupervisedColor = color.NRGBA{R: 0x22, G: 0x22, B: 0x22, A: 0xFF}
	supervisedColor   = color.NRGBA{R: 0xB0, G: 0x5A, B: 0xB0, A: 0xFF}
)

// FigS5 draws Tables S2 and S3: the mean AUROC over seeds with its standard error, a row an in-distribution set, a
// column an outlier set, a mark a score, a colour without or with labels; small dots are single seeds, grey diamonds
// the paper's values, each with a hairline to ours. With one seed the bar is the 95 % interval over images. A column
// without any cell is left out, and named in the caption.
func FigS5(r *Results) (*Figure, error) {
	cells, err := r.cells()
	if err != nil {
		return nil, err
	}
	single, err := r.seeds()
	if err != nil {
		return nil, err
	}
	seeds := map[result.Place][]float64{}
	for _, s := range single {
		seeds[s.Place] = append(seeds[s.Place], s.Value)
	}
	p := page{width: twoColumns, height: 12.8 * vg.Centimeter}
	// The scores stand below the axis: the legend says what filled and hollow are, by the marks themselves.
	p.legend = []key{{"without labels", summaryMarks(unsupervisedColor, false)},
		{"with labels", summaryMarks(supervisedColor, true)},
		{"paper", glyphMark(draw.GlyphStyle{Color: paperColor, Radius: vg.Points(2.2), Shape: diamond{}})}, guessingKey}
	fewest, most := math.MaxInt, 1
	var columns, absent, missing []string
	ins := []string{"CIFAR10", "CIFAR100"}
	for _, out := range []string{"SVHN", "CIFAR100", "LSUN", "CelebA", "Tiny-Imagenet"} {
		if slices.ContainsFunc(ins, func(in string) bool {
			dots, _ := summaryOf(cells, seeds, in, otherThan(in, out))
			return len(dots) > 0
		}) {
			columns = append(columns, out)
		} else {
			absent = append(absent, paperSets[out])
		}
	}
	if len(absent) > 0 {
		missing = []string{"Not measured: " + strings.Join(absent, ", ") + "."}
	}
	p.columns = max(1, len(columns))
	for _, in := range ins {
		for _, out := range columns {
			out = otherThan(in, out)
			title := paperSets[in] + " vs " + paperSets[out]
			dots, why := summaryOf(cells, seeds, in, out)
			if len(dots) == 0 {
				drawn, said := notThere(title, cmp.Or(why, noCell), nil)
				drawn.lines = r.sets(paperSets[in], paperSets[out])
				p.panels, missing = append(p.panels, drawn), append(missing, said)
				continue
			}
			for _, d := range dots {
				fewest, most = min(fewest, max(1, len(d.seeds))), max(most, len(d.seeds))
			}
			p.panels = append(p.panels, panel{title: title, lines: r.sets(paperSets[in], paperSets[out]), plot: dots.plot()})
		}
	}
	if len(columns) == 0 {
		p.panels = []panel{emptyPanel("Tables S2 and S3", "not drawn: "+noCell)}
	}
	sharedAUROC(p.panels)
	shows := "AUROC of Tables S2 and S3, with the outlier loss: last scale (4x4), ratio to the general Glow (Diff) and " +
		"to that trained with in-distribution outliers (Diff\u2020); hairlines lead from the paper's values. "
	switch {
	case most > 1 && fewest == 1:
		shows += fmt.Sprintf("Bars are standard errors over %d seeds, dots the seeds (of one: 95 %% intervals).", most)
	case most > 1:
		shows += fmt.Sprintf("Bars are standard errors over %d seeds, dots the seeds.", most)
	default:
		shows += "Bars are 95 % intervals over images."
	}
	return r.figure("figS5", onlyFirstNames(p, p.columns), shows, missing, tableRoles...), nil
}

// summaryMarks is the legend of the marks of all scores, without or with labels.
func summaryMarks(of color.NRGBA, hollow bool) func(draw.Canvas) {
	var styles []draw.GlyphStyle
	for _, s := range summaries {
		style := draw.GlyphStyle{Color: of, Shape: s.mark}
		if hollow {
			style.Shape = s.hollow
		}
		styles = append(styles, style)
	}
	return glyphsMark(styles)
}

const noCell = "cells.csv has no cell of it"

// otherThan is an outlier set of a column: where it is the in-distribution set itself, CIFAR-10 takes its place.
func otherThan(in, out string) string {
	if in == out {
		return "CIFAR10"
	}
	return out
}

// summaryOf are the dots of a panel, or why it has none.
func summaryOf(cells []result.Cell, seeds map[result.Place][]float64, in, out string) (dots summaryDots, why string) {
	for i, s := range summaries {
		for j, supervised := range []bool{false, true} {
			for _, c := range cells {
				if c.Table != "S2" && c.Table != "S3" || c.In != in || c.Out != out || c.Score != s.score ||
					c.General != s.general || c.Supervised() != supervised {
					continue
				}
				if !c.IsMeasured() {
					why = c.Note
					continue
				}
				d := summaryDot{x: float64(i) + 0.34*(float64(j)-0.5), value: c.Measured, low: c.Low, high: c.High,
					paper: c.Value, color: unsupervisedColor, mark: s.mark}
				if supervised {
					d.color, d.mark = supervisedColor, s.hollow
				}
				if c.Seeds > 1 {
					se := c.StdSeeds / math.Sqrt(float64(c.Seeds))
					d.low, d.high = c.Measured-se, c.Measured+se
					d.seeds = seeds[c.Place]
				}
				dots = append(dots, d)
			}
		}
	}
	return dots, why
}

// paperColor is that of the paper's values beside ours.
var paperColor = color.NRGBA{R: 0x9A, G: 0x9A, B: 0x9A, A: 0xFF}

// diamond is the mark of the paper's values: hollow.
type diamond struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (diamond) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	r := style.Radius
	c.StrokeLines(draw.LineStyle{Color: style.Color, Width: vg.Points(0.8)},
		[]vg.Point{{X: at.X - r, Y: at.Y}, {X: at.X, Y: at.Y + r}, {X: at.X + r, Y: at.Y}, {X: at.X, Y: at.Y - r},
			{X: at.X - r, Y: at.Y}, {X: at.X, Y: at.Y + r}})
}

type summaryDot struct {
	x, value, low, high, paper float64
	seeds                      []float64
	color                      color.NRGBA
	mark                       draw.GlyphDrawer
}

type summaryDots []summaryDot

func (dots summaryDots) plot() *plot.Plot {
	p := newPlot("", "AUROC (%)")
	p.Add(dots)
	p.X.Min, p.X.Max = -0.5, float64(len(summaries))-0.5
	var ticks plot.ConstantTicks
	for i, s := range summaries {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: s.label})
	}
	p.X.Tick.Marker = ticks
	return p
}

// DataRange implements plot.DataRanger.
func (dots summaryDots) DataRange() (xmin, xmax, ymin, ymax float64) {
	ymin, ymax = math.Inf(1), math.Inf(-1)
	for _, d := range dots {
		for _, v := range append([]float64{d.value, d.low, d.high, d.paper}, d.seeds...) {
			if !math.IsNaN(v) {
				ymin, ymax = min(ymin, v), max(ymax, v)
			}
		}
	}
	return 0, float64(len(summaries)) - 1, ymin, ymax
}

// Plot implements plot.Plotter.
func (dots summaryDots) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if p.Y.Min < 50 && p.Y.Max > 50 {
		c.StrokeLine2(guessing, c.Min.X, y(50), c.Max.X, y(50))
	}
	for _, d := range dots {
		if !math.IsNaN(d.paper) {
			from := vg.Point{X: x(d.x) + 4, Y: y(d.paper)}
			c.StrokeLine2(draw.LineStyle{Color: paperColor, Width: hairpin}, from.X, from.Y, x(d.x), y(d.value))
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: paperColor, Radius: vg.Points(2), Shape: diamond{}}, from)
		}
		if !math.IsNaN(d.low) && !math.IsNaN(d.high) {
			c.StrokeLine2(draw.LineStyle{Color: d.color, Width: vg.Points(0.8)}, x(d.x), y(d.low), x(d.x), y(d.high))
		}
		for _, v := range d.seeds {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: faded(d.color, 0.6), Radius: vg.Points(0.7),
				Shape: draw.CircleGlyph{}}, vg.Point{X: x(d.x) - 3.5, Y: y(v)})
		}
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: d.color, Radius: vg.Points(2.2), Shape: d.mark},
			vg.Point{X: x(d.x), Y: y(d.value)})
	}
}
