package figure

import (
	"cmp"
	"fmt"
	"slices"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// Fig3C draws what the first two scales contribute to the log-likelihood of test images of in and smooth, c1+c2, under
// the Glow of in against the same under the Glow of smooth (digest §8; claim F2).
func Fig3C(r *Results) (*Figure, error) { return scaleScatter(r, "fig3c", 0) }

// Fig3D draws the same for the last scale, c3. The axes of both figures are as many nats long, so that the spans can be
// compared.
func Fig3D(r *Results) (*Figure, error) { return scaleScatter(r, "fig3d", 1) }

func scaleScatter(r *Results, name string, shown int) (*Figure, error) {
	inLast, smoothLast := result.ScaleColumn(glowIn, 3), result.ScaleColumn(glowSmooth, 3)
	parts := []struct {
		name string
		x, y score // under the Glows of in and of smooth
	}{
		{"c1 + c2", score{glowIn, []string{inLast}}, score{glowSmooth, []string{smoothLast}}},
		{"c3", score{plus: inLast}, score{plus: smoothLast}},
	}
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	both := []string{roleIn, roleSmooth}
	what := parts[shown].name
	of := cloud{title: what + " of the Glows of in and of smooth", xAxis: what + ", in",
		yAxis: what + ", smooth", x: parts[shown].x, y: parts[shown].y, roles: both}
	shows := fmt.Sprintf("Contributions %s to the log-likelihood of test images under the Glows of in and smooth, "+
		"from scratch, with Spearman's \u03C1.", what)
	if roles := s.present(both...); len(s.missing(parts[0].x, parts[0].y)) == 0 && len(roles) > 0 {
		var spans [2]float64 // under the Glow of in
		for i, part := range parts {
			spans[i] = s.span(roles, part.x)
			of.xSpan, of.ySpan = max(of.xSpan, spans[i]), max(of.ySpan, s.span(roles, part.y))
		}
		shows += fmt.Sprintf(" The axes of C and D are of one length: under the Glow of in c1 + c2 spans %.0f nats, "+
			"c3 %.0f.", spans[0]/axisMargin, spans[1]/axisMargin)
	}
	p := page{width: oneColumn, height: 7.8 * vg.Centimeter, legend: s.scatterLegend(both)}
	drawn, missing := s.scatterPanel(of)
	if !drawn.empty { // what stands around the data takes as much room in both figures: one length is one on paper too
		drawn.plot.Y.Tick.Marker = plot.TickerFunc(belowTop)
		drawn.note = cmp.Or(drawn.note, "all images within the axes")
	}
	p.panels = append(p.panels, drawn)
	return r.figure(name, p, shows, missing, both...).measuredBy(r.counted(s, both...)), nil
}

// belowTop are ticks without one at the upper end of an axis, whose label would reach beyond.
func belowTop(low, high float64) []plot.Tick {
	return slices.DeleteFunc(roundTicks(low, high), func(t plot.Tick) bool { return t.Value > high-0.04*(high-low) })
}

// span is the length of the axis of a score of some roles.
func (s *scores) span(roles []string, what score) float64 {
	var values [][]float64
	var failed [][]bool
	for _, role := range roles {
		v, f := s.values(role, what)
		values, failed = append(values, v), append(failed, f)
	}
	low, high := axisRange(values, failed)
	return high - low
}
