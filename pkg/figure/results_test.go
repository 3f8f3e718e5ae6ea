package figure

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/experiments"

	"github.com/stretchr/testify/require"
)

// results is a small results folder of strata's own sets, committed: see TestTrim.
const results = "testdata/results"

// copied is a copy of it that a test may damage.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(results)))
	return dir
}

// edit rewrites a table line by line; nil leaves a line out.
func edit(t *testing.T, dir, name string, change func(header, row []string) []string) {
	t.Helper()
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	var kept [][]string
	for i, row := range rows {
		if i == 0 {
			kept = append(kept, row)
		} else if row = change(rows[0], row); row != nil {
			kept = append(kept, row)
		}
	}
	var written bytes.Buffer
	require.NoError(t, csv.NewWriter(&written).WriteAll(kept))
	require.NoError(t, os.WriteFile(path, written.Bytes(), 0o600))
}

// opened is the committed results folder.
func opened(t *testing.T) *Results {
	t.Helper()
	r, err := Open(results)
	require.NoError(t, err)
	return r
}

// without leaves out the lines with a value in a column.
func without(column string, values ...string) func(header, row []string) []string {
	return func(header, row []string) []string {
		if slices.Contains(values, row[slices.Index(header, column)]) {
			return nil
		}
		return row
	}
}

// renamed gives a column another name, so that nobody knows it.
func renamed(t *testing.T, dir, name string, columns ...string) {
	t.Helper()
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	header, rest, _ := strings.Cut(string(text), "\n")
	names := strings.Split(header, ",")
	for i, n := range names {
		if slices.Contains(columns, n) {
			names[i] = "unknown_" + n
		}
	}
	writeFile(t, dir, name, strings.Join(names, ",")+"\n"+rest)
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func byName(name, folder string) (*Figure, error) {
	results, err := Open(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range All() {
		if entry.Name == name {
			return entry.Draw(results)
		}
	}
	panic("no figure " + name)
}

// svg is a figure as SVG, which holds its texts.
func svg(t *testing.T, name, folder string) string {
	t.Helper()
	figure, err := byName(name, folder)
	require.NoError(t, err, name)
	var b bytes.Buffer
	require.NoError(t, figure.SVG(&b), name)
	require.NoError(t, xml.Unmarshal(b.Bytes(), new(any)), "%s.svg is XML", name)
	return b.String()
}

// What figures are of is declared, and has words of its own.
func TestConfigurationsAreDeclared(t *testing.T) {
	text, err := experiments.Files.ReadFile("configurations.yaml")
	require.NoError(t, err)
	said := map[string]bool{}
	for configuration, called := range words {
		require.Contains(t, string(text), "- {name: "+configuration+",")
		require.False(t, said[called], "two are called %s", called)
		said[called] = true
	}
	require.Equal(t, "c3 of the Glow of in", inWords("glow-in/c3"))
	require.Equal(t, "the pixel differences of in", inWords("pseudo_in"))
	require.Equal(t, "png_bytes", inWords("png_bytes"))
}

// All figures of a folder read a table once; a handle that was opened before a table changed draws what it read.
func TestTablesAreReadOnce(t *testing.T) {
	dir := copied(t)
	r, err := Open(dir)
	require.NoError(t, err)
	_, err = Fig2B(r)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "scores.csv")))
	_, err = Fig2C(r)
	require.NoError(t, err)
	r, err = Open(dir)
	require.NoError(t, err)
	_, err = Fig2C(r)
	require.ErrorContains(t, err, "scores.csv")
}

func TestOtherSchemasAreRefused(t *testing.T) {
	dir := copied(t)
	writeFile(t, dir, "results.json", `{"schema": 3}`)
	_, err := Open(dir)
	require.ErrorContains(t, err, "written by a newer strata: schema 3")
}
