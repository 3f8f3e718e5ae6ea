package backendtest

import (
	"os"
	"os/exec"
	"testing"

	"strata/pkg/backend"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func sumOf(t *testing.T, b compute.Backend) float64 {
	t.Helper()
	sum, err := CallOnce(b, func(x *Node) *Node { return ReduceAllSum(x) }, []float64{1, 2, 3})
	require.NoError(t, err)
	return tensors.ToScalar[float64](sum)
}

func TestEach(t *testing.T) {
	var ran []string
	Each(t, func(t *testing.T, b compute.Backend) {
		ran = append(ran, t.Name())
		require.Equal(t, 6., sumOf(t, b))
	})
	if os.Getenv(backend.Variable) == "" && os.Getenv(backend.NoXLA) == "" && !testing.Short() {
		require.Equal(t, []string{"TestEach/go", "TestEach/xla"}, ran)
		require.True(t, IsXLA(XLA(t)))
		require.False(t, IsXLA(Go(t)))
		require.Same(t, XLA(t), XLA(t), "one client a process")
		require.Same(t, Small(t), Small(t))
	}
}

// A missing plugin fails a test, and does not skip it; going without is said.
func TestMissingPlugin(t *testing.T) {
	child := func(variables ...string) (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEach$", "-test.v")
		cmd.Env = append(os.Environ(), append([]string{"GOMLX_BACKEND=", "PJRT_PLUGIN_LIBRARY_PATH=" + t.TempDir()},
			variables...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if os.Getenv(backend.NoXLA) == "" {
		out, err := child("STRATA_NO_XLA=")
		require.Error(t, err)
		require.Contains(t, out, "run make plugin")
		require.Contains(t, out, "--- PASS: TestEach/go")
		require.Contains(t, out, "--- FAIL: TestEach/xla")
	}
	out, err := child("STRATA_NO_XLA=1")
	require.NoError(t, err, out)
	require.Contains(t, out, "STRATA_NO_XLA is set: not run on XLA")
	out, err = child("STRATA_NO_XLA=", "GOMLX_BACKEND=go")
	require.NoError(t, err, out)
	require.Contains(t, out, "--- PASS: TestEach/named")
}
