package detector

import (
	"context"
	"fmt"
	"image"
	"iter"
	"runtime"

	"strata/pkg/imageset/intake"
	"strata/pkg/imageset/resample"
)

// Preparation is how pictures of any size become images of Side x Side: each is resized as a whole, its aspect not kept,
// or, with Tiles, cut into windows.
type Preparation struct {
	// Channels is 1 for grey models and 3 for RGB. Colour pictures become grey by their luma (ITU-R 601) in a grey model.
	Channels int `json:"channels"`
	// Kernel resizes, "" for bilinear, all with antialiasing as PIL does it.
	Kernel resample.Kernel `json:"kernel,omitempty"`
	// Tiles cuts windows that share Overlap pixels with their neighbours. A picture whose longer side is above Longest is
	// first made smaller, to that, and one with a side below Side larger. A picture's score is that of its most unusual
	// window, score by score.
	Tiles   bool `json:"tiles,omitempty"`
	Overlap int  `json:"overlap,omitempty"`
	Longest int  `json:"longest,omitempty"`
}

// mostAlong is how many windows lie at most along a side of a picture: the windows of a few dozen pictures are in memory at a time, of
// 50 MB each in RGB.
const mostAlong = 128

// Validate says what is wrong with a preparation.
func (p Preparation) Validate() error {
	switch {
	case p.Channels != 1 && p.Channels != 3:
		return fmt.Errorf("images of %d channels: expected 1 (grey) or 3 (RGB)", p.Channels)
	case p.Tiles && (p.Overlap < 0 || p.Overlap >= Side):
		return fmt.Errorf("tiles that share %d pixels: expected 0 to %d, for windows of %dx%d", p.Overlap, Side-1, Side, Side)
	case p.Tiles && (p.Longest < Side || p.Longest > 4096):
		return fmt.Errorf("tiles of pictures of at most %d pixels: expected %d to 4096", p.Longest, Side)
	case p.Tiles && len(p.starts(p.Longest)) > mostAlong:
		return fmt.Errorf("tiles that share %d pixels, of pictures of up to %d: %d windows along a side, expected at most %d: share "+
			"less, or make pictures smaller", p.Overlap, p.Longest, len(p.starts(p.Longest)), mostAlong)
	case !p.Tiles && (p.Overlap != 0 || p.Longest != 0):
		return fmt.Errorf("an overlap of %d and a longest side of %d are for tiles", p.Overlap, p.Longest)
	}
	return p.Kernel.Validate()
}

// String says it for people.
func (p Preparation) String() string {
	colour := map[int]string{1: "grey", 3: "RGB"}[p.Channels]
	kernel := string(p.Kernel)
	if kernel == "" {
		kernel = string(resample.Bilinear)
	}
	if p.Tiles {
		return fmt.Sprintf("%s, windows of %dx%d that share %d pixels, of pictures of at most %d pixels a side (%s)", colour, Side, Side,
			p.Overlap, p.Longest, kernel)
	}
	return fmt.Sprintf("%s, resized as a whole to %dx%d (%s)", colour, Side, Side, kernel)
}

// Windows are what of one picture the networks see.
type Windows struct {
	// Height and Width are those of the picture that they are cut from, after it was resized.
	Height, Width int
	// Corners are their upper left ones, and Pixels theirs, NHWC.
	Corners []image.Point
	Pixels  []uint8
	// Notes say what was done to the picture that can matter.
	Notes []string
}

// Of prepares a picture.
func (p Preparation) Of(picture *intake.Picture) Windows {
	w := Windows{Height: Side, Width: Side, Notes: picture.Notes}
	if p.Tiles {
		w.Height, w.Width = within(picture.Height, picture.Width, p.Longest)
		w.Height, w.Width = max(w.Height, Side), max(w.Width, Side)
	}
	pixels := p.Kernel.Resize(picture.Pixels, picture.Height, picture.Width, picture.Channels, w.Height, w.Width)
	switch {
	case picture.Channels == 1 && p.Channels == 3:
		pixels = threefold(pixels)
	case picture.Channels == 3 && p.Channels == 1:
		pixels = luma(pixels)
		w.Notes = append(w.Notes[:len(w.Notes):len(w.Notes)], "a colour picture in a grey model: its luma")
	}
	for _, y := range p.starts(w.Height) {
		for _, x := range p.starts(w.Width) {
			w.Corners = append(w.Corners, image.Pt(x, y))
			w.Pixels = append(w.Pixels, resample.Crop(pixels, w.Width, p.Channels, y, x, Side, Side)...)
		}
	}
	return w
}

