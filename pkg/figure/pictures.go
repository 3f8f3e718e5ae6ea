package figure

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"strata/pkg/metric"
	"strata/pkg/result"
)

// shown is how many examples of each kind Figs 3A, 3B and S1 have.
const shown = 4

// Fig3A draws what mixing latents makes, of pairs of test images of in and of smooth: the image that z1 and z2 are of, the
// one that z3 is of, and what the Glow of in decodes of them (digest §8; claim F5).
func Fig3A(r *Results) (*Figure, error) {
	sheet, err := r.sheet("mixed")
	if err != nil {
		return nil, err
	}
	if sheet == nil {
		return r.noPictures("fig3a", "Mixed latents", "mixed", words[glowInFromGeneral]+" is not trained", roleIn, roleSmooth), nil
	}
	g := gallery{width: twoColumns, groups: 2, dots: 6, legend: framed(sheet)}
	early := galleryRow{label: "z1, z2 of", note: "ln p, nats", colour: ink}
	last, decoded := galleryRow{label: "z3 of", colour: ink}, galleryRow{label: "decoded", colour: ink}
	for row := range min(shown, sheet.Rows()) {
		for column := range 2 {
			early.pictures = append(early.pictures, pictureOf(sheet, sheet.At(row, 1-column)))
			last.pictures = append(last.pictures, pictureOf(sheet, sheet.At(row, column)))
			decoded.pictures = append(decoded.pictures, pictureOf(sheet, sheet.At(row, 2+column)))
		}
	}
	g.rows = []galleryRow{early, last, decoded}
	return r.figure("fig3a", g, fmt.Sprintf("Latents z1 and z2 of one test image (top), z3 of another (middle), and what the "+
		"finetuned Glow of in decodes of them (bottom), framed like z3's image; below ln p, nats. The first %d pairs, both "+
		"ways, not chosen.", min(shown, sheet.Rows())), nil, roleIn, roleSmooth), nil
}

func pictureOf(sheet *result.Sheet, t *result.Tile) picture {
	if t == nil {
		return picture{}
	}
	p := picture{image: sheet.Image(t, 1), role: t.Role}
	if !math.IsNaN(t.Value) || t.What != "image" {
		p.lines = []string{inNats(t.Value)}
	}
	return p
}

// Fig3B draws test images of in and of smooth, and what became of them when ln p was raised by z1 and z2 with z3 kept
// (digest §8; claim F6).
func Fig3B(r *Results) (*Figure, error) {
	sheet, err := r.sheet("climbed")
	if err != nil {
		return nil, err
	}
	if sheet == nil {
		return r.noPictures("fig3b", "Raised likelihood", "climbed", words[glowInFromGeneral]+" is not trained", roleIn, roleSmooth), nil
	}
	g := gallery{width: twoColumns, groups: shown, dots: 6, legend: framed(sheet)}
	images, climbed := galleryRow{label: "image", note: "ln p, nats", colour: ink},
		galleryRow{label: "ln p raised, z3 kept", colour: ink}
	var before, after []float64
	for _, role := range []string{roleIn, roleSmooth} {
		n := 0
		for row := range sheet.Rows() {
			a, b := sheet.At(row, 0), sheet.At(row, 1)
			if a == nil || b == nil || a.Role != role {
				continue
			}
			before, after = append(before, a.Value), append(after, b.Value)
			if n++; n <= shown {
				images.pictures, climbed.pictures = append(images.pictures, pictureOf(sheet, a)),
					append(climbed.pictures, pictureOf(sheet, b))
			}
		}
	}
	g.rows = []galleryRow{images, climbed}
	before, _ = metric.ReplaceNonFinite(before)
	after, _ = metric.ReplaceNonFinite(after)
	raised, _ := metric.OverSeeds(differences(after, before))
	return r.figure("fig3b", g, fmt.Sprintf("Test images (top), and what raising the log-likelihood of the finetuned "+
		"Glow of in by z1 and z2 makes of them, with z3 kept (bottom); below ln p, which rises by %.0f nats in the mean "+
		"of %d images.",
		raised, len(before)), nil, roleIn, roleSmooth), nil
}

