package tests

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"strata/pkg/checkpoint"

	"github.com/stretchr/testify/require"
)

// checkpointEvery is that of size smoke.
const checkpointEvery = 5

// TestKilledTraining kills strata train with SIGKILL at random moments, STRATA_CRASH_KILLS times (default 5). After each
// kill the newest checkpoint must be readable and at most one checkpoint interval behind what the learning curve
// shows as done; and the run that was killed most must end with the same bits as one that was never killed.
func TestKilledTraining(t *testing.T) {
	if testing.Short() {
		t.Skip("trains; not with -short")
	}
	t.Parallel()
	kills := environmentInt(t, "STRATA_CRASH_KILLS", 5)
	binary := buildStrata(t)
	data := cifarFolder(t)
	const steps = 200
	rng := rand.New(rand.NewPCG(20200610, 1))
	command := func(runs string, seed int) *exec.Cmd {
		cmd := exec.Command(binary, "train", "--in", "made_up", "--size", "smoke", "--steps", strconv.Itoa(steps), "--seed",
			strconv.Itoa(seed), "--resume")
		cmd.Env = append(os.Environ(), "STRATA_DATA="+data, "STRATA_RUNS="+runs, "GOMLX_BACKEND=")
		return cmd
	}

	// Moments are drawn over the time that a whole run takes here and now: a loaded machine may take seconds to start one.
	started := time.Now()
	output, err := command(t.TempDir(), 0).CombinedOutput()
	require.NoError(t, err, string(output))
	whole := time.Since(started)

	runs := t.TempDir()
	seed, killedOfSeed, furthest, atWork, worst := 1, 0, 0, 0, 0
	for killed := 0; killed < kills || atWork == 0 && killed < 10*kills; {
		cmd := command(runs, seed)
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		require.NoError(t, cmd.Start())
		moment := time.Duration(rng.Float64() * float64(whole))
		timer := time.AfterFunc(moment, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		var exit *exec.ExitError
		switch {
		case err == nil: // finished before it was killed: go on with another run
			seed, killedOfSeed, furthest = seed+1, 0, 0
			continue
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		default:
			t.Fatalf("after %d kills: %v\n%s", killed, err, output.String())
		}
		killed++
		killedOfSeed++
		folder := runFolder(t, runs, seed)
		if folder == "" {
			continue // killed before the run had a folder
		}
		state, warnings, err := checkpoint.Latest(filepath.Join(folder, "checkpoints"))
		saved := 0
		if !errors.Is(err, checkpoint.ErrNone) {
			require.NoError(t, err, "kill %d after %v", killed, moment)
			require.Empty(t, warnings, "kill %d after %v: a checkpoint is damaged", killed, moment)
			saved = state.Step
			atWork++
		}
		done := lastCurveStep(t, folder)
		require.GreaterOrEqual(t, saved, furthest, "kill %d: an older checkpoint than before", killed)
		require.LessOrEqual(t, done-saved, checkpointEvery, "kill %d: the curve is at step %d, the newest checkpoint at %d", killed, done,
			saved)
		worst = max(worst, done-saved)
		furthest = saved
	}
	require.NotZero(t, atWork, "no kill hit a run that had saved something")
	t.Logf("%d kills, %d of them while training had saved; at most %d steps lost by the curve; %d runs", kills, atWork, worst, seed)

	if killedOfSeed == 0 {
		seed-- // the last one ended by itself just now
	}
	straight := t.TempDir()
	for _, folder := range []string{runs, straight} {
		output, err := command(folder, seed).CombinedOutput()
		require.NoError(t, err, string(output))
	}
	killed, _, err := checkpoint.Latest(filepath.Join(runFolder(t, runs, seed), "checkpoints"))
	require.NoError(t, err)
	never, _, err := checkpoint.Latest(filepath.Join(runFolder(t, straight, seed), "checkpoints"))
	require.NoError(t, err)
	require.Equal(t, steps, killed.Step)
	require.Equal(t, never.Tensors, killed.Tensors, "the killed run ends with other weights")
	for _, name := range []string{"curve.csv"} {
		a, err := os.ReadFile(filepath.Join(runFolder(t, runs, seed), name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(runFolder(t, straight, seed), name))
		require.NoError(t, err)
		require.Equal(t, string(b), string(a))
	}
}

// environmentInt is a whole number of the environment.
func environmentInt(t *testing.T, name string, without int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return without
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// shared is the folder of what several tests use: TestMain removes it.
var shared string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if shared, err = os.MkdirTemp("", "strata-tests-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(shared)
		return m.Run()
	}())
}

// buildStrata builds the command as it is, with SIMD, once.
func buildStrata(t *testing.T) string {
	t.Helper()
	binary, err := built()
	require.NoError(t, err)
	return binary
}

var built = sync.OnceValues(func() (binary string, err error) {
	binary = filepath.Join(shared, "strata")
	build := exec.Command("go", "build", "-o", binary, "strata/cmd/strata")
	build.Env = append(os.Environ(), "GOEXPERIMENT=simd")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return binary, nil
})

// cifarFolder writes a set "made_up" in CIFAR-10's binary format: quick to read again after every kill.
func cifarFolder(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	folder := filepath.Join(data, "made_up")
	require.NoError(t, os.Mkdir(folder, 0o755))
	rng := rand.New(rand.NewPCG(3, 3))
	for name, images := range map[string]int{"data_batch_1.bin": 256, "test_batch.bin": 32} {
		var file bytes.Buffer
		for range images {
			file.WriteByte(byte(rng.IntN(10)))
			base := rng.IntN(180)
			for range 3072 {
				file.WriteByte(byte(base + rng.IntN(60)))
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), file.Bytes(), 0o644))
	}
	return data
}

// runFolder is the folder of the run with a seed, "" if there is none yet.
func runFolder(t *testing.T, runs string, seed int) string {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(runs, "*", "run.json"))
	require.NoError(t, err)
	for _, record := range records {
		text, err := os.ReadFile(record)
		require.NoError(t, err)
		if strings.Contains(string(text), fmt.Sprintf(`"seed": %d,`, seed)) {
			return filepath.Dir(record)
		}
	}
	return ""
}

func lastCurveStep(t *testing.T, folder string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "curve.csv"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	last := 0
	for line := range strings.Lines(string(text)) {
		if step, err := strconv.Atoi(strings.Split(line, ",")[0]); err == nil && strings.HasSuffix(line, "\n") {
			last = step
		}
	}
	return last
}
