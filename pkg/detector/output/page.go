package output

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"

	"strata/pkg/detector"
	"strata/pkg/imageset/intake"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what the template shows.
type page struct {
	Headline   string
	Lead       []string
	Summary    detector.Summary
	Fit        detector.Fit
	Cards      []card
	Unreadable []row
	Judged     string
	Detector   string
	General    string
	Network    string // what the own and the general one are called
	PerPixel   bool   // heat maps add up to the ratio
	Kinds      []detector.Score
}

// card is an image.
type card struct {
	Path, PValue, Score, Notes string
	Anomalous                  bool
	Picture, Heat              template.URL
	Width, Height              int // of both, on the page: they lie on each other, though the networks may have seen a square
	Place                      template.HTML
	Scores                     []single
}

type single struct{ Name, About, Value, PValue string }

// unreadableShown is how many bad files a page lists; tables have all.
const unreadableShown = 1000

func writeHTML(to io.Writer, d *detector.Detector, summary detector.Summary, all *spill, top *gallery) error {
	m := d.Manifest()
	p := page{Summary: summary, Fit: m.Fit, Kinds: d.Scores(), General: m.About}
	p.Headline = Headline(summary)
	p.Lead = Lines(summary, m)
	p.Judged = fmt.Sprintf("The scores %s are compared with those of %d good images that were held out, and combined (%s): the "+
		"p-value is the share of good images, the new one among them, that look as unusual or more. That holds for images that are "+
		"made as the good ones were; what is made in another way is unusual for that alone.",
		strings.Join(m.Combined, ", "), m.HeldOut, m.Rule)
	p.Network = d.General().Kind().Title()
	model, err := d.General().Network.Model()
	if err != nil {
		return err
	}
	p.Detector = fmt.Sprintf("a %s, finetuned for %d steps on %d good images; %s", model, m.Fit.Best, m.Fit.Train, m.Preparation)
	p.PerPixel = d.General().Kind() == detector.PixelCNN
	heldOut := d.HeldOut()
	err = all.each(func(i int, r row) error {
		if r.Err != "" {
			if len(p.Unreadable) == unreadableShown {
				return errStop
			}
			p.Unreadable = append(p.Unreadable, r)
			return nil
		}
		v, ok := top.views[i]
		if !ok {
			return nil
		}
		c, err := cardOf(r, v.View, heldOut, summary, p.Kinds)
		p.Cards = append(p.Cards, c)
		return err
	})
	if err != nil {
		return err
	}
	return pageTemplate.Execute(to, p)
}

// batchLeast is the fewest images that are tested together: conformal.Group takes their mean for normal, and of two images from a skewed
// distribution p < 0.01 was met twice as often as it says.
const batchLeast = 20

// Headline says how many images are unusual.
func Headline(s detector.Summary) string {
	are := "are"
	if s.Anomalous == 1 {
		are = "is"
	}
	return fmt.Sprintf("%d of %s %s unusual", s.Anomalous, count(s.Images, "image"), are)
}

// count is "1 file" or "2 files".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Lines say for people what a summary means.
func Lines(s detector.Summary, m detector.Manifest) []string {
	var lines []string
	if s.FalseDiscoveries {
		lines = append(lines, fmt.Sprintf("Of those called unusual at most %.3g %% are good, on average (Benjamini and Hochberg): "+
			"p-values up to %.3g.", 100*s.Rate, s.Threshold))
	} else {
		lines = append(lines, fmt.Sprintf("At a false-alarm rate of %.3g %%, which is p-values up to %.3g: of good images %.2g %% "+
			"are called unusual on average, and with these %d held-out ones between %.2g and %.2g %% (95 %% of cases).",
			100*s.Rate, s.Threshold, 100*s.Expect.Rate, m.HeldOut,
			100*s.Expect.Low, 100*s.Expect.High))
	}
	if s.Unreadable > 0 {
		lines = append(lines, fmt.Sprintf("%s could not be read.", count(s.Unreadable, "file")))
	}
	if !math.IsNaN(s.Batch) && s.Images >= batchLeast {
		text := "as likely as good ones"
		if s.Batch < 0.01 {
			text = "not as likely as good ones: the batch as a whole is unusual"
		}
		lines = append(lines, fmt.Sprintf("All images together are %s (typicality of the batch, p = %.2g).", text, s.Batch))
	}
	return lines
}

