package figure

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// curve is a metric of a configuration over its training, in epochs as in the paper: a value a seed and epoch.
type curve map[uint64]map[float64]look // by seed, then epoch

// look is what was seen at an epoch, with its 95 % interval over images.
type look struct{ value, low, high float64 }

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
			all[place][p.Seed] = map[float64]look{}
		}
		all[place][p.Seed][p.Epoch] = look{p.Value, p.Low, p.High}
	}
	return all, nil
}

// mean is the mean over the seeds at every epoch that all of them have.
func (c curve) mean() (epochs, values []float64) {
	counts, sums := map[float64]int{}, map[float64]float64{}
	for _, seed := range slices.Sorted(maps.Keys(c)) { // in one order: sums round
		for epoch, seen := range c[seed] {
			counts[epoch]++
			sums[epoch] += seen.value
		}
	}
	for _, epoch := range slices.Sorted(maps.Keys(counts)) {
		if counts[epoch] == len(c) {
			epochs, values = append(epochs, epoch), append(values, sums[epoch]/float64(len(c)))
		}
	}
	return epochs, values
}

// passes says whether a curve ever was better than another one ended; there is nothing to compare where one is absent.
func passes(tuned, ended curve, better func(a, b float64) bool) (passed, compared bool) {
	_, values := ended.mean()
	_, tunedValues := tuned.mean()
	if len(values) == 0 || len(tunedValues) == 0 {
		return false, false
	}
	last := values[len(values)-1]
	return slices.ContainsFunc(tunedValues, func(v float64) bool { return better(v, last) }), true
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

// bands says what the bands of kinds of curves are, or that there are single seeds in their place.
func (all curves) bands(kinds ...kind) string {
	one, several := false, false
	for place, c := range all {
		if slices.ContainsFunc(kinds, func(k kind) bool { return slices.Contains(slices.Collect(maps.Values(k.of)), place[0]) }) {
			one, several = one || len(c) == 1, several || len(c) > 1
		}
	}
	switch {
	case one && several:
		return "thin lines are seeds, bands 95 % intervals of one."
	case several:
		return "thin lines are single seeds, thick ones their means."
	}
	return "bands are 95 % intervals."
}

// sets is the line below a panel's title that names the sets which play its roles: "cifar10 vs svhn".
func (r *Results) sets(roles ...string) []coloured {
	var named []string
	for _, role := range roles {
		set := r.manifest.Roles[role]
		if set == "" {
			return nil
		}
		named = append(named, shortened(set, 16))
	}
	return []coloured{{strings.Join(named, " vs "), notes}}
}

// FigS2 draws the AUROC of the ratio to the general Glow over the epochs of training, from scratch and finetuned,
// without outlier loss: a row a training set, a column an outlier set (digest §8; claim T1).
func FigS2(r *Results) (*Figure, error) {
	return detectionCurves(r, "figS2", "AUROC of the ratio to the Glow of general while Glows are trained "+
		r.budgets(scratch, finetuned)+"; ", scratch, finetuned)
}

// FigS3 draws the bits/dim on the test images of the own set over the epochs of training, from scratch and finetuned;
// the straight line is what training from scratch ends at (claim T1).
func FigS3(r *Results) (*Figure, error) {
	all, err := r.curves()
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 7 * vg.Centimeter, legend: kindLegend(scratch, finetuned)}
	shows := "Bits/dim on test images of the training set while Glows are trained " +
		r.budgets(scratch, finetuned) + "; " + all.bands(scratch, finetuned)
	var missing []string
	passed, compared := 0, 0
	for _, role := range []string{roleSmooth, roleIn, roleNear} { // as in Table 1
		drawn, lacking := all.panel("trained on "+role, result.BitsPerDim, role, role, "bits/dim", scratch, finetuned)
		drawn.lines = r.sets(role)
		p.panels, missing = append(p.panels, drawn), append(missing, lacking...)
		ends, tuned := all[[3]string{scratch.of[role], result.BitsPerDim, role}],
			all[[3]string{finetuned.of[role], result.BitsPerDim, role}]
		count(&passed, &compared, tuned, ends, func(a, b float64) bool { return a < b })
	}
	sharedAxis(p.panels, math.Inf(1), math.Inf(-1), 0.05)
	return r.figure("figS3", onlyFirstNames(p, len(p.panels)), shows+passedOf(passed, compared), missing, roleSmooth,
		roleIn, roleNear, roleGeneral), nil
}

