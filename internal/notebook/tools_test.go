package notebook

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequired(t *testing.T) {
	mod := "module x\nrequire golang.org/x/tools v0.47.0\nrequire (\n\tgithub.com/janpfeifer/gonb v0.11.4 // indirect\n)\n"
	assert.Equal(t, "v0.11.4", required(mod, "github.com/janpfeifer/gonb"))
	assert.Equal(t, "v0.47.0", required(mod, "golang.org/x/tools"))
	assert.Empty(t, required(mod, "golang.org/x/mod"))
}

func TestOutdated(t *testing.T) {
	root := t.TempDir()
	_, err := outdated(root, root)
	assert.ErrorIs(t, err, os.ErrNotExist, "no tools module")

	require.NoError(t, os.Mkdir(filepath.Join(root, "tools"), 0o755))
	mod := filepath.Join(root, "tools", "go.mod")
	require.NoError(t, os.WriteFile(mod, []byte("require github.com/janpfeifer/gonb v0.11.4\n"), 0o644))
	missing, err := outdated(root, root)
	require.NoError(t, err)
	assert.Equal(t, "gonb is missing", missing)

	// This test's own program is a Go program, but not gonb v0.11.4.
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(root, "gonb")))
	missing, err = outdated(root, root)
	require.NoError(t, err)
	assert.Contains(t, missing, "not v0.11.4")
}
