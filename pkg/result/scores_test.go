package result

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScoresRoundTrip(t *testing.T) {
	table := &Scores{Columns: []string{"log_likelihood", "c1"}, Rows: []ScoreRow{
		{Role: "in", Set: "a", Index: 3, Values: []float64{9876.543210987654, math.Inf(-1)}},
		{Role: "out", Set: "b", Index: 0, Values: []float64{-0.1, 1e-300}}}}
	require.NoError(t, table.AddColumn("ratio", []float64{1, 2}))
	require.Error(t, table.AddColumn("short", []float64{1}))
	path := filepath.Join(t.TempDir(), "scores.csv")
	require.NoError(t, table.Write(path))
	read, err := ReadScores(path)
	require.NoError(t, err)
	require.Equal(t, table, read, "every bit of every score")
	values, err := read.Column("ratio", func(r ScoreRow) bool { return r.Set == "b" })
	require.NoError(t, err)
	require.Equal(t, []float64{2}, values)
	_, err = read.Column("c9", nil)
	require.ErrorContains(t, err, "c9")
}

// Files are CSV, whatever sets are called and whoever wrote the lines' ends.
func TestScoresAreCSV(t *testing.T) {
	table := &Scores{Columns: []string{"a, b"}, Rows: []ScoreRow{
		{Role: "in", Set: `one, "two"`, Index: 1, Values: []float64{1}},
		{Role: "in", Set: "plain", Index: 2, Values: []float64{2}},
		{Role: "", Set: "plain", Index: 3, Values: []float64{3}}}}
	path := filepath.Join(t.TempDir(), "scores.csv")
	require.NoError(t, table.Write(path))
	read, err := ReadScores(path)
	require.NoError(t, err)
	require.Equal(t, table, read)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(table.Encode()), "\n", "\r\n")+"\r\n"), 0o644))
	read, err = ReadScores(path)
	require.NoError(t, err)
	require.Equal(t, table, read)
}

func TestReadScoresRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.csv")
	for text, want := range map[string]string{
		"":                              "line 1",
		"set,index,c1\n":                "line 1",
		"role,set,index,c1\nin,a,x,1\n": "line 2, column index",
		"role,set,index,c1\nin,a,1,1\nin,a,2,z\n": "line 3, column c1",
		"role,set,index\n":                        "at least one score",
		"role,set,index,c1,c2,c1\n":               `line 1: columns 4 and 6 are both named "c1"`,
		"role,set,index,c1\nin,a,1\n":             "line 2: wrong number of fields",
		"role,set,index,c1\nin,a,1,1,1\n":         "line 2: wrong number of fields",
		"role,set,index,c1\nin,\"a,1,1\n":         "line 2",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := ReadScores(path)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func TestRoundedScores(t *testing.T) {
	table := &Scores{Columns: []string{"a", "b"},
		Rows: []ScoreRow{{Set: "s", Index: 3, Values: []float64{-9512.3427734375, 1e-9}}}}
	require.Equal(t, []float64{-9512.343, 1e-9}, table.Round(7).Rows[0].Values)
	require.Equal(t, -9512.3427734375, table.Rows[0].Values[0], "the table stays")
}

func TestScoreColumns(t *testing.T) {
	require.Equal(t, "glow-in/c3", ScaleColumn("glow-in", 3))
	require.Equal(t, "pseudo_smooth", PseudoColumn("smooth"))
}
