package figure

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// curve is a metric of a configuration over its training, in epochs as in the paper: a value a seed and epoch.
type curve map[uint64]map[float64]float64 // by seed, then epoch

// curves are curves.csv, by configuration, metric and role.
type curves map[[3]string]curve

func readCurves(folder string) (curves, error) {
	points, err := read[result.CurvePoint](folder)
	if err != nil {
		return nil, err
	}
	all := curves{}
	for _, p := range points {
		place := [3]string{p.Configuration, p.Metric, p.Role}
		if all[place] == nil {
			all[place] = curve{}
		}
		if all[place][p.Seed] == nil {
			all[place][p.Seed] = map[float64]float64{}
		}
		all[place][p.Seed][p.Epoch] = p.Value
	}
	return all, nil
}

// mean is the mean over the seeds at every epoch that all of them have.
func (c curve) mean() (epochs, values []float64) {
	counts, sums := map[float64]int{}, map[float64]float64{}
	for _, seed := range slices.Sorted(maps.Keys(c)) { // in one order: sums round
		for epoch, value := range c[seed] {
			counts[epoch]++
			sums[epoch] += value
		}
	}
	for _, epoch := range slices.Sorted(maps.Keys(counts)) {
		if counts[epoch] == len(c) {
			epochs, values = append(epochs, epoch), append(values, sums[epoch]/float64(len(c)))
		}
	}
	return epochs, values
}

// passed says when a curve first was better than another one ended; "" where there is nothing to compare.
func passed(tuned, ended curve, better func(a, b float64) bool) string {
	epochs, values := ended.mean()
	tunedEpochs, tunedValues := tuned.mean()
	if len(epochs) == 0 || len(tunedEpochs) == 0 {
		return ""
	}
	last := len(values) - 1
	at := slices.IndexFunc(tunedValues, func(v float64) bool { return better(v, values[last]) })
	if at < 0 {
		return "finetuning does not pass the end of training from scratch"
	}
	return fmt.Sprintf("finetuning has passed the end of training from scratch (%.3g epochs) after %.3g", epochs[last],
		tunedEpochs[at])
}

// kind is a way of training that a figure of curves compares.
type kind struct {
	label string
	// of are the configurations by the role of their set.
	of   map[string]string
	dash []vg.Length
	mark draw.GlyphDrawer
	// final draws the mean at the end as a line across the panel.
	final bool
}

var (
	scratch = kind{label: "from scratch", of: map[string]string{roleSmooth: glowSmooth, roleIn: glowIn,
		roleNear: glowNear},
		dash: []vg.Length{3, 1.5}, mark: draw.RingGlyph{}, final: true}
	finetuned = kind{label: "finetuned from general", mark: draw.CircleGlyph{},
		of: map[string]string{roleSmooth: glowSmoothFromGeneral, roleIn: glowInFromGeneral,
			roleNear: glowNearFromGeneral}}
	fromOwn = kind{label: "finetuned from own", dash: []vg.Length{3, 1.5}, mark: draw.RingGlyph{},
		of: map[string]string{roleSmooth: glowSmoothFromItself, roleIn: glowInFromItself, roleNear: glowNearFromItself}}
	outlierLoss = kind{label: "outlier loss (Eq. 2)", of: map[string]string{roleIn: glowInOutlierLoss},
		mark: draw.CircleGlyph{}}
	marginLoss = kind{label: "margin loss", of: map[string]string{roleIn: glowInMarginLoss},
		dash: []vg.Length{3, 1.5}, mark: draw.RingGlyph{}}
)

// trainedOn are the sets of the curves in the order of Table 1, and the outliers of each.
var trainedOn = []struct {
	role string
	out  []string
}{
	{roleSmooth, []string{roleIn, roleNear, roleFar}},
	{roleIn, []string{roleSmooth, roleNear, roleFar}},
	{roleNear, []string{roleSmooth, roleIn, roleFar}},
}

// curveWords says what the lines of curves are.
func (all curves) words() string {
	words := curveWords
	for _, c := range all {
		if len(c) > 1 {
			return "Thin lines are single seeds, thick ones their means. " + words
		}
	}
	return words
}

const curveWords = "Curves are of the images and the noise of the runs' intermediate looks, fewer than those of the " +
	"tables. "

// FigS2 draws the AUROC of the ratio to the general Glow over the epochs of training, from scratch and finetuned,
// without outlier loss: a row a training set, a column an outlier set (digest §8; claim T1).
func FigS2(r *Results) (*Figure, error) {
	return detectionCurves(r, "figS2", "AUROC of the ratio to the Glow of general while Glows are trained from "+
		"scratch and finetuned from it, without outlier loss; the straight line is the mean at the end of training "+
		"from scratch. ", scratch, finetuned)
}

