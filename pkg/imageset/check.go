package imageset

import (
	"crypto/sha256"
	"fmt"

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

// List returns the sets of dataDir, sorted by name, then the procedural ones. A
// zip or folder that is no image set is listed with its Problem. An empty
// dataDir leaves the procedural sets.
func List(dataDir string) ([]Info, error) {
	all, err := places(dataDir)
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
	source, err := format.Find(p.path)
	if err == nil {
		info.Kind = source.Kind
		info.Splits, err = source.Splits()
	}
	info.Problem = err
	return info
}

// Report is what Check found in a split.
type Report struct {
	Split                   string
	Images                  int
	Height, Width, Channels int
	Classes                 []string
	PerClass                []int  // images of each class
	Hash                    string // Set.Hash
	Repeated                int    // images equal to an earlier one of the split
	InTrain                 int    // for the test split: images that are also in train
}

// Check reads every split of a set and reports what is in it. All splits must
// have images of one size.
func Check(dataDir, name string) ([]Report, error) {
	p, err := find(dataDir, name)
	if err != nil {
		return nil, err
	}
	info := p.info()
	if info.Problem != nil {
		return nil, info.Problem
	}
	var reports []Report
	train := map[[sha256.Size]byte]bool{}
	for _, split := range info.Splits {
		set, err := Open(dataDir, name, split.Name)
		if err != nil {
			return nil, err
		}
		report := Report{
			Split: split.Name, Images: set.Len(), Height: set.Height, Width: set.Width, Channels: set.Channels,
			Classes: set.Classes, PerClass: make([]int, len(set.Classes)), Hash: set.Hash(),
		}
		for _, label := range set.Labels {
			report.PerClass[label]++
		}
		seen := map[[sha256.Size]byte]bool{}
		for i := range set.Len() {
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
