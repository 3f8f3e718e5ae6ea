package main

import (
	"fmt"
	"slices"
)

// images are some of a set, by its name in experiments/sets.yaml or the data folder.
type images struct {
	Set   string `json:"set"`
	Split string `json:"split"`
	// Classes are those that are taken, nil for all. Most is how many images at most, chosen at random by seed 1; 0 is all.
	Classes []string `json:"classes,omitempty"`
	Most    int      `json:"most,omitempty"`
}

// outliers are images that are not good, under a name of their own.
type outliers struct {
	Name string
	images
}

// experiment is one detector and what it is tried on.
type experiment struct {
	Name string
	// Good is what it is fitted on, Test good images that had no part in it.
	Good, Test images
	// General is fit.Drawn or general.
	General string
	// Steps is the most of training.
	Steps   int
	Against []outliers
}

// general is the general Glow of Tiny ImageNet: the drawn one trained on.
const general = "tinyimagenet32"

// generalSteps are those of its training, fit's default.
const generalSteps = 2500

var (
	cifarClasses  = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	scenesClasses = []string{"buildings", "forests", "glacier", "mountains", "sea", "street"}
)

// experiments are all of them.
func experiments() []experiment {
	var all []experiment
	for _, g := range []string{general, "drawn"} {
		e := experiment{Name: "cifar10-" + g, General: g, Steps: 600,
			Good: images{"cifar10", "train", nil, 10_000},
			Test: images{"cifar10", "test", nil, 2000}}
		for _, set := range []string{"svhn", "cifar100", "scenes", "streetchars", "faces"} {
			e.Against = append(e.Against, outliers{set, images{set, "test", nil, 1000}})
		}
		all = append(all, e)
	}
	all = append(all, experiment{Name: "fashion_mnist-drawn", General: "drawn", Steps: 400,
		Good: images{"fashion_mnist", "train", nil, 6000},
		Test: images{"fashion_mnist", "test", nil, 2000}, Against: []outliers{{"mnist", images{"mnist", "test", nil, 1000}}}})
	for _, class := range scenesClasses {
		others := slices.DeleteFunc(slices.Clone(scenesClasses), func(c string) bool { return c == class })
		all = append(all, experiment{Name: "scenes-" + class, General: general, Steps: 200,
			Good: images{"scenes", "train", []string{class}, 0},
			Test: images{"scenes", "test", []string{class}, 0}, Against: []outliers{{"other scenes",
				images{"scenes", "test", others, 1500}}}})
	}
	for _, class := range cifarClasses {
		nine := slices.DeleteFunc(slices.Clone(cifarClasses), func(c string) bool { return c == class })
		all = append(all, experiment{Name: "cifar10-without-" + class, General: general, Steps: 200,
			Good: images{"cifar10", "train", nine, 4000},
			Test: images{"cifar10", "test", nine, 1000}, Against: []outliers{{class, images{"cifar10", "test", []string{class}, 0}}}})
	}
	return all
}

// file is the name of the zip with such images.
func (i images) file() string {
	name := i.Set + "-" + i.Split
	switch {
	case len(i.Classes) == 1:
		name += "-" + i.Classes[0]
	case i.Classes != nil:
		name += "-without"
		for _, c := range slices.Concat(cifarClasses, scenesClasses) {
			if slices.Contains(cifarClasses, c) == slices.Contains(cifarClasses, i.Classes[0]) && !slices.Contains(i.Classes, c) {
				name += "-" + c
			}
		}
	}
	if i.Most > 0 {
		name += fmt.Sprintf("-%d", i.Most)
	}
	return name + ".zip"
}