// Bytes is how much memory a picture takes at most once it is decoded, until it is judged; with a View more.
func (p Preparation) Bytes(view bool) int64 {
	side := Side // of what windows are cut from
	if p.Tiles {
		side = p.Longest
	}
	along := len(p.starts(side))
	windows, area := int64(along*along*Side*Side), int64(side*side)
	bytes := windows*int64(p.Channels) + 3*area // and the resized picture in RGB
	if view {
		bytes += 4*windows + 8*area // the heat of windows, its sum, and how many lie on each pixel
	}
	return bytes
}

// starts are where windows begin along a side, the last one flush with its end.
func (p Preparation) starts(side int) []int {
	var starts []int
	for at := 0; at+Side < side; at += Side - p.Overlap {
		starts = append(starts, at)
	}
	return append(starts, side-Side)
}

// within is a size of the same aspect whose longer side is at most longest.
func within(height, width, longest int) (int, int) {
	if longer := max(height, width); longer > longest {
		height, width = (height*longest+longer/2)/longer, (width*longest+longer/2)/longer
	}
	return max(height, 1), max(width, 1)
}

func threefold(grey []uint8) []uint8 {
	rgb := make([]uint8, 0, 3*len(grey))
	for _, v := range grey {
		rgb = append(rgb, v, v, v)
	}
	return rgb
}

// luma is PIL's conversion to "L", in fixed point.
func luma(rgb []uint8) []uint8 {
	grey := make([]uint8, len(rgb)/3)
	for i := range grey {
		grey[i] = uint8((19595*int(rgb[3*i]) + 38470*int(rgb[3*i+1]) + 7471*int(rgb[3*i+2]) + 0x8000) >> 16)
	}
	return grey
}

// Prepared is a picture on its way.
type Prepared struct {
	File intake.File
	// Err says why it could not be read; all else is empty then.
	Err     error
	Windows Windows
	// Grey says that all its pixels are grey, whatever it is prepared for.
	Grey bool
	// Look asks for its Result.View, whatever Options.Look says.
	Look bool

	small *intake.Picture // for a View
}

// processors bounds how many pictures are prepared at once, over all goroutines: more would be megabytes more, and no faster.
var processors = make(chan struct{}, runtime.GOMAXPROCS(0))

// Read reads and prepares files on all processors, in their order, and some ahead of what asks. It is done with files when it ends.
func (p Preparation) Read(ctx context.Context, files iter.Seq[intake.File], limits intake.Limits) iter.Seq[Prepared] {
	return p.read(ctx, files, limits, false)
}

func (p Preparation) read(ctx context.Context, files iter.Seq[intake.File], limits intake.Limits, withSmall bool) iter.Seq[Prepared] {
	return func(yield func(Prepared) bool) {
		ctx, cancel := context.WithCancel(ctx)
		queue := make(chan chan Prepared, 4*cap(processors))
		go func() {
			defer close(queue)
			for file := range files {
				ready := make(chan Prepared, 1)
				select {
				case queue <- ready:
				case <-ctx.Done():
					return
				}
				processors <- struct{}{}
				go func() {
					ready <- p.one(file, limits, withSmall)
					<-processors
				}()
			}
		}()
		defer func() { // zips must not be closed under a reader
			cancel()
			for ready := range queue {
				<-ready
			}
		}()
		for ready := range queue {
			if !yield(<-ready) {
				return
			}
		}
	}
}

func (p Preparation) one(file intake.File, limits intake.Limits, withSmall bool) Prepared {
	picture, err := file.Read(limits)
	if err != nil {
		return Prepared{File: file, Err: err}
	}
	prepared := Prepared{File: file, Windows: p.Of(picture), Grey: picture.Channels == 1}
	if withSmall {
		prepared.small = shrunk(picture)
	}
	return prepared
}

// shrunk is a picture of at most ViewSide.
func shrunk(p *intake.Picture) *intake.Picture {
	small := &intake.Picture{Channels: p.Channels}
	small.Height, small.Width = within(p.Height, p.Width, ViewSide)
	small.Pixels = resample.Resize(p.Pixels, p.Height, p.Width, p.Channels, small.Height, small.Width)
	return small
}
