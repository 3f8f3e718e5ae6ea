package report

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/figure"
	"strata/pkg/paper"

	"github.com/stretchr/testify/require"
)

// figureResults is the small results folder that pkg/figure's tests draw from.
const figureResults = "../figure/testdata/results"

func TestWriteFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("draws every figure at the resolution of print")
	}
	out := t.TempDir()
	var told []string
	require.NoError(t, WriteFigures(figureResults, out, func(name string) { told = append(told, name) }))

	file, err := os.Open(filepath.Join(out, IndexFile))
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Equal(t, indexHeader, rows[0])
	var want, got []string
	for _, entry := range figure.All() {
		want = append(want, entry.Name)
	}
	for _, name := range paper.Tables() {
		want = append(want, "tables/table"+name)
	}
	for _, row := range rows[1:] {
		got = append(got, row[0])
		files, sources, hashes := strings.Fields(row[1]), strings.Fields(row[3]), strings.Fields(row[4])
		require.Len(t, files, 2)
		for _, f := range files {
			require.FileExists(t, filepath.Join(out, f))
		}
		require.NotEmpty(t, sources)
		require.Len(t, hashes, len(sources))
		for i, s := range sources {
			text, err := os.ReadFile(filepath.Join(figureResults, s))
			require.NoError(t, err)
			sum := sha256.Sum256(text)
			require.Equal(t, hex.EncodeToString(sum[:]), hashes[i])
		}
		require.NotEmpty(t, row[5], row[0])
	}
	require.Equal(t, want, got)
	require.Equal(t, want, told)
	for _, name := range []string{"fig1a", "fig1b", "fig1c", "fig2a", "fig2b", "fig2c", "fig2d", "fig3a", "fig3b", "fig3c", "fig3d",
		"figS1", "figS2", "figS3", "figS4", "figS5", "figS6", "figS7", "figS8", "tables/table1", "tables/tableS4"} {
		require.Contains(t, got, name)
	}

	md, err := os.ReadFile(filepath.Join(out, "tables", "tableS2.md"))
	require.NoError(t, err)
	require.Contains(t, string(md), "# Table S2: As Table 4")
	require.Contains(t, string(md), "shapes_in for CIFAR-10")
	text, err := os.ReadFile(filepath.Join(out, "tables", "table2.csv"))
	require.NoError(t, err)
	cells, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"CIFAR10", "SVHN", "raw full", "8.8"}, cells[1][:4])
	require.NotEmpty(t, cells[1][5])
	require.Contains(t, []string{"agrees", "same direction", "disagrees"}, cells[1][10])
}

// What cannot be drawn fails the whole, by name, and leaves no index that would say otherwise; the others are there.
func TestWriteFiguresFails(t *testing.T) {
	if testing.Short() {
		t.Skip("draws every figure at the resolution of print")
	}
	results, out := t.TempDir(), t.TempDir()
	require.NoError(t, os.CopyFS(results, os.DirFS(figureResults)))
	require.NoError(t, os.Remove(filepath.Join(results, "curves.csv")))
	err := WriteFigures(results, out, nil)
	require.ErrorContains(t, err, "figS2: figure: "+filepath.Join(results, "curves.csv")+" is missing")
	require.ErrorContains(t, err, "figS6: ")
	require.NoFileExists(t, filepath.Join(out, IndexFile))
	require.FileExists(t, filepath.Join(out, "fig1a.png"))
}
