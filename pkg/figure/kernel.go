package figure

import (
	"errors"
	"fmt"
	"image/color"
	"io/fs"
	"math"
	"slices"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// kernelLook is how a kernel of the general set looks: greys, since colours are the roles', with a dash and a mark that
// tell them apart.
type kernelLook struct {
	name  string
	color color.NRGBA
	dash  []vg.Length
	mark  draw.GlyphDrawer
}

var kernelLooks = []kernelLook{
	{"box", color.NRGBA{R: 0x9C, G: 0x9C, B: 0x9C, A: 0xFF}, []vg.Length{1, 1.2}, draw.PyramidGlyph{}},
	{"bicubic", color.NRGBA{R: 0x68, G: 0x68, B: 0x68, A: 0xFF}, []vg.Length{4, 1.5}, draw.SquareGlyph{}},
	{"bilinear", color.NRGBA{R: 0x44, G: 0x44, B: 0x44, A: 0xFF}, []vg.Length{6, 1.5, 1, 1.5}, draw.PlusGlyph{}},
	{"bilinear, chroma bicubic", ink, nil, draw.CircleGlyph{}},
}

func (k kernelLook) glyph() draw.GlyphStyle {
	return draw.GlyphStyle{Color: k.color, Radius: vg.Points(2.2), Shape: k.mark}
}

func (k kernelLook) legend(c draw.Canvas) {
	c.StrokeLine2(draw.LineStyle{Color: k.color, Width: vg.Points(1.2), Dashes: k.dash}, c.Min.X, c.Center().Y, c.Max.X,
		c.Center().Y)
	c.DrawGlyphNoClip(k.glyph(), c.Center())
}

// rawGlyph is that of the likelihood without a general model.
var rawGlyph = draw.GlyphStyle{Color: notes, Radius: vg.Points(2), Shape: draw.RingGlyph{}}

// Kernel draws what the ratio sees by how the general set was made small, which is this reproduction's own finding: the
// luma spectrum of the general set by each kernel against that of in, and the AUROC of the ratio to the Glow of each
// (docs/kernel.md).
func Kernel(r *Results) (*Figure, error) {
	const name = "kernel"
	rows, err := r.kernels()
	if errors.Is(err, fs.ErrNotExist) {
		drawn, said := notThere("kernels", "no Glow of another general set is trained:", []string{"strata reproduce kernel"})
		return r.figure(name, page{width: twoColumns, height: 4 * vg.Centimeter, panels: []panel{drawn}}, "",
			[]string{said}, roleIn, roleGeneral), nil
	}
	if err != nil {
		return nil, err
	}
	p := page{width: twoColumns, height: 7.4 * vg.Centimeter}
	for _, k := range kernelLooks {
		p.legend = append(p.legend, key{kernelLabel(rows, k.name), k.legend})
	}
	p.legend = append(p.legend, key{"raw likelihood", glyphMark(rawGlyph)})
	luma, missing := spectraPanel(rows, "luma", result.LumaPower)
	chroma, lacking := spectraPanel(rows, "chroma", result.ChromaPower)
	areas, untrained := kernelAreas(rows)
	p.panels, missing = []panel{luma, chroma, areas}, slices.Concat(missing, lacking, untrained)
	return r.figure(name, p, "Spectra of the general set, made small by four kernels, against those of in (left, middle); "+
		"AUROC of the likelihood of the Glow of in and of its ratio to a Glow of each general set (right), with 95 % "+
		"intervals; dashed is guessing.", missing, roleIn, roleNear, roleSmooth, roleFar, roleFaces, roleGeneral), nil
}

// kernelLabel names a kernel with what its set's luma is like: "box (d1 18.6, lap/d1 2.69)".
func kernelLabel(rows []result.KernelValue, kernel string) string {
	return kernel + lumaOf(rows, func(row result.KernelValue) bool { return row.Kernel == kernel })
}

// lumaOf is what some set's luma is like, in brackets; "" where it was not measured.
func lumaOf(rows []result.KernelValue, fits func(result.KernelValue) bool) string {
	step, laplacian := math.NaN(), math.NaN()
	for _, row := range rows {
		switch {
		case !fits(row):
		case row.Metric == result.LumaStep:
			step = row.Value
		case row.Metric == result.LumaLaplacian:
			laplacian = row.Value
		}
	}
	if math.IsNaN(step + laplacian) {
		return ""
	}
	return fmt.Sprintf(" (d1 %.1f, lap/d1 %.2f)", step, laplacian)
}

// spectraPanel draws, for each kernel, how many decibels the general set's luma or chroma has more than that of in.
func spectraPanel(rows []result.KernelValue, of, metric string) (drawn panel, missing []string) {
	title := of + " of general less that of in"
	powers := func(fits func(result.KernelValue) bool) (found []result.KernelValue) {
		for _, row := range rows {
			if row.Metric == metric && fits(row) {
				found = append(found, row)
			}
		}
		return found
	}
	ofIn := func(row result.KernelValue) bool { return row.Role == roleIn }
	in := powers(ofIn)
	var lines spectra
	var absent []string
	for _, k := range kernelLooks {
		line := spectrum{look: k}
		for _, own := range powers(func(row result.KernelValue) bool { return row.Kernel == k.name }) {
			i := slices.IndexFunc(in, func(row result.KernelValue) bool { return row.Frequency == own.Frequency })
			if i < 0 {
				continue
			}
			// of independent images: the intervals add as errors do
			half := math.Hypot((own.High-own.Low)/2, (in[i].High-in[i].Low)/2)
			line.points = append(line.points, spectrumPoint{own.Frequency, own.Value - in[i].Value, half})
		}
		if len(line.points) == 0 {
			absent = append(absent, k.name)
			continue
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		drawn, said := notThere(title, "not in kernel.csv:", []string{"the " + of + " of in and of general"})
		return drawn, []string{said}
	}
	p := newPlot("cycles an image", "power, dB")
	p.Add(lines)
	p.X.Min = 0
	name := roleIn
	if metric == result.LumaPower {
		name += lumaOf(rows, ofIn)
	}
	drawn = panel{title: title, lines: []coloured{{name, roleInk(roleIn)}}, plot: p}
	if len(absent) > 0 {
		missing = []string{"Not measured: the " + of + " by " + strings.Join(absent, "; ") + "."}
	}
	return drawn, missing
}

type spectrum struct {
	look   kernelLook
	points []spectrumPoint
}

type spectrumPoint struct{ frequency, value, half float64 }

type spectra []spectrum

// DataRange implements plot.DataRanger.
func (lines spectra) DataRange() (xmin, xmax, ymin, ymax float64) {
	for _, l := range lines { // 0, where in is, is always there
		for _, p := range l.points {
			xmax = max(xmax, p.frequency)
			ymin, ymax = min(ymin, p.value-p.half), max(ymax, p.value+p.half)
		}
	}
	return 0, xmax, ymin, ymax
}

// Plot implements plot.Plotter.
func (lines spectra) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	c.StrokeLine2(RoleLine(roleIn), c.Min.X, y(0), c.Max.X, y(0))
	for _, l := range lines {
		var b band
		for _, point := range l.points {
			b.add(x(point.frequency), y, point.value, point.value-point.half, point.value+point.half)
		}
		b.fill(c, l.look.color)
		c.StrokeLines(draw.LineStyle{Color: l.look.color, Width: vg.Points(1.2), Dashes: l.look.dash}, b.values)
		for _, at := range b.values {
			c.DrawGlyphNoClip(l.look.glyph(), at)
		}
	}
}

// kernelAreas draws the AUROCs, a group of rows an outlier role.
func kernelAreas(rows []result.KernelValue) (drawn panel, missing []string) {
	const title = "in against outliers"
	var areas kernelRows
	var ticks plot.ConstantTicks
	absent := map[string]bool{}
	y := 0.
	for _, role := range []string{roleSmooth, roleNear, roleFar, roleFaces} {
		group, found := kernelGroup{}, map[string]bool{}
		add := func(kernel, metric string, glyph draw.GlyphStyle) {
			i := slices.IndexFunc(rows, func(row result.KernelValue) bool {
				return row.Role == role && row.Metric == metric && row.Kernel == kernel
			})
			if i >= 0 {
				found[kernel] = true
				group.marks = append(group.marks, kernelMark{y, rows[i], glyph})
			}
			y--
		}
		add("", result.AUROCRaw, rawGlyph)
		for _, k := range kernelLooks {
			add(k.name, result.AUROCRatio, k.glyph())
		}
		if len(found) == 0 {
			y += float64(1 + len(kernelLooks)) // no set plays the role
			continue
		}
		for _, k := range kernelLooks {
			absent[k.name] = absent[k.name] || !found[k.name]
		}
		ticks = append(ticks, plot.Tick{Value: y + 1 + float64(len(kernelLooks))/2, Label: role})
		group.end = y + 0.25
		areas = append(areas, group)
		y -= 0.5
	}
	if len(areas) == 0 {
		drawn, said := notThere(title, "not in kernel.csv:", []string{"the ratios"})
		return drawn, []string{said}
	}
	p := newPlot("AUROC (%)", "")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 100, y+0.75, 0.75
	p.X.Tick.Marker = percentTicks
	p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.LineStyle.Width = ticks, 0, 0
	p.Add(areas)
	for _, k := range kernelLooks {
		if absent[k.name] {
			missing = append(missing, k.name)
		}
	}
	if len(missing) > 0 {
		missing = []string{"Not trained: the Glow of general by " + strings.Join(missing, "; ") + "."}
	}
	return panel{title: title, plot: p}, missing
}

// kernelRows are the AUROCs of all outlier roles.
type kernelRows []kernelGroup

type kernelGroup struct {
	marks []kernelMark
	end   float64 // of the group, below its last mark
}

type kernelMark struct {
	y     float64
	row   result.KernelValue
	glyph draw.GlyphStyle
}

// Plot implements plot.Plotter.
func (groups kernelRows) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	c.StrokeLine2(guessing, x(50), c.Min.Y, x(50), c.Max.Y)
	for i, g := range groups {
		if i+1 < len(groups) {
			c.StrokeLine2(draw.LineStyle{Color: guide, Width: hairpin}, c.Min.X, y(g.end), c.Max.X, y(g.end))
		}
		for _, m := range g.marks {
			c.StrokeLine2(draw.LineStyle{Color: m.glyph.Color, Width: vg.Points(0.8)}, max(c.Min.X, x(m.row.Low)), y(m.y),
				min(c.Max.X, x(m.row.High)), y(m.y))
			c.DrawGlyphNoClip(m.glyph, vg.Point{X: x(m.row.Value), Y: y(m.y)})
		}
	}
}
