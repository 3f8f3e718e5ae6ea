// Package experiment knows the declared sizes, sets and sections, what a run is and where it is kept, and works out
// which runs and scores a section needs: it trains what is missing, once, and writes tables that everything a person
// looks at is drawn from.
package experiment

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"strata/experiments"
	"strata/pkg/glow"
	"strata/pkg/models"
	"strata/pkg/optimiser"
	"strata/pkg/pixelcnn"

	"github.com/goccy/go-yaml"
)

// Size is a network and a budget (experiments/sizes.yaml).
type Size struct {
	Name            string          `yaml:"-" json:"name"`
	Networks        Networks        `yaml:"networks" json:"networks"`
	Batch           int             `yaml:"batch" json:"batch"`
	Steps           int             `yaml:"steps" json:"steps"`
	FinetuneSteps   int             `yaml:"finetune_steps" json:"finetune_steps"`
	CheckpointEvery int             `yaml:"checkpoint_every" json:"checkpoint_every"`
	TrainImages     int             `yaml:"train_images" json:"train_images"`
	TestImages      int             `yaml:"test_images" json:"test_images"`
	Optimiser       OptimiserChange `yaml:"optimiser" json:"-"`
	Finetune        OptimiserChange `yaml:"finetune_optimiser" json:"-"`
}

// Networks are the networks of a size, one a model.
type Networks struct {
	Glow     GlowSize     `yaml:"glow" json:"glow"`
	Dense    GlowSize     `yaml:"dense" json:"dense"`
	Patch    GlowSize     `yaml:"patch" json:"patch"`
	PixelCNN PixelCNNSize `yaml:"pixelcnn" json:"pixelcnn"`
}

// GlowSize is the size of a Glow; the local-patch one has one scale and takes its patch from S2.1.
type GlowSize struct {
	Scales int `yaml:"scales" json:"scales,omitempty"`
	K      int `yaml:"k" json:"k"`
	Hidden int `yaml:"hidden" json:"hidden"`
}

// PixelCNNSize is the size of a PixelCNN++.
type PixelCNNSize struct {
	ResNets  int     `yaml:"resnets" json:"resnets"`
	Filters  int     `yaml:"filters" json:"filters"`
	Mixtures int     `yaml:"mixtures" json:"mixtures"`
	Dropout  float64 `yaml:"dropout" json:"dropout"`
}

// ModelNames are the models that can be trained by name, the default first.
func ModelNames() []string { return []string{"glow", "dense", "patch", "pixelcnn"} }

// patchSide is the side of the local-patch Glow's patches (S2.1).
const patchSide = 8

// Spec is the named model of this size for images of a shape; "" is the first of ModelNames.
func (n Networks) Spec(model string, height, width, channels int) (models.Spec, error) {
	of := func(size GlowSize, block glow.Block) *glow.Config {
		return &glow.Config{Height: height, Width: width, Channels: channels, Scales: size.Scales, K: size.K, Hidden: size.Hidden, Block: block}
	}
	switch model {
	case "", "glow":
		return models.Spec{Glow: of(n.Glow, glow.Convolutional)}, nil
	case "dense":
		return models.Spec{Glow: of(n.Dense, glow.Dense)}, nil
	case "patch":
		return models.Spec{PatchGlow: &glow.PatchConfig{Height: height, Width: width, Channels: channels, Patch: patchSide, K: n.Patch.K, Hidden: n.Patch.Hidden}}, nil
	case "pixelcnn":
		return models.Spec{PixelCNN: &pixelcnn.Config{Height: height, Width: width, Channels: channels,
			ResNets: n.PixelCNN.ResNets, Filters: n.PixelCNN.Filters, Mixtures: n.PixelCNN.Mixtures, Dropout: n.PixelCNN.Dropout}}, nil
	}
	return models.Spec{}, fmt.Errorf("no model %q: choose one of %s", model, strings.Join(ModelNames(), ", "))
}

// OptimiserChange is what differs from the paper's optimiser; zero values change nothing.
type OptimiserChange struct {
	Rate   float64 `yaml:"rate"`
	Warmup int     `yaml:"warmup"`
}

func (c OptimiserChange) apply(a optimiser.Config) optimiser.Config {
	if c.Rate != 0 {
		a.Rate = c.Rate
	}
	a.Warmup = c.Warmup
	return a
}

// SizeNames are the declared sizes, smallest first.
func SizeNames() []string { return []string{"smoke", "demo", "small", "paper"} }

