package procedural

import (
	"fmt"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// face is the outlines of the digits 0 to 9: one high, centred on the origin, y down.
type face [10]outline

// loadFonts reads the digits of the Go fonts, once. Only their outlines are used, at the size at
// which the font's own units are pixels: integers, no hinting, and no rasteriser but ours.
var loadFonts = sync.OnceValues(func() ([]face, error) {
	var faces []face
	for _, ttf := range [][]byte{
		goregular.TTF, gomedium.TTF, gobold.TTF, goitalic.TTF, gobolditalic.TTF, gomono.TTF, gomonobold.TTF,
	} {
		f, err := readFace(ttf)
		if err != nil {
			return nil, fmt.Errorf("reading the digits of an embedded font: %w", err)
		}
		faces = append(faces, f)
	}
	return faces, nil
})

func readFace(ttf []byte) (face, error) {
	var out face
	parsed, err := sfnt.Parse(ttf)
	if err != nil {
		return out, err
	}
	var buffer sfnt.Buffer
	size := fixed.I(int(parsed.UnitsPerEm()))
	for digit := range out {
		index, err := parsed.GlyphIndex(&buffer, rune('0'+digit))
		if err != nil {
			return out, err
		}
		segments, err := parsed.LoadGlyph(&buffer, index, size, nil)
		if err != nil {
			return out, err
		}
		if out[digit] = flatten(segments).centred(); len(out[digit]) == 0 {
			return out, fmt.Errorf("font has no outline for %d", digit)
		}
	}
	return out, nil
}

// flatten turns a glyph's curves into polygons.
func flatten(segments sfnt.Segments) outline {
	const steps = 4 // pieces a curve: below a tenth of a pixel at the sizes drawn here
	var o outline
	at := func(p fixed.Point26_6) point { return point{float64(p.X), float64(p.Y)} }
	add := func(p point) { o[len(o)-1] = append(o[len(o)-1], p) }
	var pen point
	for _, s := range segments {
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			o = append(o, nil)
			pen = at(s.Args[0])
			add(pen)
		case sfnt.SegmentOpLineTo:
			pen = at(s.Args[0])
			add(pen)
		case sfnt.SegmentOpQuadTo:
			a, b, c := pen, at(s.Args[0]), at(s.Args[1])
			for k := 1; k <= steps; k++ {
				t := float64(k) / steps
				add(point{
					lerp(lerp(a.x, b.x, t), lerp(b.x, c.x, t), t),
					lerp(lerp(a.y, b.y, t), lerp(b.y, c.y, t), t),
				})
			}
			pen = c
		case sfnt.SegmentOpCubeTo: // PostScript outlines; the Go fonts have none
			pen = at(s.Args[2])
			add(pen)
		}
	}
	return o
}

// centred is the outline scaled to height one around the origin.
func (o outline) centred() outline {
	if len(o) == 0 {
		return nil
	}
	low, high := o.bounds()
	k := 1 / (high.y - low.y)
	return o.posed(pose{a: k, d: k, x: mul(-0.5, mul(k, low.x+high.x)), y: mul(-0.5, mul(k, low.y+high.y))})
}
