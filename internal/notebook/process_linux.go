package notebook

import "syscall"

// processAttr puts the kernel into its own process group, so that it and all
// that it started can be killed at once, and asks Linux to end it when this
// process dies without having done so (SIGTERM: the kernel then stops its cell).
func processAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
