package score

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableRoundTrip(t *testing.T) {
	table := &Table{Columns: []string{"log_likelihood", "c1"}, Rows: []Row{
		{Role: "in", Set: "a", Index: 3, Values: []float64{9876.543210987654, math.Inf(-1)}},
		{Role: "out", Set: "b", Index: 0, Values: []float64{-0.1, 1e-300}}}}
	require.NoError(t, table.AddColumn("ratio", []float64{1, 2}))
	require.Error(t, table.AddColumn("short", []float64{1}))
	path := filepath.Join(t.TempDir(), "scores.csv")
	require.NoError(t, table.Write(path))
	read, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, table, read, "every bit of every score")
	values, err := read.Column("ratio", func(r Row) bool { return r.Set == "b" })
	require.NoError(t, err)
	require.Equal(t, []float64{2}, values)
	_, err = read.Column("c9", nil)
	require.ErrorContains(t, err, "c9")
}

func TestReadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scores.csv")
	for text, want := range map[string]string{
		"":                              "line 1",
		"set,index,c1\n":                "line 1",
		"role,set,index,c1\nin,a,x,1\n": "line 2, column index",
		"role,set,index,c1\nin,a,1,1\nin,a,2,z\n": "line 3, column c1",
		"role,set,index,c1\nin,a,1\n":             "wrong number of fields",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := Read(path)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func TestRatio(t *testing.T) {
	ratio, err := Ratio([]float64{3, 5}, []float64{1, 5})
	require.NoError(t, err)
	require.Equal(t, []float64{2, 0}, ratio, "a model against itself is 0")
	_, err = Ratio([]float64{1}, nil)
	require.Error(t, err)
}

func TestRound(t *testing.T) {
	table := &Table{Columns: []string{"a", "b"}, Rows: []Row{{Set: "s", Index: 3, Values: []float64{-9512.3427734375, 1e-9}}}}
	require.Equal(t, []float64{-9512.343, 1e-9}, table.Round(7).Rows[0].Values)
	require.Equal(t, -9512.3427734375, table.Rows[0].Values[0], "the table stays")
}

func TestHighest(t *testing.T) {
	require.Equal(t, []int{2, 0}, Highest([]float64{3, 1, 5, 3}, 2), "ties in the order of the images")
	require.Equal(t, []int{1, 0}, Highest([]float64{1, 2}, 12))
}
