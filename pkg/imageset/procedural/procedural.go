// Package procedural draws the image sets that strata brings with it: no download, no files, and
// in miniature the hierarchy of distributions of the paper (Schirrmeister et al. 2020, digest §7
// and §8). Five sets of 32x32 RGB images:
//
//	leaves    the general set, in the role of 80 Million Tiny Images: dead leaves and textures
//	shapes    the specific in-distribution set, in the role of CIFAR-10: objects in ten classes on
//	          grounds made of leaves
//	digits    the smooth outliers, in the role of SVHN: numbers on a soft ground, with about a
//	          quarter of the total variation of shapes
//	textures  the far outliers: regular patterns and noises that no other set contains
//	phantom   slices of a head in four modalities, in the role of BRATS (paper §5.1)
//
// Dead leaves are objects of scale-invariant sizes that fall on each other until nothing shows
// through; their low-level statistics are those of natural images (Ruderman 1997; Lee, Mumford and
// Huang 2001). What sets shapes apart from leaves is regularity: one object in the middle, light
// from above, a shadow below, a dark outline, a narrow range of ground colours.
//
// Every image ends in the same sensor (see sensor.go): a slightly blurred noise of the same law in
// every set, so that no region is exactly constant and no density can grow without bound on it.
//
// Image i of a split is a pure function of (Version, set, split, seed, i): asking for more images never changes the
// first ones, and two splits or seeds share no random stream. The pixels are the same on every machine:
// randomness is PCG with our own conversions, and the arithmetic uses only operations that IEEE 754
// rounds exactly (see arith.go). The golden hashes in the tests pin that.
package procedural

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Version counts the changes of what is drawn. All that was trained or measured on another version's images is of other data.
const Version = 1

// The shape of every image of this package.
const (
	Side      = 32              // height and width, pixels
	Channels  = 3               // red, green, blue
	ImageSize = Side * Side * 3 // bytes an image
)

// maxImages bounds one call of Draw (3 GB of pixels), so that a mistyped size is an error and not a
// machine out of memory.
const maxImages = 1_000_000

// family is one procedural set: what it is, its classes, and how one image is drawn. A near outlier
// set, such as classes of shapes that are held back, is one more family.
type family struct {
	name    string
	about   string
	classes []string
	// paint draws one image of a class on a canvas, before the sensor.
	paint func(c *canvas, r *random, class int) error
	// grey repeats one channel three times.
	grey bool
}

var families = []family{
	{"leaves", "general set: dead leaves and natural textures, very varied", leafClasses, paintLeaves, false},
	{"shapes", "in-distribution set: shaded objects in ten classes on grounds of leaves", shapeClasses, paintShapes, false},
	{"digits", "smooth outliers: numbers on a soft ground, as house numbers are", digitClasses, paintDigits, false},
	{"textures", "far outliers: regular patterns and noises of unnatural spectra", textureClasses, paintTextures, false},
	{"phantom", "slices of a head in four MRI modalities of one anatomy, grey in three channels", phantomClasses, paintPhantom, true},
}

// Names lists the sets: "leaves", "shapes", "digits", "textures", "phantom".
func Names() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
	}
	return names
}

// Describe says in one line what a set is; it is empty for a name that Names does not list.
func Describe(name string) string {
	if f := find(name); f != nil {
		return f.about
	}
	return ""
}

// Size is the number of images that Draw gives where none is asked for: 8000 for "train", 2000 for
// "test", 0 for any other split.
func Size(split string) int {
	switch split {
	case "train":
		return 8000
	case "test":
		return 2000
	}
	return 0
}

// Draw draws the first n images of a set. pixels is NHWC, n x 32 x 32 x 3; labels has one class
// index an image, image i being of class i mod len(classes); classes names them.
//
// split is "train" or "test". n <= 0 asks for Size(split); more than that is allowed. Each seed draws other images of the same
// laws; 0 is the one that everything published used. The images do
// not depend on n or on the number of processors; they are drawn on all of them.
//
// It fails on an unknown name or split and on more than a million images.
func Draw(name, split string, n int, seed uint64) (pixels []uint8, labels []int32, classes []string, err error) {
	f := find(name)
	if f == nil {
		return nil, nil, nil, fmt.Errorf("procedural: no set %q; choose one of %s", name, strings.Join(Names(), ", "))
	}
	if Size(split) == 0 {
		return nil, nil, nil, fmt.Errorf(`procedural: set %s has no split %q; choose "train" or "test"`, name, split)
	}
	if n <= 0 {
		n = Size(split)
	}
	if n > maxImages {
		return nil, nil, nil, fmt.Errorf("procedural: %d images of %s are more than can be drawn at once; ask for at most %d", n, name,
			maxImages)
	}
	pixels = make([]uint8, n*ImageSize)
	labels = make([]int32, n)
	for i := range labels {
		labels[i] = int32(i % len(f.classes))
	}
	if err := drawAll(f, split, seed, pixels); err != nil {
		return nil, nil, nil, err
	}
	return pixels, labels, slices.Clone(f.classes), nil
}

// drawAll fills pixels, workers taking the next image until none is left.
func drawAll(f *family, split string, seed uint64, pixels []uint8) error {
	n := len(pixels) / ImageSize
	var (
		next    atomic.Int64
		workers sync.WaitGroup
		mu      sync.Mutex
		failure error
	)
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			c := new(canvas)
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := drawImage(c, f, split, seed, i, pixels[i*ImageSize:(i+1)*ImageSize]); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
					return
				}
			}
		})
	}
	workers.Wait()
	return failure
}

// drawImage draws image i of a split into out (HWC), using c as scratch.
func drawImage(c *canvas, f *family, split string, seed uint64, i int, out []uint8) error {
	r := newRandom(f.name, split, seed, i)
	c.clear()
	if err := f.paint(c, r, i%len(f.classes)); err != nil {
		return fmt.Errorf("procedural: image %d of %s %s: %w", i, f.name, split, err)
	}
	c.expose(r, out)
	if f.grey {
		for i := 0; i < len(out); i += Channels {
			out[i+1], out[i+2] = out[i], out[i]
		}
	}
	return nil
}

func find(name string) *family {
	for i := range families {
		if families[i].name == name {
			return &families[i]
		}
	}
	return nil
}
