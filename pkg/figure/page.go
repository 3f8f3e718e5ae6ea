package figure

import (
	"cmp"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// page is a grid of panels under a legend. What is written stands outside of the data: the legend on top, a title and
// lines of results above each panel, a note below it.
type page struct {
	width, height vg.Length
	legend        []key
	// columns is how many panels stand in a row, 0 for all.
	columns int
	panels  []panel
}

func (p page) size() (width, height vg.Length) { return p.width, p.height }

// panel is a plot with what is written around it.
type panel struct {
	title string // in one or more lines
	// letter stands before the title, where it is not that of the panel's place.
	letter string
	lines  []coloured
	note   string // small, below the axis: what the plot leaves out
	plot   *plot.Plot
	empty  bool // the plot only says why there is nothing to see
}

type coloured struct {
	text  string
	color color.Color
}

// key is an entry of the legend: a mark, and what it stands for.
type key struct {
	label string
	mark  func(c draw.Canvas) // draws within c
}

const (
	margin     = vg.Length(4)
	panelGap   = vg.Length(14)
	rowGap     = vg.Length(6)
	headerGap  = vg.Length(6.5) // room for half of a tick's label
	lineHeight = vg.Length(9.5)
	markWidth  = vg.Length(13)
	keyGap     = vg.Length(14)
)

func (p page) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	c = p.drawLegend(c)

	columns := cmp.Or(p.columns, len(p.panels))
	rows := (len(p.panels) + columns - 1) / columns
	header, footer := vg.Length(0), vg.Length(0)
	grid := make([][]*plot.Plot, rows)
	for row := range grid {
		grid[row] = make([]*plot.Plot, columns)
	}
	for i, panel := range p.panels {
		grid[i/columns][i%columns] = panel.plot
		header = max(header, panel.headerHeight(len(p.panels) > 1))
		if panel.note != "" {
			footer = lineHeight
		}
	}
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: panelGap, PadY: header + footer + rowGap, PadTop: header,
		PadBottom: footer}
	areas := plot.Align(grid, tiles, c)
	for i, panel := range p.panels {
		area := areas[i/columns][i%columns]
		panel.plot.Draw(area)
		for _, row := range areas { // letters stand below each other, whatever the width of the ticks' labels
			area.Min.X = min(area.Min.X, row[i%columns].Min.X)
		}
		data := panel.plot.DataCanvas(areas[i/columns][i%columns])
		letter := panel.letter
		if letter == "" && len(p.panels) > 1 {
			letter = string(rune('a' + i))
		}
		panel.drawHeader(area, data.Max.Y+header, letter)
		if panel.note != "" {
			style := textStyle(sizeNote, notes)
			style.XAlign = draw.XRight
			c.FillText(style, vg.Point{X: data.Max.X, Y: area.Min.Y - lineHeight + 2}, panel.note)
		}
	}
}

// drawLegend draws the keys in lines of the width of the page and returns what is left below.
func (p page) drawLegend(c draw.Canvas) draw.Canvas {
	if len(p.legend) == 0 {
		return c
	}
	style := textStyle(sizeLabel, ink)
	x, y := c.Min.X, c.Max.Y-lineHeight
	for _, k := range p.legend {
		width := markWidth + 3 + style.Width(k.label)
		if x > c.Min.X && x+width > c.Max.X {
			x, y = c.Min.X, y-lineHeight-1
		}
		area := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + markWidth, Y: y + 6}}}
		k.mark(area)
		c.FillText(style, vg.Point{X: x + markWidth + 3, Y: y + baseline(style)}, k.label)
		x += width + keyGap
	}
	c.Max.Y = y - 5
	return c
}

// baseline moves text that is aligned at its bottom so that its letters stand on the point: gonum/plot puts the
// baseline a font size less its ascent above it.
func baseline(style text.Style) vg.Length { return style.FontExtents().Ascent - style.Font.Size }

