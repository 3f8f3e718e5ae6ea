package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrInUse says that another process has the lock.
var ErrInUse = errors.New("in use")

// inUse says whose the lock of a folder is.
type inUse struct{ dir, owner string }

func (e inUse) Error() string {
	return fmt.Sprintf("checkpoint: %s is %v by process %s: wait for it to end, or stop it", e.dir, ErrInUse, e.owner)
}

func (inUse) Unwrap() error { return ErrInUse }

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
		return nil, inUse{dir, owner}
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

// LockWhenFree is Lock that waits until other processes are done with dir, or ctx ends. waits is told once who has it.
func LockWhenFree(ctx context.Context, dir string, waits func(owner string)) (unlock func(), err error) {
	for told := false; ; told = true {
		unlock, err := Lock(dir)
		var taken inUse
		if !errors.As(err, &taken) {
			return unlock, err
		}
		if !told {
			waits(taken.owner)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
