package figure

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

func TestWriteAll(t *testing.T) {
	if testing.Short() {
		t.Skip("draws every figure at the resolution of print")
	}
	out := t.TempDir()
	document := Document{Name: "tables/table1", Caption: "a table",
		Files:   []TextFile{{"tables/table1.md", []byte("| a |")}, {"tables/table1.csv", []byte("a\n")}},
		Sources: []string{"cells.csv"}}
	var told []string
	require.NoError(t, WriteAll(opened(t), out, []Document{document}, func(name string) { told = append(told, name) }))

	rows, err := result.ReadFile[IndexRow](filepath.Join(out, IndexFile))
	require.NoError(t, err)
	var want, got []string
	for _, entry := range All() {
		want = append(want, entry.Name)
	}
	want = append(want, document.Name)
	for _, row := range rows {
		got = append(got, row.Figure)
		require.Len(t, row.Files, 2)
		for _, f := range row.Files {
			require.FileExists(t, filepath.Join(out, f))
		}
		require.NotEmpty(t, row.ResultFiles)
		require.Len(t, row.SHA256, len(row.ResultFiles))
		for i, s := range row.ResultFiles {
			text, err := os.ReadFile(filepath.Join(results, s))
			require.NoError(t, err)
			sum := sha256.Sum256(text)
			require.Equal(t, hex.EncodeToString(sum[:]), row.SHA256[i])
		}
		require.NotEmpty(t, row.Caption, row.Figure)
	}
	require.Equal(t, want, got)
	require.Equal(t, want, told)
	checkLinks(t, filepath.Join(out, ReadmeFile))
	for _, name := range []string{"fig1a", "fig1b", "fig1c", "fig2a", "fig2b", "fig2c", "fig2d", "fig3a", "fig3b",
		"fig3c", "fig3d",
		"figS1", "figS2", "figS3", "figS4", "figS5", "figS6", "figS7", "figS8"} {
		require.Contains(t, got, name)
	}
}

// What cannot be drawn fails the whole, by name, and leaves no index that would say otherwise; the others are there.
func TestWriteAllFails(t *testing.T) {
	if testing.Short() {
		t.Skip("draws every figure at the resolution of print")
	}
	folder, out := copied(t), t.TempDir()
	require.NoError(t, os.Remove(filepath.Join(folder, "curves.csv")))
	r, err := Open(folder)
	require.NoError(t, err)
	err = WriteAll(r, out, []Document{{Name: "a", Files: []TextFile{{"a", nil}}, Sources: []string{"nowhere.csv"}}},
		nil)
	require.ErrorContains(t, err, "figS2: figure: open "+filepath.Join(folder, "curves.csv"))
	require.ErrorContains(t, err, "figS6: ")
	require.ErrorContains(t, err, "nowhere.csv")
	require.NoFileExists(t, filepath.Join(out, IndexFile))
	require.NoFileExists(t, filepath.Join(out, ReadmeFile))
	require.FileExists(t, filepath.Join(out, "fig1a.png"))
}

// A document without content is absent, whatever its writing said.
func TestEmptyDocumentsAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("draws every figure at the resolution of print")
	}
	out := t.TempDir()
	err := WriteAll(opened(t), out, []Document{{Name: "a", Caption: "b", Files: []TextFile{{"a.md", nil}},
		Sources: []string{"cells.csv"}}}, nil)
	require.ErrorContains(t, err, "a is absent after drawing: a.md")
	require.NoFileExists(t, filepath.Join(out, IndexFile))
}
