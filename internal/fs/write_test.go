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

// What can be written is not touched; a folder, or one that is not there, cannot be.
func TestCanWrite(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	require.NoError(t, CanWrite(path))
	require.NoError(t, os.WriteFile(path, []byte("kept"), 0o600))
	require.NoError(t, CanWrite(path))
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "kept", string(kept))
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.ErrorContains(t, CanWrite(folder), "is a folder: name a file")
	require.ErrorIs(t, CanWrite(filepath.Join(folder, "absent", "file")), os.ErrNotExist)
	require.ErrorContains(t, CanWrite(filepath.Join(path, "file")), "cannot be written")
}