func cardOf(r row, v *detector.View, heldOut []float64, summary detector.Summary, kinds []detector.Score) (card, error) {
	c := card{Path: strings.ToValidUTF8(r.Path, "\uFFFD"), PValue: number(r.PValue, 2), Score: number(r.Score, 3),
		Notes: strings.Join(r.Notes, "; "), Anomalous: r.PValue <= summary.Threshold, Place: placeOf(r.Score, heldOut)}
	if r.Windows > 1 {
		c.Notes = strings.TrimPrefix(fmt.Sprintf("%s; the most unusual of %d windows", c.Notes, r.Windows), "; ")
	}
	for j, kind := range kinds {
		c.Scores = append(c.Scores, single{kind.Name, kind.About, number(r.Scores[j], 6), number(r.PValues[j], 2)})
	}
	longer := max(v.Picture.Width, v.Picture.Height)
	c.Width, c.Height = max(v.Picture.Width*detector.ViewSide/longer, 1), max(v.Picture.Height*detector.ViewSide/longer, 1)
	var err error
	if c.Picture, err = pictureURL(v.Picture); err != nil {
		return c, err
	}
	c.Heat, err = heatURL(v.Heat)
	return c, err
}

// pictureURL is a picture as a JPEG, or where it is small as a PNG.
func pictureURL(p *intake.Picture) (template.URL, error) {
	picture := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Height * p.Width {
		at := p.Pixels[i*p.Channels:][:p.Channels]
		copy(picture.Pix[4*i:], []uint8{at[0], at[p.Channels/2], at[p.Channels-1], 255})
	}
	var text bytes.Buffer
	if max(p.Width, p.Height) <= 2*detector.Side {
		err := png.Encode(&text, picture)
		return dataURL("image/png", text.Bytes()), err
	}
	err := jpeg.Encode(&text, picture, &jpeg.Options{Quality: 85})
	return dataURL("image/jpeg", text.Bytes()), err
}

func heatURL(h *detector.Heat) (template.URL, error) {
	data, err := HeatPNG(h)
	return dataURL("image/png", data), err
}

// HeatPNG is a heat map in grey, so that it reads without colours: light grey where it is 0, darker the farther from 0 on either side, and
// black from 4 standard deviations on, or where an image has much more, from its own most unusual fiftieth on.
func HeatPNG(h *detector.Heat) ([]byte, error) {
	away := make([]float32, len(h.Values))
	for i, v := range h.Values {
		away[i] = max(v, -v)
	}
	slices.Sort(away)
	black := max(4, away[len(away)*49/50])
	grey := image.NewGray(image.Rect(0, 0, h.Width, h.Height))
	for i, v := range h.Values {
		grey.Pix[i] = uint8(224 * (1 - min(max(v, -v), black)/black))
	}
	var text bytes.Buffer
	err := png.Encode(&text, grey)
	return text.Bytes(), err
}

func dataURL(kind string, data []byte) template.URL {
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data))
}

// placeOf draws the held-out scores as bars and a score as a line.
func placeOf(score float64, heldOut []float64) template.HTML {
	const width, height, bars = 270, 36, 45
	low, high := heldOut[0], max(heldOut[len(heldOut)-1], score)
	spread := max(high-low, 1e-9)
	counts := make([]int, bars)
	for _, s := range heldOut {
		counts[min(int(bars*(s-low)/spread), bars-1)]++
	}
	most := slices.Max(counts)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg width="%d" height="%d" role="img" aria-label="score %.3g among %d held-out good images from %.3g to %.3g">`,
		width, height+2, score, len(heldOut), low, heldOut[len(heldOut)-1])
	for i, n := range counts {
		if n == 0 {
			continue
		}
		tall := max(height*float64(n)/float64(most), 1)
		fmt.Fprintf(&svg, `<rect x="%d" y="%.1f" width="5" height="%.1f"/>`, i*width/bars, height-tall, tall)
	}
	x := min(max((width-2)*(score-low)/spread+1, 1), width-1)
	fmt.Fprintf(&svg, `<line class="axis" x1="0" y1="%d" x2="%d" y2="%d"/><line x1="%.1f" y1="0" x2="%.1f" y2="%d"/></svg>`, height,
		width, height, x, x, height)
	return template.HTML(svg.String())
}
