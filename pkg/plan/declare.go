// Package plan holds what is declared in experiments/*.yaml: sizes, roles and sets, and the paper's training configurations. It opens
// no image and trains nothing.
//
// The words, each with one meaning, are in Words.
package plan

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"strata/experiments"
	"strata/pkg/classifier"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/models"
	"strata/pkg/optimiser"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Words are what the project's words mean, each one thing.
const Words = `  set            images under a name, "svhn": a file or folder of STRATA_DATA, a set that strata draws, or one that a recipe makes of these
  split          the part of a set that is trained on or tested on: train, test
  recipe         how a set is made of another one: some of its classes, in grey, in another size (experiments/sets.yaml)
  role           the part that a set plays in the paper: in, near, smooth, far, general and others
  family         which sets play which roles, "procedural"; sets of one family may be compared with each other
  size           a network for each model, and a budget of steps and images: smoke, quick, demo, ... paper (experiments/sizes.yaml)
  configuration  a training run of the paper without seed, size and family: glow-in-from-general (experiments/configurations.yaml)
  subset         the images of a split that a size uses, where it does not use all`

// Size is a network and a budget (experiments/sizes.yaml).
type Size struct {
	Name     string   `yaml:"-" json:"name"`
	Networks Networks `yaml:"networks" json:"networks"`
	// Classifier is the discriminative baseline's network, no density model.
	Classifier      classifier.Config `yaml:"classifier" json:"classifier"`
	Batch           int               `yaml:"batch" json:"batch"`
	Steps           int               `yaml:"steps" json:"steps"`
	FinetuneSteps   int               `yaml:"finetune_steps" json:"finetune_steps"`
	CheckpointEvery int               `yaml:"checkpoint_every" json:"checkpoint_every"`
	TrainImages     int               `yaml:"train_images" json:"train_images"`
	TestImages      int               `yaml:"test_images" json:"test_images"`
	// Precision is what the insides of coupling and residual networks are trained in: float32 (""), tf32 or bfloat16.
	Precision string `yaml:"precision" json:"precision,omitempty"`
	// TopImages is how many training images of general Figs S7 and S8 choose from.
	TopImages int `yaml:"top_images" json:"-"`
	// Budgets are those of models that have their own, by name.
	Budgets map[string]Budget `yaml:"budgets" json:"budgets,omitempty"`
	// CurvePoints is how often a run's scores are looked at while it trains, on CurveImages images a set.
	CurvePoints int `yaml:"curve_points" json:"curve_points"`
	CurveImages int `yaml:"curve_images" json:"curve_images"`
	// Seconds is what a step of each model takes on two cores.
	Seconds   map[string]float64 `yaml:"seconds" json:"-"`
	Optimiser OptimiserChange    `yaml:"optimiser" json:"-"`
	Finetune  OptimiserChange    `yaml:"finetune_optimiser" json:"-"`
	// Outliers is what differs in finetuning with outliers, where it is not Finetune.
	Outliers *OptimiserChange `yaml:"outlier_optimiser" json:"-"`
}

// Finetuning is what differs from the paper's optimiser in finetuning, with outliers or without.
func (s Size) Finetuning(outliers bool) OptimiserChange {
	if outliers && s.Outliers != nil {
		return *s.Outliers
	}
	return s.Finetune
}

// Budget is a model's own batch and steps; zero values are the size's.
type Budget struct {
	Batch         int `yaml:"batch" json:"batch,omitempty"`
	Steps         int `yaml:"steps" json:"steps,omitempty"`
	FinetuneSteps int `yaml:"finetune_steps" json:"finetune_steps,omitempty"`
}

// BudgetOf is the batch and the steps of a model, finetuned or from scratch.
func (s Size) BudgetOf(model string, finetuned bool) (batch, steps int) {
	own := s.Budgets[model]
	batch, steps = cmp.Or(own.Batch, s.Batch), cmp.Or(own.Steps, s.Steps)
	if finetuned {
		steps = cmp.Or(own.FinetuneSteps, s.FinetuneSteps)
	}
	return batch, steps
}

// Classifier is the name of the discriminative baseline, which is no density model.
const Classifier = "classifier"

// Networks are the networks of a size by the names of their models (package models): configurations without the shape
// of the images.
type Networks map[string]density.Config

// UnmarshalYAML reads every network on top of what those of its kind have in common.
func (n *Networks) UnmarshalYAML(node ast.Node) error {
	var named map[string]ast.Node
	if err := yaml.NodeToValue(node, &named); err != nil {
		return err
	}
	*n = Networks{}
	for name, fields := range named {
		kind, err := models.KindOf(name)
		if err != nil {
			return err
		}
		config := reflect.New(reflect.TypeOf(kind.Config))
		config.Elem().Set(reflect.ValueOf(kind.Config))
		if err := yaml.NodeToValue(fields, config.Interface(), yaml.Strict()); err != nil {
			return fmt.Errorf("network %s: %w", name, err)
		}
		(*n)[name] = config.Elem().Interface().(density.Config)
	}
	return nil
}

