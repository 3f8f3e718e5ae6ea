package figure

import (
	"fmt"

	"strata/pkg/result"

	"gonum.org/v1/plot/vg"
)

// Fig1B draws the log-likelihood of Glow against the pixel-difference pseudo-log-likelihood, one panel a model: the
// Glow of the in-distribution set as in the paper, and those of the smooth and the general set, of which its text
// speaks; each under the histogram of its own training set, with the rank correlation over test images of in and smooth
// (digest §8; claim L2).
func Fig1B(r *Results) (*Figure, error) {
	views := []struct{ role, configuration string }{{roleIn, glowIn}, {roleSmooth, glowSmooth},
		{roleGeneral, glowGeneral}}
	var needed []score
	for _, v := range views {
		needed = append(needed, score{plus: result.PseudoColumn(v.role)}, score{plus: v.configuration})
	}
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	both := []string{roleIn, roleSmooth}
	p := page{width: twoColumns, height: 6.6 * vg.Centimeter, legend: s.scatterLegend(both)}
	caption := "Log-likelihood under Glow against the pseudo-log-likelihood of pixel differences, both in nats an " +
		"image; " +
		"the histogram and the Glow of a panel were fitted on the same training set, each Glow from scratch. "
	for i, v := range views {
		panel, said := s.scatterPanel(cloud{title: "Glow of " + v.role, xAxis: "pseudo-log-likelihood",
			yAxis: "log-likelihood",
			x:     needed[2*i], y: needed[2*i+1], roles: both})
		p.panels = append(p.panels, panel)
		caption += said
	}
	caption += fmt.Sprintf("\u03C1 is Spearman's, over the images of both sets (paper: above 0.83); at most %d "+
		"images a set are drawn.", pointsDrawn)
	return &Figure{Name: "fig1b", Caption: caption, page: p}, nil
}
