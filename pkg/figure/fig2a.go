package figure

import (
	"image"
	"image/color"
	"slices"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Fig2A is the schematic of the hierarchy of distributions, drawn with images of the sets: natural images, seen through
// the general set, contain those of in, near, smooth and far, and these their classes (paper §3).
func Fig2A(r *Results) (*Figure, error) {
	sheet, err := r.sheet("sets")
	if err != nil {
		return nil, err
	}
	if sheet == nil {
		return r.noPictures("fig2a", "Hierarchy of distributions", "sets", "an older version wrote them", tableRoles...), nil
	}
	h := hierarchy{sheet: sheet, rows: map[string]int{}}
	for row := range sheet.Rows() {
		if first := sheet.At(row, 0); first != nil {
			h.rows[first.Role] = row
		}
	}
	var absent, missing []string
	for _, role := range append([]string{roleGeneral}, hierarchyRoles...) {
		if _, ok := h.rows[role]; !ok {
			absent = append(absent, role)
		}
	}
	if len(absent) > 0 {
		missing = []string{"Not in the results: " + strings.Join(absent, ", ") + "."}
	}
	return r.figure("fig2a", h, "Hierarchy of distributions: natural images, approximated by general, contain the "+
		"in-distribution set and the others, and these their classes. The ratio of the likelihoods of two neighbours "+
		"takes away what all images of the upper one share.", missing,
		append([]string{roleGeneral}, hierarchyRoles...)...), nil
}

// hierarchyRoles are the subdistributions of natural images that are drawn, from left to right.
var hierarchyRoles = []string{roleIn, roleNear, roleSmooth, roleFar}

// hierarchy draws boxes within boxes.
type hierarchy struct {
	sheet *result.Sheet
	rows  map[string]int // of the sheet, by role
}

const (
	hierarchyDots  = 4            // the side of a pixel, in dots of 300 an inch
	hierarchyPad   = vg.Length(7) // between a box and what is in it
	hierarchyGap   = vg.Length(8) // between boxes
	hierarchyLabel = lineHeight + sizeNote + 3
	hierarchyArrow = vg.Length(18) // between two levels
)

func (h hierarchy) size() (width, height vg.Length) {
	thumb := vg.Length(h.sheet.Height*hierarchyDots) * dot
	// Labels and images of natural images, of a set and of a class, and what is between them.
	return onDots(twoColumns),
		onDots(2*margin + 3*(hierarchyLabel+thumb) + 6*hierarchyPad + 2*hierarchyArrow - sizeNote)
}

func (h hierarchy) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	const pad, gap = hierarchyPad, hierarchyGap
	thumb := vg.Length(h.sheet.Height*hierarchyDots) * dot

	// Natural images.
	h.box(c, c.Rectangle, roleGeneral)
	x, y := c.Min.X+pad, c.Max.Y-pad
	y = h.label(c, x, y, c.Max.X-x-pad, "natural images, approximated by general", roleGeneral, h.set(roleGeneral))
	h.thumbs(c, x, y, c.Max.X-pad, h.row(roleGeneral))
	top := y - thumb - hierarchyArrow

	// Its subdistributions. The first, with its classes, is wider: two images of a class fit side by side.
	const inShare = 2.4
	present := slices.DeleteFunc(slices.Clone(hierarchyRoles),
		func(role string) bool { _, ok := h.rows[role]; return !ok })
	if len(present) == 0 {
		return
	}
	shares := vg.Length(len(present))
	if present[0] == roleIn {
		shares += inShare - 1
	}
	unit := (c.Max.X - c.Min.X - 2*pad - vg.Length(len(present)-1)*gap) / shares
	x = c.Min.X + pad
	for _, role := range present {
		width := unit
		if role == roleIn {
			width = inShare * unit
		}
		at := vg.Rectangle{Min: vg.Point{X: x, Y: c.Min.Y + pad}, Max: vg.Point{X: x + width, Y: top}}
		h.box(c, at, role)
		y := h.label(c, at.Min.X+pad, at.Max.Y-pad, width-2*pad, role, role, h.set(role))
		h.thumbs(c, at.Min.X+pad, y, at.Max.X-pad, h.row(role))
		y -= thumb
		if role == roleIn {
			h.arrow(c, at.Min.X+pad+10, top+hierarchyArrow, "ln p(x | in) \u2212 ln p(x | general)")
			h.arrow(c, at.Min.X+pad+10, y, "ln p(x | class) \u2212 ln p(x | in)")
			y -= hierarchyArrow
			h.classes(c, vg.Rectangle{Min: vg.Point{X: at.Min.X + pad, Y: at.Min.Y + pad},
				Max: vg.Point{X: at.Max.X - pad, Y: y}})
		} else {
			images, fit := h.row(role), h.fit(width-2*pad)
			for y -= pictureGap; len(images) > fit && y-thumb > at.Min.Y+2; y -= thumb + pictureGap {
				images = images[fit:]
				h.thumbs(c, at.Min.X+pad, y, at.Max.X-pad, images)
			}
		}
		x += width + gap
	}
}

