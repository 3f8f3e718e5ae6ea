//go:build linux || darwin

package fs

import "syscall"

// Free is how many bytes the disk of a folder has left for us.
func Free(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
