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
	// behind is a role that is drawn first, and at the rim where it lies beyond the axes, which are those of the others.
	behind string
	// diagonal draws the line where both scores are equal.
	diagonal bool
	// xSpan and ySpan are the least length of each axis, nats: two figures can show the same.
	xSpan, ySpan float64
}

// kilo is the unit of likelihoods on axes: one for all panels, so that they can be compared.
const kilo, kiloNats = 1000, "10\u00B3 nats"

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

// scatterPanel draws images of the roles, prints the rank correlation over all of them and, with its interval, of each,
// and says what is missing.
func (s *scores) scatterPanel(of cloud) (drawn panel, missing []string) {
	if lacking := s.missing(of.x, of.y); len(lacking) > 0 {
		drawn, said := notThere(of.title, "scores.csv lacks", lacking)
		return drawn, []string{said}
	}
	roles := s.present(of.roles...)
	if len(roles) == 0 {
		drawn, said := notThere(of.title, "scores.csv has no images of", of.roles)
		return drawn, []string{said}
	}
	var xs, ys [][]float64
	var failed [][]bool
	var allX, allY []float64
	lines := []coloured{{}}
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
		lines = append(lines, coloured{role + ": " + spearmanInterval(valuesX, valuesY), roleInk(role)})
	}
	lines[0] = coloured{"\u03C1 = " + spearman(allX, allY) + " over all", ink}
	// The axes are those of the roles in front, where there are any.
	front := func(i int) bool { return roles[i] != of.behind || len(roles) == 1 }
	var frontX, frontY [][]float64
	var frontFailed [][]bool
	for g := range roles {
		if front(g) {
			frontX, frontY, frontFailed = append(frontX, xs[g]), append(frontY, ys[g]), append(frontFailed, failed[g])
		}
	}
	p := newPlot(fmt.Sprintf("%s (%s)", of.xAxis, kiloNats), fmt.Sprintf("%s (%s)", of.yAxis, kiloNats))
	low, high := axisRange(frontX, frontFailed)
	low, high = widened(low, high, of.xSpan)
	p.X.Min, p.X.Max = low/kilo, high/kilo
	low, high = axisRange(frontY, frontFailed)
	low, high = widened(low, high, of.ySpan)
	p.Y.Min, p.Y.Max = low/kilo, high/kilo
	if of.diagonal {
		p.Add(diagonal{})
	}
	var back, above points
	beyond, shown := 0, 0
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
			shown++
			at := point{xs[g][i] / kilo, ys[g][i] / kilo, scatterStyle(role, 0.45)}
			outside := at.x < p.X.Min || at.x > p.X.Max || at.y < p.Y.Min || at.y > p.Y.Max
			if outside {
				beyond++
			}
			switch {
			case front(g):
				above = append(above, at)
			case !failed[g][i]:
				at.x, at.y = min(max(at.x, p.X.Min), p.X.Max), min(max(at.y, p.Y.Min), p.Y.Max)
				back = append(back, at)
			}
		}
	}
	p.Add(back, above)
	return panel{title: of.title, lines: lines, note: beyondNote(beyond, shown, failures), plot: p}, nil
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

// spearmanInterval is the rank correlation with its 95 % interval, by Fisher's z with the variance of Bonett and Wright
// (2000), which needs no random numbers.
func spearmanInterval(x, y []float64) string {
	rho, err := metric.Spearman(x, y)
	if err != nil || len(x) < 4 {
		return spearman(x, y)
	}
	half := 1.96 * math.Sqrt((1+rho*rho/2)/float64(len(x)-3))
	z := math.Atanh(min(max(rho, -1+1e-9), 1-1e-9))
	return fmt.Sprintf("%s [%s, %s]", signed(rho, 2), signed(math.Tanh(z-half), 2), signed(math.Tanh(z+half), 2))
}

func signed(value float64, digits int) string {
	return strings.Replace(fmt.Sprintf("%.*f", digits, value), "-", "\u2212", 1)
}

// notThere is the panel of something missing, and the sentence of the caption.
func notThere(title, what string, names []string) (panel, string) {
	reason := strings.TrimSpace(what + " " + strings.Join(names, ", "))
	return emptyPanel(title, "not drawn: "+reason), fmt.Sprintf("%s is not drawn: %s.", title, reason)
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

// diagonal is the line where both axes have one value.
type diagonal struct{}

// Plot implements plot.Plotter.
func (diagonal) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	from, to := max(p.X.Min, p.Y.Min), min(p.X.Max, p.Y.Max)
	if from < to {
		c.StrokeLine2(draw.LineStyle{Color: notes, Width: hairpin}, x(from), y(from), x(to), y(to))
	}
}