// arrow leads down from one level to the next, and says what their ratio is.
func (hierarchy) arrow(c draw.Canvas, x, top vg.Length, ratio string) {
	from, to := top-3, top-hierarchyArrow+1
	line := draw.LineStyle{Color: ink, Width: vg.Points(0.8)}
	c.StrokeLine2(line, x, from, x, to+3)
	c.FillPolygon(ink, []vg.Point{{X: x, Y: to}, {X: x - 2.5, Y: to + 4.5}, {X: x + 2.5, Y: to + 4.5}})
	style := textStyle(sizeLabel, ink)
	style.YAlign = draw.YCenter
	c.FillText(style, vg.Point{X: x + 7, Y: (from + to) / 2}, ratio)
}

// classes draws two classes of in, of which there are images.
func (h hierarchy) classes(c draw.Canvas, within vg.Rectangle) {
	images := map[string][]*result.Tile{}
	var names []string
	for _, t := range h.row(roleIn) {
		if t.Class == "" {
			continue
		}
		if images[t.Class] == nil {
			names = append(names, t.Class)
		}
		images[t.Class] = append(images[t.Class], t)
	}
	names = names[:min(2, len(names))]
	const pad, gap = hierarchyPad, hierarchyGap
	width := (within.Max.X - within.Min.X - gap) / 2
	for i, name := range names {
		left := within.Min.X + vg.Length(i)*(width+gap)
		at := vg.Rectangle{Min: vg.Point{X: left, Y: within.Min.Y}, Max: vg.Point{X: left + width, Y: within.Max.Y}}
		line := RoleLine(roleIn)
		line.Width = hairpin
		c.StrokeLines(line, corners(at))
		y := h.label(c, left+pad, at.Max.Y-pad, width-2*pad, "class "+name, roleIn, "")
		h.thumbs(c, left+pad, y, at.Max.X-pad, images[name])
	}
}

func (h hierarchy) row(role string) (images []*result.Tile) {
	row, ok := h.rows[role]
	for column := range h.sheet.Columns() {
		if t := h.sheet.At(row, column); ok && t != nil {
			images = append(images, t)
		}
	}
	return images
}

func (h hierarchy) set(role string) string {
	if images := h.row(role); len(images) > 0 {
		return images[0].Set
	}
	return "not in the results"
}

func (hierarchy) box(c draw.Canvas, at vg.Rectangle, role string) {
	c.FillPolygon(faded(RoleColor(role), 0.07), corners(at))
	c.StrokeLines(RoleLine(role), corners(at))
}

func corners(at vg.Rectangle) []vg.Point {
	return []vg.Point{at.Min, {X: at.Max.X, Y: at.Min.Y}, at.Max, {X: at.Min.X, Y: at.Max.Y}, at.Min}
}

// label writes a title and, smaller, a set's name, from a top left corner, and returns where it ends.
func (hierarchy) label(c draw.Canvas, x, y, width vg.Length, title, role, set string) vg.Length {
	style := bold(textStyle(sizeLabel, roleInk(role)))
	y -= lineHeight
	c.FillText(style, vg.Point{X: x, Y: y + baseline(style) + 2}, fitted(title, style, width))
	if set != "" {
		style := textStyle(sizeNote, notes)
		y -= sizeNote + 1
		c.FillText(style, vg.Point{X: x, Y: y + baseline(style) + 2}, fitted(set, style, width))
	}
	return y - 2
}

// fitted cuts a text to a width.
func fitted(s string, style text.Style, width vg.Length) string {
	for n := len([]rune(s)); n > 1 && style.Width(s) > width; n-- {
		s = shortened(s, n-1)
	}
	return s
}

// fit is how many thumbnails have room side by side.
func (h hierarchy) fit(width vg.Length) int {
	return int((width + pictureGap) / (vg.Length(h.sheet.Width*hierarchyDots)*dot + pictureGap))
}

// thumbs draws as many images as there is room for, from a top left corner.
func (h hierarchy) thumbs(c draw.Canvas, x, top, right vg.Length, images []*result.Tile) {
	width, height := vg.Length(h.sheet.Width*hierarchyDots)*dot, vg.Length(h.sheet.Height*hierarchyDots)*dot
	x, top = onDots(x), onDots(top)
	for _, t := range images[:min(len(images), h.fit(right-x))] {
		var picture image.Image = h.sheet.Image(t, hierarchyDots)
		c.DrawImage(vg.Rectangle{Min: vg.Point{X: x, Y: top - height}, Max: vg.Point{X: x + width, Y: top}}, picture)
		x += width + pictureGap
	}
}
