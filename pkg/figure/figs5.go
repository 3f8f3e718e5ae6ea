package figure

import (
	"fmt"
	"image/color"
	"math"

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
// the paper's values. With one seed the bar is the 95 % interval over images.
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
	p := page{width: twoColumns, height: 12 * vg.Centimeter, columns: 5}
	for _, s := range summaries {
		p.legend = append(p.legend, key{s.label,
			glyphMark(draw.GlyphStyle{Color: unsupervisedColor, Radius: vg.Points(2.4), Shape: s.mark})})
	}
	p.legend = append(p.legend,
		key{"unsupervised, filled", colourMark(unsupervisedColor)},
		key{"supervised, hollow", colourMark(supervisedColor)},
		key{"paper", glyphMark(draw.GlyphStyle{Color: paperColor, Radius: vg.Points(2.2), Shape: diamond{}})})
	caption := "AUROC of Tables S2 and S3, in percent: last scale (4x4), ratio to the general Glow (Diff) and to the " +
		"one trained with in-distribution outliers (Diff\u2020), in-distribution models with the outlier loss. "
	most := 1
	var missing []string
	for _, in := range []string{"CIFAR10", "CIFAR100"} {
		first, low, high := len(p.panels), math.Inf(1), math.Inf(-1)
		for _, out := range []string{"SVHN", "CIFAR100", "LSUN", "CelebA", "Tiny-Imagenet"} {
			if out == in {
				out = "CIFAR10"
			}
			title := paperSets[in] + " vs " + paperSets[out]
			var dots summaryDots
			why := ""
			for i, s := range summaries {
				for j, supervised := range []bool{false, true} {
					at := float64(i) + 0.34*(float64(j)-0.5)
					for _, c := range cells {
						if c.Table != "S2" && c.Table != "S3" || c.In != in || c.Out != out || c.Score != s.score ||
							c.General != s.general || c.Supervised() != supervised {
							continue
						}
						if !c.IsMeasured() {
							why = c.Note
							continue
						}
						d := summaryDot{x: at, value: c.Measured, low: c.Low, high: c.High, paper: c.Value,
							color: unsupervisedColor, mark: s.mark}
						if supervised {
							d.color, d.mark = supervisedColor, s.hollow
						}
						if c.Seeds > 1 {
							se := c.StdSeeds / math.Sqrt(float64(c.Seeds))
							d.low, d.high = c.Measured-se, c.Measured+se
							most = max(most, c.Seeds)
							d.seeds = seeds[c.Place]
						}
						dots = append(dots, d)
					}
				}
			}
			if len(dots) == 0 {
				if why == "" {
					why = "cells.csv has no cell of it"
				}
				p.panels = append(p.panels, emptyPanel(title, "not drawn: "+why))
				missing = append(missing, title+" ("+why+")")
				continue
			}
			drawn := dots.plot()
			low, high = min(low, drawn.Y.Min), max(high, drawn.Y.Max)
			p.panels = append(p.panels, panel{title: title, plot: drawn})
		}
		if low < high {
			for _, panel := range p.panels[first:] { // a row has one axis
				panel.plot.Y.Min, panel.plot.Y.Max = low, high
			}
		}
	}
	if most > 1 {
		caption += fmt.Sprintf("Bars are standard errors of the mean over up to %d seeds, dots the seeds; a mark of "+
			"one seed has the 95 %% interval over images. ", most)
	} else {
		caption += "One seed: bars are 95 % intervals over images, not standard errors over seeds. "
	}
	for _, m := range missing {
		caption += "Not drawn: " + m + ". "
	}
	return &Figure{Name: "figS5", page: onlyFirstNames(p, 5), Caption: caption + r.setsPlaying()}, nil
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
	border := max(1, 0.06*(p.Y.Max-p.Y.Min))
	p.Y.Min, p.Y.Max = p.Y.Min-border, p.Y.Max+border
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
		c.StrokeLine2(draw.LineStyle{Color: notes, Width: hairpin, Dashes: []vg.Length{2, 2}}, c.Min.X, y(50), c.Max.X,
			y(50))
	}
	for _, d := range dots {
		if !math.IsNaN(d.paper) {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: paperColor, Radius: vg.Points(2.2), Shape: diamond{}},
				vg.Point{X: x(d.x) + 4, Y: y(d.paper)})
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