// FigS3 draws the bits/dim on the test images of the own set over the epochs of training, from scratch and finetuned;
// the straight line is what training from scratch ends at (claim T1).
func FigS3(r *Results) (*Figure, error) {
	all, err := r.curves()
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 6.6 * vg.Centimeter, legend: kindLegend(scratch, finetuned)}
	caption := "Bits per dimension on test images of the training set while Glows are trained from scratch and " +
		"finetuned from the general one; the straight line is the mean at the end of training from scratch. " +
		all.words()
	for _, role := range []string{roleSmooth, roleIn, roleNear} { // as in Table 1
		panel, said := all.panel("trained on "+role, result.BitsPerDim, role, role, "bits/dim", scratch, finetuned)
		p.panels = append(p.panels, panel)
		caption += said
		ends, tuned := all[[3]string{scratch.of[role], result.BitsPerDim, role}],
			all[[3]string{finetuned.of[role], result.BitsPerDim, role}]
		if when := passed(tuned, ends, func(a, b float64) bool { return a < b }); when != "" {
			caption += role + ": " + when + ". "
		}
	}
	return &Figure{Name: "figS3", page: p, Caption: strings.TrimSpace(caption + r.setsPlaying())}, nil
}

// FigS4 draws the AUROC of the ratio while Glows are finetuned from the general one and from themselves (claim T2).
func FigS4(r *Results) (*Figure, error) {
	return detectionCurves(r, "figS4", "AUROC of the ratio to the Glow of general while Glows are finetuned from it "+
		"and from themselves, that is, trained on. ", fromOwn, finetuned)
}

// FigS6 draws the AUROC of the ratio while Glows of in are trained with the margin loss and with the outlier loss
// (claim O2).
func FigS6(r *Results) (*Figure, error) {
	all, err := r.curves()
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 6.6 * vg.Centimeter, legend: kindLegend(marginLoss, outlierLoss)}
	caption := "AUROC of the ratio to the Glow of general while the Glow of in is finetuned with the margin loss and " +
		"with the outlier loss. " + all.words()
	for _, out := range trainedOn[1].out {
		panel, said := all.panel("in vs "+out, result.AUROCRatio, roleIn, out, "AUROC (%)", marginLoss, outlierLoss)
		p.panels = append(p.panels, panel)
		caption += said
	}
	return &Figure{Name: "figS6", page: onlyFirstNames(p, len(p.panels)),
		Caption: strings.TrimSpace(caption + r.setsPlaying())}, nil
}

func detectionCurves(r *Results, name, caption string, kinds ...kind) (*Figure, error) {
	all, err := r.curves()
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 15 * vg.Centimeter, columns: 3, legend: kindLegend(kinds...)}
	caption += all.words()
	for _, in := range trainedOn {
		for _, out := range in.out {
			panel, said := all.panel(in.role+" vs "+out, result.AUROCRatio, in.role, out, "AUROC (%)", kinds...)
			p.panels = append(p.panels, panel)
			caption += said
			if kinds[0].final {
				tuned, ends := all[[3]string{kinds[1].of[in.role], result.AUROCRatio, out}],
					all[[3]string{kinds[0].of[in.role], result.AUROCRatio, out}]
				if when := passed(tuned, ends, func(a, b float64) bool { return a > b }); when != "" {
					caption += strings.ToUpper(when[:1]) + when[1:] + ". "
				}
			}
		}
	}
	return &Figure{Name: name, page: onlyFirstNames(p, 3), Caption: strings.TrimSpace(caption + r.setsPlaying())}, nil
}

// onlyFirstNames names the vertical axis in the first column only, and the horizontal one in the last row: they are the
// same in all panels.
func onlyFirstNames(p page, columns int) page {
	for i := range p.panels {
		if i%columns > 0 {
			p.panels[i].plot.Y.Label.Text = ""
		}
		if i+columns < len(p.panels) {
			p.panels[i].plot.X.Label.Text = ""
		}
	}
	return p
}

// line is that of a kind of training on a role's set.
func (k kind) line(role string) draw.LineStyle {
	return draw.LineStyle{Color: RoleColor(role), Width: vg.Points(1.2), Dashes: k.dash}
}

