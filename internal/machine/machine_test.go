package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommit(t *testing.T) {
	folder := t.TempDir()
	require.Empty(t, Commit(folder, 40), "no checkout")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	git := func(args ...string) {
		t.Helper()
		as := []string{"git", "-c", "user.name=a", "-c", "user.email=a@example.org"}
		require.NotEmpty(t, Output(folder, append(as, args...)...), args)
	}
	file := filepath.Join(folder, "a")
	require.NoError(t, os.WriteFile(file, []byte("1"), 0o644))
	git("init")
	git("add", "--verbose", "a")
	git("commit", "--message", "one")
	commit := Commit(folder, 40)
	require.Regexp(t, `^[0-9a-f]{40}$`, commit)
	require.Equal(t, commit[:12], Commit(folder, 12))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "b"), nil, 0o644))
	require.Equal(t, commit, Commit(folder, 40), "what git does not know is no change")
	require.NoError(t, os.WriteFile(file, []byte("2"), 0o644))
	require.Equal(t, commit+", changed", Commit(folder, 40))
}

func TestField(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpuinfo")
	require.NoError(t, os.WriteFile(path, []byte("processor\t: 0\nmodel name\t: A: B \nmodel name\t: C\n"), 0o644))
	require.Equal(t, "A: B", field(path, "model name"))
	require.Empty(t, field(path, "model"))
	require.Empty(t, field(path+"absent", "model name"))
	require.NotEmpty(t, Processor())
	require.GreaterOrEqual(t, Load(), 0.0)
}
