package runs

import (
	"fmt"
	"maps"
	"slices"

	"strata/pkg/imageset"
	"strata/pkg/plan"
)

// Library opens image sets.
func (e *Engine) Library() *imageset.Library {
	return &imageset.Library{Data: e.Data, Cache: e.Cache, Out: e.Out, Context: e.Context}
}

// Roles are those of the first declared family whose needed sets are at hand, with the sets of chosen in the roles
// that it names. A set of theirs that cannot be read is an error: were it taken for absent, the next family would
// give numbers of other images without a word.
func (e *Engine) Roles(chosen map[string]string) (plan.Roles, error) {
	infos, err := e.Library().List()
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
func (e *Engine) Set(name, split string) (*imageset.Set, error) {
	if set, ok := e.sets[name+"/"+split]; ok {
		return set, nil
	}
	recipe, err := plan.Recipe(name)
	if err != nil {
		return nil, err
	}
	raw, err := e.keep(recipe.Raw().Key()+"/"+split,
		func() (*imageset.Set, error) { return e.Library().Open(recipe.Raw(), recipe.Of, split) })
	if err != nil {
		return nil, err
	}
	return e.keep(name+"/"+split, func() (*imageset.Set, error) { return e.Library().Derive(recipe, name, raw) })
}

// keep makes a set once.
func (e *Engine) keep(key string, open func() (*imageset.Set, error)) (*imageset.Set, error) {
	if set, ok := e.sets[key]; ok {
		return set, nil
	}
	set, err := open()
	if err != nil {
		return nil, err
	}
	if e.sets == nil {
		e.sets = map[string]*imageset.Set{}
	}
	e.sets[key] = set
	return set, nil
}

// warnOfHistories tells, once, which of the sets that are compared went through different codecs or resizing.
func (e *Engine) warnOfHistories(sets ...*imageset.Set) {
	for _, line := range imageset.CompareHistories(sets...) {
		if !e.warned[line] {
			fmt.Fprintln(e.Out, line)
		}
		if e.warned == nil {
			e.warned = map[string]bool{}
		}
		e.warned[line] = true
	}
}

// SubsetSeed chooses which images of a set are used where a size uses some of them only. It is one for all seeds of a
// run, so that scores of different runs are of the same images.
const SubsetSeed = 2020

// TrainingImages is the part of a set that a size trains on, with its hash.
func (e *Engine) TrainingImages(name string, images int) (*imageset.Set, string, error) {
	set, err := e.Set(name, imageset.Train)
	if err != nil {
		return nil, "", err
	}
	subset := e.use(set, images)
	return subset.images(), subset.SHA256, nil
}

// TestImages is the part of a test split that Scores scores.
func (e *Engine) TestImages(setName string, images int) (*imageset.Set, error) {
	set, err := e.Set(setName, imageset.Test)
	if err != nil {
		return nil, err
	}
	return e.use(set, images).images(), nil
}

// TestPlaces are the places in the test split of the images of TestImages.
func (e *Engine) TestPlaces(setName string, images int) ([]int, error) {
	set, err := e.Set(setName, imageset.Test)
	if err != nil {
		return nil, err
	}
	return set.Choose(images, SubsetSeed), nil
}

// Drawn says whether a set's images are strata's own drawings. A set that cannot be opened is taken for somebody's.
func (e *Engine) Drawn(setName string) bool {
	set, err := e.Set(setName, imageset.Test)
	return err == nil && set.Drawn()
}
