// Package figure draws the figures of the paper from result files, and from nothing else: no model, no random number.
// Equal files give equal bytes.
//
// A results folder is what strata reproduce wrote, for example figures/results/procedural-quick (pkg/result has its
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
//	kernel.csv              what the ratio sees by how the general set was made small, where it was tried
//	results.json, runs.csv  which sets play the roles, and how long was trained, for captions; the sets
//	                        for the panels of curves too
//
// A column, a role or a run that is missing is not an error, since runs come one after the other: the figure shows what
// there is, says in its panel what is missing, and its caption repeats it. A file that is missing or malformed is an
// error with file, line and column; only sheets of pictures and kernel.csv may be missing, since they are left out with
// the runs that they are of.
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
	// Shows is the caption's beginning, what is drawn and what is missing, and MeasuredOn its end. Between them stands
	// in short what became of the claims that the figure is about: [Sentence] says that to newcomers.
	Shows, MeasuredOn string

	page drawing
	// missing are the caption's sentences about what the results lack.
	missing []string
	// ofScores says which images the numbers in the figure are of, where these are computed from the score file.
	ofScores string
}

// IsEmpty says whether the results lack all that the figure would show: its caption says why, and there is no more to see.
func (f *Figure) IsEmpty() bool {
	p, ok := f.page.(page)
	return ok && !slices.ContainsFunc(p.panels, func(drawn panel) bool { return !drawn.empty })
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
	// Files are what it is drawn from, below the results folder; captions also take the sets' names from the manifest, and
	// the paper's values from experiments/claims.yaml.
	Files []string
	Draw  func(*Results) (*Figure, error)
	// Extra says that few results have what it is drawn from, and the others do without the figure.
	Extra bool
}

// All lists the figures in the order of the paper, each of its Figures 1 to 3 whole and then by its parts, then those
// that it has not: the scorecard of all claims, Table 2 as dots, the sets, augmentation, the claims over the steps of
// training, and the kernels that the general set was made small by.
func All() []Entry {
	sheet := func(name string) []string {
		path := result.SheetPath("", name)
		return []string{path + ".csv", path + ".png"}
	}
	differences, correlations := file[result.PixelDifference](), file[result.Correlation]()
	scores, curves, cells := []string{result.ScoresFile}, file[result.CurvePoint](), file[result.Cell]()
	curves = append(curves, result.ManifestFile) // their panels name sets, not roles alone
	return []Entry{
		{Name: "fig1", Files: slices.Concat(differences, scores, correlations), Draw: Fig1},
		{Name: "fig1a", Files: differences, Draw: Fig1A},
		{Name: "fig1b", Files: scores, Draw: Fig1B},
		{Name: "fig1c", Files: correlations, Draw: Fig1C},
		{Name: "fig2", Files: slices.Concat(scores, sheet("sets")), Draw: Fig2},
		{Name: "fig2a", Files: sheet("sets"), Draw: Fig2A},
		{Name: "fig2b", Files: scores, Draw: Fig2B},
		{Name: "fig2c", Files: scores, Draw: Fig2C},
		{Name: "fig2d", Files: scores, Draw: Fig2D},
		{Name: "fig3", Files: slices.Concat(scores, sheet("mixed"), sheet("climbed")), Draw: Fig3},
		{Name: "fig3a", Files: sheet("mixed"), Draw: Fig3A},
		{Name: "fig3b", Files: sheet("climbed"), Draw: Fig3B},
		{Name: "fig3c", Files: scores, Draw: Fig3C},
		{Name: "fig3d", Files: scores, Draw: Fig3D},
		{Name: "figS1", Files: sheet("fourier"), Draw: FigS1},
		{Name: "figS2", Files: curves, Draw: FigS2},
		{Name: "figS3", Files: curves, Draw: FigS3},
		{Name: "figS4", Files: curves, Draw: FigS4},
		{Name: "figS5", Files: append(cells, append(file[result.SeedValue](), result.ManifestFile)...), Draw: FigS5},
		{Name: "figS6", Files: curves, Draw: FigS6},
		{Name: "figS7", Files: sheet(result.TopSheet(glowInFromGeneral)), Draw: FigS7},
		{Name: "figS8", Files: sheet(result.TopSheet(glowInOutlierLoss)), Draw: FigS8},
		{Name: "scorecard", Files: append(file[result.Claim](), file[result.Condition]()...), Draw: Scorecard},
		{Name: "table2", Files: cells, Draw: Table2},
		{Name: "sets", Files: sheet("sets"), Draw: Sets},
		{Name: "augmentation", Files: sheet("augmentation"), Draw: Augmentation},
		{Name: "claims_over_steps", Files: file[result.ClaimAtStep](), Draw: OverSteps},
		{Name: "kernel", Files: file[result.KernelValue](), Draw: Kernel, Extra: true},
	}
}

// file is the table of a type of row as a list of files.
func file[T result.Row]() []string { return []string{result.FileOf[T]()} }

// dpi is the resolution of the PNGs: what journals ask of pictures with colour.
const dpi = 300

// Columns is how many of the paper's two columns the figure is wide.
func (f *Figure) Columns() float64 {
	width, _ := f.page.size()
	return 2 * float64(width/twoColumns)
}

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
