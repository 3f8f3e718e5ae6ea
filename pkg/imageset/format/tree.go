package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"strata/pkg/imageset/resample"
)

// entry is a file of a zip or folder, its name with / between folders.
type entry struct {
	name string
	open func() (io.ReadCloser, error)
}

// tree is a listing of pictures, each in its split, sorted by path.
type tree struct {
	where   string // the archive or folder, for errors
	options Options
	side    int      // pictures are brought to side x side; 0: they keep the size that they share
	classes []string // sorted, of both splits together, so that labels agree; nil where there are none
	files   map[string][]placed
	// ownSplits says that the split is not the set's own choice.
	ownSplits bool
}

// placed is a picture file in its split, with its class where it has one.
type placed struct {
	entry
	class string
	place int // among all pictures, where the splits are ours
}

// newTree sorts the entries into splits and classes, by one of four layouts. One folder around
// everything is allowed.
//
//	train/CLASS/NAME, test/CLASS/NAME                          as it is, and nothing else may lie there
//	train/CLASS/images/NAME, test/images/NAME, val/images/NAME Tiny ImageNet; the test split has no labels, val is left alone
//	img_align_celeba/NUMBER.jpg                                CelebA: the first Options.Faces are the test split, the others train
//	anything else with pictures in it                          every fifth picture is test, the others train; no labels
func newTree(where string, entries []entry, options Options) (*tree, error) {
	if len(entries) == 0 {
		return nil, errors.New("holds no files: expected train/CLASS/NAME.png or test/CLASS/NAME.png, or any pictures")
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var pictures []entry
	for _, e := range entries {
		if hasImageName(e.name) {
			pictures = append(pictures, e)
		}
	}
	if len(pictures) == 0 {
		return nil, errors.New("holds no pictures: expected .png, .jpg, .jpeg or .webp, as train/CLASS/NAME.png and test/CLASS/NAME.png " +
			"or in any folders")
	}
	wrapper := wrapperOf(pictures)
	t := &tree{where: where, options: options, side: options.Side, files: map[string][]placed{}}
	has := func(match func(parts []string) bool) bool {
		return slices.ContainsFunc(pictures, func(e entry) bool { return match(strings.Split(strings.TrimPrefix(e.name, wrapper), "/")) })
	}
	switch {
	case has(func(parts []string) bool { return len(parts) == 4 && parts[0] == Train && parts[2] == "images" }):
		t.side = options.side()
		return t, t.tinyImageNet(entries, wrapper)
	case has(func(parts []string) bool { return len(parts) > 1 && (parts[0] == Train || parts[0] == Test) }):
		return t, t.splitsAndClasses(entries, wrapper)
	}
	// A set with splits that lie deeper must not pass for one without.
	for _, e := range pictures {
		parts := strings.Split(e.name, "/")
		if folders := parts[:len(parts)-1]; slices.Contains(folders, Train) || slices.Contains(folders, Test) {
			return nil, fmt.Errorf("entry %q: lies in a folder train or test that is not at the top: make each folder that holds train "+
				"and test a set of its own", e.name)
		}
	}
	t.side = options.side()
	t.ownSplits = true
	faces := strings.Contains(filepath.ToSlash(where)+"/"+pictures[0].name, "/img_align_celeba/")
	for i, e := range pictures {
		split := Train
		if faces && i < options.Faces || !faces && heldOut(i) {
			split = Test
		}
		t.files[split] = append(t.files[split], placed{entry: e, place: i})
	}
	return t, nil
}

// heldOut says whether an image of a set without splits of its own is of the test split: a fifth of them, as of the paper's
// general set (digest §7), and not the last ones, as sets may be sorted.
func heldOut(i int) bool { return i%5 == 4 }

// splitsAndClasses takes SPLIT/CLASS/NAME.
func (t *tree) splitsAndClasses(entries []entry, wrapper string) error {
	for _, e := range entries {
		parts := strings.Split(strings.TrimPrefix(e.name, wrapper), "/")
		if len(parts) != 3 || (parts[0] != Train && parts[0] != Test) {
			return fmt.Errorf("entry %q: expected train/CLASS/NAME or test/CLASS/NAME: move what is no image of the set out of it", e.name)
		}
		if !hasImageName(e.name) {
			return fmt.Errorf("entry %q: expected .png, .jpg, .jpeg or .webp: move what is no image out of the set", e.name)
		}
		t.add(parts[0], parts[1], e)
	}
	slices.Sort(t.classes)
	return nil
}

func (t *tree) add(split, class string, e entry) {
	t.files[split] = append(t.files[split], placed{entry: e, class: class})
	if class != "" && !slices.Contains(t.classes, class) {
		t.classes = append(t.classes, class)
	}
}

// tinyImageNet takes the pictures of the official train and test folders; boxes and lists lie among them.
func (t *tree) tinyImageNet(entries []entry, wrapper string) error {
	for _, e := range entries {
		parts := strings.Split(strings.TrimPrefix(e.name, wrapper), "/")
		switch n := len(parts); {
		case !hasImageName(e.name):
		case n == 4 && parts[0] == Train && parts[2] == "images":
			t.add(Train, parts[1], e)
		case n == 3 && parts[0] == Test && parts[1] == "images":
			t.add(Test, "", e)
		}
	}
	slices.Sort(t.classes)
	return nil
}

// wrapperOf returns "NAME/" when everything lies in that one folder, which is
// not a split itself.
func wrapperOf(entries []entry) string {
	top, _, ok := strings.Cut(entries[0].name, "/")
	if !ok || top == Train || top == Test {
		return ""
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.name, top+"/") {
			return ""
		}
	}
	return top + "/"
}

