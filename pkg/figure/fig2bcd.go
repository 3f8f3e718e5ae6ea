package figure

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"strata/pkg/metric"
)

// Fig2B draws log-likelihoods under the Glow of in against those under the Glow of general (top) and under the Glow of
// smooth (bottom), for test images of all three sets (digest §8; claim L8). All three from scratch, as in §2. Images of
// general, which reach far below the others, stand behind them and at the rim.
func Fig2B(r *Results) (*Figure, error) {
	views := []struct {
		title, axis string
		other       score
	}{
		{"Glows of in and of general", "ln p, general", score{plus: glowGeneral}},
		{"Glows of in and of smooth", "ln p, smooth", score{plus: glowSmooth}},
	}
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	roles := []string{roleIn, roleSmooth, roleGeneral}
	p := page{width: oneColumn, height: 15 * vg.Centimeter, columns: 1, legend: s.scatterLegend(roles)}
	var missing []string
	for _, v := range views {
		drawn, lacking := s.scatterPanel(cloud{title: v.title, xAxis: "ln p, in", yAxis: v.axis,
			x: score{plus: glowIn}, y: v.other, roles: roles, behind: roleGeneral, diagonal: true})
		p.panels, missing = append(p.panels, drawn), append(missing, lacking...)
	}
	return r.figure("fig2b", p, "Log-likelihoods of the same test images under Glows trained from scratch on "+
		"different sets, with Spearman's \u03C1. The axes are those of in and smooth, images of general beyond them "+
		"stand at the rim; the line is y = x.", missing, roles...).measuredBy(r.counted(s, roles...)), nil
}

// bins of the histograms of scores.
const bins = 40

// view is a score that a panel of histograms shows.
type view struct {
	title string
	what  score
}

// histogramAxis is the axis that all panels of a figure of histograms share: its bins are of one width on it.
type histogramAxis struct {
	label string
	// to takes nats to the axis, back returns.
	to, back func(float64) float64
	scale    plot.Normalizer
	ticks    plot.Ticker
}

var (
	// kiloAxis is of thousands of nats.
	kiloAxis = histogramAxis{label: "log-likelihood (" + kiloNats + ")",
		to: func(v float64) float64 { return v }, back: func(v float64) float64 { return v / kilo },
		scale: plot.LinearScale{}, ticks: Ticks}
	// ratioAxis is of nats, straight near 0 and logarithmic far from it: with the outlier loss ratios lie tens of
	// thousands of nats apart, and what matters is next to 0.
	ratioAxis = histogramAxis{label: "ratio (nats, asinh scale)",
		to: asinh, back: func(v float64) float64 { return asinhUnit * math.Sinh(v) },
		scale: asinhScale{}, ticks: asinhTicks}
)

// Fig2C draws the paradox: histograms of the raw log-likelihoods of in-distribution, smooth and general images under
// the Glow of the in-distribution set (finetuned from the general model) and under that of the general set. The smooth
// images lie to the right (digest §8; claim D1).
func Fig2C(r *Results) (*Figure, error) {
	return histograms(r, "fig2c", "Raw log-likelihoods of test images under two Glows, on one axis. Where smooth "+
		"images are likelier than those of in, the AUROC with in as the positive class is below 50.", kiloAxis,
		view{"Glow of in, finetuned from general", score{plus: glowInFromGeneral}},
		view{"Glow of general", score{plus: glowGeneral}})
}

// Fig2D draws the repair: histograms of the log-likelihood ratio of the finetuned in-distribution Glow to the general
// one, without (top) and with (bottom) the outlier loss of Eq. 2 (digest §6, §8; claims D2, O1).
func Fig2D(r *Results) (*Figure, error) {
	return histograms(r, "fig2d", "Ratios of the likelihood under the Glow of in, finetuned from general, to that "+
		"under the Glow of general, without and with the outlier loss.", ratioAxis,
		view{"Ratio, without outlier loss", score{glowInFromGeneral, []string{glowGeneral}}},
		view{"Ratio, with the outlier loss", score{glowInOutlierLoss, []string{glowGeneral}}})
}