// kindLegend names kinds by dash and mark, in ink: colours are the training sets'.
func kindLegend(kinds ...kind) (legend []key) {
	for _, k := range kinds {
		legend = append(legend, key{k.label, func(c draw.Canvas) {
			line := k.line("")
			line.Color = ink
			c.StrokeLine2(line, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: ink, Radius: vg.Points(1.8), Shape: k.mark}, c.Center())
		}})
		if k.final {
			legend = append(legend, key{k.label + ", at its end", func(c draw.Canvas) {
				c.StrokeLine2(draw.LineStyle{Color: notes, Width: hairpin}, c.Min.X, c.Center().Y, c.Max.X,
					c.Center().Y)
			}})
		}
	}
	return legend
}

// panel draws a metric of training on a role's set.
func (all curves) panel(title, metric, trained, role, axis string, kinds ...kind) (panel, string) {
	lines := curveLines{}
	var missing, said []string
	for _, k := range kinds {
		c := all[[3]string{k.of[trained], metric, role}]
		_, values := c.mean()
		if len(values) == 0 {
			missing = append(missing, k.label)
			continue
		}
		lines = append(lines, curveLine{k, c, trained})
		said = append(said, fmt.Sprintf("%s ends at %.*f", k.label, digitsOf(metric), values[len(values)-1]))
	}
	if len(lines) == 0 {
		return notThere(title, "not in curves.csv:", missing)
	}
	p := newPlot("epochs", axis)
	p.Add(lines)
	p.X.Min = 0
	p.Y.Min, p.Y.Max = curveRange(metric, p.Y.Min, p.Y.Max)
	drawn := panel{title: title, plot: p}
	text := title + ": " + strings.Join(said, ", ")
	if len(missing) > 0 {
		drawn.note = "not trained: " + strings.Join(missing, ", ")
		text += "; not trained: " + strings.Join(missing, ", ")
	}
	return drawn, text + ". "
}

// curveRange is the vertical axis for values between two: with a border, at least 5 points of AUROC or 0.05 bits/dim
// long, so that what is next to nothing looks so, and little beyond 0 to 100 percent.
func curveRange(metric string, low, high float64) (float64, float64) {
	least := 0.05
	if metric == result.AUROCRatio {
		least = 5
	}
	border := max(0.05*(high-low), (least-(high-low))/2)
	low, high = low-border, high+border
	if metric == result.AUROCRatio {
		high = min(high, 100.5)
		low = max(-0.5, min(low, high-least))
	}
	return low, high
}

func digitsOf(metric string) int {
	if metric == result.BitsPerDim {
		return 3
	}
	return 1
}

type curveLine struct {
	kind  kind
	curve curve
	role  string
}

type curveLines []curveLine

// DataRange implements plot.DataRanger.
func (lines curveLines) DataRange() (xmin, xmax, ymin, ymax float64) {
	first := true
	for _, l := range lines {
		for _, seed := range l.curve {
			for epoch, value := range seed {
				if first {
					ymin, ymax, first = value, value, false
				}
				xmax, ymin, ymax = max(xmax, epoch), min(ymin, value), max(ymax, value)
			}
		}
	}
	return 0, xmax, ymin, ymax
}

// Plot implements plot.Plotter.
func (lines curveLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if low, high := p.Y.Min, p.Y.Max; low < 50 && high > 50 && p.Y.Max > 20 {
		c.StrokeLine2(draw.LineStyle{Color: guide, Width: hairpin}, c.Min.X, y(50), c.Max.X, y(50))
	}
	for _, l := range lines {
		style := l.kind.line(l.role)
		if len(l.curve) > 1 {
			for _, seed := range slices.Sorted(maps.Keys(l.curve)) {
				var path []vg.Point
				for _, epoch := range slices.Sorted(maps.Keys(l.curve[seed])) {
					path = append(path, vg.Point{X: x(epoch), Y: y(l.curve[seed][epoch])})
				}
				thin := style
				thin.Color, thin.Width = faded(RoleColor(l.role), 0.7), hairpin
				c.StrokeLines(thin, path)
			}
		}
		epochs, values := l.curve.mean()
		var path []vg.Point
		for i, epoch := range epochs {
			path = append(path, vg.Point{X: x(epoch), Y: y(values[i])})
		}
		c.StrokeLines(style, path)
		for i := range path {
			if every := max(1, len(path)/10); i%every == every-1 || i == len(path)-1 {
				c.DrawGlyphNoClip(draw.GlyphStyle{Color: RoleColor(l.role), Radius: vg.Points(1.8), Shape: l.kind.mark},
					path[i])
			}
		}
		if l.kind.final && len(path) > 0 {
			c.StrokeLine2(draw.LineStyle{Color: notes, Width: hairpin}, c.Min.X, path[len(path)-1].Y, c.Max.X,
				path[len(path)-1].Y)
		}
	}
}
