package figure

import (
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// roleLook is how a role looks in every figure: a colour, and a dash and a mark that tell it without colour.
type roleLook struct {
	color color.NRGBA
	dash  []vg.Length
	mark  draw.GlyphDrawer
}

// looks are the roles' colours, of the palette of Okabe and Ito (2008), which stays apart under every colour blindness.
// The general set, a reference to the others, is neutral.
var looks = map[string]roleLook{
	roleIn:      {color.NRGBA{R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}, nil, draw.CircleGlyph{}},                          // blue
	roleSmooth:  {color.NRGBA{R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF}, []vg.Length{4, 1.2, 1, 1.2}, draw.PyramidGlyph{}}, // vermillion
	roleGeneral: {color.NRGBA{R: 0x4A, G: 0x4A, B: 0x4A, A: 0xFF}, []vg.Length{3, 1.5}, draw.SquareGlyph{}},          // grey
	roleFar:     {color.NRGBA{R: 0x00, G: 0x9E, B: 0x73, A: 0xFF}, []vg.Length{6, 2}, draw.CrossGlyph{}},             // bluish green
	roleNear:    {color.NRGBA{R: 0x56, G: 0xB4, B: 0xE9, A: 0xFF}, []vg.Length{1, 1.2}, draw.RingGlyph{}},            // sky blue
	roleFaces:   {color.NRGBA{R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF}, []vg.Length{5, 1, 1, 1, 1, 1}, draw.PlusGlyph{}},  // orange
	roleFurther: {color.NRGBA{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF}, []vg.Length{2, 2}, draw.BoxGlyph{}},               // reddish purple
}

// otherLook is for the roles of other images, grey ones and slices: brown.
var otherLook = roleLook{color.NRGBA{R: 0x8C, G: 0x51, B: 0x0A, A: 0xFF}, []vg.Length{1, 2}, draw.TriangleGlyph{}}

func lookOf(role string) roleLook {
	if look, ok := looks[role]; ok {
		return look
	}
	return otherLook
}

// RoleColor is the colour of a role (in, smooth, general, far, near, faces, further) in every figure, and one colour
// for all others.
func RoleColor(role string) color.NRGBA { return lookOf(role).color }

// roleInk is a role's colour, dark enough for letters.
func roleInk(role string) color.NRGBA {
	c := RoleColor(role)
	for 0.299*float64(c.R)+0.587*float64(c.G)+0.114*float64(c.B) > 125 {
		c.R, c.G, c.B = uint8(0.9*float64(c.R)), uint8(0.9*float64(c.G)), uint8(0.9*float64(c.B))
	}
	return c
}

// faded is a colour that lets what is under it through.
func faded(c color.NRGBA, alpha float64) color.NRGBA {
	c.A = uint8(math.Round(alpha * 255))
	return c
}

var (
	ink     = color.NRGBA{R: 0x22, G: 0x22, B: 0x22, A: 0xFF}
	notes   = color.NRGBA{R: 0x70, G: 0x70, B: 0x70, A: 0xFF}
	guide   = color.NRGBA{R: 0xD8, G: 0xD8, B: 0xD8, A: 0xFF}
	white   = color.NRGBA{R: 0xFF, G: 0xFF, B: 0xFF, A: 0xFF}
	hairpin = vg.Points(0.5)

	// guessing is the line of an AUROC of 50, and guessingKey what legends call it.
	guessing    = draw.LineStyle{Color: notes, Width: hairpin, Dashes: []vg.Length{2, 2}}
	guessingKey = key{"guessing", func(c draw.Canvas) {
		c.StrokeLine2(guessing, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
	}}
)

// Sizes of text in print. Journals ask for 6 to 8 points.
const (
	sizeLabel = vg.Length(7.5)
	sizeTick  = vg.Length(7)
	sizeNote  = vg.Length(6.2)
)

// RoleLine is the line of a role: its colour and dash.
func RoleLine(role string) draw.LineStyle {
	look := lookOf(role)
	return draw.LineStyle{Color: look.color, Width: vg.Points(1), Dashes: look.dash}
}

// textStyle is Liberation Sans, which gonum/plot carries within it: no figure depends on the fonts of a machine.
func textStyle(size vg.Length, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    plotfont.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		XAlign:  draw.XLeft,
		YAlign:  draw.YBottom,
		Handler: plot.DefaultTextHandler,
	}
}

func bold(style text.Style) text.Style {
	style.Font.Weight = font.WeightBold
	return style
}

// newPlot is an empty plot with thin axes and without a background.
func newPlot(xLabel, yLabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text, p.Y.Label.Text = xLabel, yLabel
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle = draw.LineStyle{Color: ink, Width: hairpin}
		axis.Tick.LineStyle = axis.LineStyle
		axis.Tick.Length = vg.Points(2.5)
		axis.Padding = vg.Points(2)
		axis.Label.Padding = vg.Points(2)
		axis.Label.TextStyle.Font = textStyle(sizeLabel, ink).Font
		axis.Label.TextStyle.Color = ink
		axis.Tick.Label.Font = textStyle(sizeTick, ink).Font
		axis.Tick.Label.Color = ink
		axis.Tick.Marker = Ticks
	}
	return p
}

