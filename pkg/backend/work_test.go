package backend_test

import (
	"os"
	"path/filepath"
	"testing"

	"strata/internal/plugin"
	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"

	"github.com/stretchr/testify/require"
)

// only makes folder the one place where plugins are looked for, with nothing named.
func only(t *testing.T, folder string) {
	t.Helper()
	t.Setenv(backend.Variable, "")
	t.Setenv(backend.NoXLA, "")
	t.Setenv(plugin.PathVariable, folder)
}

// broken is a folder with a plugin that does not open.
func broken(t *testing.T) (folder, path string) {
	t.Helper()
	folder = t.TempDir()
	path = filepath.Join(folder, plugin.FileName)
	require.NoError(t, os.WriteFile(path, []byte("no library"), 0o755))
	return folder, path
}

func TestChoose(t *testing.T) {
	folder, path := broken(t)
	only(t, folder)
	onXLA := func(seconds float64, programs int) bool {
		return backend.Choose(backend.Work{Seconds: seconds, Programs: programs}).Plugin != nil
	}
	require.False(t, onXLA(0, 0))
	require.False(t, onXLA(0.24, 3), "a run of size smoke")
	require.True(t, onXLA(140, 3), "a Glow of size demo")
	require.True(t, onXLA(1e6, 3))
	require.False(t, onXLA(140, 30), "what is compiled often must last longer")
	require.Nil(t, backend.Choose(backend.Small).Plugin)
	chosen := backend.Choose(backend.Big)
	require.Equal(t, "xla:"+path, chosen.Config)
	require.Equal(t, "XLA on the CPU, "+path+", which strata did not put there", chosen.String())

	t.Setenv(backend.NoXLA, "1")
	require.Equal(t, "the Go backend, not XLA: STRATA_NO_XLA is set", backend.Choose(backend.Big).String())
	t.Setenv(backend.Variable, "xla:cuda")
	require.Equal(t, "xla:cuda, which GOMLX_BACKEND names", backend.Choose(backend.Small).String(),
		"who names a backend gets it")

	only(t, t.TempDir())
	missed := backend.Choose(backend.Big)
	require.ErrorIs(t, missed.Missed, plugin.ErrNone)
	require.Contains(t, missed.String(), "strata plugin brings it")
	require.Equal(t, backend.Default, missed.Config)
	require.NoError(t, backend.Choose(backend.Small).Missed, "small work misses nothing")
}

// A plugin that does not open leaves the Go backend and one line, and is not tried again.
func TestBrokenPlugin(t *testing.T) {
	folder, path := broken(t)
	only(t, folder)
	opened, chosen, err := backend.For(backend.Big)
	require.NoError(t, err)
	require.Equal(t, "go", opened.String())
	require.Nil(t, chosen.Plugin)
	require.ErrorContains(t, chosen.Missed, path+" does not open")
	require.NotContains(t, chosen.String(), "\n")
	again, chosen, err := backend.For(backend.Big)
	require.NoError(t, err)
	require.Same(t, opened, again)
	require.ErrorContains(t, chosen.Missed, "does not open")
	small, chosen, err := backend.For(backend.Small)
	require.NoError(t, err)
	require.Same(t, opened, small)
	require.NoError(t, chosen.Missed)

	own, err := backend.Open()
	require.NoError(t, err)
	require.Equal(t, "go", own.String())
	own.Finalize()

	// Who names it is told.
	t.Setenv(backend.Variable, "xla:"+path)
	_, _, err = backend.For(backend.Small)
	require.ErrorContains(t, err, "does not open")
}

// With the plugin there, big work is computed on XLA, and what is recorded says by what.
func TestBigOnXLA(t *testing.T) {
	backendtest.XLA(t) // or the reason why not
	t.Setenv(backend.Variable, "")
	opened, chosen, err := backend.For(backend.Big)
	require.NoError(t, err)
	require.NoError(t, chosen.Missed)
	require.True(t, backendtest.IsXLA(opened))
	place, err := backend.PlaceOf(opened)
	require.NoError(t, err)
	require.Equal(t, chosen.Plugin.Path, place.Plugin.Path)
	require.Regexp(t, `^[0-9a-f]{64}$`, place.Plugin.SHA256)
	require.Regexp(t, `^v\d+\.\d+$`, place.Plugin.PJRT)
	require.Equal(t, "float32", place.Precision)
	require.Contains(t, place.Backend, "xla")

	// Plain GoMLX finds the same file by name.
	named, err := backend.OpenNamed("xla:cpu")
	require.NoError(t, err)
	defer named.Finalize()
	same, err := backend.PlaceOf(named)
	require.NoError(t, err)
	require.True(t, same.Same(place))
	require.Equal(t, place.Plugin.Path, same.Plugin.Path)
	first, err := backend.OpenNamed("xla")
	require.NoError(t, err)
	first.Finalize()

	place, err = backend.PlaceOf(backendtest.Go(t))
	require.NoError(t, err)
	require.Nil(t, place.Plugin)
	require.Equal(t, "float32", place.Precision)
}
