// Package backendtest gives tests the backends of strata, each opened once a process.
//
//	backendtest.Each(t, func(t *testing.T, b compute.Backend) { ... })
//
// runs a test on the Go backend and on XLA's CPU plugin. A plugin that is missing fails the test: what is not run is
// not tested. Who wants to do without says STRATA_NO_XLA=1; go test -short does without too, as compiling takes most of
// what such a test takes.
package backendtest

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"strata/internal/plugin"
	"strata/pkg/backend"

	"github.com/gomlx/compute"
)

// Each runs a test on every backend: as "go" and as "xla", or only on the one that GOMLX_BACKEND names, as "named".
// Backends are shared: no test finalizes them.
func Each(t *testing.T, run func(t *testing.T, b compute.Backend)) {
	t.Helper()
	if os.Getenv(backend.Variable) != "" {
		t.Run("named", func(t *testing.T) { run(t, Small(t)) })
		return
	}
	t.Run("go", func(t *testing.T) { run(t, Go(t)) })
	t.Run("xla", func(t *testing.T) { run(t, XLA(t)) })
}

// Small is the backend for a test on a toy: the one that GOMLX_BACKEND names, or the Go backend.
func Small(t testing.TB) compute.Backend {
	t.Helper()
	opened, _, err := backend.For(backend.Small)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// Go is the Go backend, whatever GOMLX_BACKEND names.
func Go(t testing.TB) compute.Backend {
	t.Helper()
	opened, err := goBackend()
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// XLA is XLA's CPU plugin. Without one the test fails, or is skipped where none can be had, STRATA_NO_XLA is set, or
// tests are -short.
func XLA(t testing.TB) compute.Backend {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: not run on XLA")
	}
	if os.Getenv(backend.NoXLA) != "" {
		t.Skipf("%s is set: not run on XLA", backend.NoXLA)
	}
	_, err := plugin.Find()
	if _, pinned := plugin.Pinned(); err != nil && !pinned {
		t.Skipf("no plugin is pinned for %s: not run on XLA", plugin.Platform())
	}
	if !slices.Contains(backend.Available(), "xla") {
		t.Fatalf("this test runs on XLA too, which is not in this build: install gcc, or set %s=1 to go without",
			backend.NoXLA)
	}
	if err != nil {
		t.Fatalf("%v: run make plugin, or set %s=1 to go without", err, backend.NoXLA)
	}
	opened, err := xlaBackend()
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// IsXLA says whether a backend is XLA: its laws hold to other roundings.
func IsXLA(b compute.Backend) bool { return strings.HasPrefix(b.Description(), "xla") }

var goBackend = sync.OnceValues(func() (compute.Backend, error) { return backend.OpenNamed(backend.Default) })

var xlaBackend = sync.OnceValues(func() (compute.Backend, error) {
	found, err := plugin.Find()
	if err != nil {
		return nil, err
	}
	return backend.OpenNamed("xla:" + found.Path)
})