func (p panel) headerHeight(lettered bool) vg.Length {
	height := lineHeight * vg.Length(len(p.lines))
	if p.title != "" || lettered {
		height += lineHeight * vg.Length(1+strings.Count(p.title, "\n"))
	}
	if height > 0 {
		height += headerGap
	}
	return height
}

// drawHeader writes the letter, the title and the lines from the top down.
func (p panel) drawHeader(c draw.Canvas, top vg.Length, letter string) {
	y, left := top-lineHeight, c.Min.X
	if letter != "" {
		style := letterStyle
		c.FillText(style, vg.Point{X: left, Y: y + baseline(style)}, letter)
		left += max(10, style.Width(letter)+4)
	}
	style := bold(textStyle(sizeLabel, ink))
	for line := range strings.SplitSeq(p.title, "\n") {
		c.FillText(style, vg.Point{X: left, Y: y + baseline(style)}, line)
		y -= lineHeight
	}
	for _, line := range p.lines {
		style := textStyle(sizeLabel, line.color)
		c.FillText(style, vg.Point{X: left, Y: y + baseline(style)}, line.text)
		y -= lineHeight
	}
}

// letterStyle is that of the panels' letters: small, since the figures themselves are the paper's A, B, C.
var letterStyle = textStyle(8, notes)

// emptyPanel says why there is nothing to see.
func emptyPanel(title, reason string) panel {
	p := newPlot("", "")
	p.HideAxes()
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Add(message(reason))
	return panel{title: title, plot: p, empty: true}
}

// message is a text in the middle of a plot, in lines that it has room for.
type message string

// Plot implements plot.Plotter.
func (m message) Plot(c draw.Canvas, _ *plot.Plot) {
	style := textStyle(sizeLabel, notes)
	style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
	lines := wrapped(string(m), style, c.Max.X-c.Min.X)
	y := c.Center().Y + lineHeight*vg.Length(len(lines)-1)/2
	for _, line := range lines {
		c.FillText(style, vg.Point{X: c.Center().X, Y: y}, line)
		y -= lineHeight
	}
}

// wrapped breaks a text at spaces, and a word that is too long behind an underline or else anywhere, so that no line is
// wider than width.
func wrapped(s string, style text.Style, width vg.Length) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && style.Width(line+" "+word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; style.Width(line) > width && len([]rune(line)) > 1; {
			letters := []rune(line)
			n := len(letters) - 1
			for n > 1 && style.Width(string(letters[:n])) > width {
				n--
			}
			if under := strings.LastIndex(string(letters[:n]), "_"); under > 0 {
				n = len([]rune(string(letters[:n])[:under+1]))
			}
			lines, line = append(lines, string(letters[:n])), string(letters[n:])
		}
	}
	return append(lines, line)
}

// boxMark is the legend of a histogram.
func boxMark(role string) func(draw.Canvas) {
	return func(c draw.Canvas) {
		corners := []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}, c.Min}
		c.FillPolygon(faded(RoleColor(role), fillAlpha), corners)
		c.StrokeLines(RoleLine(role), corners)
	}
}

// lineMark is the legend of a line with marks in its colour.
func lineMark(line draw.LineStyle, shape draw.GlyphDrawer) func(draw.Canvas) {
	return func(c draw.Canvas) {
		c.StrokeLine2(line, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: line.Color, Radius: vg.Points(1.8), Shape: shape}, c.Center())
	}
}

// glyphMark is the legend of points.
func glyphMark(style draw.GlyphStyle) func(draw.Canvas) {
	return func(c draw.Canvas) { c.DrawGlyphNoClip(style, c.Center()) }
}

// glyphsMark is the legend of what has several marks, small and side by side.
func glyphsMark(styles []draw.GlyphStyle) func(draw.Canvas) {
	return func(c draw.Canvas) {
		step := (c.Max.X - c.Min.X - 4) / vg.Length(max(1, len(styles)-1))
		for i, style := range styles {
			style.Radius = vg.Points(1.8)
			c.DrawGlyphNoClip(style, vg.Point{X: c.Min.X + 1 + vg.Length(i)*step, Y: c.Center().Y})
		}
	}
}
