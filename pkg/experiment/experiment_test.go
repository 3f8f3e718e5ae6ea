package experiment

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/ledger"
	"strata/pkg/optimiser"

	"github.com/stretchr/testify/require"
)

func TestDeclarations(t *testing.T) {
	for _, name := range SizeNames() {
		size, err := LoadSize(name)
		require.NoError(t, err)
		require.Equal(t, name, size.Name)
	}
	_, err := LoadSize("huge")
	require.ErrorContains(t, err, "smoke, demo, long, small, gpu, paper")
	paper, err := LoadSize("paper")
	require.NoError(t, err)
	require.Equal(t, optimiser.PaperAdamax(), paper.Optimiser.apply(optimiser.PaperAdamax()), "the paper's size has the paper's optimiser")
	require.Equal(t, optimiser.PaperAdamax(), paper.Finetune.apply(optimiser.PaperAdamax()))
	require.Equal(t, []int{3, 32, 512, 64, 195250}, []int{paper.Networks.Glow.Scales, paper.Networks.Glow.K, paper.Networks.Glow.Hidden, paper.Batch, paper.Steps})

	require.Contains(t, SectionNames(), "section2")
	for _, name := range SectionNames() {
		_, err := LoadSection(name)
		require.NoError(t, err)
	}
	_, err = LoadSection("section99")
	require.Error(t, err)
	require.True(t, Flip("cifar10"))
	require.False(t, Flip("digits"))
	require.Equal(t, "SVHN", StandsFor("digits"))
}

func TestDefaultRoles(t *testing.T) {
	procedural := []string{"leaves", "shapes", "digits", "textures"}
	roles, err := DefaultRoles(procedural)
	require.NoError(t, err)
	require.Equal(t, "procedural", roles.Family)
	// One real set of a family is not enough: likelihoods across families must not be compared.
	roles, err = DefaultRoles(append(procedural, "cifar10_q75"))
	require.NoError(t, err)
	require.Equal(t, "shapes_in", roles.Set("in"))
	roles, err = DefaultRoles(append(procedural, "cifar10_q75", "tinyimagenet32_q75", "colour_numbers_q75", "dtd_part_q75"))
	require.NoError(t, err)
	require.Equal(t, "cifar10_q75_in", roles.Set("in"))
	require.Equal(t, "cifar10_q75_near", roles.Set("near"))
	require.Empty(t, roles.Set("grey_in"), "no Fashion-MNIST at hand")
	_, err = DefaultRoles(nil)
	require.Error(t, err)
}

// Whatever changes a result changes the run's address; how it is carried out does not.
func TestSpecIDs(t *testing.T) {
	engine := &Engine{Runs: t.TempDir(), Out: io.Discard}
	size, err := LoadSize("smoke")
	require.NoError(t, err)
	id := func(change func(*Request)) string {
		q := Request{Set: "shapes", Size: size, Seed: 1}
		if change != nil {
			change(&q)
		}
		spec, err := engine.Spec(q)
		require.NoError(t, err)
		return spec.ID()
	}
	same := id(nil)
	require.Equal(t, same, id(nil))
	require.Equal(t, same, id(func(q *Request) { q.Size.CheckpointEvery = 99 }))
	flip := false
	for name, change := range map[string]func(*Request){
		"seed": func(q *Request) { q.Seed = 2 }, "steps": func(q *Request) { q.Steps = 5 }, "rate": func(q *Request) { q.Rate = 1 },
		"set": func(q *Request) { q.Set = "leaves" }, "flip": func(q *Request) { q.Flip = &flip }, "images": func(q *Request) { q.Size.TrainImages = 100 },
		"parent": func(q *Request) {
			spec, err := engine.Spec(Request{Set: "leaves", Size: size, Seed: 1})
			require.NoError(t, err)
			q.Parent = &Run{Info: Info{ID: spec.ID(), Spec: spec}}
		},
	} {
		require.NotEqual(t, same, id(change), name)
	}
}

// The whole of section 2 at size smoke: once trained, nothing is trained or scored again, and the tables are the same bytes.
func TestReproduceTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("trains four runs")
	}
	runs := t.TempDir()
	size, err := LoadSize("smoke")
	require.NoError(t, err)
	var tables [2]map[string]string
	var records [2]string
	for i := range tables {
		engine := &Engine{Runs: runs, Out: io.Discard, Resume: true}
		available, err := engine.Available()
		require.NoError(t, err)
		roles, err := DefaultRoles(available)
		require.NoError(t, err)
		plan, err := NewPlan("section2", size, roles, 1)
		require.NoError(t, err)
		folder := t.TempDir()
		results, err := engine.Reproduce(t.Context(), plan, folder)
		require.NoError(t, err)
		require.Len(t, results.Runs, 4)
		tables[i] = map[string]string{}
		files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
		require.NoError(t, err)
		require.Len(t, files, 6)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			tables[i][filepath.Base(file)] = string(text)
		}
		claims, err := ledger.Read(folder)
		require.NoError(t, err)
		ids := map[string]bool{}
		for _, c := range claims {
			ids[c.ID] = true
		}
		for _, id := range []string{"L1", "L2", "L8", "D1", "D2", "F3"} {
			require.True(t, ids[id], id)
		}
		record, err := os.ReadFile(filepath.Join(results.Runs["in_finetuned"].Folder, "run.json"))
		require.NoError(t, err)
		records[i] = string(record)

		// Per-scale contributions add up to the likelihood, within the rounding of float32 sums of thousands of nats.
		total, parts := results.column("in", "in"), make([][]float64, 3)
		for s := range parts {
			parts[s] = results.column([]string{"in_c1", "in_c2", "in_c3"}[s], "in")
		}
		for j := range total {
			require.InDelta(t, total[j], parts[0][j]+parts[1][j]+parts[2][j], 0.01)
		}
	}
	require.Equal(t, tables[0], tables[1])
	require.Equal(t, records[0], records[1], "the run was not touched")

	run, err := OpenRun(runs, "glow-leaves")
	require.NoError(t, err)
	require.True(t, run.Info.Done)
	_, err = OpenRun(runs, "glow-shapes")
	require.ErrorContains(t, err, "could be any of")
	_, err = OpenRun(runs, "nothing")
	require.ErrorContains(t, err, "strata train")
}
