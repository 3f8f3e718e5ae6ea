package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What fails leaves what was there, and nothing beside it.
func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	text := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, failed := io.WriteString(w, text)
			return errors.Join(failed, err)
		}
	}
	broken := errors.New("broken")
	require.NoError(t, Write(path, text("first", nil)))
	require.ErrorIs(t, Write(path, text("half of the sec", broken)), broken)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first", string(kept))
	require.NoError(t, Write(path, text("second", nil)))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.ErrorIs(t, Write(filepath.Join(t.TempDir(), "absent", "file"), text("", nil)), os.ErrNotExist)
}
