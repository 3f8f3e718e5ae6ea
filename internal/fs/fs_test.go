package fs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFree(t *testing.T) {
	free, err := Free(t.TempDir())
	require.NoError(t, err)
	assert.Positive(t, free)
	_, err = Free(filepath.Join(t.TempDir(), "absent"))
	assert.Error(t, err)
}

func TestSync(t *testing.T) {
	assert.NoError(t, Sync(t.TempDir()))
	assert.ErrorContains(t, Sync("/absent"), "/absent")
}

// flock belongs to an open file, so that a second claim of one process is refused like another's.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(path)
	require.NoError(t, err)
	_, err = Lock(path)
	require.ErrorIs(t, err, ErrLocked)
	assert.ErrorContains(t, err, path)
	unlock()
	unlock, err = Lock(path)
	require.NoError(t, err, "free again")
	unlock()
	_, err = os.Stat(path)
	assert.NoError(t, err, "the file stays")

	_, err = Lock(filepath.Join(t.TempDir(), "absent", "lock"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
