package plan

import (
	"bytes"
	"time"

	"os"
	"path/filepath"
	"testing"

	"strata/pkg/ledger"
	"strata/pkg/paper"

	"github.com/stretchr/testify/require"
)

// The 33 configurations of the paper, our judge of pictures, and the paper's four remarks; what each needs stands before it.
func TestConfigurations(t *testing.T) {
	all, err := LoadConfigurations()
	require.NoError(t, err)
	required := map[byte]int{}
	for _, c := range all {
		if !c.Optional {
			required[c.ID[0]]++
		}
	}
	require.Equal(t, map[byte]int{'R': 33, 'J': 1}, required)
	chosen, err := all.For("table2")
	require.NoError(t, err)
	ids := []string{}
	for _, c := range chosen {
		ids = append(ids, c.ID)
	}
	require.Equal(t, []string{"glow-general", "glow-in-from-general"}, ids)
	chosen, err = all.For("glow-general-against-in")
	require.NoError(t, err)
	require.Len(t, chosen, 3, "R16, its parent R01, and the frozen R06 of its loss")
	whole, err := all.For("all")
	require.NoError(t, err)
	require.Len(t, whole, 34)
	_, err = all.For("table9")
	require.ErrorContains(t, err, "table9")
	for _, target := range []string{"table1", "table4", "tableS1", "tableS4", "fig1", "fig3", "figS1", "figS8", "all"} {
		require.Contains(t, all.Targets(), target)
	}
}

// Every cell of the paper's tables that is its own number and no mean has a source among the configurations, and the sources are
// those that the experiment matrix names.
func TestEveryCellHasASource(t *testing.T) {
	all, err := LoadConfigurations()
	require.NoError(t, err)
	cells, err := paper.Cells()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, c := range cells {
		s, err := sourceOf(all, c)
		if c.ReportedBy() != "" || c.IsMean() {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err, "%+v", c)
		seen[c.Table+" "+s.in] = true
		if s.general != "" {
			seen[c.Table+" "+s.general] = true
		}
	}
	want := []string{}
	for table, ids := range map[string][]string{
		"1": {"glow-smooth-from-general", "glow-in-from-general", "glow-near-from-general", "pixelcnn-smooth-from-general", "pixelcnn-in-from-general", "pixelcnn-near-from-general", "glow-general", "pixelcnn-general", "PNG"}, "2": {"glow-in-from-general", "glow-general"}, "3": {"glow-in-from-general", "glow-in-margin-loss", "glow-in-outlier-loss", "glow-general"},
		"4": {"glow-in-outlier-loss", "glow-near-outlier-loss", "glow-in-labels", "glow-near-labels", "glow-general-against-in", "glow-general-against-near", "glow-general"}, "S1": {"glow-general", "glow-smooth", "glow-in", "glow-near", "glow-smooth-from-general", "glow-in-from-general", "glow-near-from-general"},
		"S2": {"glow-in-outlier-loss", "glow-near-outlier-loss", "glow-in-labels", "glow-near-labels", "glow-general-against-in", "glow-general-against-near", "glow-general"}, "S3": {"glow-in-outlier-loss", "glow-near-outlier-loss", "glow-in-labels", "glow-near-labels", "glow-general-against-in", "glow-general-against-near", "glow-general"}, "S4": {"classifier-smooth", "classifier-in", "classifier-near"},
	} {
		for _, id := range ids {
			want = append(want, table+" "+id)
		}
	}
	got := []string{}
	for key := range seen {
		got = append(got, key)
	}
	require.ElementsMatch(t, want, got)
}

// Every declared claim is computed.
func TestEveryClaimHasAJudge(t *testing.T) {
	declared, err := ledger.Declared()
	require.NoError(t, err)
	require.Len(t, declared, 36)
	want, got := []string{}, []string{}
	for _, c := range declared {
		want = append(want, c.ID)
	}
	for _, j := range judges {
		got = append(got, j.id)
	}
	require.ElementsMatch(t, want, got)
}

