package fs

import (
	"fmt"
	"io"
	"os"
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

// CanWrite says before long work whether Write could: it begins a file beside what is there, and removes it.
func CanWrite(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name a file", path)
	}
	pending, err := renameio.NewPendingFile(path)
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return pending.Cleanup()
}
