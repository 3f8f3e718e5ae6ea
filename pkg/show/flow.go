package show

import (
	"fmt"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
)

// Flow draws the multi-scale flow that a Glow is, for images of a shape: at every scale a squeeze, steps and a split,
// with the shape of what goes in and out.
func Flow(channels, height, width, scales, steps int) {
	defer gonbui.Sync()
	drawing, err := flowDrawing(channels, height, width, scales, steps)
	must(err)
	gonbui.DisplayHTML(drawing)
}

// tensor is the shape of an image on its way through a flow, channels first.
type tensor struct{ channels, height, width int }

func (t tensor) String() string {
	return fmt.Sprintf("%d\u00D7%d\u00D7%d", t.channels, t.height, t.width)
}
func (t tensor) size() int { return t.channels * t.height * t.width }

// scaleShapes are what comes into a scale, what its steps see, what leaves as its latent, and what goes on to the next.
type scaleShapes struct{ in, squeezed, latent, rest tensor }

// flowShapes follow an image through the scales: a squeeze makes four channels of one, and half of the channels leave,
// at the last scale all.
func flowShapes(image tensor, scales int) ([]scaleShapes, error) {
	var all []scaleShapes
	for i := range scales {
		if image.height%2 != 0 || image.width%2 != 0 || image.height*image.width == 0 || image.channels < 1 {
			return nil, fmt.Errorf("%v cannot be squeezed at scale %d: height and width must be even", image, i+1)
		}
		s := scaleShapes{in: image, squeezed: tensor{4 * image.channels, image.height / 2, image.width / 2}}
		s.latent = s.squeezed
		if i < scales-1 {
			s.latent.channels /= 2
			s.rest = s.latent
		}
		all, image = append(all, s), s.rest
	}
	return all, nil
}

// flowDrawing draws a tensor as a box as high as its images and as thick as its channels: a squeeze makes it lower and
// thicker.
func flowDrawing(channels, height, width, scales, steps int) (string, error) {
	shapes, err := flowShapes(tensor{channels, height, width}, scales)
	if err != nil {
		return "", err
	}
	const middle, latents = 92.0, 212.0 // where the way through and the latents lie
	var b strings.Builder
	text := func(x, y float64, size int, style, content string) {
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" font-size="%d" text-anchor="middle" %s>%s</text>`, x, y, size, style,
			content)
	}
	arrow := func(x1, y1, x2, y2 float64) {
		fmt.Fprintf(&b, `<path d="M%.0f %.0fL%.0f %.0f" stroke="#333" stroke-width="1.4" marker-end="url(#strata-arrow)"/>`,
			x1, y1, x2, y2)
	}
	box := func(t tensor, left, centre float64, fill string) (right float64) {
		high, wide := max(110*float64(t.height)/float64(height), 10), max(1.15*float64(t.channels), 5)
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.1f" width="%.1f" height="%.1f" fill="%s" stroke="#333"/>`, left, centre-high/2,
			wide, high, fill)
		text(left+wide/2, centre+high/2+15, 12, "", t.String())
		return left + wide
	}
	const blue, orange, way = "#cfe3f1", "#f8d9bf", 58.0
	at := box(shapes[0].in, 26, middle, blue)
	text(28, middle-66, 12, "", "x")
	for i, s := range shapes {
		arrow(at+4, middle, at+way, middle)
		text(at+way/2, middle-8, 12, "", "squeeze")
		at = box(s.squeezed, at+way+4, middle, blue)
		arrow(at+4, middle, at+way, middle)
		text(at+way/2, middle-8, 12, "", fmt.Sprintf("%d steps", steps))
		left := at + way + 4
		at = box(s.squeezed, left, middle, blue)
		centre := (left + at) / 2
		arrow(centre, middle+55, centre, latents-34)
		to := box(s.latent, centre-max(1.15*float64(s.latent.channels), 5)/2, latents, orange)
		text(to+16, latents+5, 14, `font-weight="bold"`, fmt.Sprintf("z<tspan font-size=\"10\" dy=\"3\">%d</tspan>", i+1))
		text(centre, latents+62, 11, `fill="#555"`, fmt.Sprintf("%d numbers", s.latent.size()))
		if s.rest.channels > 0 {
			arrow(at+4, middle, at+way, middle)
			text(at+way/2, middle-8, 12, "", "split")
			at = box(s.rest, at+way+4, middle, blue)
		}
	}
	total := max(at+50, 820)
	const row = 336.0
	names := []string{"activation norm: every channel gets its own scale and shift",
		"1\u00D71 convolution: a matrix mixes the channels",
		"affine coupling: a small network reads half of the channels, and scales and shifts the others"}
	text(64, row+5, 13, `font-weight="bold"`, "one step")
	boxed := (total - 130 - 60) / 3
	for i, name := range names {
		left := 120 + float64(i)*(boxed+30)
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.0f" width="%.0f" height="56" rx="6" fill="#f5f5f5" stroke="#999"/>`,
			left, row-28, boxed)
		lines := broken(name, int(boxed/6.2))
		for j, line := range lines {
			text(left+boxed/2, row+4+15*(float64(j)-float64(len(lines)-1)/2), 12, "", line)
		}
		if i < len(names)-1 {
			arrow(left+boxed+4, row, left+boxed+27, row)
		}
	}
	return fmt.Sprintf(`<svg viewBox="0 0 %.0f 372" style="width:%.0fpx;max-width:100%%;background:#fff;`+
		`font-family:sans-serif" role="img" aria-label="a flow of %d scales: squeeze, steps, split"><defs>`+
		`<marker id="strata-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">`+
		`<path d="M0 0L8 4L0 8z" fill="#333"/></marker></defs>%s</svg>`, total, total, scales, b.String()), nil
}

// broken breaks a text into lines of at most so many letters.
func broken(text string, most int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if n := len(lines) - 1; n >= 0 && len(lines[n])+1+len(word) <= most {
			lines[n] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
