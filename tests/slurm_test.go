package tests

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"strata/internal/slurm/slurmtest"

	"github.com/stretchr/testify/require"
)

// TestReproduceBySlurm hands a plan of two seeds to a real Slurm cluster: its numbers are those of one process, bit for bit, and
// what is done is not handed over again.
func TestReproduceBySlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Slurm cluster; not with -short")
	}
	binary := buildStrata(t)
	folder := slurmtest.Start(t)
	reproduce := func(name string, args ...string) (root, output string) {
		root = filepath.Join(folder, name)
		cmd := strataIn(t, binary, root, append([]string{"reproduce", "glow-smooth-from-general", "glow-in-outlier-loss", "--size", "smoke",
			"--seeds", "2", "--seed", "7"}, args...)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return root, string(out)
	}
	alone, _ := reproduce("alone")
	cluster, output := reproduce("cluster", "--slurm", "--sbatch=--time=10", "--sbatch=--cpus-per-task=1")
	require.Regexp(t, `(?m)^job \d+  glow-general, 2 tasks$`, output)
	require.Regexp(t, `(?m)^job \d+  evaluate, 1 tasks$`, output)
	slurmtest.Wait(t, 10*time.Minute)
	for _, name := range []string{"cells.csv", "claims.csv", "claims_over_steps.csv"} {
		want, err := os.ReadFile(filepath.Join(alone, "figures", "results", "procedural-smoke", name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(cluster, "figures", "results", "procedural-smoke", name))
		require.NoError(t, err, "logs: %s", logs(cluster))
		require.Equal(t, string(want), string(got), name)
	}
	_, output = reproduce("cluster", "--slurm", "--dry-run")
	require.NotContains(t, output, "glow-general.sbatch")
	require.Contains(t, output, "evaluate.sbatch")
}

func logs(root string) (text string) {
	files, _ := filepath.Glob(filepath.Join(root, "runs", "slurm", "*", "*.log"))
	for _, file := range files {
		content, _ := os.ReadFile(file)
		text += filepath.Base(file) + ":\n" + string(content)
	}
	return text
}
