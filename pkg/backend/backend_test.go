package backend_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// printed is what f writes to standard output.
func printed(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	require.NoError(t, err)
	defer file.Close()
	old := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = old }()
	f()
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(text)
}

// Without GOMLX_BACKEND small work goes to the Go backend, which opens and computes, and standard output, which may be
// a result, stays clean.
func TestOpenSmall(t *testing.T) {
	t.Setenv(backend.Variable, "")
	text := printed(t, func() {
		opened, err := backend.Choose(backend.Small).Open()
		require.NoError(t, err)
		defer opened.Finalize()
		require.Equal(t, nn.Products, backend.Lowering(opened))
		sum, err := CallOnce(opened, func(x *Node) *Node { return ReduceAllSum(x) }, []float32{1, 2, 3})
		require.NoError(t, err)
		require.Equal(t, float32(6), tensors.ToScalar[float32](sum))
	})
	require.Empty(t, text)
}

// Options are passed on, whether or not they say how to schedule.
func TestOpenGoWithOptions(t *testing.T) {
	for _, config := range []string{"go", "go:", "go:ops_sequential", "go:parallelism=1", backend.Default} {
		t.Setenv(backend.Variable, config)
		require.Empty(t, printed(t, func() {
			opened, err := backend.Open()
			require.NoError(t, err, config)
			opened.Finalize()
		}))
	}
	t.Setenv(backend.Variable, "go:no_such_option")
	_, err := backend.Open()
	require.ErrorContains(t, err, "GOMLX_BACKEND=go")
	require.ErrorContains(t, err, "no_such_option")
	require.NotContains(t, err.Error(), "\n")
}

// What opening a Go backend changes of the process it changes once: who sets another share of garbage afterwards keeps
// it. And standard output is the process's own again, whether a backend opens or not.
func TestOpenChangesTheProcessOnce(t *testing.T) {
	open := func(config string) error {
		opened, err := backend.OpenNamed(config)
		if err == nil {
			opened.Finalize()
		}
		return err
	}
	require.NoError(t, open(backend.Default))
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	out := os.Stdout
	require.NoError(t, open(backend.Default))
	require.Error(t, open("go:no_such_option"))
	require.Error(t, open("xla:"+filepath.Join(t.TempDir(), "no_plugin.so")))
	require.Same(t, out, os.Stdout)
	require.Equal(t, 77, debug.SetGCPercent(77))
}

func TestOpenUnknown(t *testing.T) {
	for _, config := range []string{"abacus", "abacus:beads=10", ":", "GO"} {
		t.Setenv(backend.Variable, config)
		_, err := backend.Open()
		require.ErrorContains(t, err, "GOMLX_BACKEND="+config+": no backend")
		require.ErrorContains(t, err, "which has go", "what is there to choose from")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestAvailableListsGoFirst(t *testing.T) {
	require.Equal(t, "go", backend.Available()[0])
	require.Subset(t, []string{"go", "xla"}, backend.Available())
}

// XLA without its plugin is the mistake a new user makes first: one line, no stack, what to do.
func TestOpenXLAWithoutPlugin(t *testing.T) {
	if !slices.Contains(backend.Available(), "xla") {
		t.Skip("XLA is not in this build: it needs cgo")
	}
	missing := filepath.Join(t.TempDir(), "no_plugin.so")
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	for _, config := range []string{"xla:cuda", "xla:" + missing} {
		t.Run(config[:5], func(t *testing.T) {
			t.Setenv(backend.Variable, config)
			opened, err := backend.Open()
			if err == nil {
				opened.Finalize()
				t.Skip("a plugin is installed on this machine")
			}
			require.ErrorContains(t, err, "GOMLX_BACKEND="+config+" does not open")
			require.ErrorContains(t, err, "strata plugin installs")
			require.ErrorContains(t, err, "unset GOMLX_BACKEND")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func ExampleChoose() {
	os.Unsetenv(backend.Variable)
	fmt.Println(backend.Choose(backend.Work{Seconds: 5, Programs: 2}))
	os.Setenv(backend.Variable, "xla:cuda")
	fmt.Println(backend.Choose(backend.Work{Seconds: 5, Programs: 2}))
	os.Unsetenv(backend.Variable)
	// Output:
	// the Go backend: about 5s of work, and XLA would take 11s with compiling
	// xla:cuda, which GOMLX_BACKEND names
}