// ignoredPath reports whether any part of the path is ignored.
func ignoredPath(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if ignored(part) {
			return true
		}
	}
	return false
}

func (t *tree) splits() []Split {
	var found []Split
	for _, split := range []string{Train, Test} {
		if n := len(t.files[split]); n > 0 {
			found = append(found, Split{split, n})
		}
	}
	return found
}

// errColour says that a set thought to be grey has a colour image.
var errColour = errors.New("is not grey")

// read decodes a split. Where pictures keep their size, all must have that of the first. The set has
// one channel when all its images are stored grey, else three; sets that are brought to a size have three.
func (t *tree) read(split string, target Target) (*Images, error) {
	files := t.files[split]
	var d decoder
	first, err := d.header(files[0].entry, t.options.Limits)
	if err != nil {
		return nil, fmt.Errorf("%s: entry %q: %w", t.where, files[0].name, err)
	}
	shape := Shape{Images: len(files), Height: first.height, Width: first.width, Channels: 3}
	if t.side > 0 {
		shape.Height, shape.Width = t.side, t.side
	} else if first.grey {
		shape.Channels = 1
	}
	images, err := t.decode(files, first, shape, target)
	if errors.Is(err, errColour) {
		shape.Channels = 3
		images, err = t.decode(files, first, shape, target)
	}
	if err == nil && t.ownSplits {
		for _, f := range files {
			images.Places = append(images.Places, f.place)
		}
	}
	return images, err
}

// codecs are those of a set's pictures; several goroutines note them.
type codecs struct {
	mu    sync.Mutex
	known map[string]bool
}

func (c *codecs) note(codec string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[string]bool{}
	}
	c.known[codec] = true
}

// history says what a set of pictures went through: their codecs, and the resizing, told by the first one.
func (c *codecs) history(first header, side int, options Options) string {
	var kinds []string // without qualities
	for codec := range c.known {
		if kind, _, _ := strings.Cut(codec, " "); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	text := strings.Join(kinds, " and ")
	switch {
	case len(c.known) == 1:
		for codec := range c.known {
			text = codec
		}
	case len(kinds) == 1:
		text += " of several qualities"
	}
	if text == "PNG" {
		text = AsStored
	}
	if side > 0 && (first.height != side || first.width != side) {
		text += fmt.Sprintf(" at about %dx%d, then resized to %dx%d", first.height, first.width, side, side)
		kernel := cmp.Or(options.Kernel, resample.Bilinear)
		chroma := cmp.Or(options.Chroma, kernel)
		if kernel != resample.Bilinear || chroma != kernel {
			text += " by " + string(kernel)
		}
		if chroma != kernel {
			text += ", chroma by " + string(chroma)
		}
	}
	return text
}

// decode fills the images in parallel.
func (t *tree) decode(files []placed, first header, shape Shape, target Target) (*Images, error) {
	total, err := sizeOf(len(files), shape.Height, shape.Width, shape.Channels, t.options.Limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.where, err)
	}
	to, err := target(shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.where, err)
	}
	images := &Images{Height: shape.Height, Width: shape.Width, Channels: shape.Channels}
	if files[0].class != "" {
		images.Labels, images.Classes = make([]int32, len(files)), t.classes
	}
	size := total / len(files)
	var seen codecs
	i, err := Each(len(files), func() func(int) error {
		var d decoder
		pixels := make([]uint8, size)
		return func(i int) error {
			if images.Labels != nil {
				label, _ := slices.BinarySearch(t.classes, files[i].class)
				images.Labels[i] = int32(label)
			}
			if err := d.decode(files[i].entry, pixels, shape, t.side > 0, t.options); err != nil {
				return err
			}
			seen.note(d.codec)
			_, err := to.WriteAt(pixels, int64(i)*int64(size))
			return err
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: entry %q: %w", t.where, files[i].name, err)
	}
	images.History = seen.history(first, t.side, t.options)
	return images, nil
}

// Each calls do for 0 to n-1 on all processors, with a worker's own do on each. Numbers are handed out in order, and those
// before a bad one are always finished, so the error and its number are always the first one's.
func Each(n int, worker func() func(i int) error) (bad int, err error) {
	var (
		next    atomic.Int64
		stop    atomic.Bool
		mu      sync.Mutex
		workers sync.WaitGroup
	)
	bad = n
	for range min(runtime.GOMAXPROCS(0), n) {
		do := worker()
		workers.Go(func() {
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if failure := do(i); failure != nil {
					stop.Store(true)
					mu.Lock()
					if i < bad {
						bad, err = i, failure
					}
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return bad, err
}
