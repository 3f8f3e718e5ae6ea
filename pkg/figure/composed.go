package figure

import (
	"cmp"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Fig1 is Figure 1 as the paper composes it.
func Fig1(r *Results) (*Figure, error) {
	return r.composed("fig1", "Pixel differences, Glow against them, correlations of Glows.",
		[]string{roleIn, roleSmooth, roleGeneral, roleNear}, [][]part{
			{{title: "Pixel differences", draw: Fig1A, height: 5.2 * vg.Centimeter}},
			{{title: "Likelihood against pixel differences", draw: Fig1B, height: 6.8 * vg.Centimeter}},
			{{title: "Rank correlations of Glows", draw: Fig1C, height: 5.8 * vg.Centimeter}}})
}

// Fig2 is Figure 2 as the paper composes it.
func Fig2(r *Results) (*Figure, error) {
	const height = 13.6 * vg.Centimeter
	return r.composed("fig2", "The hierarchy of distributions.", tableRoles, [][]part{
		{{title: "Hierarchy of distributions", says: "A: schematic.", draw: Fig2A}},
		{{title: "Likelihoods of two Glows", says: "B: likelihoods under two Glows.", draw: Fig2B, height: height},
			{title: "Raw likelihood", says: "C: raw likelihood.", draw: Fig2C, height: height},
			{title: "Ratio to general", says: "D: ratio.", draw: Fig2D, height: height}}})
}

// Fig3 is Figure 3 as the paper composes it.
func Fig3(r *Results) (*Figure, error) {
	const height = 7.4 * vg.Centimeter
	return r.composed("fig3", "The hierarchy of features.", []string{roleIn, roleSmooth}, [][]part{
		{{title: "Mixed latents", says: "A: z3 of one image, z1 and z2 of another.", draw: Fig3A}},
		{{title: "Raised likelihood, last latents kept", says: "B: ln p raised, z3 kept.", draw: Fig3B}},
		{{title: "First two scales", says: "C, D: contributions of scales under two Glows, on axes of one length.",
			draw: Fig3C, height: height},
			{title: "Last scale", draw: Fig3D, height: height}}})
}

// part is a figure within a composed one.
type part struct {
	title string
	// says is what a caption says of it, where it is drawn.
	says string
	draw func(*Results) (*Figure, error)
	// height is that of a page; pictures have their own.
	height vg.Length
	page   drawing
}

// composed draws figures below and beside each other. What is missing in one is missing in all. A figure that lacks all
// that it would show has a line in its place, which says why, and its letter in the caption.
func (r *Results) composed(name, shows string, roles []string, rows [][]part) (*Figure, error) {
	var missing, absent []string
	letter, ofScores := 'A', ""
	for _, row := range rows {
		for i := range row {
			figure, err := row[i].draw(r)
			if err != nil {
				return nil, err
			}
			row[i].page = figure.page
			empty := figure.IsEmpty()
			if p, ok := figure.page.(page); ok {
				p.width = twoColumns / vg.Length(len(row))
				if row[i].height > 0 {
					p.height = row[i].height
				}
				if empty && len(p.panels) == 1 {
					p.panels[0].title, p.height = "", notDrawnHeight // its title is the part's
				}
				row[i].page = p
			}
			if empty {
				absent = append(absent, string(letter))
			} else {
				shows, missing = joined(shows, row[i].says), append(missing, figure.missing...)
				ofScores = cmp.Or(ofScores, figure.ofScores)
			}
			letter++
		}
	}
	if len(absent) > 0 {
		missing = append(missing, "Not drawn: "+strings.Join(absent, ", ")+".")
	}
	return r.figure(name, composition(rows), shows, missing, roles...).measuredBy(ofScores), nil
}

// notDrawnHeight is that of the line in the place of a figure that is not drawn.
const notDrawnHeight = 0.8 * vg.Centimeter

// composition is rows of figures, each under a capital letter and a title.
type composition [][]part

const (
	partHeader = vg.Length(14)
	partGap    = vg.Length(8)
)

// heightOf is that of a row without its header.
func heightOf(row []part) (height vg.Length) {
	for _, p := range row {
		_, of := p.page.size()
		height = max(height, of)
	}
	return onDots(height)
}

func (rows composition) size() (width, height vg.Length) {
	for i, row := range rows {
		height += partHeader + heightOf(row)
		if i > 0 {
			height += partGap
		}
	}
	return onDots(twoColumns), onDots(height)
}

func (rows composition) draw(c draw.Canvas) {
	c.SetColor(white)
	c.Fill(c.Path())
	letter, top := 'A', c.Max.Y
	for _, row := range rows {
		left := c.Min.X
		for _, p := range row {
			width, height := p.page.size()
			below := top - partHeader
			p.page.draw(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left, Y: below - height}, Max: vg.Point{X: left + width, Y: below}}})
			capital, title := bold(textStyle(11, ink)), bold(textStyle(sizeLabel+1, ink))
			c.FillText(capital, vg.Point{X: left + margin, Y: below + baseline(capital)}, string(letter))
			c.FillText(title, vg.Point{X: left + margin + 14, Y: below + baseline(title)},
				fitted(p.title, title, width-margin-16))
			left += width
			letter++
		}
		top -= partHeader + heightOf(row) + partGap
	}
}