// Ticks are those of every axis of a figure.
var Ticks = plot.TickerFunc(roundTicks)

// roundTicks are multiples of the smallest of 1, 2 and 5 times a power of ten that gives at most six of them. All are
// labelled, with a minus sign of a digit's width. (gonum's own ticks aim at three, and leave some axes with two.)
func roundTicks(lowest, highest float64) []plot.Tick {
	const most = 6
	exponent := math.Floor(math.Log10((highest - lowest) / most))
	var step float64
	var first, last float64 // in steps
	for _, factor := range []float64{1, 2, 5, 10, 20} {
		step = factor * math.Pow(10, exponent)
		first, last = math.Ceil(lowest/step), math.Floor(highest/step)
		if last-first < most {
			break
		}
	}
	format, digits := byte('f'), max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	if step >= 1e5 || digits > 5 {
		format, digits = 'g', -1
	}
	var ticks []plot.Tick
	for i := range min(most, int(last-first)+1) {
		value := (first + float64(i)) * step
		if math.Abs(value) < step/2 {
			value = 0 // not a negative one
		}
		label := strings.Replace(strconv.FormatFloat(value, format, digits, 64), "-", "\u2212", 1)
		ticks = append(ticks, plot.Tick{Value: value, Label: label})
	}
	return ticks
}

// percentTicks are those of an axis from 0 to 100 whose middle is guessing.
var percentTicks = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 25, Label: "25"}, {Value: 50, Label: "50"},
	{Value: 75, Label: "75"}, {Value: 100, Label: "100"}}

// band is a line of values from left to right, and the intervals that they have.
type band struct{ values, above, below []vg.Point }

// add appends a value with its interval; y brings them to the canvas, as x is already.
func (b *band) add(x vg.Length, y func(float64) vg.Length, value, low, high float64) {
	b.values = append(b.values, vg.Point{X: x, Y: y(value)})
	b.above = append(b.above, vg.Point{X: x, Y: y(high)})
	b.below = append(b.below, vg.Point{X: x, Y: y(low)})
}

// fill colours what lies within the intervals.
func (b *band) fill(c draw.Canvas, of color.NRGBA) {
	below := slices.Clone(b.below)
	slices.Reverse(below)
	c.FillPolygon(faded(of, fillAlpha), slices.Concat(b.above, below))
}

// roleLabel names a role and its set.
func roleLabel(role, set string) string { return role + ": " + shortened(set, 44) }

// shortened cuts a name to at most n letters.
func shortened(name string, n int) string {
	letters := []rune(name)
	if len(letters) <= n {
		return name
	}
	return string(letters[:n-1]) + "\u2026"
}
