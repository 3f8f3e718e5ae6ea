package plan

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"strata/pkg/optimiser"

	"github.com/stretchr/testify/require"
)

const families = `
families:
  - name: first
    sets: {in: a, general: b, smooth: c, far: d, near: e}
  - name: second
    sets: {in: a_grey, general: b, smooth: c, far: d}
derived:
  a_grey: {of: a, grey: true}
histories: {a: JPEG}
stands_for: {a: CIFAR-10}
no_flip: [c]
`

// Mistakes in the sets are refused by their place and in words.
func TestSetsRefuse(t *testing.T) {
	sets, err := parseSets([]byte(families))
	require.NoError(t, err)
	require.Equal(t, "JPEG", sets.recipe("a_grey").History, "a set made of another has what its pixels went through")
	require.True(t, sets.recipe("a_grey").Grey)
	require.Equal(t, "elsewhere", sets.recipe("elsewhere").Of, "what nobody declared is of its own name")
	for _, c := range []struct{ text, says string }{
		{"families: [{name: f, sets: {in: a, general: b, smooth: c, far: d, best: e}}]", `family f: no role "best"`},
		{"families: [{name: f, sets: {in: a, general: b, smooth: c}}]", "family f has no set for the role far"},
		{"families: [{name: f, sets: {general: b, smooth: c, far: d}}]", "family f has no set for the role in"},
		{"derived: {x: {grey: true}}", "set x: a recipe without the set that it is of"},
		{"derived: {x: {of: a, codec: gif}}", `set x: recipe of a: codec "gif"`},
		{"derived: {x: {of: a, draw: {train: -1}}}", "set x: recipe of a: -1 training"},
		{"derived: {x: {of: a, greys: true}}", "greys"},
		{"family: []", "family"},
		{"families: {", "sets.yaml"},
	} {
		_, err := parseSets([]byte(c.text))
		require.ErrorContains(t, err, c.says)
		require.ErrorContains(t, err, "experiments/sets.yaml: ", c.text)
	}
}

// The first family whose needed sets are at hand plays the roles, with what else of it is there.
func TestFirstFamilyAtHand(t *testing.T) {
	needed := []string{"cifar10", "svhn", "lsun", "imagenet32"}
	roles, err := DefaultRoles(needed)
	require.NoError(t, err)
	require.Equal(t, "imagenet32", roles.Family, "80 Million Tiny Images are not there")
	require.Equal(t, map[string]string{"in": "cifar10", "smooth": "svhn", "far": "lsun", "general": "imagenet32",
		"grey_general": "imagenet32_grey"}, roles.Sets, "what is made of a set that is there is there")
	roles, err = DefaultRoles(append(needed, "tiny"))
	require.NoError(t, err)
	require.Equal(t, "paper", roles.Family)
	require.Equal(t, "tiny_clean", roles.Set("general_clean"))
	for i := range needed {
		_, err = DefaultRoles(append(append([]string{}, needed[:i]...), needed[i+1:]...))
		require.ErrorContains(t, err, "no family has all its sets among", "without %s", needed[i])
	}
}

func TestRoles(t *testing.T) {
	roles := Roles{Family: "f", Sets: map[string]string{"in": "a", "near": "b", "smooth": "c", "grey_in": "g"}}
	require.Equal(t, []string{"near", "in"}, roles.Have("near", "far", "in", "general"),
		"in the order that they are asked for")
	require.Empty(t, roles.Have("far"))
	require.Equal(t, []string{"smooth", "near"}, roles.Outliers("in"), "no far")
	require.Equal(t, []string{"in", "near"}, roles.Outliers("smooth"))
	require.Equal(t, []string{"smooth", "in", "near"}, roles.Outliers("faces"))
	name, err := roles.Need("smooth")
	require.NoError(t, err)
	require.Equal(t, "c", name)

	other := roles.With("far", "d").With("in", "z")
	require.Equal(t, "chosen", other.Family)
	require.Equal(t, []string{"z", "d", "b"}, []string{other.Set("in"), other.Set("far"), other.Set("near")})
	require.Equal(t, "a", roles.Set("in"), "the roles that it is a copy of stay")
	require.Equal(t, "f", roles.Family)
	_, err = roles.Need("far")
	require.EqualError(t, err, "no set plays the role far in family f")
}

