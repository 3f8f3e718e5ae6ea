// Package figure draws the figures of the paper from result files, and from nothing else: no model, no random number.
// Equal files give equal bytes.
//
// A results folder is what strata reproduce wrote, for example figures/results/procedural-demo (pkg/result has its
// schema). The files read are
//
//	pixel_differences.csv   Fig. 1A; Figs 1, 2 and 3 read what their parts do
//	scores.csv              Figs 1B, 2B-D, 3C, 3D
//	correlations.csv        Fig. 1C
//	curves.csv              Figs S2-S4, S6
//	cells.csv               Fig. S5 with cells_by_seed.csv, Table 2
//	pictures/NAME.png, .csv sheets of images: Figs 2A, 3A, 3B, S1, S7, S8, the sets
//	claims.csv              with conditions.csv: the scorecard
//	claims_over_steps.csv   the claims over the steps of training
//	results.json, runs.csv  which sets play the roles, and how long was trained, for captions
//
// A column, a role or a run that is missing is not an error, since runs come one after the other: the figure shows what
// there is, says in its panel what is missing, and its caption repeats it. A file that is missing or malformed is an
// error with file, line and column; only sheets of pictures may be missing, since they are left out with the run that
// they are of.
//
// Every figure keeps one colour, dash and mark a role (see [RoleColor]); sizes are those of print, 17 cm for two
// columns and 8.5 cm for one, at 300 dpi.
package figure

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"strata/pkg/result"

	"github.com/google/renameio/v2"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is a drawn figure: what [Figure.PNG], [Figure.SVG] and [Figure.Save] put on paper.
type Figure struct {
	// Name is that of the files without extension: "fig1a".
	Name string
	// Caption is the text for under the figure, one paragraph, with what was measured, and what is missing.
	Caption string

	page drawing
	// missing are the caption's sentences about what the results lack.
	missing []string
}

// drawing is what a figure consists of: a grid of plots, a grid of pictures, the schematic of Fig. 2A, the scorecard,
// or several of them.
type drawing interface {
	// size is that on paper; the canvas that draw gets has it.
	size() (width, height vg.Length)
	draw(c draw.Canvas)
}

// Entry is a figure that can be drawn by name.
type Entry struct {
	Name string
	// Files are what it is drawn from, below the results folder; captions also take the sets' names from the manifest.
	Files []string
	Draw  func(*Results) (*Figure, error)
}

// All lists the figures in the order of the paper, each of its Figures 1 to 3 whole and then by its parts, then those
// that it has not: the scorecard of all claims, Table 2 as dots, the sets, augmentation, and the claims over the steps
// of training.
func All() []Entry {
	sheet := func(name string) []string {
		path := result.SheetPath("", name)
		return []string{path + ".csv", path + ".png"}
	}
	differences, correlations := file[result.PixelDifference](), file[result.Correlation]()
	scores, curves, cells := []string{result.ScoresFile}, file[result.CurvePoint](), file[result.Cell]()
	return []Entry{
		{"fig1", slices.Concat(differences, scores, correlations), Fig1},
		{"fig1a", differences, Fig1A},
		{"fig1b", scores, Fig1B},
		{"fig1c", correlations, Fig1C},
		{"fig2", slices.Concat(scores, sheet("sets")), Fig2},
		{"fig2a", sheet("sets"), Fig2A},
		{"fig2b", scores, Fig2B},
		{"fig2c", scores, Fig2C},
		{"fig2d", scores, Fig2D},
		{"fig3", slices.Concat(scores, sheet("mixed"), sheet("climbed")), Fig3},
		{"fig3a", sheet("mixed"), Fig3A},
		{"fig3b", sheet("climbed"), Fig3B},
		{"fig3c", scores, Fig3C},
		{"fig3d", scores, Fig3D},
		{"figS1", sheet("fourier"), FigS1},
		{"figS2", curves, FigS2},
		{"figS3", curves, FigS3},
		{"figS4", curves, FigS4},
		{"figS5", append(cells, file[result.SeedValue]()...), FigS5},
		{"figS6", curves, FigS6},
		{"figS7", sheet(result.TopSheet(glowInFromGeneral)), FigS7},
		{"figS8", sheet(result.TopSheet(glowInOutlierLoss)), FigS8},
		{"scorecard", append(file[result.Claim](), file[result.Condition]()...), Scorecard},
		{"table2", cells, Table2},
		{"sets", sheet("sets"), Sets},
		{"augmentation", sheet("augmentation"), Augmentation},
		{"claims_over_steps", file[result.ClaimAtStep](), OverSteps},
	}
}

// file is the table of a type of row as a list of files.
func file[T result.Row]() []string { return []string{result.FileOf[T]()} }

// dpi is the resolution of the PNGs: what journals ask of pictures with colour.
const dpi = 300

// PNG writes the figure as a PNG of 300 dots an inch.
func (f *Figure) PNG(w io.Writer) error { return f.png(w, dpi) }

func (f *Figure) png(w io.Writer, dpi int) error {
	width, height := f.page.size()
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))}
	f.page.draw(draw.New(canvas))
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("figure: %s as PNG: %w", f.Name, err)
	}
	return nil
}

// SVG writes the figure as an SVG. Text stays text.
func (f *Figure) SVG(w io.Writer) error {
	canvas := vgsvg.New(f.page.size())
	f.page.draw(draw.New(canvas))
	var buffer bytes.Buffer
	if _, err := canvas.WriteTo(&buffer); err != nil {
		return fmt.Errorf("figure: %s as SVG: %w", f.Name, err)
	}
	// The fonts are not embedded (0.4 MB a face). Arial and Helvetica have the widths of Liberation Sans, so that a
	// machine without it shows the same figure rather than its default serif.
	text := bytes.ReplaceAll(buffer.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Liberation Sans',Arimo,Arial,Helvetica,sans-serif;"))
	text = bytes.ReplaceAll(text, []byte("data:image/jpg;"), []byte("data:image/png;")) // which they are
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("figure: %s as SVG: %w", f.Name, err)
	}
	return nil
}

// Save writes dir/NAME.png and dir/NAME.svg, creating dir, and returns their paths. Each file appears whole or not at
// all: it is written beside, synced and renamed.
func (f *Figure) Save(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("figure: no folder for %s: %w", f.Name, err)
	}
	var paths []string
	for _, format := range []struct {
		extension string
		render    func(io.Writer) error
	}{{".png", f.PNG}, {".svg", f.SVG}} {
		var buffer bytes.Buffer
		if err := format.render(&buffer); err != nil {
			return paths, err
		}
		path := filepath.Join(dir, f.Name+format.extension)
		if err := renameio.WriteFile(path, buffer.Bytes(), 0o644); err != nil {
			return paths, fmt.Errorf("figure: %s: %w", path, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

const (
	oneColumn  = 8.5 * vg.Centimeter
	twoColumns = 17 * vg.Centimeter
)
