package style

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		file, err := os.ReadFile(path)
		require.NoError(t, err)
		var notebook struct {
			Cells []struct {
				Type   string   `json:"cell_type"`
				Source []string `json:"source"`
			} `json:"cells"`
		}
		require.NoError(t, json.Unmarshal(file, &notebook), path)
		for _, cell := range notebook.Cells {
			if cell.Type != "markdown" {
				continue
			}
			for _, found := range placeInCode.FindAllStringSubmatch(strings.Join(cell.Source, ""), -1) {
				named++
				_, err := os.Stat(filepath.Join(root, found[1]))
				assert.NoError(t, err, "%s names %s", filepath.Base(path), found[1])
			}
		}
	}
	require.Greater(t, named, 10, "they say where to look")
}
