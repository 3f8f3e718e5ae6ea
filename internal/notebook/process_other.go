//go:build unix && !linux

package notebook

import "syscall"

// processAttr puts the kernel into its own process group, so that it and all
// that it started can be killed at once.
func processAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