// Network is the named model of this size for images of a shape.
func (s Size) Network(model string, height, width, channels int) (density.Config, error) {
	if _, err := models.KindOf(model); err != nil {
		return nil, err
	}
	config, ok := s.Networks[model]
	if !ok {
		return nil, fmt.Errorf("size %s has no network of the model %s: add one to its networks in experiments/sizes.yaml",
			s.Name, model)
	}
	return config.ForImages(height, width, channels), nil
}

// Products is what the time of this size's network of a model grows with (density.Config), 0 where it has none.
func (s Size) Products(model string) float64 {
	if model == Classifier {
		_, products := s.Classifier.Cost()
		return products
	}
	if config, ok := s.Networks[model]; ok {
		_, products := config.Cost()
		return products
	}
	return 0
}

// Glow is the Glow of this size, for images of no shape yet.
func (s Size) Glow() glow.Config {
	config, _ := s.Networks["glow"].(glow.Config) // every declared size has one: a test sees to it
	return config
}

// OptimiserChange is what differs from the paper's optimiser; zero values change nothing.
type OptimiserChange struct {
	Rate   float64 `yaml:"rate"`
	Warmup int     `yaml:"warmup"`
}

// Apply is an optimiser with what differs.
func (c OptimiserChange) Apply(a optimiser.Config) optimiser.Config {
	if c.Rate != 0 {
		a.Rate = c.Rate
	}
	a.Warmup = c.Warmup
	return a
}

// SizeNames are the declared sizes, smallest first.
func SizeNames() []string { return []string{"smoke", "quick", "demo", "long", "small", "gpu", "paper"} }

// LoadSize reads a declared size.
func LoadSize(name string) (Size, error) {
	text, err := declaration("sizes.yaml")
	if err != nil {
		return Size{}, err
	}
	sizes := map[string]Size{}
	if err := parse("sizes.yaml", text, &sizes); err != nil {
		return Size{}, err
	}
	size, ok := sizes[name]
	if !ok {
		return Size{}, fmt.Errorf("no size %q: choose one of %s", name, strings.Join(SizeNames(), ", "))
	}
	size.Name = name
	return size, size.Validate()
}

// Validate says what a size lacks that a run needs.
func (s Size) Validate() error {
	for _, needed := range []struct {
		name  string
		value int
	}{{"batch", s.Batch}, {"steps", s.Steps}, {"finetune_steps", s.FinetuneSteps}, {"checkpoint_every", s.CheckpointEvery}} {
		if needed.value < 1 {
			return fmt.Errorf("experiments/sizes.yaml: size %s needs %s of at least 1, not %d", s.Name, needed.name, needed.value)
		}
	}
	return nil
}

// StepSeconds is what a training step takes on two cores, on the Go backend. Outliers cost 7/3 of a step without, labels 8/3 (the general
// model's pass and the outliers' share of the batch).
func (s Size) StepSeconds(model string, labels, outliers bool) float64 {
	seconds := s.Seconds[model]
	switch {
	case labels:
		seconds *= 8. / 3
	case outliers:
		seconds *= 7. / 3
	}
	return seconds
}

// Estimate is how long a configuration trains from nothing, on two cores without a GPU.
func (s Size) Estimate(c Configuration) time.Duration {
	_, steps := s.BudgetOf(c.Model, c.Parent != "")
	return time.Duration(s.StepSeconds(c.Model, c.Labels, c.Loss != "") * float64(steps) * float64(time.Second))
}

// Roles says which set plays which role.
type Roles struct {
	Family string            `json:"family"`
	Sets   map[string]string `json:"sets"`
}

// RoleNames are the roles that every family has, in the order in which people read them.
func RoleNames() []string { return []string{"in", "general", "smooth", "far"} }

// OtherRoles are those that a family may have (experiments/sets.yaml).
func OtherRoles() []string {
	return []string{"near", "grey_in", "grey_smooth", "grey_general", "mri_one", "mri_others", "mri_all", "faces", "further",
		"general_clean", "general_box", "general_bicubic", "general_bilinear"}
}

// Set is the name of the set in a role, "" where there is none.
func (r Roles) Set(role string) string { return r.Sets[role] }

// Need is the name of the set in a role, and ErrAbsent where there is none.
func (r Roles) Need(role string) (string, error) {
	if name := r.Sets[role]; name != "" {
		return name, nil
	}
	return "", Absent("no set plays the role %s in family %s", role, r.Family)
}

// Have are those of some roles that have a set.
func (r Roles) Have(roles ...string) []string {
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return r.Sets[role] == "" })
}

// Outliers are the roles that have a set and against which the set of a role is held, in the order of the paper's tables.
func (r Roles) Outliers(in string) []string {
	return slices.DeleteFunc(r.Have("smooth", "in", "near", "far"), func(role string) bool { return role == in })
}

