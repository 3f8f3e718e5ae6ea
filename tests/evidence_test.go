package tests

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"strata/pkg/folders"
	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// experiments/gpu/evidence.sh, which trains and scores on a GPU that is lent for minutes, call by call at size smoke on
// sets that strata draws, with nothing there but what it packed: parts come in any number of calls, and results, records
// and scores come back, no network and no image.
func TestEvidence(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and evaluates three runs")
	}
	t.Parallel()
	for _, tool := range []string{"bash", "python3", "git", "setsid"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the script needs %s: %v", tool, err)
		}
	}
	root, err := folders.Root()
	require.NoError(t, err)
	tree, work, out := t.TempDir(), filepath.Join(t.TempDir(), "work"), filepath.Join(t.TempDir(), "out")
	for _, name := range []string{"go.mod", ".gitignore", "experiments/gpu/evidence.sh", "experiments/gpu/cuda.sh"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(tree, name), text, 0o755))
	}
	environment := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "BINARY=" + buildStrata(t), "WORK=" + work,
		"OUT=" + out, "SIZE=smoke", "PRECISION=float32", "GOMLX_BACKEND=go", "SETS=", "CALL_MIB=6", "PRESET=0",
		"SECONDS_LENT=7200"} // however slow the machine is
	call := func(name string, arguments ...string) (string, error) {
		command := exec.CommandContext(t.Context(), name, arguments...)
		command.Dir, command.Env = tree, environment
		said, err := command.CombinedOutput()
		return string(said), err
	}
	script := func(arguments ...string) string {
		said, err := call("experiments/gpu/evidence.sh", arguments...)
		require.NoError(t, err, said)
		return said
	}
	said, err := call("git", "init", "-q")
	require.NoError(t, err, said)
	_, err = call("experiments/gpu/evidence.sh", "parts")
	require.Error(t, err)

	number, _, ok := strings.Cut(script("pack"), " parts, ")
	require.True(t, ok)
	parts, err := strconv.Atoi(number)
	require.NoError(t, err)
	require.Greater(t, parts, 2, "several calls are tried")
	_, err = call("experiments/gpu/evidence.sh", "wait", "1")
	require.Error(t, err, "nothing was sent")
	said, err = call("experiments/gpu/evidence.sh", "part", "2")
	require.Error(t, err)
	require.Contains(t, said, "a part before it is missing")
	script("part", "1")
	script("part", "1") // again, after a transfer that broke off
	for part := 2; part <= parts; part++ {
		script("part", strconv.Itoa(part))
	}
	t.Cleanup(func() { call("bash", "-c", "[[ -e $WORK/finished ]] || kill -- -$(cat $WORK/pid)") })
	for !strings.Contains(said, "all is done") {
		said = script("wait", "60")
	}
	files := archived(t, filepath.Join(out, "evidence.tar.gz.00"))
	require.Contains(t, files, "timings.csv")
	for _, name := range files {
		require.NotContains(t, name, "checkpoint")
		require.NotEqual(t, ".png", filepath.Ext(name))
	}

	said = script("land", out)
	require.Contains(t, said, "figures/results/procedural-smoke")
	landed := filepath.Join(tree, "figures", "results", "procedural-smoke")
	manifest, err := result.ReadManifest(landed)
	require.NoError(t, err)
	require.Equal(t, "smoke", manifest.Size)
	runs, err := result.Read[result.Run](landed)
	require.NoError(t, err)
	var done []string
	for _, run := range runs {
		if run.ID != "" {
			done = append(done, run.Configuration)
		}
	}
	require.ElementsMatch(t, []string{"glow-general", "glow-in-from-general", "glow-in-outlier-loss"}, done)

	// A machine that went back before it had evaluated leaves scores, and results are made of them here.
	require.NoError(t, os.RemoveAll(filepath.Join(work, "figures")))
	require.NoError(t, os.Mkdir(filepath.Join(work, "figures"), 0o755))
	script("wait", "1")
	require.NoError(t, os.RemoveAll(landed))
	said = script("land", out)
	require.Contains(t, said, "it was not evaluated there, so it is here")
	again, err := result.Read[result.Claim](landed)
	require.NoError(t, err)
	require.NotEmpty(t, again)
}

// archived are the names of the files in a tar.gz.
func archived(t *testing.T, path string) (names []string) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	plain, err := gzip.NewReader(file)
	require.NoError(t, err)
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(t, err)
		names = append(names, header.Name)
	}
}
