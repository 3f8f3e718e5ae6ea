// Package tiles keeps the pictures of a result: a lossless PNG of equal tiles without gaps, and a CSV beside it that names each tile.
// Figures are drawn from both, and what took long to compute is read back from them pixel by pixel.
//
//	NAME.png   the tiles, row by row; a grid place without a tile is black
//	NAME.csv   row,column,what,role,set,index,class,value: one line a tile
//
// It knows no model and no figure.
package tiles

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/imageset"

	"github.com/google/renameio/v2"
)

// Tile is one picture of a sheet.
type Tile struct {
	// Row and Column are its place, counted from 0.
	Row, Column int
	// What it is in its sheet: "amplitude", "mix", "raw".
	What string
	// Role and Set are those of the image that it is, or that it was made from, Index its place in the set's split (test where the sheet's figure does not say otherwise), Class its label.
	Role, Set string
	Index     int
	Class     string
	// Value is what the sheet's maker says of it, in nats where it is a likelihood; NaN where there is none.
	Value float64
	// RGB are the pixels, row by row, three values each. Grey images have three equal ones.
	RGB []uint8
}

// Sheet is a grid of tiles of one size.
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
		return fmt.Errorf("tiles: images of %s are %dx%d, those of the sheet %dx%d", set.Name, set.Height, set.Width, s.Height, s.Width)
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

// Column are the pixels of a column's tiles from top to bottom, with 1 or 3 channels, as an image set has them, and their values.
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

var header = []string{"row", "column", "what", "role", "set", "index", "class", "value"}

// Write saves path.png and path.csv; each appears whole or not at all, the CSV last.
func (s *Sheet) Write(path string) error {
	sheet := image.NewNRGBA(image.Rect(0, 0, max(1, s.Columns()*s.Width), max(1, s.Rows()*s.Height)))
	for i := range sheet.Pix {
		if i%4 == 3 {
			sheet.Pix[i] = 255
		}
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Write(header)
	for _, t := range s.Tiles {
		for y := range s.Height {
			for x := range s.Width {
				at := 3 * (y*s.Width + x)
				sheet.SetNRGBA(t.Column*s.Width+x, t.Row*s.Height+y, color.NRGBA{t.RGB[at], t.RGB[at+1], t.RGB[at+2], 255})
			}
		}
		value := ""
		if !math.IsNaN(t.Value) {
			value = strconv.FormatFloat(t.Value, 'g', -1, 64)
		}
		w.Write([]string{strconv.Itoa(t.Row), strconv.Itoa(t.Column), t.What, t.Role, t.Set, strconv.Itoa(t.Index), t.Class, value})
	}
	w.Flush()
	if err := imageset.WritePNG(path+".png", sheet); err != nil {
		return fmt.Errorf("tiles: %w", err)
	}
	if err := renameio.WriteFile(path+".csv", text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("tiles: %w", err)
	}
	return nil
}

// again is what to do about a damaged sheet: it is derived, nobody should repair it by hand.
const again = "delete it and evaluate again (strata reproduce)"

// Read reads path.csv and path.png; what is wrong with them is said with file, line and column. A missing sheet is fs.ErrNotExist.
func Read(path string) (*Sheet, error) {
	text, err := os.ReadFile(path + ".csv")
	if err != nil {
		return nil, fmt.Errorf("tiles: %w", err)
	}
	s := &Sheet{}
	reader := csv.NewReader(bytes.NewReader(text))
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("tiles: %s.csv: %w: %s", path, err, again)
	}
	if len(records) == 0 || !slices.Equal(records[0], header) {
		return nil, fmt.Errorf("tiles: %s.csv, line 1: expected the columns %s: %s", path, strings.Join(header, ","), again)
	}
	for i, r := range records[1:] {
		t := Tile{What: r[2], Role: r[3], Set: r[4], Class: r[6], Value: math.NaN()}
		wrong := func(column int) error {
			return fmt.Errorf("tiles: %s.csv, line %d, column %d (%s) is %q: %s", path, i+2, column+1, header[column], r[column], again)
		}
		for column, into := range map[int]*int{0: &t.Row, 1: &t.Column, 5: &t.Index} {
			if *into, err = strconv.Atoi(r[column]); err != nil || column < 2 && (*into < 0 || *into > 1<<16) {
				return nil, wrong(column)
			}
		}
		if r[7] != "" {
			if t.Value, err = strconv.ParseFloat(r[7], 64); err != nil {
				return nil, wrong(7)
			}
		}
		if s.At(t.Row, t.Column) != nil {
			return nil, fmt.Errorf("tiles: %s.csv, line %d: a second tile at row %d, column %d: %s", path, i+2, t.Row, t.Column, again)
		}
		s.Tiles = append(s.Tiles, t)
	}
	return s, s.readPixels(path + ".png")
}

func (s *Sheet) readPixels(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tiles: %s is missing beside its CSV: %s", path, again)
	}
	if err != nil {
		return fmt.Errorf("tiles: %w", err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		return fmt.Errorf("tiles: %s: %w: %s", path, err, again)
	}
	if len(s.Tiles) == 0 {
		return nil
	}
	size := picture.Bounds().Size()
	if size.X%s.Columns() != 0 || size.Y%s.Rows() != 0 {
		return fmt.Errorf("tiles: %s is %dx%d pixels, its CSV names %d rows of %d tiles: %s", path, size.X, size.Y, s.Rows(), s.Columns(), again)
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