func histograms(r *Results, name, shows string, axis histogramAxis, views ...view) (*Figure, error) {
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	all := []string{roleIn, roleSmooth, roleGeneral}
	roles := s.present(roleGeneral, roleIn, roleSmooth) // in that order over each other
	p := page{width: oneColumn, height: 12.6 * vg.Centimeter, columns: 1}
	for _, role := range s.present(all...) {
		p.legend = append(p.legend, key{s.label(role), boxMark(role)})
	}
	var missing []string
	var there []view
	for _, v := range views {
		drawn, said := panel{}, ""
		switch lacking := s.missing(v.what); {
		case len(lacking) > 0:
			drawn, said = notThere(v.title, "scores.csv lacks", lacking)
		case len(roles) == 0:
			drawn, said = notThere(v.title, "scores.csv has no images of", all)
		default:
			there = append(there, v)
		}
		p.panels = append(p.panels, drawn)
		if said != "" {
			missing = append(missing, said)
		}
	}
	low, high := s.onAxis(axis, there, roles)
	failures, images, highest := 0, 0, 0.0
	for i, v := range views {
		if p.panels[i].empty {
			continue
		}
		drawn, failed, n := s.histogramPanel(v, roles, axis, low, high)
		failures, images = failures+failed, images+n
		highest = max(highest, drawn.plot.Y.Max)
		p.panels[i] = drawn
	}
	for _, drawn := range p.panels {
		if !drawn.empty {
			drawn.plot.Y.Max = 1.05 * highest
		}
	}
	if failures > 0 {
		shows += fmt.Sprintf(" %d of %d values are not finite and count lowest.", failures, images)
	}
	return r.figure(name, p, shows, missing, all...).measuredBy(r.counted(s, all...)), nil
}

// onAxis is what views of roles cover on an axis.
func (s *scores) onAxis(axis histogramAxis, views []view, roles []string) (low, high float64) {
	var values [][]float64
	var failed [][]bool
	for _, v := range views {
		for _, role := range roles {
			of, unusable := s.values(role, v.what)
			for i := range of {
				of[i] = axis.to(of[i])
			}
			values, failed = append(values, of), append(failed, unusable)
		}
	}
	return axisRange(values, failed)
}

// histogramPanel draws a view with shares of the images of each role between two places on the axis, and counts the
// images and those without a finite score.
func (s *scores) histogramPanel(v view, roles []string, axis histogramAxis, low, high float64) (drawn panel, failures,
	images int) {
	p := newPlot(axis.label, "images per bin (%)")
	p.X.Scale, p.X.Tick.Marker = axis.scale, axis.ticks
	edges := make([]float64, bins+1)
	for i := range edges {
		edges[i] = axis.back(low + (high-low)*float64(i)/bins)
	}
	of := map[string][]float64{}
	beyond := 0
	for _, role := range roles {
		values, failed := s.values(role, v.what)
		of[role] = values
		images += len(values)
		placed := make([]float64, len(values))
		for i, value := range values {
			placed[i] = axis.to(value)
			if failed[i] {
				failures++
			}
		}
		heights, outside := binned(placed, low, high, bins)
		for i := range heights {
			heights[i] *= 100 * (high - low) / bins
		}
		beyond += outside
		p.Add(steps{edges: edges, heights: heights, role: role})
	}
	drawn = panel{title: v.title, note: beyondNote(beyond, images, failures), plot: p}
	for _, outlier := range []string{roleSmooth, roleGeneral} {
		drawn.lines = append(drawn.lines, coloured{fmt.Sprintf("AUROC vs %s: %s", outlier,
			areaText(of[roleIn], of[outlier])), roleInk(outlier)})
	}
	return drawn, failures, images
}

// areaText is the AUROC in percent, or why there is none. An interval that rounds to nothing is said to be narrow
// rather than not there.
func areaText(in, out []float64) string {
	area, err := metric.AUROC(in, out)
	switch {
	case err != nil:
		return "no images" // an empty set is the only way: numbers are finite
	case area.High < 0.0005:
		return "< 0.1"
	case area.Low > 0.9995:
		return "> 99.9"
	}
	return area.Percent()
}
