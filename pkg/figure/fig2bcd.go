package figure

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"strata/pkg/metric"
)

// Fig2B draws log-likelihoods under the Glow of in against those under the Glow of general (top) and under the Glow of
// smooth (bottom), for test images of all three sets (digest §8; claim L8). All three from scratch, as in §2.
func Fig2B(r *Results) (*Figure, error) {
	own := score{plus: glowIn}
	views := []struct {
		title, axis string
		other       score
	}{
		{"Glows of in and of general", "ln p, Glow of general", score{plus: glowGeneral}},
		{"Glows of in and of smooth", "ln p, Glow of smooth", score{plus: glowSmooth}},
	}
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	roles := []string{roleIn, roleSmooth, roleGeneral}
	p := page{width: oneColumn, height: 14.5 * vg.Centimeter, columns: 1, legend: s.scatterLegend(roles)}
	caption := "Log-likelihoods of the same images under Glows trained from scratch on different sets, nats an image. "
	for _, v := range views {
		panel, said := s.scatterPanel(cloud{title: v.title, xAxis: "ln p, Glow of in", yAxis: v.axis, x: own,
			y: v.other, roles: roles, each: true})
		p.panels = append(p.panels, panel)
		caption += said
	}
	caption += fmt.Sprintf("\u03C1 is Spearman's; at most %d images a set are drawn.", pointsDrawn)
	return &Figure{Name: "fig2b", Caption: caption, page: p}, nil
}

// bins of the histograms of scores.
const bins = 40

// view is a score that a panel of histograms shows.
type view struct {
	title, axis string
	what        score
}

// Fig2C draws the paradox: histograms of the raw log-likelihoods of in-distribution, smooth and general images under
// the Glow of the in-distribution set (finetuned from the general model) and under that of the general set. The smooth
// images lie to the right (digest §8; claim D1).
func Fig2C(r *Results) (*Figure, error) {
	return histograms(r, "fig2c",
		"Raw log-likelihoods of test images, nats an image. The paradox, where it shows: smooth images are likelier "+
			"than those of the set that the model was trained on. ",
		view{"Glow of in, finetuned from general", "log-likelihood", score{plus: glowInFromGeneral}},
		view{"Glow of general", "log-likelihood", score{plus: glowGeneral}})
}

// Fig2D draws the repair: histograms of the log-likelihood ratio of the finetuned in-distribution Glow to the general
// one, without (top) and with (bottom) the outlier loss of Eq. 2 (digest §6, §8; claims D2, O1).
func Fig2D(r *Results) (*Figure, error) {
	return histograms(r, "fig2d",
		"Log-likelihood ratios of the Glow of in, finetuned from general, to the Glow of general, nats an image. ",
		view{"Ratio, without outlier loss", "log-likelihood ratio", score{glowInFromGeneral, []string{glowGeneral}}},
		view{"Ratio, with the outlier loss", "log-likelihood ratio", score{glowInOutlierLoss, []string{glowGeneral}}})
}

func histograms(r *Results, name, caption string, views ...view) (*Figure, error) {
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	p := page{width: oneColumn, height: 12 * vg.Centimeter, columns: 1}
	for _, role := range s.present(roleIn, roleSmooth, roleGeneral) {
		p.legend = append(p.legend, key{s.label(role), boxMark(role)})
	}
	for _, v := range views {
		panel, said := s.histogramPanel(v, s.present(roleGeneral, roleIn, roleSmooth))
		p.panels = append(p.panels, panel)
		caption += said
	}
	return &Figure{Name: name, page: p, Caption: caption +
		"Densities are shares of all images of a set. AUROC in percent with its 95 % interval over images, " +
		"in-distribution as the positive class: below 50 the outliers score higher."}, nil
}

func (s *scores) histogramPanel(v view, roles []string) (panel, string) {
	if missing := s.missing(v.what); len(missing) > 0 {
		return notThere(v.title, "scores.csv lacks", missing)
	}
	if len(roles) == 0 {
		return notThere(v.title, "scores.csv has no images of", []string{roleIn, roleSmooth, roleGeneral})
	}
	values, failed := make([][]float64, len(roles)), make([][]bool, len(roles))
	of := map[string][]float64{}
	all, failures := 0, 0
	for g, role := range roles {
		values[g], failed[g] = s.values(role, v.what)
		of[role] = values[g]
		all += len(values[g])
		for _, f := range failed[g] {
			if f {
				failures++
			}
		}
	}
	lowest, highest := axisRange(values, failed)
	unit, unitName := nats(lowest, highest)
	p := newPlot(fmt.Sprintf("%s (%s)", v.axis, unitName), "density (per 10\u00B3 nats)")
	edges := make([]float64, bins+1)
	for i := range edges {
		edges[i] = (lowest + (highest-lowest)*float64(i)/bins) / unit
	}
	beyond := 0
	for g, role := range roles {
		heights, outside := binned(values[g], lowest, highest, bins)
		for i := range heights {
			heights[i] *= 1000
		}
		beyond += outside
		p.Add(steps{edges: edges, heights: heights, role: role})
	}
	p.Y.Max *= 1.05
	drawn := panel{title: v.title, note: beyondNote(beyond, all, failures), plot: p}
	said := v.title + ": "
	for i, outlier := range []string{roleSmooth, roleGeneral} {
		area := areaText(of[roleIn], of[outlier])
		drawn.lines = append(drawn.lines, coloured{fmt.Sprintf("AUROC vs %s: %s", outlier, area), roleInk(outlier)})
		if i > 0 {
			said += ", "
		}
		said += fmt.Sprintf("AUROC in vs %s: %s", outlier, area)
	}
	return drawn, said + ". "
}

// areaText is the AUROC in percent, or why there is none.
func areaText(in, out []float64) string {
	area, err := metric.AUROC(in, out)
	if err != nil {
		return "no images" // an empty set is the only way: numbers are finite
	}
	return area.Percent()
}
