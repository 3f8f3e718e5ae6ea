package figure

import (
	"cmp"
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
// Bins are those of the histograms. The peaks are cut to ±100 grey levels; the tails have a logarithmic axis.
func Fig1A(r *Results) (*Figure, error) {
	densities, err := r.densities()
	if err != nil {
		return nil, err
	}
	wanted := []string{roleGeneral, roleSmooth, roleIn} // the paper's order
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

	peaks := densityPlot(drawn, -100, 100)
	peaks.Y.Min = 0
	peaks.Add(peakLabels(drawn))
	peaks.Y.Max = max(peaks.Y.Max*1.13, math.SmallestNonzeroFloat32)

	// Powers of ten on a straight axis: gonum's logarithmic one misplaces its label.
	logged := make([]*density, len(drawn))
	for i, d := range drawn {
		logged[i] = &density{role: d.role, edges: d.edges}
		for _, h := range d.heights {
			logged[i].heights = append(logged[i].heights, math.Log10(max(h, lowestDensity)))
		}
	}
	tails := densityPlot(logged, -255, 255)
	tails.Y.Min, tails.Y.Max = math.Log10(lowestDensity), max(0, tails.Y.Max)
	tails.Y.Tick.Marker = plot.ConstantTicks{{Value: -6, Label: "0.000001"}, {Value: -4, Label: "0.0001"},
		{Value: -2, Label: "0.01"}, {Value: 0, Label: "1"}}

	shows := "Densities of pixel differences of training images: a pixel minus the mean of its eight neighbours, " +
		"channels pooled; at 0 two bins meet. Highest is "
	highest := slices.MaxFunc(drawn, func(a, b *density) int { return cmp.Compare(a.height(), b.height()) })
	shows += fmt.Sprintf("%s, with %.3f per grey level.", highest.role, highest.height())
	var note string
	var lacking []string
	if len(missing) > 0 {
		note = "not in the results: " + strings.Join(missing, ", ")
		lacking = []string{"Not in the results: " + strings.Join(missing, ", ") + "."}
	}
	return r.figure("fig1a", page{width: twoColumns, height: 6 * vg.Centimeter, panels: []panel{
		{title: "Peaks", plot: peaks, note: note}, {title: "Tails, on a logarithmic axis", plot: tails}}},
		shows, lacking, wanted...), nil
}

// lowestDensity is the foot of the logarithmic axis: about one pixel of 1000 images in a bin.
const lowestDensity = 1e-7

// densityPlot draws outlines of densities between two grey levels.
func densityPlot(of []*density, from, to float64) *plot.Plot {
	p := newPlot("pixel \u2212 mean of its neighbours (grey levels)", "density (per grey level)")
	for _, d := range of {
		p.Add(steps{edges: d.edges, heights: d.heights, role: d.role})
	}
	p.X.Min, p.X.Max = from, to
	return p
}

// peakLabels names curves at their peaks: a line leads from each peak to the right, at its height, so that the order of
// the peaks can be read. Where two heights are too close for two labels the upper one is moved up.
type peakLabels []*density

// Plot implements plot.Plotter.
func (densities peakLabels) Plot(c draw.Canvas, p *plot.Plot) {
	const labelsFrom = 27 // grey levels: right of where the curves are high
	x, y := p.Transforms(&c)
	ordered := slices.Clone(densities)
	slices.SortStableFunc(ordered, func(a, b *density) int { return cmp.Compare(a.height(), b.height()) })
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
		positions[i] = max(y(d.height()), floor)
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
