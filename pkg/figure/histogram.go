package figure

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// An axis shows of every set the images between these quantiles: a single stray image would otherwise decide the scale.
const lowestShare, highestShare = 0.005, 0.995

// axisMargin is the length of an axis as a multiple of what it covers.
const axisMargin = 1.06

// axisRange covers the quantiles of every group, with a margin of 3 % of the range on both sides. Failed images do not
// count. It is never empty.
func axisRange(values [][]float64, failed [][]bool) (lowest, highest float64) {
	lowest, highest = math.Inf(1), math.Inf(-1)
	for g, group := range values {
		var finite []float64
		for i, v := range group {
			if !failed[g][i] {
				finite = append(finite, v)
			}
		}
		if len(finite) == 0 {
			continue
		}
		slices.Sort(finite)
		last := float64(len(finite) - 1)
		lowest = min(lowest, finite[int(math.Floor(lowestShare*last))])
		highest = max(highest, finite[int(math.Ceil(highestShare*last))])
	}
	switch {
	case lowest > highest:
		return 0, 1
	case highest-lowest < 1e-9*max(1, math.Abs(lowest), math.Abs(highest)): // equal, or as good as
		border := max(1, math.Abs(lowest)/1000)
		return lowest - border, highest + border
	}
	border := (axisMargin - 1) / 2 * (highest - lowest)
	return lowest - border, highest + border
}

// binned returns the density of values over equal bins between lowest and highest, and how many lie beyond. The density
// is a share of all values, so that what lies beyond is missing from the area.
func binned(values []float64, lowest, highest float64, bins int) (heights []float64, beyond int) {
	heights = make([]float64, bins)
	width := (highest - lowest) / float64(bins)
	for _, v := range values {
		if v < lowest || v > highest {
			beyond++
			continue
		}
		heights[min(int((v-lowest)/width), bins-1)] += 1 / (width * float64(len(values)))
	}
	return heights, beyond
}

// beyondNote says what of the images that a plot draws lies outside; nothing where all is within.
func beyondNote(beyond, drawn, failed int) string {
	if beyond == 0 {
		return ""
	}
	note := fmt.Sprintf("%d of %d images beyond", beyond, drawn)
	if failed > 0 {
		note += fmt.Sprintf(", %d not finite", failed)
	}
	return note
}

// fillAlpha is light enough that three sets over each other can be told.
const fillAlpha = 0.15

// steps is a histogram as an outline with a light fill.
type steps struct {
	edges, heights []float64
	role           string
}

// DataRange implements plot.DataRanger.
func (s steps) DataRange() (xmin, xmax, ymin, ymax float64) {
	return s.edges[0], s.edges[len(s.edges)-1], 0, slices.Max(s.heights)
}

// Plot implements plot.Plotter.
func (s steps) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	foot := y(p.Y.Min)
	outline := []vg.Point{{X: x(s.edges[0]), Y: foot}}
	for i, h := range s.heights {
		outline = append(outline, vg.Point{X: x(s.edges[i]), Y: y(h)}, vg.Point{X: x(s.edges[i+1]), Y: y(h)})
	}
	outline = append(outline, vg.Point{X: x(s.edges[len(s.heights)]), Y: foot})
	if area := c.ClipPolygonX(outline); len(area) > 2 {
		c.FillPolygon(faded(RoleColor(s.role), fillAlpha), area)
	}
	// Bins that cannot be told from empty ones have no outline: on the axis the line of one set would only cover that of
	// another.
	flat := func(i int) bool {
		return i < 0 || i >= len(s.heights) || s.heights[i] <= p.Y.Min+(p.Y.Max-p.Y.Min)/200
	}
	var line []vg.Point
	for i, h := range s.heights {
		if flat(i) {
			continue
		}
		left, right := x(s.edges[i]), x(s.edges[i+1])
		if flat(i - 1) {
			line = []vg.Point{{X: left, Y: foot}}
		}
		line = append(line, vg.Point{X: left, Y: y(h)}, vg.Point{X: right, Y: y(h)})
		if flat(i + 1) {
			c.StrokeLines(RoleLine(s.role), c.ClipLinesX(append(line, vg.Point{X: right, Y: foot}))...)
		}
	}
}
