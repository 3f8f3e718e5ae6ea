package tests

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// TestReproduceAll runs every configuration of the paper at size smoke on the procedural sets; the report then holds all tables
// and all claims. The same plan, killed and interrupted (Ctrl-C) in turn at STRATA_REPRODUCE_KILLS random moments (default 4), ends
// with the same results, bit for bit.
func TestReproduceAll(t *testing.T) {
	if testing.Short() {
		t.Skip("trains every configuration; not with -short")
	}
	t.Parallel()
	binary := buildStrata(t)
	command := func(root string, args ...string) *exec.Cmd { return strataIn(t, binary, root, args...) }
	killed := t.TempDir()
	straight, whole := reproduced(t)

	results := filepath.Join(straight, "figures", "results", "procedural-smoke")
	cells, err := result.Read[result.Cell](results)
	require.NoError(t, err)
	for _, c := range cells {
		wanted := !c.IsMean() && c.ReportedBy() == "" && c.Out != "CelebA" && c.Out != "Tiny-Imagenet"
		require.Equal(t, wanted, c.IsMeasured(), "%+v", c)
		if !c.IsMeasured() {
			require.NotEmpty(t, c.Note, "%+v", c)
		}
	}
	runs, err := result.Read[result.Run](results)
	require.NoError(t, err)
	done := 0
	for _, run := range runs {
		if run.ID != "" {
			require.Empty(t, run.Problem, run.Configuration)
			done++
		}
	}
	require.Equal(t, 34, done, "the paper's 33 and the classifier that judges pictures")

	courses := map[string]int{}
	steps, err := result.Read[result.ClaimAtStep](results)
	require.NoError(t, err)
	for _, step := range steps {
		courses[step.ID]++
	}
	require.Len(t, courses, 11)
	for id, points := range courses {
		require.Equal(t, 3, points, id)
	}

	out := filepath.Join(straight, "report")
	output, err := command(straight, "report", "--out", out).CombinedOutput()
	require.NoError(t, err, string(output))
	md, err := os.ReadFile(filepath.Join(out, "report.md"))
	require.NoError(t, err)
	for _, table := range result.PaperTables() {
		require.Contains(t, string(md), "### Table "+table+":")
	}
	claims, err := result.Read[result.Claim](results)
	require.NoError(t, err)
	declared, err := result.DeclaredClaims()
	require.NoError(t, err)
	require.Len(t, claims, len(declared))

	rng := rand.New(rand.NewPCG(20200610, 4))
	for kill := 0; kill < environmentInt(t, "STRATA_REPRODUCE_KILLS", 4); kill++ {
		cmd := command(killed, "reproduce", "all", "--size", "smoke")
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		require.NoError(t, cmd.Start())
		// What is left shrinks from kill to kill: so do the moments, and each falls into work.
		moment := time.Duration(rng.Float64() * float64(whole) / float64(kill+2))
		signal := []os.Signal{syscall.SIGKILL, os.Interrupt}[kill%2]
		timer := time.AfterFunc(moment, func() { cmd.Process.Signal(signal) })
		err := cmd.Wait()
		timer.Stop()
		t.Logf("%v after %.1f s: %v", signal, moment.Seconds(), err)
		var exit *exec.ExitError
		stopped := errors.As(err, &exit) && (exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL || exit.ExitCode() == 130)
		if err != nil && !stopped {
			t.Fatalf("%v after %.1f s: %v\n%s", signal, moment.Seconds(), err, output.String())
		}
	}
	output, err = command(killed, "reproduce", "all", "--size", "smoke").CombinedOutput()
	require.NoError(t, err, string(output))
	for _, name := range []string{"cells.csv", "cells_by_seed.csv", "claims.csv", "conditions.csv", "claims_over_steps.csv", "scores.csv",
		"scores_grey.csv", "scores_mri.csv", "correlations.csv", "curves.csv", "pixel_differences.csv", "pictures/fourier.png",
		"pictures/mixed.png", "pictures/climbed.csv", "pictures/climbed.png", "pictures/top_glow-in-outlier-loss.csv"} {
		want, err := os.ReadFile(filepath.Join(results, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(killed, "figures", "results", "procedural-smoke", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), name)
	}
}

// reproduced is a folder with runs and figures of all configurations at size smoke, and how long they took. Several tests
// look at it, so none may change it.
func reproduced(t *testing.T) (folder string, took time.Duration) {
	t.Helper()
	binary := buildStrata(t)
	allAtSmoke.Do(func() {
		allAtSmoke.folder = filepath.Join(shared, "smoke")
		started := time.Now()
		output, err := strataIn(t, binary, allAtSmoke.folder, "reproduce", "all", "--size", "smoke").CombinedOutput()
		allAtSmoke.took = time.Since(started)
		if err != nil {
			allAtSmoke.err = fmt.Errorf("%w\n%s", err, output)
		}
	})
	require.NoError(t, allAtSmoke.err)
	t.Logf("all configurations at size smoke: %.0f s", allAtSmoke.took.Seconds())
	return allAtSmoke.folder, allAtSmoke.took
}

var allAtSmoke struct {
	sync.Once
	folder string
	took   time.Duration
	err    error
}

// strataIn is the command with a run store and a figures folder of its own below root.
func strataIn(t *testing.T, binary, root string, args ...string) *exec.Cmd {
	t.Helper()
	for _, folder := range []string{"runs", "figures"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, folder), 0o755))
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(withoutStrata(os.Environ()), "GOMLX_BACKEND=", "STRATA_RUNS="+filepath.Join(root, "runs"),
		"STRATA_FIGURES="+filepath.Join(root, "figures"))
	return cmd
}

// withoutStrata leaves out the variables that would turn a test to a user's own folders.
func withoutStrata(environment []string) []string {
	var kept []string
	for _, v := range environment {
		if !strings.HasPrefix(v, "STRATA_") {
			kept = append(kept, v)
		}
	}
	return kept
}
