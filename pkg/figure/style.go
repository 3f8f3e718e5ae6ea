package figure

import (
	"image/color"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// roleColors are from the palette of Okabe and Ito (2008), which stays apart under every colour blindness. The general set, a reference
// to the others, is neutral.
var roleColors = map[string]color.NRGBA{
	roleIn:      {R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}, // blue
	roleSmooth:  {R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF}, // vermillion
	roleGeneral: {R: 0x4A, G: 0x4A, B: 0x4A, A: 0xFF}, // grey
	roleFar:     {R: 0x00, G: 0x9E, B: 0x73, A: 0xFF}, // bluish green
}

// otherColor is for roles that section 2 does not know: reddish purple.
var otherColor = color.NRGBA{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF}

// RoleColor is the colour of a role (in, smooth, general, far) in every figure, and one colour for all others.
func RoleColor(role string) color.NRGBA {
	if c, ok := roleColors[role]; ok {
		return c
	}
	return otherColor
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
	hairpin = vg.Points(0.5)
)

// Sizes of text in print. Journals ask for 6 to 8 points.
const (
	sizeLabel = vg.Length(7.5)
	sizeTick  = vg.Length(7)
	sizeNote  = vg.Length(6.2)
)

// roleLine is the outline of a role. The dash tells the general set from the others without colour.
func roleLine(role string) draw.LineStyle {
	style := draw.LineStyle{Color: RoleColor(role), Width: vg.Points(1)}
	if role == roleGeneral {
		style.Dashes = []vg.Length{vg.Points(3), vg.Points(1.5)}
	}
	return style
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
		axis.Tick.Marker = plot.TickerFunc(roundTicks)
	}
	return p
}

// roundTicks are multiples of the smallest of 1, 2 and 5 times a power of ten that gives at most six of them. All are labelled, with a minus
// sign of a digit's width. (gonum's own ticks aim at three, and leave some axes with two.)
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