// FigS4 draws the AUROC of the ratio while Glows are finetuned from the general one and from themselves (claim T2).
func FigS4(r *Results) (*Figure, error) {
	return detectionCurves(r, "figS4", "AUROC of the ratio to the Glow of general while Glows are finetuned from it "+
		"and from themselves"+inBrackets(r.budget(finetuned))+"; ", fromOwn, finetuned)
}

// FigS6 draws the AUROC of the ratio while Glows of in are trained with the margin loss and with the outlier loss
// (claim O2).
func FigS6(r *Results) (*Figure, error) {
	all, err := r.curves()
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 7 * vg.Centimeter,
		legend: append(kindLegend(marginLoss, outlierLoss), guessingKey)}
	shows := "AUROC of the ratio to the Glow of general while the Glow of in is finetuned with the margin loss and " +
		"with the outlier loss" + inBrackets(r.budget(outlierLoss)) + "; " + all.bands(marginLoss, outlierLoss)
	var missing []string
	for _, out := range trainedOn[1].out {
		drawn, lacking := all.panel("in vs "+out, result.AUROCRatio, roleIn, out, "AUROC (%)", marginLoss, outlierLoss)
		drawn.lines = r.sets(roleIn, out)
		p.panels, missing = append(p.panels, drawn), append(missing, lacking...)
	}
	sharedAUROC(p.panels)
	return r.figure("figS6", onlyFirstNames(p, len(p.panels)), shows, missing, roleIn, roleSmooth, roleNear, roleFar,
		roleGeneral), nil
}

func detectionCurves(r *Results, name, shows string, kinds ...kind) (*Figure, error) {
	all, err := r.curves()
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 14 * vg.Centimeter, columns: 3,
		legend: append(kindLegend(kinds...), guessingKey)}
	var missing []string
	passed, compared := 0, 0
	for _, in := range trainedOn {
		for _, out := range in.out {
			drawn, lacking := all.panel(in.role+" vs "+out, result.AUROCRatio, in.role, out, "AUROC (%)", kinds...)
			drawn.lines = r.sets(in.role, out)
			p.panels, missing = append(p.panels, drawn), append(missing, lacking...)
			if kinds[0].final {
				tuned, ends := all[[3]string{kinds[1].of[in.role], result.AUROCRatio, out}],
					all[[3]string{kinds[0].of[in.role], result.AUROCRatio, out}]
				count(&passed, &compared, tuned, ends, func(a, b float64) bool { return a > b })
			}
		}
	}
	sharedAUROC(p.panels)
	return r.figure(name, onlyFirstNames(p, 3), shows+all.bands(kinds...)+passedOf(passed, compared), missing, roleSmooth,
		roleIn, roleNear, roleFar, roleGeneral), nil
}

// count counts whether finetuning passes the end of training from scratch, where both are there.
func count(passed, compared *int, tuned, ended curve, better func(a, b float64) bool) {
	passedIt, both := passes(tuned, ended, better)
	if both {
		*compared++
	}
	if passedIt {
		*passed++
	}
}

func passedOf(passed, compared int) string {
	if compared == 0 {
		return ""
	}
	return fmt.Sprintf(" Finetuning passes the end of training from scratch in %d of %d panels.", passed, compared)
}

// budget is how long the Glow of in of a kind was trained, and at what rate; "" where the results do not say so.
func (r *Results) budget(k kind) string {
	runs, err := r.runs()
	if err != nil {
		return "" // the figure needs no file of runs
	}
	i := slices.IndexFunc(runs, func(run result.Run) bool { return run.Configuration == k.of[roleIn] && run.Steps > 0 })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("%d steps at rate %s", runs[i].Steps, strconv.FormatFloat(runs[i].Rate, 'f', -1, 64))
}

