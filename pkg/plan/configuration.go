package plan

import (
	"fmt"
	"slices"

	"strata/pkg/train"
)

// Configuration is a declared training run, without seed and size (experiments/configurations.yaml).
type Configuration struct {
	ID           string            `yaml:"id"`
	Model        string            `yaml:"model"`
	Labels       bool              `yaml:"labels"`
	Set          string            `yaml:"set"`
	Parent       string            `yaml:"parent"`
	Loss         train.OutlierLoss `yaml:"loss"`
	Outliers     string            `yaml:"outliers"`
	General      string            `yaml:"general"`
	FrozenScales int               `yaml:"frozen_scales"`
	Serves       []string          `yaml:"serves"`
	Optional     bool              `yaml:"optional"`
	Unstated     string            `yaml:"unstated"`
}

// Configurations are all that are declared, each after those that it needs.
type Configurations []Configuration

// LoadConfigurations reads them and checks each: what is wrong is said before anything trains.
func LoadConfigurations() (Configurations, error) {
	var all Configurations
	if err := readDeclaration("configurations.yaml", &all); err != nil {
		return nil, err
	}
	roles := append(RoleNames(), OtherRoles()...)
	for i, c := range all {
		before := all[:i]
		fail := func(format string, args ...any) (Configurations, error) {
			return nil, fmt.Errorf("experiments/configurations.yaml: %s: %s", c.ID, fmt.Sprintf(format, args...))
		}
		_, twice := before.Find(c.ID)
		parent, known := before.Find(c.Parent)
		general, generalKnown := before.Find(c.General)
		switch {
		case c.ID == "" || twice:
			return fail("every configuration has an id of its own")
		case c.Model != "classifier" && !slices.Contains(ModelNames(), c.Model):
			return fail("no model %q, only %v and classifier", c.Model, ModelNames())
		case !slices.Contains(roles, c.Set):
			return fail("no role %q, only %v", c.Set, roles)
		case c.Parent != "" && !known:
			return fail("parent %q is not declared before it", c.Parent)
		case c.Parent != "" && parent.Model != c.Model:
			return fail("its model is %s and that of its parent %s is %s", c.Model, c.Parent, parent.Model)
		case c.General != "" && (!generalKnown || general.Model == "classifier"):
			return fail("general model %q is not declared before it", c.General)
		case c.Outliers != "" && !slices.Contains(roles, c.Outliers):
			return fail("no role %q for its outliers, only %v", c.Outliers, roles)
		case (c.Loss != "") != (c.Outliers != "") && c.Model != "classifier":
			return fail("a loss wants outliers, and outliers a loss")
		case c.Model == "classifier" && (c.Outliers == "" || c.Loss != "" || c.Parent != ""):
			return fail("a classifier wants outliers, no loss and no parent")
		case c.loss().NeedsGeneral() != (c.General != ""):
			return fail("the outlier loss and labels want a general model, and nothing else does")
		case c.Labels && (c.Model != "glow" || parent.Labels):
			return fail("labels are for a glow that is made from one without")
		case c.FrozenScales > 0 && (c.Parent == "" || c.Model != "glow"):
			return fail("frozen scales are for a glow with a parent")
		}
		if err := c.loss().Validate(); err != nil {
			return fail("%v", err)
		}
	}
	return all, nil
}

func (c Configuration) loss() train.Loss { return train.PaperLoss(c.Loss, c.Labels) }

// Find is the configuration with an id.
func (all Configurations) Find(id string) (Configuration, bool) {
	i := slices.IndexFunc(all, func(c Configuration) bool { return c.ID == id })
	if i < 0 || id == "" {
		return Configuration{}, false
	}
	return all[i], true
}

// Needs are the ids of the configurations that one is made from.
func (c Configuration) Needs() []string {
	var ids []string
	for _, id := range []string{c.Parent, c.General} {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Targets are what can be asked for: tables, figures, and "all".
func (all Configurations) Targets() []string {
	var targets []string
	for _, c := range all {
		for _, t := range c.Serves {
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	slices.Sort(targets)
	return append(targets, "all")
}

// For are the configurations that targets need, and those that these are made from, in the order of their declaration. A
// target may also be a configuration's id.
func (all Configurations) For(targets ...string) (Configurations, error) {
	wanted := map[string]bool{}
	for _, t := range targets {
		if _, ok := all.Find(t); !ok && !slices.Contains(all.Targets(), t) {
			return nil, fmt.Errorf("nothing is called %q: choose of %v or a configuration, %s to %s", t, all.Targets(), all[0].ID, all[len(all)-1].ID)
		}
	}
	for i := len(all) - 1; i >= 0; i-- { // what is needed stands before what needs it
		c := all[i]
		for _, t := range targets {
			if c.ID == t || t == "all" && !c.Optional || slices.Contains(c.Serves, t) {
				wanted[c.ID] = true
			}
		}
		if wanted[c.ID] {
			for _, id := range c.Needs() {
				wanted[id] = true
			}
		}
	}
	var chosen Configurations
	for _, c := range all {
		if wanted[c.ID] {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}
