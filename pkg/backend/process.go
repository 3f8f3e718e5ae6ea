package backend

import (
	"io"
	"os"
	"runtime/debug"
	"sync"

	"github.com/gomlx/compute"
	"k8s.io/klog/v2"
)

// This file is all that opening a backend changes of the process, whoever opens it, but for the variable that keeps
// go-xla from downloading plugins (xla.go).

// garbagePercent is how much garbage the Go backend may gather, as a share of what lives, before it is collected; GOGC
// in the environment overrides it. Its tensors are Go's memory: at the usual 100 a training run needs up to twice what
// it uses, and to collect earlier costs little, because tensors hold no pointers to follow.
const garbagePercent = 25

// ballastBytes count as what lives and are never touched, so that they take no memory: a small network, which lives in a few megabytes,
// may gather 16 MB of garbage too. Without them that was collected at every megabyte, and half of the time of such a network went into it.
const ballastBytes = 64 << 20

// collectEarlier sets it once: who sets another share afterwards keeps it, however many backends are opened. What it gives, the ballast,
// lives on in it.
var collectEarlier = sync.OnceValue(func() (ballast []byte) {
	if os.Getenv("GOGC") == "" {
		ballast = make([]byte, ballastBytes)
		debug.SetGCPercent(garbagePercent)
	}
	return ballast
})

// swapped is held while standard output or klog's is not the process's own.
var swapped sync.Mutex

// withoutStdout opens a Go backend, which prints how it schedules on standard output, where a command's results go.
// What another goroutine prints there meanwhile is lost.
func withoutStdout(config string) (compute.Backend, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return newGuarded(config) // a line too much, and no harm
	}
	defer null.Close()
	swapped.Lock()
	defer swapped.Unlock()
	old := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = old }()
	return newGuarded(config)
}

// withoutLog opens XLA. What go-xla logs of a plugin that does not open is in the error too, which says what to do.
// What another goroutine logs by klog meanwhile is lost, and klog logs to standard error afterwards, as it does unless
// it is told otherwise.
func withoutLog(config string) (compute.Backend, error) {
	swapped.Lock()
	defer swapped.Unlock()
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	defer klog.LogToStderr(true)
	return newGuarded(config)
}
