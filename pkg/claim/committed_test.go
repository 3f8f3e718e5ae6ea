package claim_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/claim"
	"strata/pkg/density"
	"strata/pkg/folders"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// files are the numbers of a results folder's score files: claims can be judged from what is committed, without a run.
type files struct {
	tables []*result.Scores
	roles  map[string]string
}

func openFiles(t *testing.T, folder string) *files {
	t.Helper()
	manifest, err := result.ReadManifest(folder)
	require.NoError(t, err)
	f := &files{roles: manifest.Roles}
	for _, name := range []string{result.ScoresFile, result.GreyScoresFile, result.MRIScoresFile} {
		table, err := result.ReadScores(filepath.Join(folder, name))
		require.NoError(t, err)
		f.tables = append(f.tables, table)
	}
	return f
}

func (f *files) Values(_ context.Context, of score.Column) (string, []float64, error) {
	name := of.Name
	switch {
	case of.Noise || of.At > 0 || of.Seed != 1:
		return "", nil, plan.Absent("the files have no such scores")
	case of.Configuration != "" && of.Name == "log_likelihood":
		name = of.Configuration
	case of.Configuration != "":
		name = of.Configuration + "/" + of.Name
	}
	for _, table := range f.tables {
		has := func(row result.ScoreRow) bool { return row.Role == of.Role }
		if slices.Contains(table.Columns, name) && slices.ContainsFunc(table.Rows, has) {
			values, err := table.Column(name, has)
			return of.Role, values, err
		}
	}
	return "", nil, plan.Absent("no file has %s of %s", name, of.Role)
}

func (*files) Steps(string, uint64) (int, error) { return 1000, nil }
func (f *files) Has(role string) bool            { return f.roles[role] != "" }
func (f *files) LastScale() int                  { return 3 }
func (f *files) BitsPerDim(_ string, l float64) (float64, error) {
	return density.BitsPerDim(l, 3072), nil
}
func (f *files) Describe(roles, configurations []string) (string, string, string) {
	return strings.Join(roles, " "), "", strings.Join(configurations, " ")
}

// The committed score files alone give the committed values of the claims that need no others, within the rounding of their seven
// digits, and the same verdicts: size quick scores no more images of a role than the files keep.
func TestCommittedScoresGiveTheCommittedValues(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	folder := filepath.Join(root, "figures", "results", "procedural-quick")
	committed, err := result.Read[result.Claim](folder)
	require.NoError(t, err)
	j, err := claim.NewJudge(openFiles(t, folder), []uint64{1})
	require.NoError(t, err)
	rows, _, err := j.All(t.Context(), "quick")
	require.NoError(t, err)
	var compared []string
	for i, got := range rows {
		want := committed[i]
		if got.Verdict == result.NotMeasured {
			continue
		}
		compared = append(compared, got.ID)
		require.Equal(t, want.Verdict, got.Verdict, got.ID)
		require.InEpsilon(t, want.Value, got.Value, 1e-4, got.ID)
		width := want.High - want.Low
		require.InDelta(t, want.Low, got.Low, 0.01*width, got.ID)
		require.InDelta(t, want.High, got.High, 0.01*width, got.ID)
	}
	require.Subset(t, compared, []string{"L2", "L3", "L4", "L6", "L8", "L9", "L10", "D1", "D2", "D3", "F1", "F2", "F3", "F4", "F7", "M1"})
}
