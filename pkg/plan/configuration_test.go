package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// few are configurations of every kind that a line may follow.
const few = `
- {name: base, row: R1, model: glow, set: general, serves: [table1, fig1]}
- {name: tuned, row: R2, model: glow, set: in, parent: base, serves: [table1]}
- {name: labelled, row: R3, model: glow, labels: true, set: in, parent: tuned, loss: outlier, outliers: general,
   general: base, serves: [table4]}
- {name: pixels, row: R4, model: pixelcnn, set: general, serves: [table1]}
- {name: judge, row: R5, model: classifier, set: in, outliers: smooth, serves: [fig3]}
- {name: remark, row: R6, model: glow, set: in, parent: tuned, frozen_scales: 2, optional: true, serves: []}
`

func fewConfigurations(t *testing.T, more string) Configurations {
	t.Helper()
	all, err := parseConfigurations([]byte(few + more))
	require.NoError(t, err)
	return all
}

// Each mistake that a declaration can have is refused before anything trains, by the configuration's name and in words.
func TestConfigurationsRefuse(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"{name: base, model: glow, set: in}", "a name of its own"},
		{"{name: Glow_in, model: glow, set: in}",
			"Glow_in: every configuration has a name of its own, of small letters"},
		{"{name: '', model: glow, set: in}", "a name of its own"},
		{"{name: a, model: diffusion, set: in}",
			`a: no model "diffusion", only [glow dense patch pixelcnn] and classifier`},
		{"{name: a, model: glow, set: cifar10}", `no role "cifar10", only [in general smooth far near`},
		{"{name: a, model: glow, set: in, parent: nobody}", `parent "nobody" is not declared before it`},
		{"{name: a, model: glow, set: in, parent: a}", `parent "a" is not declared before it`},
		{"{name: a, model: glow, set: in, parent: pixels}",
			"its model is glow and that of its parent pixels is pixelcnn"},
		{"{name: a, model: glow, set: in, loss: outlier, outliers: general, general: nobody}",
			`general model "nobody" is not declared before it`},
		{"{name: a, model: glow, set: in, loss: outlier, outliers: general, general: judge}",
			`general model "judge" is not declared`},
		{"{name: a, model: glow, set: in, loss: margin, outliers: everything}",
			`no role "everything" for its outliers`},
		{"{name: a, model: glow, set: in, loss: margin}", "a loss wants outliers, and outliers a loss"},
		{"{name: a, model: glow, set: in, outliers: general}", "a loss wants outliers, and outliers a loss"},
		{"{name: a, model: classifier, set: in}", "a classifier wants outliers, no loss and no parent"},
		{"{name: a, model: classifier, set: in, outliers: general, loss: margin}",
			"a classifier wants outliers, no loss and no parent"},
		{"{name: a, model: classifier, set: in, outliers: general, parent: judge}",
			"a classifier wants outliers, no loss and no parent"},
		{"{name: a, model: glow, set: in, loss: outlier, outliers: general}",
			"the outlier loss and labels want a general model, and nothing else does"},
		{"{name: a, model: glow, set: in, loss: margin, outliers: general, general: base}", "and nothing else does"},
		{"{name: a, model: glow, labels: true, set: in, parent: tuned}",
			"the outlier loss and labels want a general model"},
		{"{name: a, model: pixelcnn, labels: true, set: in, parent: pixels, general: pixels}", "labels are for a glow"},
		{"{name: a, model: glow, labels: true, set: in, parent: labelled, general: base}", "made from one without"},
		{"{name: a, model: glow, labels: true, set: in, general: base}", "made from one without"},
		{"{name: a, model: glow, set: in, frozen_scales: 1}", "frozen scales are for a glow with a parent"},
		{"{name: a, model: pixelcnn, set: in, parent: pixels, frozen_scales: 1}",
			"frozen scales are for a glow with a parent"},
		{"{name: a, model: glow, set: in, loss: hinge, outliers: general}", `no outlier loss "hinge"`},
		{"{name: a, model: glow, set: in, epochs: 3}", "epochs"},
		{"{name: a, model: glow, set: in", "experiments/configurations.yaml: "},
	} {
		all, err := parseConfigurations([]byte(few + "- " + c.line))
		require.ErrorContains(t, err, c.says, c.line)
		require.ErrorContains(t, err, "experiments/configurations.yaml: ", c.line)
		require.Nil(t, all)
	}
	require.Len(t, fewConfigurations(t, ""), 6, "and what is right is not")
}

