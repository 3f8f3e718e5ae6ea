package lab

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"strata/pkg/imageset"
	"strata/pkg/invert"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/score"
	"strata/pkg/show"

	"github.com/janpfeifer/gonb/gonbui"
)

// Hover shows two scores of a table against each other, a dot an image; the image under the pointer is shown beside.
// Two log-likelihoods, "general" and "log_likelihood", have axes of one scale and the line y = x: what an image is
// above it is its ratio.
func (l *Lab) Hover(scores *result.Scores, x, y string) {
	defer gonbui.Sync()
	text, err := l.hover(gonbui.UniqueId(), scores, x, y)
	must(err)
	gonbui.DisplayHTML(text)
}

// hovered is the most images that a page carries.
const hovered = 600

func (l *Lab) hover(id string, scores *result.Scores, x, y string) (string, error) {
	xs, err := scores.Column(x, nil)
	if err != nil {
		return "", err
	}
	ys, err := scores.Column(y, nil)
	if err != nil {
		return "", err
	}
	step := (len(xs) + hovered - 1) / hovered
	var points []show.Point
	var rows []result.ScoreRow
	for i := 0; i < len(xs); i += step {
		row := scores.Rows[i]
		if !finite(xs[i]) || !finite(ys[i]) {
			continue
		}
		rows = append(rows, row)
		points = append(points, show.Point{X: xs[i], Y: ys[i], Set: row.Set, Index: row.Index})
	}
	if len(points) == 0 {
		return "", fmt.Errorf("no image has a finite %s and %s", x, y)
	}
	tiles, err := l.pictures(rows)
	if err != nil {
		return "", err
	}
	axes := show.Axes{X: l.axis(scores, x), Y: l.axis(scores, y), Diagonal: x == "general" && y == score.LogLikelihood}
	if l.size.Name == "smoke" {
		axes.Note = "Size smoke trains for seconds: it shows how to read the plot. The effect needs demo."
	}
	return show.Scatter(id, axes, points, tiles)
}

// axis says what a column of a table is, and under which Glow.
func (l *Lab) axis(scores *result.Scores, column string) string {
	of := l.scored[scores]
	under := func(set string) string {
		if set == "" {
			return ""
		}
		return " under the Glow of " + set
	}
	switch scale, isScale := strings.CutPrefix(column, "c"); {
	case column == score.LogLikelihood:
		return "ln p" + under(of.own) + ", nats"
	case column == "general":
		return "ln p" + under(of.general) + ", nats"
	case column == result.PNGBytes:
		return "size as PNG, bytes"
	case isScale && strings.Trim(scale, "0123456789") == "":
		return column + ", what scale " + scale + " contributes to ln p" + under(of.own) + ", nats"
	}
	return column + ", nats"
}

// Swap shows images of two sets and what a run's Glow decodes of their latents, with a switch a scale: each of z1, z2,
// z3 of the first image or of the second. All combinations are decoded here, so that the switches need no kernel.
func (l *Lab) Swap(run *runs.Run, a, b string) {
	defer gonbui.Sync()
	text, err := l.swap(gonbui.UniqueId(), run, a, b)
	must(err)
	gonbui.DisplayHTML(text)
}

// swapped is how many pairs of images exchange their latents: a row of them.
const swapped = 8

func (l *Lab) swap(id string, run *runs.Run, a, b string) (string, error) {
	var sets [2]*imageset.Set
	for i, name := range []string{a, b} {
		set, err := l.engine.TestImages(name, l.size.TestImages)
		if err != nil {
			return "", err
		}
		sets[i] = set
	}
	pairs := min(swapped, sets[0].Len(), sets[1].Len())
	network, err := l.engine.Network(run, 10*pairs)
	if err != nil {
		return "", err
	}
	defer network.Close()
	inverter, err := invert.New(network)
	if err != nil {
		return "", err
	}
	defer inverter.Close()
	page := show.Switches{Choices: [2]string{a, b}, Result: "what the Glow of " + run.Info.Spec.Set + " decodes of them"}
	row := func(pixels []uint8) image.Image {
		set := &imageset.Set{Name: "row", Split: imageset.Test, Height: sets[0].Height, Width: sets[0].Width,
			Channels: sets[0].Channels, Pixels: pixels}
		return imageset.ContactSheet(set, pairs, 1, 2)
	}
	var latents [2]*invert.Latents
	for i, set := range sets {
		pixels := set.Chunk(0, pairs).Pixels
		page.Sources[i] = row(pixels)
		if latents[i], _, err = inverter.Encode(l.ctx, pixels, nil); err != nil {
			return "", err
		}
	}
	scales := len(latents[0].Scales)
	page.First = 1 << (scales - 1) // the last latents of the other image, as in Fig. 3A
	for combination := range 1 << scales {
		var from []int
		var said []string
		for scale := range scales {
			if combination>>scale&1 == 1 {
				from = append(from, scale)
			}
			said = append(said, fmt.Sprintf("z%d of %s", scale+1, page.Choices[combination>>scale&1]))
		}
		mixed, err := latents[0].Replace(latents[1], from...)
		if err != nil {
			return "", err
		}
		decoded, err := inverter.Decode(l.ctx, mixed)
		if err != nil {
			return "", err
		}
		mean := 0.0
		for _, v := range decoded.LogLikelihoods {
			mean += v / float64(pairs)
		}
		page.Pictures = append(page.Pictures, row(decoded.Pixels()))
		page.Labels = append(page.Labels, fmt.Sprintf("%s: ln p %.0f nats in the mean", strings.Join(said, ", "), mean))
	}
	for scale := range scales {
		page.Names = append(page.Names, fmt.Sprintf("z%d", scale+1))
	}
	return page.Page(id)
}

