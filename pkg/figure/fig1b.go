package figure

import (
	"gonum.org/v1/plot/vg"

	"strata/pkg/result"
)

// Fig1B draws the log-likelihood of Glow against the pixel-difference pseudo-log-likelihood, one panel a model: the
// Glow of the in-distribution set as in the paper, and those of the smooth and the general set, of which its text
// speaks; each under the histogram of its own training set, with the rank correlation over test images of in and smooth
// (digest §8; claim L2).
func Fig1B(r *Results) (*Figure, error) {
	views := []struct{ role, configuration string }{{roleIn, glowIn}, {roleSmooth, glowSmooth},
		{roleGeneral, glowGeneral}}
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	both := []string{roleIn, roleSmooth}
	p := page{width: twoColumns, height: 7 * vg.Centimeter, legend: s.scatterLegend(both)}
	var missing []string
	for _, v := range views {
		drawn, lacking := s.scatterPanel(cloud{title: "Glow of " + v.role, xAxis: "pixel differences",
			yAxis: "ln p", x: score{plus: result.PseudoColumn(v.role)}, y: score{plus: v.configuration}, roles: both})
		p.panels, missing = append(p.panels, drawn), append(missing, lacking...)
	}
	return r.figure("fig1b", onlyFirstNames(p, len(views)), "Log-likelihood of Glow against the pseudo-log-likelihood "+
		"of pixel differences, both fitted to one training set, of test images. Spearman's \u03C1 over both sets, and "+
		"inside each: what is pooled is partly the distance of the two sets.", missing, both...).measuredBy(r.counted(s, both...)), nil
}
