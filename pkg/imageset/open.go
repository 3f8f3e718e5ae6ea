package imageset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/imageset/format"
)

// Open reads a split, "train" or "test", of the set that a file or folder of
// dataDir has the name of, without extension, or else of the procedural set of
// that name. Where several fit, it is an error; an unknown name is one that
// lists the names there are. An empty dataDir leaves the procedural sets.
//
// Images of MNIST's format that are 28x28 are resized to 32x32, as in the paper
// (digest §7); all others keep their size.
func Open(dataDir, name, split string) (*Set, error) {
	if split != Train && split != Test {
		return nil, fmt.Errorf("image set %s: no split %q: expected %s or %s", name, split, Train, Test)
	}
	place, err := find(dataDir, name)
	if err != nil {
		return nil, err
	}
	set, err := place.read(split)
	if err != nil {
		return nil, err
	}
	if err := set.Validate(); err != nil {
		return nil, err
	}
	return set, nil
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

func (p place) read(split string) (*Set, error) {
	if p.path == "" {
		return drawProcedural(p.name, split)
	}
	source, err := format.Find(p.path)
	if err != nil {
		return nil, err
	}
	images, err := source.Read(split)
	if err != nil {
		return nil, err
	}
	if source.Kind == format.IDX && images.Height == 28 && images.Width == 28 {
		images.Pixels = resizeAll(images.Pixels, 28, 28, images.Channels, 32, 32)
		images.Height, images.Width = 32, 32
	}
	return &Set{
		Name: p.name, Split: split,
		Height: images.Height, Width: images.Width, Channels: images.Channels,
		Pixels: images.Pixels, Labels: images.Labels, Classes: images.Classes,
	}, nil
}

// places lists what could be a set: zips and folders of dataDir by name, then
// the procedural sets. Nothing is opened.
func places(dataDir string) ([]place, error) {
	var found []place
	if dataDir != "" {
		entries, err := os.ReadDir(dataDir) // sorted by file name
		if err != nil {
			return nil, fmt.Errorf("image sets: %w", err) // names the folder
		}
		for _, e := range entries {
			path := filepath.Join(dataDir, e.Name())
			info, err := os.Stat(path) // follows a link to a set that lies elsewhere
			if err != nil || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if info.IsDir() {
				found = append(found, place{e.Name(), path})
			} else if ext := filepath.Ext(path); strings.EqualFold(ext, ".zip") {
				found = append(found, place{strings.TrimSuffix(e.Name(), ext), path})
			}
		}
		slices.SortStableFunc(found, func(a, b place) int { return strings.Compare(a.name, b.name) })
	}
	for _, name := range proceduralNames() {
		found = append(found, place{name: name})
	}
	return found, nil
}

// find returns the one place with the name.
func find(dataDir, name string) (place, error) {
	all, err := places(dataDir)
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
		return place{}, fmt.Errorf("no image set %q: %s; procedural sets: %s", name, namesIn(dataDir, inFolder), list(procedural))
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
