package models

import (
	"fmt"
	"reflect"
	"slices"

	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/optimiser"
	"strata/pkg/pixelcnn"
)

// Kind is a density model that people train by name: strata train --model NAME.
type Kind struct {
	// Name is that of --model, of the configurations, and of networks, budgets and seconds in experiments/sizes.yaml. The
	// configuration's Cost says it too.
	Name string
	// Record is what a run's record calls the configuration: the model's Kind. Kinds that differ in the value of a field
	// share one.
	Record string
	// Config is what all networks of the kind have in common. A size adds its own fields, by their YAML names, and a run
	// the shape of its images.
	Config density.Config
	// Optimiser is how the paper trains it, with so many batches an epoch, and Augmentation what its training images go
	// through; sets that must not be mirrored are not.
	Optimiser    func(batchesPerEpoch int) optimiser.Config
	Augmentation imageset.Augmentation
}

// kinds are all that there are, the default first. This is the one list of them.
var kinds = []Kind{
	{"glow", "glow", glow.Config{}, adamax, imageset.PaperAugmentation},
	{"dense", "glow", glow.Config{Block: glow.Dense}, adamax, imageset.PaperAugmentation},
	{"patch", "patch_glow", glow.PatchConfig{Patch: 8}, adamax, imageset.PaperAugmentation}, // the side is S2.1's
	// Digest §5: Adam, and images as they are.
	{"pixelcnn", "pixelcnnpp", pixelcnn.Config{}, optimiser.PaperAdam, imageset.Augmentation{}},
}

func adamax(int) optimiser.Config { return optimiser.PaperAdamax() }

// records are the configurations that a run can have by the names that its record has for them: those of the kinds, and
// the one that is made of a Glow's run by labels.
func records() map[string]density.Config {
	all := map[string]density.Config{"class_conditional_glow": glow.ClassConditionalConfig{}}
	for _, k := range kinds {
		all[k.Record] = k.Config
	}
	return all
}

// Kinds are all kinds, the default first.
func Kinds() []Kind { return slices.Clone(kinds) }

// Names are those of all kinds, the default first.
func Names() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return names
}

// KindOf is the kind with a name.
func KindOf(name string) (Kind, error) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, fmt.Errorf("no model %q: choose one of %v", name, Names())
	}
	return kinds[i], nil
}

// Register adds a kind that strata does not have, for a program or a test of one's own; it is to be called before
// anything else. It panics where the kind's names are taken or not its own.
func Register(k Kind) {
	cost, _ := k.Config.Cost()
	of, known := records()[k.Record]
	switch {
	case slices.Contains(Names(), k.Name):
		panic(fmt.Errorf("models: there is a model %q already", k.Name))
	case cost != k.Name:
		panic(fmt.Errorf("models: %q is called %q by its Cost", k.Name, cost))
	case known && reflect.TypeOf(of) != reflect.TypeOf(k.Config):
		panic(fmt.Errorf("models: records call a %T %q already", of, k.Record))
	}
	kinds = append(kinds, k)
}