// budgets names kinds of training with their budgets: "from scratch (1000 steps at rate 0.0005) and ...".
func (r *Results) budgets(kinds ...kind) string {
	var said []string
	for _, k := range kinds {
		said = append(said, k.label+inBrackets(r.budget(k)))
	}
	return strings.Join(said, " and ")
}

func inBrackets(said string) string {
	if said == "" {
		return ""
	}
	return " (" + said + ")"
}

// sharedAUROC gives panels one axis of AUROC: 40 to 100, further down where a value is lower, so that what is saturated
// or next to guessing looks so.
func sharedAUROC(panels []panel) { sharedAxis(panels, 40, 100, 0) }

// sharedAxis gives panels one vertical axis, which covers from low to high and all of their curves; a border keeps what
// has no such limits off the edges. Panels that only say why they are empty stay as they are.
func sharedAxis(panels []panel, low, high, border float64) {
	for _, drawn := range panels {
		if !drawn.empty {
			low, high = min(low, drawn.plot.Y.Min), max(high, drawn.plot.Y.Max)
		}
	}
	if border == 0 {
		low = 10 * math.Floor(low/10)
	}
	for _, drawn := range panels {
		if !drawn.empty {
			drawn.plot.Y.Min, drawn.plot.Y.Max = low-border, high+border
		}
	}
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
		line := k.line("")
		line.Color = ink
		legend = append(legend, key{k.label, lineMark(line, k.mark)})
		if k.final {
			legend = append(legend, key{k.label + ", at its end", func(c draw.Canvas) {
				c.StrokeLine2(draw.LineStyle{Color: notes, Width: hairpin}, c.Min.X, c.Center().Y, c.Max.X,
					c.Center().Y)
			}})
		}
	}
	return legend
}

// panel draws a metric of training on a role's set, and says what is missing.
func (all curves) panel(title, metric, trained, role, axis string, kinds ...kind) (drawn panel, missing []string) {
	lines := curveLines{}
	var absent []string
	for _, k := range kinds {
		c := all[[3]string{k.of[trained], metric, role}]
		if _, values := c.mean(); len(values) == 0 {
			absent = append(absent, k.label)
			continue
		}
		lines = append(lines, curveLine{k, c, trained})
	}
	if len(lines) == 0 {
		drawn, said := notThere(title, "not in curves.csv:", absent)
		return drawn, []string{said}
	}
	p := newPlot("epochs", axis)
	p.Add(lines)
	p.X.Min = 0
	drawn = panel{title: title, plot: p}
	if len(absent) > 0 {
		drawn.note = "not trained: " + strings.Join(absent, ", ")
		missing = []string{title + ", not trained: " + strings.Join(absent, ", ") + "."}
	}
	return drawn, missing
}

type curveLine struct {
	kind  kind
	curve curve
	role  string
}

type curveLines []curveLine

// DataRange implements plot.DataRanger.
func (lines curveLines) DataRange() (xmin, xmax, ymin, ymax float64) {
	ymin, ymax = math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, seed := range l.curve {
			for epoch, seen := range seed {
				xmax = max(xmax, epoch)
				ymin, ymax = min(ymin, seen.value, seen.low), max(ymax, seen.value, seen.high)
			}
		}
	}
	return 0, xmax, ymin, ymax
}

// Plot implements plot.Plotter.
func (lines curveLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if p.Y.Min < 50 && p.Y.Max > 50 {
		c.StrokeLine2(guessing, c.Min.X, y(50), c.Max.X, y(50))
	}
	for _, l := range lines {
		style := l.kind.line(l.role)
		for _, seed := range slices.Sorted(maps.Keys(l.curve)) {
			var b band
			for _, epoch := range slices.Sorted(maps.Keys(l.curve[seed])) {
				seen := l.curve[seed][epoch]
				b.add(x(epoch), y, seen.value, seen.low, seen.high)
			}
			if len(l.curve) == 1 {
				b.fill(c, RoleColor(l.role))
				continue
			}
			thin := style
			thin.Color, thin.Width = faded(RoleColor(l.role), 0.7), hairpin
			c.StrokeLines(thin, b.values)
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
