package result

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/imageset"

	"github.com/google/renameio/v2"
)

// SheetPath is where a results folder keeps a sheet of drawn pictures, without the extension that Sheet.Write adds.
func SheetPath(folder, name string) string { return filepath.Join(folder, drawnPictures, name) }

// TopSheet is the name of the sheet of the images that score highest under a configuration (Figs. S7 and S8).
func TopSheet(configuration string) string { return "top_" + configuration }

// Tile is one picture of a sheet.
type Tile struct {
	// Row and Column are its place, counted from 0.
	Row    int `csv:"row"`
	Column int `csv:"column"`
	// What it is in its sheet: "amplitude", "mix", "raw".
	What string `csv:"what"`
	// Role and Set are those of the image that it is, or that it was made from, Index its place in the set's split
	// (test where the sheet's figure does not say otherwise), Class its label.
	Role  string `csv:"role"`
	Set   string `csv:"set"`
	Index int    `csv:"index"`
	Class string `csv:"class"`
	// Value is what the sheet's maker says of it, in nats where it is a likelihood; NaN where there is none.
	Value float64 `csv:"value"`
	// RGB are the pixels, row by row, three values each. Grey images have three equal ones.
	RGB []uint8 `csv:"-"`
}

// most is the largest number of rows or columns of a sheet: a damaged file asks for no more memory.
const most = 1 << 16

// check: tiles lie on the grid, one at a place.
func (Tile) check(tiles []Tile) *problem {
	seen := map[[2]int]bool{}
	for i, t := range tiles {
		switch place := [2]int{t.Row, t.Column}; {
		case t.Row < 0 || t.Row > most:
			return &problem{i, "row", fmt.Sprintf("%d is not within 0..%d", t.Row, most)}
		case t.Column < 0 || t.Column > most:
			return &problem{i, "column", fmt.Sprintf("%d is not within 0..%d", t.Column, most)}
		case seen[place]:
			return &problem{i, "column", fmt.Sprintf("a second tile at row %d, column %d", t.Row, t.Column)}
		default:
			seen[place] = true
		}
	}
	return nil
}

// Sheet is a grid of tiles of one size. It keeps the pictures of a result: figures are drawn from it, and what took
// long to compute is read back from it pixel by pixel.
//
//	NAME.png   the tiles, row by row without gaps, lossless; a grid place without a tile is black
//	NAME.csv   row,column,what,role,set,index,class,value: one line a tile
type Sheet struct {
	Height, Width int // of a tile, pixels
	Tiles         []Tile
}

// Add puts image i of a set into the sheet. The first image decides the size of all tiles.
func (s *Sheet) Add(t Tile, set *imageset.Set, i int) error {
	if len(s.Tiles) == 0 {
		s.Height, s.Width = set.Height, set.Width
	}
	if set.Height != s.Height || set.Width != s.Width {
		return fmt.Errorf("sheet: images of %s are %dx%d, those of the sheet %dx%d",
			set.Name, set.Height, set.Width, s.Height, s.Width)
	}
	pixels := set.Image(i)
	if t.RGB = pixels; set.Channels == 1 {
		t.RGB = make([]uint8, 0, 3*len(pixels))
		for _, p := range pixels {
			t.RGB = append(t.RGB, p, p, p)
		}
	}
	s.Tiles = append(s.Tiles, t)
	return nil
}

// At is the tile at a place, nil where there is none.
func (s *Sheet) At(row, column int) *Tile {
	if i := slices.IndexFunc(s.Tiles, func(t Tile) bool { return t.Row == row && t.Column == column }); i >= 0 {
		return &s.Tiles[i]
	}
	return nil
}

// Rows is the number of rows of the grid, Columns that of its columns.
func (s *Sheet) Rows() (n int) {
	for _, t := range s.Tiles {
		n = max(n, t.Row+1)
	}
	return n
}

// Columns is the number of columns of the grid.
func (s *Sheet) Columns() (n int) {
	for _, t := range s.Tiles {
		n = max(n, t.Column+1)
	}
	return n
}

// Column are the pixels of a column's tiles from top to bottom, with 1 or 3 channels, as an image set has them, and
// their values.
func (s *Sheet) Column(column, channels int) (pixels []uint8, values []float64) {
	for row := range s.Rows() {
		t := s.At(row, column)
		if t == nil {
			continue
		}
		for i := 0; i < len(t.RGB); i += 3 {
			pixels = append(pixels, t.RGB[i:i+channels]...)
		}
		values = append(values, t.Value)
	}
	return pixels, values
}

// Image is the tile's picture, each pixel as scale x scale of them.
func (s *Sheet) Image(t *Tile, scale int) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, s.Width*scale, s.Height*scale))
	for y := range s.Height * scale {
		for x := range s.Width * scale {
			at := 3 * (y/scale*s.Width + x/scale)
			picture.SetNRGBA(x, y, color.NRGBA{t.RGB[at], t.RGB[at+1], t.RGB[at+2], 255})
		}
	}
	return picture
}