// LoadSize reads a declared size.
func LoadSize(name string) (Size, error) {
	sizes := map[string]Size{}
	if err := readDeclaration("sizes.yaml", &sizes); err != nil {
		return Size{}, err
	}
	size, ok := sizes[name]
	if !ok {
		return Size{}, fmt.Errorf("no size %q: choose one of %s", name, strings.Join(SizeNames(), ", "))
	}
	size.Name = name
	if size.Steps < 1 || size.FinetuneSteps < 1 || size.Batch < 1 {
		return Size{}, fmt.Errorf("experiments/sizes.yaml: size %s needs steps, finetune_steps and batch", name)
	}
	return size, nil
}

// Roles says which set plays which role.
type Roles struct {
	Family  string `json:"family"`
	In      string `json:"in"`
	General string `json:"general"`
	Smooth  string `json:"smooth"`
	Far     string `json:"far"`
}

// RoleNames are the roles, in the order in which people read them.
func RoleNames() []string { return []string{"in", "general", "smooth", "far"} }

// Set is the name of the set in a role, "" for an unknown role.
func (r Roles) Set(role string) string {
	return map[string]string{"in": r.In, "general": r.General, "smooth": r.Smooth, "far": r.Far}[role]
}

type setsDeclaration struct {
	Families []struct {
		Name    string `yaml:"name"`
		About   string `yaml:"about"`
		In      string `yaml:"in"`
		General string `yaml:"general"`
		Smooth  string `yaml:"smooth"`
		Far     string `yaml:"far"`
	} `yaml:"families"`
	StandsFor map[string]string `yaml:"stands_for"`
	NoFlip    []string          `yaml:"no_flip"`
}

// DefaultRoles is the first declared family whose sets are all among available.
func DefaultRoles(available []string) (Roles, error) {
	var sets setsDeclaration
	if err := readDeclaration("sets.yaml", &sets); err != nil {
		return Roles{}, err
	}
	for _, f := range sets.Families {
		r := Roles{Family: f.Name, In: f.In, General: f.General, Smooth: f.Smooth, Far: f.Far}
		if !slices.ContainsFunc(RoleNames(), func(role string) bool { return !slices.Contains(available, r.Set(role)) }) {
			return r, nil
		}
	}
	return Roles{}, fmt.Errorf("experiments/sets.yaml: no family has all its sets among %v", available)
}

// StandsFor names the paper's set that a set stands in for, "" if it is the paper's own or nobody said.
func StandsFor(set string) string {
	var sets setsDeclaration
	if readDeclaration("sets.yaml", &sets) != nil {
		return ""
	}
	return sets.StandsFor[set]
}

// Flip says whether a set's images are mirrored in training.
func Flip(set string) bool {
	var sets setsDeclaration
	return readDeclaration("sets.yaml", &sets) == nil && !slices.Contains(sets.NoFlip, set)
}

// Section is a declared section of the paper.
type Section struct {
	Title string `yaml:"title"`
	Runs  []struct {
		Name   string `yaml:"name"`
		Set    string `yaml:"set"`
		Parent string `yaml:"parent"`
	} `yaml:"runs"`
	Score []string `yaml:"score"`
}

// LoadSection reads a declared section and checks that its roles and parents exist.
func LoadSection(name string) (Section, error) {
	var s Section
	if err := readDeclaration(name+".yaml", &s); err != nil {
		return Section{}, err
	}
	seen := []string{}
	for _, r := range s.Runs {
		if !slices.Contains(RoleNames(), r.Set) {
			return Section{}, fmt.Errorf("experiments/%s.yaml: run %s: no role %q, only %v", name, r.Name, r.Set, RoleNames())
		}
		if r.Parent != "" && !slices.Contains(seen, r.Parent) {
			return Section{}, fmt.Errorf("experiments/%s.yaml: run %s: parent %q is not declared before it", name, r.Name, r.Parent)
		}
		seen = append(seen, r.Name)
	}
	return s, nil
}

// SectionNames are the declared sections.
func SectionNames() []string {
	files, _ := fs.Glob(experiments.Files, "section*.yaml")
	for i := range files {
		files[i] = strings.TrimSuffix(files[i], ".yaml")
	}
	return files
}

func readDeclaration(name string, into any) error {
	text, err := experiments.Files.ReadFile(name)
	if err != nil {
		return fmt.Errorf("no declaration experiments/%s", name)
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		return fmt.Errorf("experiments/%s: %w", name, err)
	}
	return nil
}
