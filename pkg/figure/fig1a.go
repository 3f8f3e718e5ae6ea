package figure

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Fig1A draws the densities of pixel differences, a pixel minus the mean of its neighbours, of the general, the
// in-distribution and the smooth set (digest §8; claim L1): all centred at 0, the smooth set with the highest peak.
// Bins are those of the histograms; the axis is cut to ±100 grey levels.
func Fig1A(r *Results) (*Figure, error) {
	densities, err := r.densities()
	if err != nil {
		return nil, err
	}
	wanted := []string{roleGeneral, roleIn, roleSmooth}
	var drawn []*density
	var missing []string
	for _, role := range wanted {
		if i := slices.IndexFunc(densities, func(d *density) bool { return d.role == role }); i >= 0 {
			drawn = append(drawn, densities[i])
		} else {
			missing = append(missing, role)
		}
	}
	if len(drawn) == 0 {
		return nil, fmt.Errorf("figure: %s has no role among %s: %s",
			filepath.Join(r.folder, result.FileOf[result.PixelDifference]()), strings.Join(wanted, ", "), again)
	}

	p := newPlot("pixel \u2212 mean of its neighbours (grey levels)", "density (per grey level)")
	for _, d := range drawn {
		p.Add(steps{edges: d.edges, heights: d.heights, role: d.role})
	}
	p.X.Min, p.X.Max, p.Y.Min = -100, 100, 0
	p.X.Tick.Marker = plot.ConstantTicks{{Value: -100, Label: "\u2212100"}, {Value: -50, Label: "\u221250"},
		{Value: 0, Label: "0"},
		{Value: 50, Label: "50"}, {Value: 100, Label: "100"}}
	p.Add(peakLabels(drawn))
	p.Y.Max = max(p.Y.Max*1.13, math.SmallestNonzeroFloat32)

	caption := "Densities of pixel differences (a pixel minus the mean of its eight neighbours, channels pooled). " +
		"Highest bins, of which two meet at 0: "
	for i, d := range drawn {
		centre, height, _ := d.peak()
		if i > 0 {
			caption += ", "
		}
		caption += fmt.Sprintf("%s (%s) %.4f per grey level at %+.2f", d.role, d.set, height, centre)
	}
	caption += "."
	var note string
	if len(missing) > 0 {
		note = "not in the results: " + strings.Join(missing, ", ")
		caption += " Not in the results: " + strings.Join(missing, ", ") + "."
	}
	return &Figure{Name: "fig1a", Caption: caption, page: page{
		width: oneColumn, height: 6 * vg.Centimeter, panels: []panel{{plot: p, note: note}}}}, nil
}

// peakLabels names curves at their peaks: a line leads from each peak to the right, at its height, so that the order of
// the peaks can be read. Where two heights are too close for two labels the upper one is moved up.
type peakLabels []*density

// Plot implements plot.Plotter.
func (densities peakLabels) Plot(c draw.Canvas, p *plot.Plot) {
	const labelsFrom = 27 // grey levels: right of where the curves are high
	x, y := p.Transforms(&c)
	ordered := slices.Clone(densities)
	height := func(d *density) float64 { _, h, _ := d.peak(); return h }
	slices.SortStableFunc(ordered, func(a, b *density) int {
		switch {
		case height(a) < height(b):
			return -1
		case height(a) > height(b):
			return 1
		}
		return 0
	})
	// The lowest label stands above every curve at its place.
	floor := c.Min.Y
	for _, d := range ordered {
		for i, h := range d.heights {
			if d.edges[i+1] > labelsFrom && d.edges[i] < p.X.Max {
				floor = max(floor, y(h))
			}
		}
	}
	const size = 2 * 8.5 // two lines
	floor += size/2 + 1
	positions := make([]vg.Length, len(ordered))
	for i, d := range ordered {
		positions[i] = max(y(height(d)), floor)
		floor = positions[i] + size + 1
	}
	// Pushed above the plot, labels are moved down together with those below.
	ceiling := c.Max.Y - size/2
	for i := len(ordered) - 1; i >= 0; i-- {
		positions[i] = min(positions[i], ceiling)
		ceiling = positions[i] - size - 1
	}
	for i, d := range ordered {
		_, h, bin := d.peak()
		line := draw.LineStyle{Color: RoleColor(d.role), Width: hairpin}
		textX := x(labelsFrom)
		c.StrokeLines(line, []vg.Point{{X: x(d.edges[bin+1]), Y: y(h)}, {X: textX - 10, Y: y(h)},
			{X: textX - 4, Y: positions[i]}, {X: textX - 2, Y: positions[i]}})
		style := textStyle(sizeTick, roleInk(d.role))
		c.FillText(style, vg.Point{X: textX, Y: positions[i] + baseline(style) + 1.5},
			fmt.Sprintf("%s, peak %.3f", d.role, h))
		c.FillText(style, vg.Point{X: textX, Y: positions[i] + baseline(style) + 1.5 - 8}, shortened(d.set, 20))
	}
}