// Write saves path.png and path.csv; each appears whole or not at all, the CSV last.
func (s *Sheet) Write(path string) error {
	sheet := image.NewNRGBA(image.Rect(0, 0, max(1, s.Columns()*s.Width), max(1, s.Rows()*s.Height)))
	for i := range sheet.Pix {
		if i%4 == 3 {
			sheet.Pix[i] = 255
		}
	}
	for _, t := range s.Tiles {
		for y := range s.Height {
			for x := range s.Width {
				at := 3 * (y*s.Width + x)
				c := color.NRGBA{t.RGB[at], t.RGB[at+1], t.RGB[at+2], 255}
				sheet.SetNRGBA(t.Column*s.Width+x, t.Row*s.Height+y, c)
			}
		}
	}
	text, err := encode(s.Tiles, allDigits)
	if err != nil {
		return fmt.Errorf("%s.csv: %w", path, err)
	}
	if err := imageset.WritePNG(path+".png", sheet); err != nil {
		return err
	}
	return renameio.WriteFile(path+".csv", text, 0o644)
}

// ReadSheet reads path.csv and path.png. A missing sheet is fs.ErrNotExist.
func ReadSheet(path string) (*Sheet, error) {
	tiles, err := ReadFile[Tile](path + ".csv")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, again)
	}
	s := &Sheet{Tiles: tiles}
	if err := s.readPixels(path + ".png"); err != nil {
		return nil, fmt.Errorf("%w; %s", err, again)
	}
	return s, nil
}

func (s *Sheet) readPixels(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing beside its CSV", path)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(s.Tiles) == 0 {
		return nil
	}
	size := picture.Bounds().Size()
	if size.X%s.Columns() != 0 || size.Y%s.Rows() != 0 {
		return fmt.Errorf("%s is %dx%d pixels, its CSV names %d rows of %d tiles",
			path, size.X, size.Y, s.Rows(), s.Columns())
	}
	s.Width, s.Height = size.X/s.Columns(), size.Y/s.Rows()
	for i := range s.Tiles {
		t := &s.Tiles[i]
		t.RGB = make([]uint8, 0, 3*s.Width*s.Height)
		for y := range s.Height {
			for x := range s.Width {
				c := color.NRGBAModel.Convert(picture.At(t.Column*s.Width+x, t.Row*s.Height+y)).(color.NRGBA)
				t.RGB = append(t.RGB, c.R, c.G, c.B)
			}
		}
	}
	return nil
}

// WriteSheet saves a sheet of a results folder. One with images that are not drawn by strata goes to a folder of its
// own, in which a file tells git to ignore all of it: somebody's images do not reach version control, whatever folder is written to.
func WriteSheet(folder, name string, sheet *Sheet, drawn func(set string) bool) error {
	return NotWritten(writeSheet(folder, name, sheet, drawn))
}

func writeSheet(folder, name string, sheet *Sheet, drawn func(set string) bool) error {
	if err := RemoveSheet(folder, name); err != nil { // an earlier one, perhaps of the other kind
		return err
	}
	to := drawnPictures
	if slices.ContainsFunc(sheet.Tiles, func(t Tile) bool { return !drawn(t.Set) }) {
		to = ignoredPictures
		if err := Ignored(filepath.Join(folder, to)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(folder, to), 0o755); err != nil {
		return err
	}
	return sheet.Write(filepath.Join(folder, to, name))
}

// Ignored makes a folder that git ignores with all that is in it.
func Ignored(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(folder, ".gitignore"), []byte("# somebody's images: not for version control\n*\n"), 0o644)
}

const (
	drawnPictures   = "pictures"
	ignoredPictures = "pictures_ignored"
)

// FindSheet is where a sheet of a results folder is, for ReadSheet, and whether it holds images that are not strata's.
func FindSheet(folder, name string) (path string, ignored bool) {
	path = filepath.Join(folder, ignoredPictures, name)
	if _, err := os.Stat(path + ".csv"); err == nil {
		return path, true
	}
	return SheetPath(folder, name), false
}

// OthersPictures are the sheets of a results folder that hold images which are not strata's.
func OthersPictures(folder string) (names []string, err error) {
	sheets, err := filepath.Glob(filepath.Join(folder, ignoredPictures, "*.csv"))
	for _, sheet := range sheets {
		names = append(names, strings.TrimSuffix(filepath.Base(sheet), ".csv"))
	}
	return names, err
}

// RemoveSheet removes a sheet of a results folder, if there is one.
func RemoveSheet(folder, name string) error {
	var problems []error
	for _, in := range []string{drawnPictures, ignoredPictures} {
		for _, suffix := range []string{".csv", ".png"} {
			if err := os.Remove(filepath.Join(folder, in, name) + suffix); !errors.Is(err, fs.ErrNotExist) {
				problems = append(problems, err)
			}
		}
	}
	return NotWritten(errors.Join(problems...))
}
