package figure

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"strata/pkg/metric"
)

// pointsDrawn is how many images of a set a scatter shows. More make a grey cloud and an SVG of megabytes; correlations
// are of all.
const pointsDrawn = 500

// cloud is what a panel of points shows: every image at its score under x and under y.
type cloud struct {
	title        string
	xAxis, yAxis string
	x, y         score
	roles        []string
	// each prints the correlation of every role, not only that over all of them.
	each bool
	// xSpan and ySpan are the least length of each axis, nats: two figures can show the same.
	xSpan, ySpan float64
}

func scatterStyle(role string, alpha float64) draw.GlyphStyle {
	style := draw.GlyphStyle{Color: faded(RoleColor(role), alpha), Radius: vg.Points(1.1), Shape: lookOf(role).mark}
	if alpha == 1 {
		style.Radius = vg.Points(2.2)
	}
	return style
}

// scatterLegend names the roles by their marks.
func (s *scores) scatterLegend(roles []string) (legend []key) {
	for _, role := range s.present(roles...) {
		legend = append(legend, key{s.label(role), glyphMark(scatterStyle(role, 1))})
	}
	return legend
}

// scatterPanel draws images of the roles and returns what the caption says about it.
func (s *scores) scatterPanel(of cloud) (panel, string) {
	if missing := s.missing(of.x, of.y); len(missing) > 0 {
		return notThere(of.title, "scores.csv lacks", missing)
	}
	roles := s.present(of.roles...)
	if len(roles) == 0 {
		return notThere(of.title, "scores.csv has no images of", of.roles)
	}
	var xs, ys [][]float64
	var failed [][]bool
	var allX, allY []float64
	var each []string
	failures := 0
	for _, role := range roles {
		valuesX, failedX := s.values(role, of.x)
		valuesY, failedY := s.values(role, of.y)
		for i := range failedX {
			failedX[i] = failedX[i] || failedY[i]
			if failedX[i] {
				failures++
			}
		}
		xs, ys, failed = append(xs, valuesX), append(ys, valuesY), append(failed, failedX)
		allX, allY = append(allX, valuesX...), append(allY, valuesY...)
		each = append(each, role+" "+spearman(valuesX, valuesY))
	}
	xLowest, xHighest := axisRange(xs, failed)
	yLowest, yHighest := axisRange(ys, failed)
	xLowest, xHighest = widened(xLowest, xHighest, of.xSpan)
	yLowest, yHighest = widened(yLowest, yHighest, of.ySpan)
	xUnit, xName := nats(xLowest, xHighest)
	yUnit, yName := nats(yLowest, yHighest)

	p := newPlot(fmt.Sprintf("%s (%s)", of.xAxis, xName), fmt.Sprintf("%s (%s)", of.yAxis, yName))
	p.X.Min, p.X.Max = xLowest/xUnit, xHighest/xUnit
	p.Y.Min, p.Y.Max = yLowest/yUnit, yHighest/yUnit
	drawn := points{}
	beyond := 0
	for g := range roles {
		for i := range xs[g] {
			if xs[g][i] < xLowest || xs[g][i] > xHighest || ys[g][i] < yLowest || ys[g][i] > yHighest {
				beyond++
			}
		}
	}
	// Sets take turns, so that none covers the other; of a large set images are taken at equal distances in the file.
	for turn := range pointsDrawn {
		for g, role := range roles {
			n := len(xs[g])
			i := turn
			if n > pointsDrawn {
				i = turn * n / pointsDrawn
			}
			if i >= n {
				continue
			}
			drawn = append(drawn, point{xs[g][i] / xUnit, ys[g][i] / yUnit, scatterStyle(role, 0.45)})
		}
	}
	p.Add(drawn)
	rho := spearman(allX, allY)
	lines := []coloured{{"\u03C1 = " + rho, ink}}
	said := fmt.Sprintf("%s: \u03C1 = %s (%s). ", of.title, rho, strings.Join(each, ", "))
	if of.each {
		lines = []coloured{{"\u03C1: " + strings.Join(each, ", "), ink}}
		said = fmt.Sprintf("%s: \u03C1 %s; over all %s. ", of.title, strings.Join(each, ", "), rho)
	}
	return panel{title: of.title, lines: lines, note: beyondNote(beyond, len(allX), failures), plot: p}, said
}

// widened is an axis at least as long as span, with the same middle.
func widened(low, high, span float64) (float64, float64) {
	border := max(0, (span-(high-low))/2)
	return low - border, high + border
}

// spearman is the rank correlation, or a dash where there is none.
func spearman(x, y []float64) string {
	rho, err := metric.Spearman(x, y)
	if err != nil {
		return "\u2013" // a constant column, a single image
	}
	return signed(rho, 2)
}

func signed(value float64, digits int) string {
	return strings.Replace(fmt.Sprintf("%.*f", digits, value), "-", "\u2212", 1)
}

// notThere is the panel of something missing, and the sentence of the caption.
func notThere(title, what string, names []string) (panel, string) {
	reason := what + " " + strings.Join(names, ", ")
	return emptyPanel(title, "not drawn: "+reason), fmt.Sprintf("%s is not drawn: %s. ", title, reason)
}

// points is a scatter; what lies outside of the axes is left out.
type points []point

type point struct {
	x, y  float64
	style draw.GlyphStyle
}

// Plot implements plot.Plotter.
func (points points) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, point := range points {
		at := vg.Point{X: x(point.x), Y: y(point.y)}
		if !math.IsNaN(float64(at.X)) && c.Contains(at) {
			c.DrawGlyphNoClip(point.style, at)
		}
	}
}
