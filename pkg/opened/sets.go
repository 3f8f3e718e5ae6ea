// Package opened opens the image sets that experiments/sets.yaml declares, each once, and chooses the parts of them that a size uses: which
// images a number is of is written down beside it.
package opened

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"strata/pkg/imageset"
	"strata/pkg/plan"
)

// Sets are the sets of a data folder. The zero value has the procedural ones alone.
type Sets struct {
	// Data is the folder of image sets, "" for the procedural ones alone.
	Data string
	// Cache is the folder of prepared sets, "" to keep all in memory; Context stops what takes long while they are made.
	Cache   string
	Context context.Context
	// Out receives progress and notes.
	Out io.Writer

	opened map[string]*imageset.Set
	warned map[string]bool
	// subsets are the parts of sets that were made so far, and used which of them numbers are of.
	subsets map[string]Subset
	used    map[string]bool
}

// Opened are the names of what has been opened, and the keys of what that was made of (imageset.Recipe.Key).
func (all *Sets) Opened() []string { return slices.Sorted(maps.Keys(all.opened)) }

// Library opens image sets.
func (all *Sets) Library() *imageset.Library {
	return &imageset.Library{Data: all.Data, Cache: all.Cache, Out: all.Out, Context: all.Context}
}

// Roles are those of the first declared family whose needed sets are at hand, with the sets of chosen in the roles
// that it names. A set of theirs that cannot be read is an error: were it taken for absent, the next family would
// give numbers of other images without a word.
func (all *Sets) Roles(chosen map[string]string) (plan.Roles, error) {
	infos, err := all.Library().List()
	if err != nil {
		return plan.Roles{}, err
	}
	var names []string
	problems := map[string]error{}
	for _, info := range infos {
		names = append(names, info.Name)
		if info.Problem != nil {
			problems[info.Name] = info.Problem
		}
	}
	roles, err := plan.DefaultRoles(names)
	if err != nil {
		return roles, err
	}
	family := roles.Family
	for role, set := range chosen {
		roles = roles.With(role, set)
	}
	for _, role := range slices.Sorted(maps.Keys(roles.Sets)) {
		set := roles.Set(role)
		recipe, err := plan.Recipe(set)
		if err != nil {
			return roles, err
		}
		if problem := problems[recipe.Of]; problem != nil {
			return roles, fmt.Errorf("set %s, %s in family %s, cannot be read: %w; mend it, or take it out of the data folder",
				set, role, family, problem)
		}
	}
	return roles, nil
}

// Set opens a split of a set, or makes it as experiments/sets.yaml declares, and keeps it.
func (all *Sets) Set(name, split string) (*imageset.Set, error) {
	if set, ok := all.opened[name+"/"+split]; ok {
		return set, nil
	}
	recipe, err := plan.Recipe(name)
	if err != nil {
		return nil, err
	}
	raw, err := all.keep(recipe.Raw().Key()+"/"+split,
		func() (*imageset.Set, error) { return all.Library().Open(recipe.Raw(), recipe.Of, split) })
	if err != nil {
		return nil, err
	}
	return all.keep(name+"/"+split, func() (*imageset.Set, error) { return all.Library().Derive(recipe, name, raw) })
}

// keep makes a set once.
func (all *Sets) keep(key string, open func() (*imageset.Set, error)) (*imageset.Set, error) {
	if set, ok := all.opened[key]; ok {
		return set, nil
	}
	set, err := open()
	if err != nil {
		return nil, err
	}
	if all.opened == nil {
		all.opened = map[string]*imageset.Set{}
	}
	all.opened[key] = set
	return set, nil
}

// WarnOfHistories tells, once, which of the sets that are compared went through different codecs or resizing.
func (all *Sets) WarnOfHistories(sets ...*imageset.Set) {
	for _, line := range imageset.CompareHistories(sets...) {
		if !all.warned[line] {
			fmt.Fprintln(all.Out, line)
		}
		if all.warned == nil {
			all.warned = map[string]bool{}
		}
		all.warned[line] = true
	}
}

// SubsetSeed chooses which images of a set are used where a size uses some of them only. It is one for all seeds of a
// run, so that scores of different runs are of the same images.
const SubsetSeed = 2020

// TrainingImages is the part of a set that a size trains on, with its hash.
func (all *Sets) TrainingImages(name string, images int) (*imageset.Set, string, error) {
	set, err := all.Set(name, imageset.Train)
	if err != nil {
		return nil, "", err
	}
	subset := all.Use(set, images)
	return subset.Open(), subset.SHA256, nil
}

// TestImages is the part of a test split that Scores scores.
func (all *Sets) TestImages(setName string, images int) (*imageset.Set, error) {
	set, err := all.Set(setName, imageset.Test)
	if err != nil {
		return nil, err
	}
	return all.Use(set, images).Open(), nil
}

// TestPlaces are the places in the test split of the images of TestImages.
func (all *Sets) TestPlaces(setName string, images int) ([]int, error) {
	set, err := all.Set(setName, imageset.Test)
	if err != nil {
		return nil, err
	}
	return set.Choose(images, SubsetSeed), nil
}

// Drawn says whether a set's images are strata's own drawings. A set that cannot be opened is taken for somebody's.
func (all *Sets) Drawn(setName string) bool {
	set, err := all.Set(setName, imageset.Test)
	return err == nil && set.Drawn()
}

// SafeName is a name of a set as part of a file name.
func SafeName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, name)
}
