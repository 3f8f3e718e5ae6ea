package imageset

import (
	"crypto/sha256"
	"fmt"
	"time"

	"strata/pkg/imageset/format"
)

// Procedural is the kind of the sets that strata draws itself; the other kinds
// are those of package format.
const Procedural format.Kind = "procedural"

// Split names a part of a set and how many images it has.
type Split = format.Split

// Info says what a set is, as far as that is known without decoding images.
type Info struct {
	Name    string
	Path    string // "" for a procedural set
	Kind    format.Kind
	Splits  []Split // train before test
	Problem error   // why it cannot be read; Kind and Splits may be empty then
}

// List returns the sets of Data, sorted by name, then the procedural ones. A
// file or folder that is no image set is listed with its Problem.
func (l *Library) List() ([]Info, error) {
	all, err := l.places()
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(all))
	for _, p := range all {
		infos = append(infos, p.info())
	}
	return infos, nil
}

func (p place) info() Info {
	info := Info{Name: p.name, Path: p.path}
	if p.path == "" {
		info.Kind, info.Splits = Procedural, proceduralSplits()
		return info
	}
	source, err := format.Find(p.path, format.Options{})
	if err == nil {
		info.Kind = source.Kind
		info.Splits, err = source.Splits()
	}
	info.Problem = err
	return info
}

func (p place) splits(options format.Options) ([]Split, error) {
	if p.path == "" {
		return proceduralSplits(), nil
	}
	source, err := format.Find(p.path, options)
	if err != nil {
		return nil, err
	}
	return source.Splits()
}

// Report is what Check found in a split.
type Report struct {
	Split                   string
	Images                  int
	Height, Width, Channels int
	Classes                 []string
	PerClass                []int  // images of each class
	History                 string // Set.History
	Hash                    string // Set.Hash, computed anew from the pixels
	Opened                  time.Duration
	Repeated                int // images equal to an earlier one of the split
	InTrain                 int // for the test split: images that are also in train
}

// Check reads every split of the set that a recipe describes and reports what is in it. All splits must
// have images of one size.
func (l *Library) Check(recipe Recipe, name string) ([]Report, error) {
	p, err := l.find(recipe.Of)
	if err != nil {
		return nil, err
	}
	splits, err := p.splits(recipe.options())
	if err != nil {
		return nil, err
	}
	var reports []Report
	train := map[[sha256.Size]byte]bool{}
	for _, split := range splits {
		started := time.Now()
		set, err := l.Open(recipe, name, split.Name)
		if err != nil {
			return nil, err
		}
		opened := time.Since(started)
		report := Report{
			Split: split.Name, Images: set.Len(), Height: set.Height, Width: set.Width, Channels: set.Channels,
			Classes: set.Classes, PerClass: make([]int, len(set.Classes)), History: set.History, Hash: set.rehash(), Opened: opened,
		}
		for _, label := range set.Labels {
			report.PerClass[label]++
		}
		if set.hash != "" && set.hash != report.Hash {
			return reports, fmt.Errorf("%s/%s: the prepared copy is damaged: its pixels have the hash %s, made they had %s: remove its "+
				"folder in the cache, and it will be made anew", name, split.Name, report.Hash, set.hash)
		}
		seen := map[[sha256.Size]byte]bool{}
		for i := range set.Len() {
			if err := l.stopped(); err != nil {
				return reports, err
			}
			sum := sha256.Sum256(set.Image(i))
			if seen[sum] {
				report.Repeated++
			}
			if train[sum] {
				report.InTrain++
			}
			seen[sum] = true
		}
		if split.Name == Train {
			train = seen
		}
		reports = append(reports, report)
	}
	if len(reports) == 2 {
		a, b := reports[0], reports[1]
		if a.Height != b.Height || a.Width != b.Width || a.Channels != b.Channels {
			return reports, fmt.Errorf("%s: %s", p, sizes(a, b))
		}
	}
	return reports, nil
}

func sizes(a, b Report) string {
	return fmt.Sprintf("%s has images of %dx%dx%d, %s of %dx%dx%d: expected one size",
		a.Split, a.Height, a.Width, a.Channels, b.Split, b.Height, b.Width, b.Channels)
}
