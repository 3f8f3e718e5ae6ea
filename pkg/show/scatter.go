package show

import (
	_ "embed" // pages
	"fmt"
	"html"

	"strata/pkg/imageset"
)

// Point is an image in a Scatter: two scores in nats, and which image of which set it is.
type Point struct {
	X, Y  float64
	Set   string
	Index int
}

// Axes are those of a Scatter.
type Axes struct {
	X, Y string // what they are, with the unit
	// Diagonal draws y = x, on axes of one scale, and says how far the dot under the pointer is above it.
	Diagonal bool
	// Note stands below the plot.
	Note string
}

// Scatter is a page with a dot for each point, in the colour of its set; the image under the pointer is shown beside.
// tiles are the points' images in their order. id is unique in the notebook.
func Scatter(id string, axes Axes, points []Point, tiles *imageset.Set) (string, error) {
	if len(points) == 0 || tiles.Len() != len(points) {
		return "", fmt.Errorf("%d points for %d images: expected as many of both, and some", len(points), tiles.Len())
	}
	const columns = 25
	bare := *tiles // a sheet with classes would have names beside it
	bare.Labels, bare.Classes = nil, nil
	sprite, err := dataURI(imageset.ContactSheet(&bare, columns, (len(points)+columns-1)/columns, 1))
	if err != nil {
		return "", err
	}
	return fill(scatterPage, map[string]string{"ID": id, "X": html.EscapeString(axes.X), "Y": html.EscapeString(axes.Y),
		"XTEXT": encoded(axes.X), "YTEXT": encoded(axes.Y), "DIAGONAL": fmt.Sprint(axes.Diagonal),
		"NOTE": html.EscapeString(axes.Note), "POINTS": encoded(points), "SPRITE": sprite,
		"TILE": fmt.Sprint(tiles.Width + imageset.SheetGap), "GAP": fmt.Sprint(imageset.SheetGap),
		"SIDE": fmt.Sprint(tiles.Width), "COLUMNS": fmt.Sprint(columns)}), nil
}

//go:embed pages/scatter.html
var scatterPage string
