package fs

import (
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write makes a file of what write writes: to the side, synced, and then to its name, which lasts once Write returns. Where write
// fails, what was there stays.
func Write(path string, write func(io.Writer) error) error {
	pending, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	defer pending.Cleanup() // removes it unless it was put in place
	if err := write(pending); err != nil {
		return err
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}
