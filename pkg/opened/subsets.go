package opened

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"strata/pkg/imageset"
	"strata/pkg/plan"
	"strata/pkg/result"
)

// Subset is a part of a split that was trained on or evaluated.
type Subset struct {
	Set, Split    string
	Images, Whole int    // images of the part and of the split
	SHA256        string // of shape, pixels and labels: imageset.Set.Hash
	History       string // codec and resizing

	key    string
	whole  *imageset.Set
	chosen []int // places of the images in the split
}

// Places are those of its images in the split.
func (s Subset) Places() []int { return s.chosen }

// Open is the subset as a set. It is a copy where that is not the whole, which nobody keeps: the 120,000 images that
// Figs S7 and S8 choose from are 350 MiB.
func (s Subset) Open() *imageset.Set {
	if s.Images == s.Whole {
		return s.whole
	}
	return s.whole.Subset(s.Images, SubsetSeed)
}

// Use is the part of a set that a size uses, noted for Subsets.
func (all *Sets) Use(whole *imageset.Set, images int) Subset {
	s := all.Part(whole, images)
	if all.used == nil {
		all.used = map[string]bool{}
	}
	all.used[s.key] = true
	return s
}

// Part is a part of a set, made once.
func (all *Sets) Part(whole *imageset.Set, images int) Subset {
	key := fmt.Sprint(whole.Name, "/", whole.Split, "/", images)
	if s, ok := all.subsets[key]; ok && s.Whole == whole.Len() {
		return s
	}
	chosen := whole.Choose(images, SubsetSeed)
	s := Subset{Set: whole.Name, Split: whole.Split, Images: len(chosen), Whole: whole.Len(), History: whole.History, key: key,
		whole: whole, chosen: chosen}
	if s.Images == s.Whole {
		s.SHA256 = whole.Hash()
	} else {
		s.SHA256 = whole.HashOf(chosen)
	}
	if all.subsets == nil {
		all.subsets = map[string]Subset{}
	}
	all.subsets[key] = s
	return s
}

// Subsets are the parts of sets that were used so far, in the order of their names.
func (all *Sets) Subsets() []Subset {
	used := map[string]Subset{} // asking for all images and for more than there are is the same
	for key := range all.used {
		s := all.subsets[key]
		used[s.file()] = s
	}
	return slices.SortedFunc(maps.Values(used), func(a, b Subset) int { return cmp.Compare(a.file(), b.file()) })
}

// file is what the list of a subset's images is called.
func (s Subset) file() string {
	return fmt.Sprintf("%s-%s-%d.txt", SafeName(s.Set), s.Split, s.Images)
}

// maxListed is the longest list that is written; longer ones follow from the recipe and are checked by the hash.
const maxListed = 100_000

// WriteSubsets writes PREFIXsubsets.csv, and for each part that is not the whole split the list of its images in PREFIXsubsets/: their
// places in the split, or in the file where the split itself is a choice. With them and the hashes anybody can make the same numbers.
func (all *Sets) WriteSubsets(folder, prefix string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var rows []result.Subset
	for _, s := range all.Subsets() {
		recipe, err := plan.Recipe(s.Set)
		if err != nil {
			return err
		}
		// A split that is itself a choice counts in its files; a split of the set's own counts in itself.
		list, in := "", "split"
		if whole := all.opened[s.Set+"/"+s.Split]; whole != nil && whole.Places != nil {
			in = "files"
		}
		if (s.Images < s.Whole || s.whole.Places != nil) && s.Images <= maxListed {
			list = filepath.Join(prefix+"subsets", s.file())
			if err := os.MkdirAll(filepath.Join(folder, prefix+"subsets"), 0o755); err != nil {
				return err
			}
			var text bytes.Buffer
			for _, place := range s.chosen {
				if s.whole.Places != nil {
					place = s.whole.Places[place]
				}
				fmt.Fprintln(&text, place)
			}
			if err := renameio.WriteFile(filepath.Join(folder, list), text.Bytes(), 0o644); err != nil {
				return err
			}
		}
		rows = append(rows, result.Subset{Set: s.Set, Split: s.Split, Images: s.Images, Of: s.Whole, SHA256: s.SHA256, History: s.History,
			Recipe: recipe.Key(), Seed: SubsetSeed, List: list, Places: in})
	}
	return result.WriteFile(filepath.Join(folder, prefix+result.FileOf[result.Subset]()), rows)
}
