package figure

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"math"
	"slices"

	"strata/pkg/metric"
	"strata/pkg/result"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// gallery is a grid of pictures of one size, each of whose pixels is a square of dots of the printer: nearest
// neighbour, nothing is smoothed.
type gallery struct {
	width  vg.Length
	legend []key
	rows   []galleryRow
	// groups is after how many columns a wider gap stands, 0 for none.
	groups int
	// dots is the side of a pixel, in dots of 300 an inch.
	dots int
}

type galleryRow struct {
	label    string
	colour   color.Color
	note     string // below the label, small
	pictures []picture
}

// picture is a tile, with lines of text under it.
type picture struct {
	image image.Image // nil leaves the place free
	role  string      // whose colour frames it, "" for none
	lines []string
}

const (
	dot        = vg.Inch / dpi
	pictureGap = 12 * dot // 2.9 points
	groupGap   = 40 * dot
)

// side is that of a picture on paper.
func (g gallery) side() (width, height vg.Length) {
	for _, row := range g.rows {
		for _, p := range row.pictures {
			if p.image != nil {
				size := p.image.Bounds().Size()
				return vg.Length(size.X*g.dots) * dot, vg.Length(size.Y*g.dots) * dot
			}
		}
	}
	return 0, 0
}

const galleryLabel = vg.Length(62) // width of the rows' labels

func (g gallery) rowHeight(row galleryRow) vg.Length {
	_, height := g.side()
	lines := 0
	for _, p := range row.pictures {
		lines = max(lines, len(p.lines))
	}
	return onDots(height + vg.Length(lines)*(sizeNote+1) + pictureGap + 2)
}

// onDots is a length as a whole number of dots, so that no picture falls between them.
func onDots(l vg.Length) vg.Length { return vg.Length(math.Ceil(float64(l/dot)-1e-9)) * dot }

func (g gallery) size() (width, height vg.Length) {
	height = 2 * margin
	for _, row := range g.rows {
		height += g.rowHeight(row)
	}
	return onDots(g.width), onDots(height + g.legendHeight())
}

func (g gallery) legendHeight() vg.Length {
	if len(g.legend) == 0 {
		return 0
	}
	lines, x := 1, vg.Length(0)
	style := textStyle(sizeLabel, ink)
	for _, k := range g.legend {
		width := markWidth + 3 + style.Width(k.label)
		if x > 0 && x+width > g.width-2*margin {
			lines, x = lines+1, 0
		}
		x += width + keyGap
	}
	return vg.Length(lines)*(lineHeight+1) + 6
}

func (g gallery) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Path())
	inner := page{legend: g.legend}.drawLegend(draw.Crop(c, margin, -margin, margin, -margin))
	width, height := g.side()
	top := onDots(inner.Max.Y)
	if len(g.legend) == 0 {
		top = onDots(c.Max.Y - margin)
	}
	for _, row := range g.rows {
		style := bold(textStyle(sizeLabel, row.colour))
		y := top - lineHeight
		for _, line := range wrapped(row.label, style, galleryLabel-6) {
			c.FillText(style, vg.Point{X: margin, Y: y + baseline(style)}, line)
			y -= lineHeight
		}
		if row.note != "" {
			style := textStyle(sizeNote, notes)
			for _, line := range wrapped(row.note, style, galleryLabel-6) {
				c.FillText(style, vg.Point{X: margin, Y: y + baseline(style)}, line)
				y -= sizeNote + 1.5
			}
		}
		for i, p := range row.pictures {
			if p.image == nil {
				continue
			}
			left := onDots(galleryLabel) + vg.Length(i)*(width+pictureGap)
			if g.groups > 0 {
				left += vg.Length(i/g.groups) * (groupGap - pictureGap)
			}
			at := vg.Rectangle{Min: vg.Point{X: left, Y: top - height}, Max: vg.Point{X: left + width, Y: top}}
			c.DrawImage(at, enlarged(p.image, g.dots))
			if p.role != "" {
				frame(c, at, p.role)
			}
			text := textStyle(sizeNote, ink)
			text.XAlign = draw.XCenter
			for n, line := range p.lines {
				c.FillText(text, vg.Point{X: left + width/2, Y: top - height - vg.Length(n+1)*(sizeNote+1) - 1 +
					baseline(text)}, line)
			}
		}
		top -= g.rowHeight(row)
	}
}

// frame is a line around a picture in the colour and dash of a role.
func frame(c draw.Canvas, at vg.Rectangle, role string) {
	line := RoleLine(role)
	line.Width = vg.Points(1.2)
	c.StrokeLines(line, []vg.Point{at.Min, {X: at.Max.X, Y: at.Min.Y}, at.Max, {X: at.Min.X, Y: at.Max.Y}, at.Min})
}

// enlarged makes every pixel a square of so many.
func enlarged(small image.Image, times int) image.Image {
	bounds := small.Bounds()
	large := image.NewNRGBA(image.Rect(0, 0, bounds.Dx()*times, bounds.Dy()*times))
	for y := range bounds.Dy() * times {
		for x := range bounds.Dx() * times {
			large.Set(x, y, small.At(bounds.Min.X+x/times, bounds.Min.Y+y/times))
		}
	}
	return large
}

// frameMark is the legend of a framed picture.
func frameMark(role string) func(draw.Canvas) {
	return func(c draw.Canvas) { frame(c, c.Rectangle, role) }
}

// sheet reads a sheet of pictures; nil where there is none.
func (r *Results) sheet(name string) (*result.Sheet, error) {
	path, _ := result.FindSheet(r.folder, name)
	sheet, err := result.ReadSheet(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("figure: %w", err)
	}
	return sheet, nil
}

// noPictures is a figure without its sheet, which still says what became of its claims: a copy of results lacks the
// pictures of images that may not be shared, not what was measured on them.
func (r *Results) noPictures(name, title, sheet, why string, roles ...string) *Figure {
	drawn, said := notThere(title, "the results have no",
		[]string{"pictures/" + sheet + " (its images may not be shared, or " + why + ")"})
	empty := page{width: twoColumns, height: 4 * vg.Centimeter, panels: []panel{drawn}}
	return r.figure(name, empty, "", []string{said}, roles...)
}

// framed are the legend's keys of the roles in a sheet, each with its set, in the order in which they come.
func framed(sheet *result.Sheet) (legend []key) {
	var seen []string
	for _, t := range sheet.Tiles {
		if !slices.Contains(seen, t.Role) {
			seen = append(seen, t.Role)
			legend = append(legend, key{roleLabel(t.Role, t.Set), frameMark(t.Role)})
		}
	}
	return legend
}

// inNats is a likelihood or score as it is printed under a picture.
func inNats(value float64) string {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0) || value == metric.NonFiniteScore:
		return "not finite"
	case math.Abs(value) >= 1e6:
		return signed(value/1e6, 1) + " M"
	}
	if math.Abs(value) < 9.95 {
		return signed(value, 1)
	}
	return signed(value, 0)
}
