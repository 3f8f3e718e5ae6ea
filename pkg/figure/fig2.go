package figure

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"strata/pkg/metric"
)

// bins of the histograms of scores.
const bins = 40

// view is a score that a panel of histograms shows.
type view struct {
	title, axis string
	what        score
}

// Fig2C draws the paradox: histograms of the raw log-likelihoods of in-distribution, general and smooth images under the Glow of the
// in-distribution set (finetuned from the general model) and under that of the general set. The smooth images lie to the right
// (digest §8; claim D1).
func Fig2C(results string) (*Figure, error) {
	return histograms(results, "fig2c",
		"Raw log-likelihoods of test images, nats an image. The paradox, where it shows: smooth images are likelier than those of the set that the model was trained on. ",
		view{"Glow of in, finetuned from general", "log-likelihood", score{plus: "in_finetuned"}},
		view{"Glow of general", "log-likelihood", score{plus: "general"}})
}

// Fig2D draws the repair: histograms of the log-likelihood ratio of in-distribution to general model, the former finetuned and from scratch,
// and of the last scale's contribution c3 of the finetuned one (digest §6, §8; claims D2, F3).
func Fig2D(results string) (*Figure, error) {
	return histograms(results, "fig2d",
		"Two repairs of the raw likelihood, nats an image: its ratio to that of the general model, and the contribution of the last scale alone. ",
		view{"Ratio, in finetuned to general", "log-likelihood ratio", score{"in_finetuned", "general"}},
		view{"Ratio, in from scratch to general", "log-likelihood ratio", score{"in", "general"}},
		view{"Last scale of in, finetuned", "log-likelihood contribution c3", score{plus: "in_finetuned_c3"}})
}

func histograms(results, name, caption string, views ...view) (*Figure, error) {
	s, err := readScores(results)
	if err != nil {
		return nil, err
	}
	roles := s.present(roleGeneral, roleIn, roleSmooth)
	figure := &Figure{Name: name, page: page{width: twoColumns, height: 6.6 * vg.Centimeter}}
	for _, role := range s.present(roleIn, roleSmooth, roleGeneral) {
		figure.page.legend = append(figure.page.legend, key{s.label(role), boxMark(role)})
	}
	named := false // the vertical axis is the same in every panel: the first names it
	for _, v := range views {
		panel, said := s.histogramPanel(v, roles)
		if axis := &panel.plot.Y.Label; named {
			axis.Text = ""
		} else {
			named = axis.Text != ""
		}
		figure.page.panels = append(figure.page.panels, panel)
		caption += said
	}
	figure.Caption = caption + "Densities are shares of all images of a set. AUROC in percent with its 95 % interval over images, " +
		"in-distribution as the positive class: below 50 the outliers score higher."
	return figure, nil
}

func (s *scores) histogramPanel(v view, roles []string) (panel, string) {
	if missing := s.missing(v.what); len(missing) > 0 {
		return notThere(v.title, "scores.csv has no", missing)
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
		drawn.lines = append(drawn.lines, coloured{fmt.Sprintf("AUROC vs %s: %s", outlier, area), RoleColor(outlier)})
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
