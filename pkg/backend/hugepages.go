package backend

import (
	"os"
	"runtime"
	"syscall"
)

// tunables is glibc's environment variable for its allocator. It is read when a process starts, and never again.
const tunables = "GLIBC_TUNABLES"

// HugePages starts the process once more, in its own place, with an allocator that asks for huge pages: XLA takes the
// memory for a training step anew for every step, hundreds of megabytes, and to have it in pages of 4 KiB takes up to a
// quarter of the step. It is for the first line of a command, before anything is done. Where glibc's tunables are set
// already, or the system has none, nothing happens.
func HugePages() {
	if _, set := os.LookupEnv(tunables); set || runtime.GOOS != "linux" || Excluded() != nil {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	// What fails leaves the process as it is: slower, and right.
	_ = syscall.Exec(self, os.Args, append(os.Environ(), tunables+"=glibc.malloc.hugetlb=1"))
}