// pictures are the test images of some rows of a table, which are of one size.
func (l *Lab) pictures(rows []result.ScoreRow) (*imageset.Set, error) {
	tiles := &imageset.Set{Name: "tiles", Split: imageset.Test}
	for _, row := range rows {
		set, err := l.engine.Set(row.Set, imageset.Test)
		if err != nil {
			return nil, err
		}
		if tiles.Pixels == nil {
			tiles.Height, tiles.Width, tiles.Channels = set.Height, set.Width, set.Channels
		}
		tiles.Pixels = append(tiles.Pixels, set.Image(row.Index)...)
	}
	return tiles, nil
}

// Top shows the images of a table's in-distribution set and outliers together that a score likes best, sixteen at a
// time, with a slider from the least to the most likely.
func (l *Lab) Top(scores *result.Scores, column string) {
	defer gonbui.Sync()
	text, err := l.top(gonbui.UniqueId(), scores, column)
	must(err)
	gonbui.DisplayHTML(text)
}

func (l *Lab) top(id string, scores *result.Scores, column string) (string, error) {
	values, err := scores.Column(column, nil)
	if err != nil {
		return "", err
	}
	if len(values) == 0 {
		return "", fmt.Errorf("the score table has no images")
	}
	order := score.Highest(values, len(values))
	const shown, stops = 16, 11
	var labels []string
	var sheets []image.Image
	for stop := range stops {
		first := max(0, len(order)-shown) * (stops - 1 - stop) / (stops - 1) // the slider stands at its last stop
		part := order[first:min(first+shown, len(order))]
		var rows []result.ScoreRow
		var sets []string
		for _, i := range part {
			row := scores.Rows[i]
			rows = append(rows, row)
			if !slices.Contains(sets, row.Set) {
				sets = append(sets, row.Set)
			}
		}
		tiles, err := l.pictures(rows)
		if err != nil {
			return "", err
		}
		slices.Sort(sets)
		labels = append(labels, fmt.Sprintf("%s, ranks %d to %d of %d: %.0f to %.0f nats; %s", column, first+1,
			first+len(part), len(order), values[part[0]], values[part[len(part)-1]], strings.Join(sets, ", ")))
		sheets = append(sheets, imageset.ContactSheet(tiles, 8, 2, 2))
	}
	return show.Slider(id, labels, sheets)
}

// Temperature shows samples of a run's Glow with a slider for the temperature of the latents: low ones give the
// smooth images that the model finds likely, 1 those that it was trained to.
func (l *Lab) Temperature(run *runs.Run) {
	defer gonbui.Sync()
	temperatures := []float64{0.1, 0.4, 0.6, 0.7, 0.8, 0.9, 1}
	const each = 16
	network, err := l.engine.Network(run, each*len(temperatures))
	must(err)
	inverter, err := invert.New(network)
	must(err)
	defer inverter.Close()
	var labels []string
	var sheets []image.Image
	for _, temperature := range temperatures {
		images, err := inverter.Sample(l.ctx, invert.SampleOptions{Count: each, Seed: 1, Temperature: temperature})
		must(err)
		h, w, c := network.Model.Shape()
		set := &imageset.Set{Name: "samples", Split: imageset.Test, Height: h, Width: w, Channels: c,
			Pixels: images.Pixels()}
		labels = append(labels, fmt.Sprintf("temperature %.1f", temperature))
		sheets = append(sheets, imageset.ContactSheet(set, 8, 2, 2))
	}
	text, err := show.Slider(gonbui.UniqueId(), labels, sheets)
	must(err)
	gonbui.DisplayHTML(text)
}

// finite says whether a value can be drawn.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
