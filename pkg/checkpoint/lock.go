package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// ErrInUse says that another process has the lock.
var ErrInUse = errors.New("in use")

// Lock claims dir, which is created if need be, for the one process that saves
// there, until unlock is called or the process ends in whatever way. A second
// claim is refused with ErrInUse and the process id of the first. The file dir/lock stays
// behind; what counts is the lock on it (flock), so a killed process leaves
// nothing to clear away.
func Lock(dir string) (unlock func(), err error) {
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("checkpoint: %w%s", err, advice(err))
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w%s", err, advice(err))
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("checkpoint: locking %s: %w", path, err)
		}
		pid := make([]byte, 20)
		n, _ := file.ReadAt(pid, 0)
		owner := strings.TrimSpace(string(pid[:n]))
		if owner == "" {
			owner = "unknown" // it has the lock but has not signed yet
		}
		return nil, fmt.Errorf("checkpoint: %s is %w by process %s: wait for it to end, or stop it", dir, ErrInUse, owner)
	}
	// The signature is only for people; the lock holds without it.
	_ = file.Truncate(0)
	_, _ = file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	var once sync.Once
	return func() {
		once.Do(func() {
			_ = file.Truncate(0)
			_ = file.Close()
		})
	}, nil
}
