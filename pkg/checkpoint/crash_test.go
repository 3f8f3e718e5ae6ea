package checkpoint

import (
	"bufio"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childVariable makes the test binary play a part in another process.
const childVariable = "STRATA_CHECKPOINT_TEST_CHILD"

func TestMain(m *testing.M) {
	part, dir, _ := strings.Cut(os.Getenv(childVariable), ":")
	switch part {
	case "":
		os.Exit(m.Run())
	case "save":
		childSaves(dir)
	case "full":
		childFillsDisk(dir)
	case "readonly":
		childIsNobody(dir)
	case "lock":
		childLocks(dir)
	default:
		fmt.Println("unknown part", part)
		os.Exit(2)
	}
}

func child(part, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+part+":"+dir)
	return cmd
}

// crashState is large enough for a kill to hit the middle of a file, and every
// value tells the step.
func crashState(step int) *State {
	data := make([]float32, 200_000)
	for i := range data {
		data[i] = float32(step)
	}
	return &State{Step: step, Tensors: []Tensor{{"a", []int{400, 500}, data}, {"b", []int{200_000}, data}}}
}

// childSaves continues from the latest checkpoint until it is killed. Every
// step is saved twice, so that a kill also hits a replacement.
func childSaves(dir string) {
	step := 0
	if s, _, err := Latest(dir); err == nil {
		step = s.Step
	}
	for {
		step++
		for range 2 {
			if err := Save(dir, crashState(step), 1); err != nil {
				fmt.Println("error", err)
				os.Exit(1)
			}
			fmt.Println("saved", step)
		}
	}
}

// A killed process leaves a folder in which Latest finds the last checkpoint
// that Save reported, or the one that was being saved. (A kill keeps the page
// cache; that the order of syncs also withstands a power cut is not tested.)
func TestKillWhileSaving(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(5, 6))
	reported := 0
	for range kills {
		cmd := child("save", dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan(), "the child saves at least once")
		first := lines.Text()
		timer := time.AfterFunc(time.Duration(rng.IntN(60_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for line := first; ; line = lines.Text() {
			number, ok := strings.CutPrefix(line, "saved ")
			require.True(t, ok, line)
			if reported, err = strconv.Atoi(number); err != nil {
				require.NoError(t, err)
			}
			if !lines.Scan() {
				break
			}
		}
		timer.Stop()
		require.ErrorContains(t, cmd.Wait(), "killed")

		got, warnings, err := Latest(dir)
		require.NoError(t, err)
		assert.Empty(t, warnings)
		assert.GreaterOrEqual(t, got.Step, reported)
		assert.LessOrEqual(t, got.Step, reported+1)
		assertSame(t, crashState(got.Step), got)
	}
	last := reported + 2
	require.NoError(t, Save(dir, state(last), 1))
	assert.Equal(t, []string{fmt.Sprintf("step-%08d", last)}, names(t, dir), "what the killed left behind is cleared away")
}

func TestLeftoversAreIgnoredAndCleared(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Save(dir, state(1), 3))
	dead := exec.Command("true")
	require.NoError(t, dead.Run())
	for _, name := range []string{
		fmt.Sprintf("tmp-9-%d", dead.Process.Pid),
		fmt.Sprintf("tmp-8-%d-old", dead.Process.Pid),
		fmt.Sprintf("tmp-2-%d", os.Getpid()), // of an earlier failure
		fmt.Sprintf("tmp-3-%d", os.Getppid()),
		"tmp-mine",
	} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(Path(dir, 1))))
	}
	got, warnings, err := Latest(dir)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assertSame(t, state(1), got)

	require.NoError(t, Save(dir, state(2), 3))
	assert.Equal(t, []string{"step-00000001", "step-00000002", fmt.Sprintf("tmp-3-%d", os.Getppid()), "tmp-mine"},
		names(t, dir),
		"a living process keeps its folder, and so does what has another name")
}

// childFillsDisk saves one step under a limit on the size of a file, which
// stands for a full disk: a write is cut short and the next one fails.
func childFillsDisk(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit, _ := strconv.Atoi(os.Getenv("STRATA_CHECKPOINT_TEST_LIMIT"))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE,
		&syscall.Rlimit{Cur: uint64(limit), Max: math.MaxUint64}); err != nil {
		fmt.Println("setrlimit:", err)
		os.Exit(2)
	}
	if err := Save(dir, crashState(2), 1); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestFullDisk(t *testing.T) {
	for _, limit := range []int{0, 900_000, 1_600_100} { // nothing; half of the values; all but the end of the archive
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, Save(dir, crashState(1), 1))
			cmd := child("full", dir)
			cmd.Env = append(cmd.Env, fmt.Sprintf("STRATA_CHECKPOINT_TEST_LIMIT=%d", limit))
			out, err := cmd.CombinedOutput()
			require.ErrorContains(t, err, "exit status 1", string(out))
			line := strings.TrimSuffix(string(out), "\n")
			assert.NotContains(t, line, "\n")
			assert.Contains(t, line, "file too large")
			assert.Contains(t, line, "free some space")
			assert.Equal(t, []string{"step-00000001"}, names(t, dir), "no half is left")
			got, warnings, err := Latest(dir)
			require.NoError(t, err)
			assert.Empty(t, warnings)
			assertSame(t, crashState(1), got)
		})
	}
}

func TestAdviceOnAFullDisk(t *testing.T) {
	err := fmt.Errorf("x: %w", &fs.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC})
	assert.Contains(t, advice(err), "free some space")
}

// childIsNobody gives up root, whom no permission stops.
func childIsNobody(dir string) {
	if os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			fmt.Println("setuid:", err)
			os.Exit(2)
		}
	}
	err := Save(dir, state(2), 1)
	_, lockErr := Lock(dir)
	fmt.Printf("%v\n%v\n", err, lockErr)
	if s, _, err := Latest(dir); err != nil || s.Step != 1 {
		fmt.Println("reading must work:", err)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, Save(dir, state(1), 1))
	require.NoError(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o755)
	out, err := child("readonly", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, lines, 2, string(out))
	for _, line := range lines {
		assert.Contains(t, line, dir)
		assert.Contains(t, line, "permission denied: make the folder writable")
	}
	assert.Equal(t, []string{"step-00000001"}, names(t, dir))
}
