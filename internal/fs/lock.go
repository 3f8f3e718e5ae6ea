// Package fs is what strata asks of the file system beyond package os: locks between processes, names that outlive a
// power cut, and the room that a disk has left.
package fs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("another process is at work")

// Lock claims what a file stands for, for this process; the file is made and stays. What counts is the lock on it
// (flock), so a killed process leaves nothing to clear away. Where another process has it the error is ErrLocked.
func Lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err // names the path
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", path, ErrLocked)
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