// Chosen is the family of roles that somebody chose.
const Chosen = "chosen"

// With is a copy in which another set plays a role.
func (r Roles) With(role, set string) Roles {
	r.Family, r.Sets = Chosen, maps.Clone(r.Sets)
	r.Sets[role] = set
	return r
}

// recipe is how a set is made: as declared, or of what has its name.
func (d setsDeclaration) recipe(name string) imageset.Recipe {
	recipe, ok := d.Derived[name]
	if !ok {
		recipe.Of = name
	}
	if recipe.History == "" {
		recipe.History = d.Histories[recipe.Of]
	}
	return recipe
}

type setsDeclaration struct {
	Families []struct {
		Name  string            `yaml:"name"`
		About string            `yaml:"about"`
		Sets  map[string]string `yaml:"sets"`
	} `yaml:"families"`
	Derived   map[string]imageset.Recipe `yaml:"derived"`
	Histories map[string]string          `yaml:"histories"`
	StandsFor map[string]string          `yaml:"stands_for"`
	NoFlip    []string                   `yaml:"no_flip"`
	AsCut     []string                   `yaml:"as_cut"`
}

// declaredSets reads experiments/sets.yaml, once.
var declaredSets = sync.OnceValues(func() (setsDeclaration, error) {
	text, err := declaration("sets.yaml")
	if err != nil {
		return setsDeclaration{}, err
	}
	return parseSets(text)
})

func parseSets(text []byte) (setsDeclaration, error) {
	var sets setsDeclaration
	if err := parse("sets.yaml", text, &sets); err != nil {
		return sets, err
	}
	for _, f := range sets.Families {
		for role := range f.Sets {
			if !slices.Contains(append(RoleNames(), OtherRoles()...), role) {
				return sets, fmt.Errorf("experiments/sets.yaml: family %s: no role %q", f.Name, role)
			}
		}
		for _, role := range RoleNames() { // without it no set would be at hand, and the family never chosen
			if f.Sets[role] == "" {
				return sets, fmt.Errorf("experiments/sets.yaml: family %s has no set for the role %s", f.Name, role)
			}
		}
	}
	for name, recipe := range sets.Derived {
		if err := recipe.Validate(); err != nil {
			return sets, fmt.Errorf("experiments/sets.yaml: set %s: %w", name, err)
		}
	}
	return sets, nil
}

// DefaultRoles is the first declared family whose needed sets are all among available, or made of one that is. Of the other
// roles it has those that are at hand.
func DefaultRoles(available []string) (Roles, error) {
	sets, err := declaredSets()
	if err != nil {
		return Roles{}, err
	}
	atHand := func(set string) bool {
		if derived, ok := sets.Derived[set]; ok {
			set = derived.Of
		}
		return slices.Contains(available, set)
	}
	for _, f := range sets.Families {
		if slices.ContainsFunc(RoleNames(), func(role string) bool { return !atHand(f.Sets[role]) }) {
			continue
		}
		r := Roles{Family: f.Name, Sets: map[string]string{}}
		for role, set := range f.Sets {
			if atHand(set) {
				r.Sets[role] = set
			}
		}
		return r, nil
	}
	return Roles{}, fmt.Errorf("experiments/sets.yaml: no family has all its sets among %v", available)
}

// Recipe is how a set is made: as experiments/sets.yaml declares it, or of what has its name.
func Recipe(set string) (imageset.Recipe, error) {
	sets, err := declaredSets()
	return sets.recipe(set), err
}

// DerivedSets are the declared sets that are made of another, by name, with what they are made of.
func DerivedSets() (map[string]string, error) {
	sets, err := declaredSets()
	derived := map[string]string{}
	for name, recipe := range sets.Derived {
		derived[name] = recipe.Of
	}
	return derived, err
}

// StandsFor names the paper's set that a set stands in for, "" if it is the paper's own or nobody said.
func StandsFor(set string) string {
	sets, err := declaredSets()
	if err != nil {
		return ""
	}
	return sets.StandsFor[set]
}

// Augmentation is how a set's training images are varied for a model that varies others so: experiments/sets.yaml lists
// those that are not mirrored, and those that stay as they are.
func Augmentation(set string, others imageset.Augmentation) imageset.Augmentation {
	sets, err := declaredSets()
	if err != nil || slices.Contains(sets.AsCut, set) {
		return imageset.Augmentation{}
	}
	others.Flip = others.Flip && !slices.Contains(sets.NoFlip, set)
	return others
}

// declaration is the text of a file of experiments.
func declaration(name string) ([]byte, error) {
	text, err := experiments.Files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("no declaration experiments/%s", name)
	}
	return text, nil
}

// parse reads the text of a declaration, in which every field must be known.
func parse(name string, text []byte, into any) error {
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		return fmt.Errorf("experiments/%s: %w", name, err)
	}
	return nil
}
