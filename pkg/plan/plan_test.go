package plan

import (
	"testing"

	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/models"
	"strata/pkg/optimiser"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// The 33 configurations of the paper, our judge of pictures, the paper's four remarks, and two of an experiment of ours;
// what each needs stands before it.
func TestConfigurations(t *testing.T) {
	all, err := LoadConfigurations()
	require.NoError(t, err)
	required := map[byte]int{}
	for _, c := range all {
		if !c.Optional {
			required[c.Row[0]]++
		}
	}
	require.Equal(t, map[byte]int{'R': 33, 'J': 1}, required)
	chosen, err := all.For("table2")
	require.NoError(t, err)
	chosenNames := []string{}
	for _, c := range chosen {
		chosenNames = append(chosenNames, c.Name)
	}
	require.Equal(t, []string{"glow-general", "glow-in-from-general"}, chosenNames)
	chosen, err = all.For("glow-general-against-in")
	require.NoError(t, err)
	require.Len(t, chosen, 3, "with its parent and the frozen model of its loss")
	whole, err := all.For("all")
	require.NoError(t, err)
	require.Len(t, whole, 34)
	kernel, err := all.For("kernel")
	require.NoError(t, err)
	require.Len(t, kernel, 5, "three of them are optional, and asked for by what they serve")
	_, err = all.For("table9")
	require.ErrorContains(t, err, "table9")
	for _, target := range []string{"table1", "table4", "tableS1", "tableS4", "fig1", "fig3", "figS1", "figS8", "all"} {
		require.Contains(t, all.Targets(), target)
	}
}

func TestDeclarations(t *testing.T) {
	for _, name := range SizeNames() {
		size, err := LoadSize(name)
		require.NoError(t, err)
		require.Equal(t, name, size.Name)
		for _, kind := range models.Kinds() {
			require.Contains(t, size.Networks, kind.Name, name)
			require.Positive(t, size.Products(kind.Name), "%s at %s", kind.Name, name)
			require.Positive(t, size.Seconds[kind.Name], "%s at %s", kind.Name, name)
		}
		require.Positive(t, size.Products(Classifier), name)
		require.Positive(t, size.Seconds[Classifier], name)
	}
	_, err := LoadSize("huge")
	require.ErrorContains(t, err, "smoke, quick, demo, long, small, gpu, paper")
	paper, err := LoadSize("paper")
	require.NoError(t, err)
	require.Equal(t, optimiser.PaperAdamax(), paper.Optimiser.Apply(optimiser.PaperAdamax()), "the paper's size has the paper's optimiser")
	require.Equal(t, optimiser.PaperAdamax(), paper.Finetune.Apply(optimiser.PaperAdamax()))
	require.Equal(t, optimiser.PaperAdamax(), paper.Finetuning(true).Apply(optimiser.PaperAdamax()))
	demo, err := LoadSize("demo")
	require.NoError(t, err)
	require.Equal(t, 1e-4, demo.Finetuning(false).Apply(optimiser.PaperAdamax()).Rate)
	require.Equal(t, 5e-4, demo.Finetuning(true).Apply(optimiser.PaperAdamax()).Rate, "the paper's, with outliers")
	require.Equal(t, glow.Config{Scales: 3, K: 32, Hidden: 512}, paper.Glow())
	require.Equal(t, []int{64, 195250}, []int{paper.Batch, paper.Steps})

	varied := imageset.PaperAugmentation
	require.Equal(t, varied, Augmentation("cifar10", varied))
	require.Equal(t, imageset.Augmentation{Translate: 0.1}, Augmentation("digits", varied))
	require.Zero(t, Augmentation("brats_t1", varied), "digest §4.1: BRATS is cut out, and nothing else")
	require.Zero(t, Augmentation("phantom", varied))
	require.Equal(t, "SVHN", StandsFor("digits"))
}

func TestDefaultRoles(t *testing.T) {
	procedural := []string{"leaves", "shapes", "digits", "textures"}
	roles, err := DefaultRoles(procedural)
	require.NoError(t, err)
	require.Equal(t, "procedural", roles.Family)
	// One real set of a family is not enough: likelihoods across families must not be compared.
	roles, err = DefaultRoles(append(procedural, "cifar10"))
	require.NoError(t, err)
	require.Equal(t, "shapes_in", roles.Set("in"))
	roles, err = DefaultRoles(append(procedural, "cifar10", "cifar100", "tiny", "svhn", "lsun"))
	require.NoError(t, err)
	require.Equal(t, "cifar10", roles.Set("in"))
	require.Equal(t, "cifar100", roles.Set("near"))
	require.Empty(t, roles.Set("grey_in"), "no Fashion-MNIST at hand")
	require.Equal(t, []string{"smooth", "near", "far"}, roles.Outliers("in"))
	_, err = roles.Need("grey_in")
	require.ErrorIs(t, err, ErrAbsent)
	require.ErrorContains(t, err, "grey_in in family paper")
	_, err = DefaultRoles(nil)
	require.Error(t, err)
}

// An epoch has whole batches only: the 195,250 steps of size paper are 250 epochs of CIFAR-10 (S4.1).
func TestEpochs(t *testing.T) {
	size, err := LoadSize("paper")
	require.NoError(t, err)
	require.Equal(t, 250, size.Steps/imageset.BatchesPerEpoch(50_000, size.Batch))
	require.Equal(t, 1, imageset.BatchesPerEpoch(10, 64))
}

// A size's network is its kind's with what the size says; what a size or a model lacks is said.
func TestNetworks(t *testing.T) {
	size, err := LoadSize("smoke")
	require.NoError(t, err)
	config, err := size.Network("patch", 32, 16, 1)
	require.NoError(t, err)
	want := glow.PatchConfig{Height: 32, Width: 16, Channels: 1, Patch: 8, K: 1, Hidden: 8}
	require.Equal(t, want, config, "the patch is S2.1's")
	_, err = size.Network("diffusion", 32, 32, 3)
	require.ErrorContains(t, err, `no model "diffusion": choose one of [glow dense `)
	delete(size.Networks, "patch")
	_, err = size.Network("patch", 32, 32, 3)
	require.ErrorContains(t, err, "size smoke has no network of the model patch")

	for text, want := range map[string]string{
		"{glow: {scales: 1, k: 1, hidden: 2, colour: 3}}": `unknown field "colour"`,
		"{glow: {scales: many}}":                          "network glow",
		"{diffusion: {k: 1}}":                             `no model "diffusion"`,
	} {
		var networks Networks
		require.ErrorContains(t, yaml.Unmarshal([]byte(text), &networks), want)
	}
}

// Whatever a run divides by or loops over is at least 1: a size that lacks it is refused before anything trains.
func TestSizeRefuses(t *testing.T) {
	size, err := LoadSize("smoke")
	require.NoError(t, err)
	for name, change := range map[string]func(*Size){
		"batch": func(s *Size) { s.Batch = 0 }, "steps": func(s *Size) { s.Steps = -1 },
		"finetune_steps": func(s *Size) { s.FinetuneSteps = 0 }, "checkpoint_every": func(s *Size) { s.CheckpointEvery = 0 },
	} {
		wrong := size
		change(&wrong)
		require.ErrorContains(t, wrong.Validate(), "size smoke needs "+name+" of at least 1")
	}
}