func differences(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

// FigS1 draws Fourier mixing: amplitudes of one image with the phases of another (digest §8; claim L5).
func FigS1(r *Results) (*Figure, error) {
	sheet, err := r.sheet("fourier")
	if err != nil {
		return nil, err
	}
	if sheet == nil {
		return r.noPictures("figS1", "Fourier mixing", "fourier", words[glowInFromGeneral]+" is not trained", roleIn, roleSmooth), nil
	}
	g := gallery{width: twoColumns, groups: 2, dots: 6, legend: framed(sheet)}
	for column, label := range []string{"amplitude", "phase", "result"} {
		row := galleryRow{label: label, colour: ink}
		if column == 0 {
			row.note = "ln p, nats"
		}
		for example := range min(2*shown, sheet.Rows()) {
			p := pictureOf(sheet, sheet.At(example, column))
			if column == 2 {
				p.role = "" // it is of no set
			}
			row.pictures = append(row.pictures, p)
		}
		g.rows = append(g.rows, row)
	}
	return r.figure("figS1", g, "Test images mixed in Fourier space, channel by channel: the amplitudes of the first "+
		"with the phases of the second, back in pixels below. Under each its log-likelihood under the finetuned Glow "+
		"of in, nats.",
		nil, roleIn, roleSmooth), nil
}

// FigS7 draws the images of general that the Glow of in likes best, by raw likelihood, ratio and last scale (digest §8;
// claim Q1).
func FigS7(r *Results) (*Figure, error) {
	return best(r, "figS7", glowInFromGeneral, "the finetuned Glow of in, without outlier loss")
}

// FigS8 draws the same for the Glow trained with the outlier loss (claim Q2).
func FigS8(r *Results) (*Figure, error) {
	return best(r, "figS8", glowInOutlierLoss, words[glowInOutlierLoss])
}

func best(r *Results, name, configuration, glow string) (*Figure, error) {
	sheetName := result.TopSheet(configuration)
	sheet, err := r.sheet(sheetName)
	if err != nil {
		return nil, err
	}
	if sheet == nil {
		return r.noPictures(name, "Most likely images of general", sheetName,
			words[configuration]+" or "+words[glowGeneral]+" is not trained", roleIn, roleGeneral), nil
	}
	labels := map[string]string{"raw": "log-likelihood", "ratio": "ratio to the Glow of general"}
	g := gallery{width: twoColumns, dots: 4}
	from := "images"
	for row := range sheet.Rows() {
		first := sheet.At(row, 0)
		if first == nil {
			continue
		}
		what, candidates, ok := strings.Cut(first.What, " of ") // "raw of 5000 training images"
		if ok {
			from = candidates
		}
		label := labels[what]
		if label == "" {
			label = "last scale, " + what
		}
		r := galleryRow{label: label, note: "nats", colour: ink}
		for column := range sheet.Columns() {
			p := pictureOf(sheet, sheet.At(row, column))
			p.role = "" // all of one set
			r.pictures = append(r.pictures, p)
		}
		g.rows = append(g.rows, r)
	}
	return r.figure(name, g, fmt.Sprintf("The %d of %s of general that score highest under %s, the best first: by "+
		"log-likelihood, by its ratio to the Glow of general, and by the last scale alone. Below the scores, nats.",
		sheet.Columns(), from, glow), nil, roleIn, roleGeneral), nil
}

// Sets is a contact sheet of the sets that play the roles, a row each: test images, the classes in turn (S5).
func Sets(r *Results) (*Figure, error) {
	sheet, err := r.sheet("sets")
	if err != nil {
		return nil, err
	}
	if sheet == nil {
		return r.noPictures("sets", "Image sets", "sets", "an older version wrote them", tableRoles...), nil
	}
	return r.figure("sets", sheetGallery(sheet), "Test images of the sets that play the paper's roles, one of each "+
		"class after the other.", nil, slices.Sorted(maps.Keys(r.manifest.Roles))...), nil
}

// Augmentation shows what training does to images (S4.1): the image, then draws.
func Augmentation(r *Results) (*Figure, error) {
	sheet, err := r.sheet("augmentation")
	if err != nil {
		return nil, err
	}
	if sheet == nil {
		return r.noPictures("augmentation", "Augmentation", "augmentation", "an older version wrote them", tableRoles...), nil
	}
	return r.figure("augmentation", sheetGallery(sheet), "A training image of each set (left) and what augmentation "+
		"makes of it: shifted by up to a tenth of its side, what is uncovered black, and mirrored in half of the "+
		"draws where the set is not of digits.", nil, tableRoles...), nil
}

func sheetGallery(sheet *result.Sheet) gallery {
	g := gallery{width: twoColumns, dots: 4}
	for row := range sheet.Rows() {
		first := sheet.At(row, 0)
		if first == nil {
			continue
		}
		r := galleryRow{label: first.Role, note: first.Set, colour: roleInk(first.Role)}
		for column := range sheet.Columns() {
			p := pictureOf(sheet, sheet.At(row, column))
			p.role, p.lines = "", nil
			r.pictures = append(r.pictures, p)
		}
		g.rows = append(g.rows, r)
	}
	return g
}
