package imageset

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"

	"github.com/google/renameio/v2"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// SheetGap is how many pixels lie between the images of a contact sheet and around them.
const SheetGap = 2

// ContactSheet draws images of the set in a grid, each pixel as scale x scale: a
// row a class with its first images, the classes named beside it; rows past the
// number of classes go on with the classes' next images. Classes without images
// in this split are left out, and a set with images of one class only, or
// unlabelled, is drawn in its order. Zero values stand for 10 columns, a row a
// class (at most 20; 10 rows where there are no classes to tell apart) and
// scale 2.
func ContactSheet(set *Set, cols, rows, scale int) image.Image {
	if cols <= 0 {
		cols = 10
	}
	classes := byClass(set)
	if rows <= 0 {
		rows = 10
		if len(classes) > 1 {
			rows = min(len(classes), 20)
		}
	}
	if scale <= 0 {
		scale = 2
	}
	grid, names := sheetGrid(set, classes, cols, rows)

	margin := 0
	for _, name := range names {
		margin = max(margin, font.MeasureString(basicfont.Face7x13, name).Ceil()+2*SheetGap)
	}
	cellW, cellH := set.Width*scale+SheetGap, set.Height*scale+SheetGap
	sheet := image.NewRGBA(image.Rect(0, 0, margin+SheetGap+cols*cellW, SheetGap+rows*cellH))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for row := range grid {
		top := SheetGap + row*cellH
		if names != nil {
			text := font.Drawer{Dst: sheet, Src: image.NewUniform(color.Black), Face: basicfont.Face7x13,
				Dot: fixed.P(SheetGap, top+(cellH+9)/2)} // 9: height of its capitals
			text.DrawString(names[row])
		}
		for col, index := range grid[row] {
			drawImage(sheet, margin+SheetGap+col*cellW, top, scale, set, index)
		}
	}
	return sheet
}

// class is a label and the indices of its images.
type class struct {
	name   string
	images []int
}

// byClass returns the classes that have images, in the order of their labels.
func byClass(set *Set) []class {
	all := make([]class, len(set.Classes))
	for i, label := range set.Labels {
		all[label].images = append(all[label].images, i)
	}
	for label, name := range set.Classes {
		all[label].name = name
	}
	return slices.DeleteFunc(all, func(c class) bool { return len(c.images) == 0 })
}

// sheetGrid returns the indices of the images in each row, and the rows' names,
// none where there is but one class.
func sheetGrid(set *Set, classes []class, cols, rows int) (grid [][]int, names []string) {
	for row := range rows {
		if len(classes) < 2 {
			var cells []int
			for i := row * cols; i < min((row+1)*cols, set.Len()); i++ {
				cells = append(cells, i)
			}
			grid = append(grid, cells)
			continue
		}
		c, from := classes[row%len(classes)], row/len(classes)*cols
		from = min(from, len(c.images))
		grid = append(grid, c.images[from:min(from+cols, len(c.images))])
		names = append(names, shorten(c.name))
	}
	return grid, names
}

// shorten keeps a class name from taking more room than the images.
func shorten(name string) string {
	const longest = 16
	if runes := []rune(name); len(runes) > longest {
		return string(runes[:longest-1]) + "."
	}
	return name
}

func drawImage(sheet *image.RGBA, left, top, scale int, set *Set, index int) {
	pixels := set.Image(index)
	for y := range set.Height * scale {
		for x := range set.Width * scale {
			at := (y/scale*set.Width + x/scale) * set.Channels
			c := color.RGBA{pixels[at], pixels[at], pixels[at], 255}
			if set.Channels == 3 {
				c.G, c.B = pixels[at+1], pixels[at+2]
			}
			sheet.SetRGBA(left+x, top+y, c)
		}
	}
}

// WritePNG writes the picture to path. The file appears whole or not at all.
func WritePNG(path string, img image.Image) (err error) {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer file.Cleanup() // removes it unless it was put in place
	buffered := bufio.NewWriter(file)
	if err := png.Encode(buffered, img); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