func scheduleOf(t *testing.T, runs string, targets ...string) (*Engine, *Schedule, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	engine := &Engine{Cache: testCache, Runs: runs, Out: &out, Resume: true}
	available, err := engine.Available()
	require.NoError(t, err)
	roles, err := DefaultRoles(available)
	require.NoError(t, err)
	all, err := LoadConfigurations()
	require.NoError(t, err)
	wanted, err := all.For(targets...)
	require.NoError(t, err)
	size, err := LoadSize("smoke")
	require.NoError(t, err)
	schedule, err := engine.Schedule(wanted, size, roles, []uint64{1})
	require.NoError(t, err)
	return engine, schedule, &out
}

// A run that fails does not take the others along; those that are made from it say why they are not there. When what was
// wrong is mended, only what is missing is trained.
func TestFailedRunIsReported(t *testing.T) {
	if testing.Short() {
		t.Skip("trains seven runs")
	}
	runs := t.TempDir()
	engine, schedule, _ := scheduleOf(t, runs, "table3", "glow-smooth")
	bad := schedule.find("glow-in-margin-loss", 1).Run.Folder
	require.NoError(t, os.WriteFile(bad, []byte("a file where a folder should be"), 0o644))
	require.NoError(t, engine.TrainAll(t.Context(), schedule))
	require.ErrorContains(t, schedule.Failures(), "R13 seed 1")
	for _, id := range []string{"glow-general", "glow-smooth", "glow-in-from-general", "glow-in-outlier-loss"} {
		_, err := schedule.Run(id, 1)
		require.NoError(t, err, id)
	}
	evaluation, err := engine.Evaluate(schedule)
	require.NoError(t, err)
	folder := t.TempDir()
	cells, claims, err := evaluation.Write(t.Context(), folder)
	require.NoError(t, err)
	var measured, without int
	for _, c := range cells {
		switch {
		case c.Table != "3":
		case c.Loss == "margin":
			require.False(t, c.IsMeasured())
			require.Contains(t, c.Note, "glow-in-margin-loss")
			without++
		case !c.IsMean():
			require.True(t, c.IsMeasured(), "%+v", c)
			require.Contains(t, c.StandsFor, "shapes_in for CIFAR-10")
			measured++
		}
	}
	require.NotZero(t, measured)
	require.NotZero(t, without)
	for _, c := range claims {
		if c.ID == "O1" {
			require.Equal(t, ledger.NotMeasured, c.Verdict)
			require.Contains(t, c.Note, "glow-in-margin-loss")
		}
	}
	read, err := ledger.ReadCells(folder)
	require.NoError(t, err)
	require.Len(t, read, len(cells))

	require.NoError(t, os.Remove(bad))
	engine, schedule, out := scheduleOf(t, runs, "table3", "glow-smooth")
	missing, _ := schedule.Missing()
	require.Len(t, missing, 1)
	require.NoError(t, engine.TrainAll(t.Context(), schedule))
	require.NoError(t, schedule.Failures())
	require.Contains(t, out.String(), "1/1 R13")
}

func TestPlanNamesWhatIsNotPossible(t *testing.T) {
	_, schedule, _ := scheduleOf(t, t.TempDir(), "glow-general-clean", "glow-smooth-from-general")
	var text bytes.Buffer
	schedule.Print(&text)
	require.Contains(t, text.String(), "no set plays the role general_clean")
	require.Contains(t, text.String(), "2 to train")
	require.NoError(t, schedule.Failures(), "a set that is not there is no failure")
	_, err := schedule.Run("glow-general-clean", 1)
	require.ErrorContains(t, err, "general_clean")
}

// A damaged run is named, and the others are listed.
func TestListRuns(t *testing.T) {
	runs := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(runs, "bad"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(runs, "bad", "run.json"), []byte("{"), 0o644))
	require.NoError(t, (&Run{Folder: filepath.Join(runs, "good"), Info: Info{ID: "good"}}).save())
	found, err := ListRuns(runs)
	require.ErrorContains(t, err, filepath.Join("bad", "run.json"))
	require.Len(t, found, 1)
	none, err := ListRuns(filepath.Join(runs, "none"))
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestRoughly(t *testing.T) {
	for seconds, want := range map[int]string{5: "5 s", 300: "5 min", 36000: "10.0 h", 864000: "10 days"} {
		require.Equal(t, want, Roughly(time.Duration(seconds)*time.Second))
	}
}
