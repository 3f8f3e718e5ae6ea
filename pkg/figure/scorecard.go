package figure

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"strata/pkg/result"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// scorecardParts are the parts of the scorecard, by the first letters of the claims' ids.
var scorecardParts = []struct{ letters, title string }{
	{"L", "What likelihoods see: low-level features (\u00A72)"},
	{"D", "First hierarchy, distributions: the ratio to a general model (\u00A73)"},
	{"F", "Second hierarchy, features: the last scale (\u00A74)"},
	{"OT", "Outlier losses, labels, finetuning (\u00A73.1, \u00A73.2, S6)"},
	{"QVMB", "Top images, seeds, MRI, a classifier (\u00A75.1, S7\u2013S9)"},
}

// Colours of the verdicts, of Okabe and Ito: told apart in grey and by the marks too.
var verdictColors = map[result.Verdict]color.NRGBA{
	result.Holds:       {R: 0x00, G: 0x72, B: 0xB2, A: 0xFF},
	result.Open:        {R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF},
	result.DoesNotHold: {R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF},
	result.NotMeasured: notes,
}

// heldSide is behind what lies on the side of a threshold where a condition holds.
var heldSide = color.NRGBA{R: 0xE4, G: 0xEE, B: 0xF5, A: 0xFF}

// Scorecard draws every claim of the paper as a row: the paper's value, what was measured here with its 95 % interval,
// and how the condition that decides stands to its threshold. Every threshold is the same line, and what lies right of
// it holds.
func Scorecard(r *Results) (*Figure, error) {
	claims, err := r.claims()
	if err != nil {
		return nil, err
	}
	conditions, err := r.conditions()
	if err != nil {
		return nil, err
	}
	titles, err := result.ClaimTitles()
	if err != nil {
		return nil, err
	}
	card := &scorecard{}
	counts, seeds := map[result.Verdict]int{}, map[int]bool{}
	for _, part := range scorecardParts {
		rows := []scorecardRow{}
		for _, c := range claims {
			if !strings.Contains(part.letters, c.ID[:1]) {
				continue
			}
			row := scorecardRow{claim: c, title: titles[c.ID]}
			if row.title == "" { // of a file that knows a claim which is no longer declared
				row.title = c.Text
			}
			if i := result.Deciding(conditions, c.ID, c.Verdict); i >= 0 {
				row.decides = &conditions[i]
			}
			rows = append(rows, row)
			counts[c.Verdict]++
			if c.Verdict != result.NotMeasured {
				seeds[c.Seeds] = true
			}
		}
		if len(rows) > 0 {
			card.parts = append(card.parts, scorecardPart{part.title, rows})
		}
	}
	said := fmt.Sprintf("The paper's %d claims here: %d hold, %d open, %d do not hold", len(claims),
		counts[result.Holds], counts[result.Open], counts[result.DoesNotHold])
	if n := counts[result.NotMeasured]; n > 0 {
		said += fmt.Sprintf(", %d not measured", n)
	}
	shows := said + ". A mark is the condition that decides, its bar the 95 % interval, the line its threshold; right " +
		"of the line it holds, across it the claim is open."
	if len(seeds) == 1 && seeds[1] {
		shows += " One seed: intervals are over images alone."
	}
	card.heading, card.about = said, about(claims)
	return r.figure("scorecard", card, shows, nil, tableRoles...), nil
}

// about says in a line what the claims were measured on, by one that most others are like: the raw likelihood's (D1).
func about(claims []result.Claim) string {
	for _, c := range claims {
		if c.ID != "D1" || c.Verdict == result.NotMeasured {
			continue
		}
		seeds := "one seed"
		if c.Seeds > 1 {
			seeds = fmt.Sprintf("%d seeds", c.Seeds)
		}
		return fmt.Sprintf("%s; %s, size %s; %s", c.Data, c.Network, c.Size, seeds)
	}
	return ""
}

// scorecard is the drawing: parts under each other, a claim a row.
type scorecard struct {
	heading, about string
	parts          []scorecardPart
}

type scorecardPart struct {
	title string
	rows  []scorecardRow
}

type scorecardRow struct {
	claim   result.Claim
	title   string
	decides *result.Condition
}

// Columns of the scorecard, from the left.
const (
	cardRow     = vg.Length(12.5)
	cardHead    = vg.Length(15)
	cardID      = 14 // where the ids begin, behind the verdict's mark
	cardTitle   = 34
	cardPaper   = 250
	cardOurs    = 322
	cardStrip   = 414
	cardStripTo = 472

	cardLine = vg.Length(8) // from line to line where a value takes several
)

// paper and ours are a row's values in as many lines as they need: what is cut says less than a higher row.
func (row scorecardRow) paper() []string {
	return wrapped(row.claim.Paper, textStyle(sizeNote, ink), cardOurs-cardPaper-5)
}

func (row scorecardRow) ours() []string {
	return wrapped(Here(row.claim), textStyle(sizeNote, ink), cardStrip-cardOurs-4)
}

// extra is how much higher a row is than one whose values are short.
func (row scorecardRow) extra() vg.Length {
	return cardLine * vg.Length(max(1, len(row.paper()), len(row.ours()))-1)
}

func (s *scorecard) size() (width, height vg.Length) {
	height = 58
	for _, part := range s.parts {
		height += cardHead + cardRow*vg.Length(len(part.rows))
		for _, row := range part.rows {
			height += row.extra()
		}
	}
	return twoColumns, height + 2*margin
}

