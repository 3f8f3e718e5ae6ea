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

// pointsDrawn is how many images of a set a scatter shows. More make a grey cloud and an SVG of megabytes; correlations are of all.
const pointsDrawn = 1000

// Fig1B draws the log-likelihood of Glow against the pixel-difference pseudo-log-likelihood, one panel a model (trained on the general, the
// in-distribution and the smooth set), each under the histogram fitted on the model's own training set, for test images of the
// in-distribution and the smooth set, with the rank correlation over both (digest §8; claim L2). Nats an image.
func Fig1B(results string) (*Figure, error) {
	s, err := readScores(results)
	if err != nil {
		return nil, err
	}
	roles := s.present(roleIn, roleSmooth)
	figure := &Figure{Name: "fig1b", page: page{width: twoColumns, height: 6.6 * vg.Centimeter}}
	for _, role := range roles {
		figure.page.legend = append(figure.page.legend, key{s.label(role), glyphMark(scatterStyle(role, 1))})
	}
	caption := "Log-likelihood under Glow against the pseudo-log-likelihood of pixel differences, both in nats an image; " +
		"the histogram and the Glow of a panel were fitted on the same training set. "
	for _, model := range []struct{ column, title string }{
		{"general", "Glow of general"}, {"in", "Glow of in"}, {"smooth", "Glow of smooth"},
	} {
		x, y := score{plus: "pseudo_" + model.column}, score{plus: model.column}
		panel, said := s.scatterPanel(model.title, roles, x, y)
		figure.page.panels = append(figure.page.panels, panel)
		caption += said
	}
	figure.Caption = caption + fmt.Sprintf("\u03C1 is Spearman's, over the images of both sets; at most %d images a set are drawn.", pointsDrawn)
	return figure, nil
}

func scatterStyle(role string, alpha float64) draw.GlyphStyle {
	style := draw.GlyphStyle{Color: faded(RoleColor(role), alpha), Radius: vg.Points(1), Shape: draw.CircleGlyph{}}
	if alpha == 1 {
		style.Radius = vg.Points(2.2)
	}
	return style
}

// scatterPanel draws images of the roles and returns what the caption says about it.
func (s *scores) scatterPanel(title string, roles []string, x, y score) (panel, string) {
	if missing := s.missing(x, y); len(missing) > 0 {
		return notThere(title, "scores.csv has no", missing)
	}
	if len(roles) == 0 {
		return notThere(title, "scores.csv has no images of", []string{roleIn, roleSmooth})
	}
	var xs, ys [][]float64
	var failed [][]bool
	var allX, allY []float64
	var each []string
	failures := 0
	for _, role := range roles {
		valuesX, failedX := s.values(role, x)
		valuesY, failedY := s.values(role, y)
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
	xUnit, xName := nats(xLowest, xHighest)
	yUnit, yName := nats(yLowest, yHighest)

	p := newPlot(fmt.Sprintf("pseudo-log-likelihood (%s)", xName), fmt.Sprintf("log-likelihood (%s)", yName))
	p.X.Min, p.X.Max = xLowest/xUnit, xHighest/xUnit
	p.Y.Min, p.Y.Max = yLowest/yUnit, yHighest/yUnit
	cloud := points{}
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
			cloud = append(cloud, point{xs[g][i] / xUnit, ys[g][i] / yUnit, scatterStyle(role, 0.4)})
		}
	}
	p.Add(cloud)
	rho := spearman(allX, allY)
	return panel{
		title: title,
		lines: []coloured{{"\u03C1 = " + rho, ink}},
		note:  beyondNote(beyond, len(allX), failures),
		plot:  p,
	}, fmt.Sprintf("%s: \u03C1 = %s (%s). ", title, rho, strings.Join(each, ", "))
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
	return emptyPanel(title, "not drawn:\n"+what+"\n"+strings.Join(names, ",\n")),
		fmt.Sprintf("%s is not drawn: %s. ", title, reason)
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
