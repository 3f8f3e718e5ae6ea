package tests

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/internal/site"
	"strata/pkg/folders"
	"strata/pkg/result"
)

// The committed pages (make pages) hold together: every link and picture leads somewhere, nothing is loaded from the
// network, no path of a machine is said, previous and next are one chain. There is one for each notebook and each of
// the committed results, and together they are small.
func TestCommittedPages(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	pages := filepath.Join(root, "docs", "pages")
	require.NoError(t, site.Check(pages))
	notebooks, err := filepath.Glob(filepath.Join(root, "notebooks", "*.ipynb"))
	require.NoError(t, err)
	for _, path := range notebooks {
		assert.FileExists(t, filepath.Join(pages, strings.TrimSuffix(filepath.Base(path), ".ipynb")+".html"))
	}
	results, err := filepath.Glob(filepath.Join(root, "figures", "results", "*", result.ManifestFile))
	require.NoError(t, err)
	for _, path := range results {
		assert.FileExists(t, filepath.Join(pages, "results-"+site.Slug(filepath.Base(filepath.Dir(path)))+".html"))
	}
	var bytes int64
	require.NoError(t, filepath.WalkDir(pages, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		bytes += info.Size()
		return err
	}))
	assert.Less(t, bytes, int64(5<<20), "bytes of all pages and pictures")
}