func (s *scorecard) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	left := c.Min.X
	write := func(x, y vg.Length, size vg.Length, of color.Color, isBold bool, said string) {
		style := textStyle(size, of)
		if isBold {
			style = bold(style)
		}
		style.YAlign = draw.YCenter
		c.FillText(style, vg.Point{X: left + x, Y: y}, said)
	}
	y := c.Max.Y - 8
	write(0, y, 9, ink, true, s.heading)
	y -= 13
	x := vg.Length(0)
	for _, v := range []result.Verdict{result.Holds, result.Open, result.DoesNotHold, result.NotMeasured} {
		verdictMark(c, vg.Point{X: left + x + 4, Y: y}, v)
		write(x+12, y, sizeLabel, ink, false, string(v))
		style := textStyle(sizeLabel, ink)
		x += 12 + style.Width(string(v)) + 14
	}
	about := textStyle(sizeNote, notes)
	about.XAlign, about.YAlign = draw.XRight, draw.YCenter
	c.FillText(about, vg.Point{X: c.Max.X, Y: y}, s.about)
	y -= 15
	middle := vg.Length(cardStrip+cardStripTo) / 2
	write(cardTitle, y, sizeNote, notes, false, "claim")
	write(cardPaper, y, sizeNote, notes, false, "paper")
	write(cardOurs, y, sizeNote, notes, false, "here [95 %]")
	style := textStyle(sizeNote, notes)
	style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
	c.FillText(style, vg.Point{X: left + middle, Y: y}, "no | holds \u2192")
	y -= 7
	for _, part := range s.parts {
		y -= cardHead
		write(0, y+4, sizeLabel, ink, true, part.title)
		c.StrokeLine2(draw.LineStyle{Color: guide, Width: hairpin}, left, y-2.5, c.Max.X, y-2.5)
		for _, row := range part.rows {
			y -= cardRow
			verdict := row.claim.Verdict
			verdictMark(c, vg.Point{X: left + 4, Y: y + 3}, verdict)
			of := color.Color(ink)
			if verdict == result.NotMeasured {
				of = notes
			}
			write(cardID, y+3, sizeTick, of, true, row.claim.ID)
			write(cardTitle, y+3, sizeTick, of, false, fitted(row.title, textStyle(sizeTick, ink), cardPaper-cardTitle-4))
			for i, line := range row.paper() {
				write(cardPaper, y+3-vg.Length(i)*cardLine, sizeNote, notes, false, line)
			}
			for i, line := range row.ours() {
				write(cardOurs, y+3-vg.Length(i)*cardLine, sizeNote, of, false, line)
			}
			switch {
			case row.decides != nil:
				strip{row.decides}.draw(c, left+cardStrip, left+cardStripTo, y+3)
			case verdict != result.NotMeasured: // it compares verdicts
				style := textStyle(sizeNote, notes)
				style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
				c.FillText(style, vg.Point{X: left + middle, Y: y + 3}, "no threshold")
			}
			y -= row.extra()
		}
	}
}

// verdictRadius is that of a verdict's mark.
const verdictRadius = vg.Length(3)

// verdictMark is filled where a claim holds, half filled where it is open, empty where it does not hold, and a dash
// where nothing was measured.
func verdictMark(c draw.Canvas, at vg.Point, v result.Verdict) {
	const radius = verdictRadius
	of := verdictColors[v]
	switch v {
	case result.NotMeasured:
		c.StrokeLine2(draw.LineStyle{Color: of, Width: vg.Points(1)}, at.X-radius, at.Y, at.X+radius, at.Y)
		return
	case result.Holds:
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: of, Radius: radius, Shape: draw.CircleGlyph{}}, at)
		return
	case result.Open:
		var half vg.Path
		half.Move(vg.Point{X: at.X, Y: at.Y - radius})
		half.Arc(at, radius, -math.Pi/2, math.Pi)
		half.Close()
		c.SetColor(of)
		c.Fill(half)
	}
	var ring vg.Path
	ring.Move(vg.Point{X: at.X + radius - 0.4, Y: at.Y})
	ring.Arc(at, radius-0.4, 0, 2*math.Pi)
	ring.Close()
	c.SetColor(of)
	c.SetLineWidth(0.9)
	c.Stroke(ring)
}

// strip shows how a condition stands to its threshold, which is the line in the middle. The scale is one for all
// conditions of one unit: half a strip is 50 points of AUROC or half a correlation; what has other units, or none, as a
// quotient has, fills it.
type strip struct{ of *result.Condition }

func (s strip) draw(c draw.Canvas, from, to, y vg.Length) {
	middle, half := (from+to)/2, (to-from)/2
	c.StrokeLine2(draw.LineStyle{Color: heldSide, Width: 9}, middle, y, to, y)
	c.StrokeLine2(thresholdLine, middle, y-5, middle, y+5)
	value, low, high := s.of.HeldBy(s.of.Value), s.of.HeldBy(s.of.Low), s.of.HeldBy(s.of.High)
	low, high = min(low, high), max(low, high)
	scale := max(math.Abs(value), math.Abs(low), math.Abs(high))
	switch {
	case strings.Contains(s.of.Condition, " / "):
	case strings.Contains(s.of.Condition, "spearman("):
		scale = 0.5
	case strings.Contains(s.of.Condition, "auroc("), strings.Contains(s.of.Condition, "top("):
		scale = 50
	}
	if scale == 0 {
		scale = 1
	}
	at := func(v float64) vg.Length { return middle + half*vg.Length(max(-1, min(1, v/scale))) }
	of := verdictColors[s.of.Verdict]
	c.StrokeLine2(draw.LineStyle{Color: of, Width: vg.Points(1)}, at(low), y, at(high), y)
	c.DrawGlyphNoClip(draw.GlyphStyle{Color: of, Radius: vg.Points(1.9), Shape: draw.CircleGlyph{}},
		vg.Point{X: at(value), Y: y})
}
