package site

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pages that are read and written again are the same to the byte, names of pictures included.
func TestRead(t *testing.T) {
	root, folder, _ := written(t)
	again := filepath.Join(root, "docs", "again")
	var pages []Page
	for _, name := range []string{Home, "a", "b"} {
		p, err := Read(folder, name)
		require.NoError(t, err)
		if name != Home {
			p.Group, p.Source = "Notebooks", filepath.Join(root, "notebooks", name+".ipynb")
		}
		pages = append(pages, p)
	}
	require.NoError(t, Write(again, pages))
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		require.NoError(t, err)
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		after, err := os.ReadFile(filepath.Join(again, name))
		require.NoError(t, err)
		require.Equal(t, string(before), string(after), name)
		return nil
	}))
}

func TestReadRefuses(t *testing.T) {
	_, folder, _ := written(t)
	_, err := Read(folder, "none")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "mine.html"), []byte("<p>mine"), 0o644))
	_, err = Read(folder, "mine")
	require.ErrorContains(t, err, "mine.html is no page that strata pages wrote")
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "pictures")))
	_, err = Read(folder, "a")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What writes formulas gives their attributes in any order.
func TestOrder(t *testing.T) {
	folder := t.TempDir()
	formula := `<math xmlns="http://www.w3.org/1998/Math/MathML" style="x: y" display="inline"><mo stretchy="false" form="prefix">(</mo></math>`
	require.NoError(t, Write(folder, []Page{{Name: Home, Body: "<h1>A</h1>" + formula}}))
	text, err := os.ReadFile(filepath.Join(folder, Home+".html"))
	require.NoError(t, err)
	require.Contains(t, string(text), `<math display="inline" style="x: y" xmlns="http://www.w3.org/1998/Math/MathML"><mo form="prefix" stretchy=`)
}
