package style

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/internal/notebook"
	"strata/pkg/folders"
)

// placeInCode is a path of the repository in backquotes, as notebooks say where to look.
var placeInCode = regexp.MustCompile("`((?:pkg|internal|cmd|experiments|docs|figures)/[\\w./-]+)`")

// Notebooks send readers to code that is there: what moves takes their texts along.
func TestNotebooksNameWhatIsThere(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	paths, err := filepath.Glob(filepath.Join(root, "notebooks", "*.ipynb"))
	require.NoError(t, err)
	named := 0
	for _, path := range paths {
		nb, err := notebook.Load(path)
		require.NoError(t, err)
		for _, cell := range nb.Cells {
			if cell.Type != "markdown" {
				continue
			}
			for _, found := range placeInCode.FindAllStringSubmatch(cell.Source, -1) {
				named++
				_, err := os.Stat(filepath.Join(root, found[1]))
				assert.NoError(t, err, "%s names %s", filepath.Base(path), found[1])
			}
		}
	}
	require.Greater(t, named, 10, "they say where to look")
}