// What is not there can be told from what is wrong, however deep it is wrapped.
func TestAbsent(t *testing.T) {
	err := fmt.Errorf("table 1: %w", errors.Join(errors.New("b"), fmt.Errorf("a: %w", Absent("no %s", "set"))))
	require.ErrorIs(t, err, ErrAbsent)
	require.NotErrorIs(t, fmt.Errorf("a: %v", Absent("no set")), ErrAbsent)
	require.NotErrorIs(t, errors.New("not there"), ErrAbsent, "by what it is, not by its words")
}

// A model's own budget goes before the size's, entry by entry.
func TestBudgets(t *testing.T) {
	size := Size{Batch: 8, Steps: 100, FinetuneSteps: 50, Seconds: map[string]float64{"glow": 3, "pixelcnn": 6},
		Budgets: map[string]Budget{"pixelcnn": {Batch: 2, FinetuneSteps: 5}, "classifier": {Steps: 7}}}
	for _, c := range []struct {
		model        string
		finetuned    bool
		batch, steps int
	}{{"glow", false, 8, 100}, {"glow", true, 8, 50}, {"pixelcnn", false, 2, 100}, {"pixelcnn", true, 2,
		5}, {"classifier", false, 8, 7}} {
		batch, steps := size.BudgetOf(c.model, c.finetuned)
		require.Equal(t, []int{c.batch, c.steps}, []int{batch, steps}, "%+v", c)
	}
	require.Equal(t, 300*time.Second, size.Estimate(Configuration{Model: "glow"}))
	require.Equal(t, 150*time.Second, size.Estimate(Configuration{Model: "glow", Parent: "x"}))
	require.Equal(t, 350*time.Second, size.Estimate(Configuration{Model: "glow", Parent: "x", Loss: "margin"}),
		"7/3 with outliers")
	require.Equal(t, 400*time.Second, size.Estimate(Configuration{Model: "glow", Parent: "x", Loss: "outlier",
		Labels: true}), "8/3 with labels")
	require.Equal(t, 30*time.Second, size.Estimate(Configuration{Model: "pixelcnn", Parent: "x"}))
}

func TestOptimiserChange(t *testing.T) {
	paper := optimiser.PaperAdamax()
	changed := OptimiserChange{Rate: 0.25, Warmup: 9}.Apply(paper)
	require.Equal(t, []any{0.25, 9}, []any{changed.Rate, changed.Warmup})
	changed.Rate, changed.Warmup = paper.Rate, paper.Warmup
	require.Equal(t, paper, changed, "and nothing else")
}

// A damaged file is in the way of dozens of numbers, and is told once, with how often.
func TestProblems(t *testing.T) {
	var none Problems
	none.Add("a", nil)
	require.NoError(t, none.Err())
	var p Problems
	damaged, other := errors.New("file x is damaged"), errors.New("disk full")
	for i := range 3 {
		p.Add(fmt.Sprint("table ", i), damaged)
	}
	p.Add("curves", errors.Join(other, fmt.Errorf("step 4: %w", damaged), nil))
	require.EqualError(t, p.Err(),
		"table 0: file x is damaged (and 2 times more)\ncurves: disk full\ncurves: step 4: file x is damaged")
	require.ErrorIs(t, p.Err(), damaged)
	require.ErrorIs(t, p.Err(), other)
	var all Problems
	all.Add("cells", p.Err())
	require.EqualError(t, all.Err(),
		"cells: table 0: file x is damaged (and 2 times more)\n"+
			"cells: curves: disk full\ncells: curves: step 4: file x is damaged")
}
