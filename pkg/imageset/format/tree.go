package format

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// entry is a file of a zip or folder, its name with / between folders.
type entry struct {
	name string
	open func() (io.ReadCloser, error)
}

// tree is a listing laid out SPLIT/CLASS/NAME, sorted by path.
type tree struct {
	where   string // the archive or folder, for errors
	limits  Limits
	classes []string // sorted, of both splits together, so that labels agree
	files   map[string][]placed
}

// placed is an image file in its split.
type placed struct {
	entry
	class string
}

// newTree sorts the entries into splits and classes. One folder around
// everything is allowed.
func newTree(where string, entries []entry, limits Limits) (*tree, error) {
	if len(entries) == 0 {
		return nil, errors.New("holds no files: expected train/CLASS/NAME.png or test/CLASS/NAME.png")
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	wrapper := wrapperOf(entries)
	t := &tree{where: where, limits: limits, files: map[string][]placed{}}
	known := map[string]bool{}
	for _, e := range entries {
		parts := strings.Split(strings.TrimPrefix(e.name, wrapper), "/")
		if len(parts) != 3 || (parts[0] != Train && parts[0] != Test) {
			return nil, fmt.Errorf("entry %q: expected train/CLASS/NAME or test/CLASS/NAME: move what is no image of the set out of it", e.name)
		}
		if !hasImageName(e.name) {
			return nil, fmt.Errorf("entry %q: expected .png, .jpg or .jpeg: move what is no image out of the set", e.name)
		}
		split, class := parts[0], parts[1]
		t.files[split] = append(t.files[split], placed{e, class})
		if !known[class] {
			known[class] = true
			t.classes = append(t.classes, class)
		}
	}
	slices.Sort(t.classes)
	return t, nil
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

// read decodes a split. All images must have the size of the first. The set has
// one channel when all its images are stored grey, else three.
func (t *tree) read(split string) (*Images, error) {
	files := t.files[split]
	var d decoder
	first, err := d.header(files[0].entry, t.limits)
	if err != nil {
		return nil, fmt.Errorf("%s: entry %q: %w", t.where, files[0].name, err)
	}
	channels := 3
	if first.grey {
		channels = 1
	}
	images, err := t.decode(files, first, channels)
	if errors.Is(err, errColour) {
		images, err = t.decode(files, first, 3)
	}
	return images, err
}

// decode fills the images in parallel. Files are handed out in order, and those
// before a bad one are always finished, so the error is always the first one.
func (t *tree) decode(files []placed, first header, channels int) (*Images, error) {
	total, err := sizeOf(len(files), first.height, first.width, channels, t.limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.where, err)
	}
	images := &Images{
		Height: first.height, Width: first.width, Channels: channels,
		Pixels: make([]uint8, total), Labels: make([]int32, len(files)), Classes: t.classes,
	}
	size := total / len(files)

	var (
		next    atomic.Int64
		stop    atomic.Bool
		mu      sync.Mutex
		bad     = len(files)
		badErr  error
		workers sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		workers.Go(func() {
			var d decoder
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				label, _ := slices.BinarySearch(t.classes, files[i].class)
				images.Labels[i] = int32(label)
				if err := d.decode(files[i].entry, images.Pixels[i*size:(i+1)*size], first, channels, t.limits); err != nil {
					stop.Store(true)
					mu.Lock()
					if i < bad {
						bad, badErr = i, err
					}
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	if badErr != nil {
		return nil, fmt.Errorf("%s: entry %q: %w", t.where, files[bad].name, badErr)
	}
	return images, nil
}