// Whoever walks the declared configurations in order meets everything before what is made from it.
func TestNeedsStandBefore(t *testing.T) {
	all, err := LoadConfigurations()
	require.NoError(t, err)
	for i, c := range all {
		for _, name := range c.Needs() {
			_, ok := all[:i].Find(name)
			require.True(t, ok, "%s needs %s", c.Name, name)
		}
	}
	labelled, ok := all.Find("glow-in-labels")
	require.True(t, ok)
	require.Equal(t, []string{"glow-general"}, labelled.Needs(), "parent and general model, once")
	against, ok := all.Find("glow-general-against-in")
	require.True(t, ok)
	require.Equal(t, []string{"glow-general", "glow-in-from-general"}, against.Needs())
	require.Empty(t, all[0].Needs())
	_, ok = all.Find("")
	require.False(t, ok)
}

func names(all Configurations) []string {
	var of []string
	for _, c := range all {
		of = append(of, c.Name)
	}
	return of
}

// What is asked for comes with what it is made from, in the order of declaration, whatever the order of the targets.
func TestFor(t *testing.T) {
	all := fewConfigurations(t, "")
	for _, c := range []struct {
		targets, want []string
	}{
		{[]string{"table1"}, []string{"base", "tuned", "pixels"}},
		{[]string{"table4"}, []string{"base", "tuned", "labelled"}},
		{[]string{"fig3"}, []string{"judge"}},
		{[]string{"fig3", "fig1"}, []string{"base", "judge"}},
		{[]string{"labelled"}, []string{"base", "tuned", "labelled"}},
		{[]string{"judge", "pixels"}, []string{"pixels", "judge"}},
		{[]string{"remark"}, []string{"base", "tuned", "remark"}},
		{[]string{"all"}, []string{"base", "tuned", "labelled", "pixels", "judge"}},
		{[]string{"all", "remark"}, names(all)},
		{nil, nil},
	} {
		chosen, err := all.For(c.targets...)
		require.NoError(t, err)
		require.Equal(t, c.want, names(chosen), c.targets)
	}
	_, err := all.For("table1", "table9")
	require.ErrorContains(t, err,
		`nothing is called "table9": choose of [fig1 fig3 table1 table4 all] or a configuration, base to remark`)
	// An optional one is trained all the same where something that is not is made from it.
	all = fewConfigurations(t, "- {name: later, model: glow, set: in, parent: remark, serves: [figS1]}\n")
	chosen, err := all.For("all")
	require.NoError(t, err)
	require.Contains(t, names(chosen), "remark")
}

func TestTargets(t *testing.T) {
	require.Equal(t, []string{"fig1", "fig3", "table1", "table4", "all"}, fewConfigurations(t, "").Targets())
	all, err := LoadConfigurations()
	require.NoError(t, err)
	targets := all.Targets()
	require.Equal(t, "all", targets[len(targets)-1])
	require.True(t, slices.IsSorted(targets[:len(targets)-1]))
	require.Len(t, slices.Compact(slices.Clone(targets)), len(targets), "each once")
	for _, target := range targets {
		chosen, err := all.For(target)
		require.NoError(t, err)
		require.NotEmpty(t, chosen, target)
	}
}

// Learning curves are of the Glows of the sets that the paper draws, and of the general one that no loss has changed.
func TestWatched(t *testing.T) {
	all, err := LoadConfigurations()
	require.NoError(t, err)
	var watched []string
	for _, c := range all {
		if c.Watched() {
			watched = append(watched, c.Name)
		}
	}
	require.Equal(t, strings.Fields(`glow-general glow-smooth glow-in glow-near
		glow-smooth-from-general glow-in-from-general glow-near-from-general
		glow-smooth-from-itself glow-in-from-itself glow-near-from-itself
		glow-in-outlier-loss glow-near-outlier-loss glow-in-margin-loss glow-in-labels glow-near-labels
		glow-in-last-scale-only`), watched)
	for c, want := range map[*Configuration]bool{
		{Model: "glow", Set: "general"}: true, {Model: "glow", Set: "general", Parent: "x"}: false,
		{Model: "glow", Set: "general", Loss: "margin"}: false, {Model: "glow", Set: "far"}: false,
		{Model: "glow", Set: "grey_in"}: false, {Model: "dense", Set: "in"}: false, {Model: "pixelcnn",
			Set: "in"}: false,
		{Model: "classifier", Set: "in"}: false,
	} {
		require.Equal(t, want, c.Watched(), fmt.Sprintf("%+v", c))
	}
}
