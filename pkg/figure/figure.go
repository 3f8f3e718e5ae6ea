// Package figure draws the figures of the paper from result files, and from nothing else: no model, no image, no random number.
// Equal files give equal bytes.
//
// A results folder is what an evaluation wrote, for example figures/section2/shapes_in-demo. The files read are
//
//	pixel_differences.csv   role,set,centre,density: one row a histogram bin (Fig. 1A)
//	scores.csv              role,set,index, then one column a score: one row an image (Fig. 1B, 2C, 2D)
//	table2.csv              model,score,role,set,auroc,low,high,...: one row a comparison (Table 2)
//
// A column, a role or a model that is missing is not an error, since runs come one after the other: the figure shows what there is,
// says in its panel what is missing, and its caption repeats it. A file that is missing or malformed is an error with file, line
// and column.
//
// Every figure keeps one colour a role (see [RoleColor]); sizes are those of print, 17 cm for two columns and 8.5 cm for one, at
// 300 dpi.
package figure

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

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

	page page
}

// Entry is a figure that can be drawn by name.
type Entry struct {
	Name string
	Draw func(results string) (*Figure, error)
}

// All lists the figures of section 2 in the order of the paper.
func All() []Entry {
	return []Entry{
		{"fig1a", Fig1A},
		{"fig1b", Fig1B},
		{"fig2c", Fig2C},
		{"fig2d", Fig2D},
		{"table2", Table2},
	}
}

// dpi is the resolution of the PNGs: what journals ask of pictures with colour.
const dpi = 300

// PNG writes the figure as a PNG of 300 dots an inch.
func (f *Figure) PNG(w io.Writer) error {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(f.page.width, f.page.height), vgimg.UseDPI(dpi))}
	f.page.draw(draw.New(canvas))
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("figure: %s as PNG: %w", f.Name, err)
	}
	return nil
}

// SVG writes the figure as an SVG. Text stays text.
func (f *Figure) SVG(w io.Writer) error {
	canvas := vgsvg.New(f.page.width, f.page.height)
	f.page.draw(draw.New(canvas))
	var buffer bytes.Buffer
	if _, err := canvas.WriteTo(&buffer); err != nil {
		return fmt.Errorf("figure: %s as SVG: %w", f.Name, err)
	}
	// The fonts are not embedded (0.4 MB a face). Arial and Helvetica have the widths of Liberation Sans, so that a machine without it
	// shows the same figure rather than its default serif.
	text := bytes.ReplaceAll(buffer.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Liberation Sans',Arimo,Arial,Helvetica,sans-serif;"))
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("figure: %s as SVG: %w", f.Name, err)
	}
	return nil
}

// Save writes dir/NAME.png and dir/NAME.svg, creating dir, and returns their paths. Each file appears whole or not at all: it is written
// beside, synced and renamed.
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
