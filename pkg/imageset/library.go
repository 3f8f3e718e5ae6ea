package imageset

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/imageset/format"
	"strata/pkg/imageset/resample"
)

// Library opens image sets.
type Library struct {
	// Data is the folder of the image sets, "" for the procedural ones alone.
	Data string
	// Cache is the folder of prepared sets: what is large or slow to decode is decoded once, written there, and mapped into memory from
	// then on. "" keeps everything in memory.
	Cache string
	// Out shows the progress of what takes long; nil shows none.
	Out io.Writer
	// Context, if not nil, stops what takes long when it is done.
	Context context.Context

	// inMemory is the most bytes of a split that are not prepared on disk; 0 is the default.
	inMemory int64
}

func (l *Library) stopped() error {
	if l.Context == nil {
		return nil
	}
	return l.Context.Err()
}

// Open reads a split, "train" or "test", of the set that a file or folder of
// dataDir has the name of, into memory: see Library.Open.
func Open(dataDir, name, split string) (*Set, error) {
	return (&Library{Data: dataDir}).Open(Recipe{Of: name}, name, split)
}

// Open makes a split, "train" or "test", of the set that a recipe describes, under a name. Recipe.Of is what a file or folder of
// Data is called, without extension, or a procedural set. Where several fit, it is an error; an unknown name is one that
// lists the names there are.
//
// Images of MNIST's format that are 28x28 are resized to 32x32, as in the paper
// (digest §7).
func (l *Library) Open(recipe Recipe, name, split string) (*Set, error) {
	if split != Train && split != Test {
		return nil, fmt.Errorf("image set %s: no split %q: expected %s or %s", name, split, Train, Test)
	}
	if err := recipe.Validate(); err != nil {
		return nil, err
	}
	place, err := l.find(recipe.Of)
	if err != nil {
		return nil, err
	}
	set, err := l.read(place, recipe, split)
	if err != nil {
		return nil, err
	}
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if recipe.History != "" {
		set.History = recipe.History
	}
	return l.Derive(recipe, name, set)
}

// place is where a set of some name lies: at path, or nowhere when it is
// procedural.
type place struct {
	name, path string
}

// String says what the place is, for errors.
func (p place) String() string {
	if p.path == "" {
		return "the procedural set " + p.name
	}
	return p.path
}

// read reads a split as its files have it.
func (l *Library) read(p place, recipe Recipe, split string) (*Set, error) {
	if p.path == "" {
		if err := recipe.fits(Procedural); err != nil {
			return nil, err
		}
		return l.drawn(p.name, split, recipe.Draw)
	}
	source, err := format.Find(p.path, recipe.options())
	if err != nil {
		return nil, err
	}
	if err := recipe.fits(source.Kind); err != nil {
		return nil, err
	}
	set, err := l.prepared(source, p.name, recipe, split)
	if err != nil {
		return nil, err
	}
	if source.Kind == format.IDX && set.Height == 28 && set.Width == 28 {
		resized := *set
		resized.Pixels = resample.All(set.Pixels, 28, 28, set.Channels, 32, 32)
		resized.Height, resized.Width, resized.hash = 32, 32, ""
		resized.History = "resized from 28x28 to 32x32"
		set = &resized
	}
	return set, nil
}

// places lists what could be a set: files and folders of Data by name, then
// the procedural sets. Nothing is opened.
func (l *Library) places() ([]place, error) {
	var found []place
	if l.Data != "" {
		entries, err := os.ReadDir(l.Data) // sorted by file name
		if err != nil {
			return nil, fmt.Errorf("image sets: %w", err) // names the folder
		}
		for _, e := range entries {
			path := filepath.Join(l.Data, e.Name())
			info, err := os.Stat(path) // follows a link to a set that lies elsewhere
			if err != nil || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if info.IsDir() {
				found = append(found, place{e.Name(), path})
			} else if format.IsFile(path) {
				found = append(found, place{strings.TrimSuffix(e.Name(), filepath.Ext(path)), path})
			}
		}
		slices.SortStableFunc(found, func(a, b place) int { return cmp.Compare(a.name, b.name) })
	}
	for _, name := range proceduralNames() {
		found = append(found, place{name: name})
	}
	return found, nil
}

// find returns the one place with the name.
func (l *Library) find(name string) (place, error) {
	all, err := l.places()
	if err != nil {
		return place{}, err
	}
	var fits []place
	var inFolder, procedural []string
	for _, p := range all {
		if p.name == name {
			fits = append(fits, p)
		}
		if p.path != "" {
			inFolder = append(inFolder, p.name)
		} else {
			procedural = append(procedural, p.name)
		}
	}
	switch len(fits) {
	case 1:
		return fits[0], nil
	case 0:
		return place{}, fmt.Errorf("no image set %q: %s; procedural sets: %s; strata data get --list names those that can be had", name,
			namesIn(l.Data, inFolder), list(procedural))
	}
	return place{}, fmt.Errorf("image set %q: both %s and %s have this name: rename the file", name, fits[0], fits[1])
}

func namesIn(dataDir string, names []string) string {
	if dataDir == "" {
		return "no data folder is given"
	}
	return "in " + dataDir + ": " + list(names)
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
