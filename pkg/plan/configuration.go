package plan

import (
	"fmt"
	"regexp"
	"slices"

	"strata/pkg/models"
	"strata/pkg/train"
)

// Configuration is a declared training run, without seed and size (experiments/configurations.yaml).
type Configuration struct {
	Name         string            `yaml:"name"`
	Row          string            `yaml:"row"` // its number in earlier notes
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
	text, err := declaration("configurations.yaml")
	if err != nil {
		return nil, err
	}
	return parseConfigurations(text)
}

func parseConfigurations(text []byte) (Configurations, error) {
	var all Configurations
	if err := parse("configurations.yaml", text, &all); err != nil {
		return nil, err
	}
	roles := append(RoleNames(), OtherRoles()...)
	for i, c := range all {
		before := all[:i]
		fail := func(format string, args ...any) (Configurations, error) {
			return nil, fmt.Errorf("experiments/configurations.yaml: %s: %s", c.Name, fmt.Sprintf(format, args...))
		}
		_, twice := before.Find(c.Name)
		parent, known := before.Find(c.Parent)
		general, generalKnown := before.Find(c.General)
		switch {
		case !configurationName.MatchString(c.Name) || twice:
			return fail("every configuration has a name of its own, of small letters, digits and -")
		case c.Model != Classifier && !slices.Contains(models.Names(), c.Model):
			return fail("no model %q, only %v and %s", c.Model, models.Names(), Classifier)
		case !slices.Contains(roles, c.Set):
			return fail("no role %q, only %v", c.Set, roles)
		case c.Parent != "" && !known:
			return fail("parent %q is not declared before it", c.Parent)
		case c.Parent != "" && parent.Model != c.Model:
			return fail("its model is %s and that of its parent %s is %s", c.Model, c.Parent, parent.Model)
		case c.General != "" && (!generalKnown || general.Model == Classifier):
			return fail("general model %q is not declared before it", c.General)
		case c.Outliers != "" && !slices.Contains(roles, c.Outliers):
			return fail("no role %q for its outliers, only %v", c.Outliers, roles)
		case (c.Loss != "") != (c.Outliers != "") && c.Model != Classifier:
			return fail("a loss wants outliers, and outliers a loss")
		case c.Model == Classifier && (c.Outliers == "" || c.Loss != "" || c.Parent != ""):
			return fail("a classifier wants outliers, no loss and no parent")
		case c.loss().NeedsGeneral() != (c.General != ""):
			return fail("the outlier loss and labels want a general model, and nothing else does")
		case c.Labels && (c.Model != "glow" || c.Parent == "" || parent.Labels):
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

// Find is the configuration with a name.
func (all Configurations) Find(name string) (Configuration, bool) {
	i := slices.IndexFunc(all, func(c Configuration) bool { return c.Name == name })
	if i < 0 || name == "" {
		return Configuration{}, false
	}
	return all[i], true
}

// configurationName is what a configuration may be called: its name becomes a column of score files and part of file names.
var configurationName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Watched says whether the scores of a run are looked at while it trains, for the learning curves of Figs S2 to S4 and
// S6: those of the Glows of the sets that the paper draws, and of the general one.
func (c Configuration) Watched() bool {
	if c.Model != "glow" {
		return false
	}
	return slices.Contains([]string{"in", "near", "smooth"}, c.Set) || c.Set == "general" && c.Parent == "" && c.Loss == ""
}

// Needs are the names of the configurations that one is made from.
func (c Configuration) Needs() []string {
	var names []string
	for _, name := range []string{c.Parent, c.General} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
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
// target may also be a configuration's name.
func (all Configurations) For(targets ...string) (Configurations, error) {
	wanted := map[string]bool{}
	for _, t := range targets {
		if _, ok := all.Find(t); !ok && !slices.Contains(all.Targets(), t) {
			return nil, fmt.Errorf("nothing is called %q: choose of %v or a configuration, %s to %s", t, all.Targets(),
				all[0].Name, all[len(all)-1].Name)
		}
	}
	for i := len(all) - 1; i >= 0; i-- { // what is needed stands before what needs it
		c := all[i]
		for _, t := range targets {
			if c.Name == t || t == "all" && !c.Optional || slices.Contains(c.Serves, t) {
				wanted[c.Name] = true
			}
		}
		if wanted[c.Name] {
			for _, name := range c.Needs() {
				wanted[name] = true
			}
		}
	}
	var chosen Configurations
	for _, c := range all {
		if wanted[c.Name] {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}
