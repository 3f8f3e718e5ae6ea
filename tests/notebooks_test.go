// Package tests holds the tests of strata as a whole.
package tests

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/internal/notebook"
	"strata/pkg/folders"
)

// gonb returns the module root and the kernel, building it if it is missing.
func gonb(t *testing.T) (root, kernel string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: notebooks need the GoNB kernel and compile every cell")
	}
	root, err := folders.Root()
	require.NoError(t, err)
	kernel, err = notebook.EnsureTools(t.Context(), root)
	require.NoError(t, err)
	return root, kernel
}

// TestNotebooks executes every notebook of the project at size smoke.
func TestNotebooks(t *testing.T) {
	root, kernel := gonb(t)
	paths, err := filepath.Glob(filepath.Join(root, "notebooks", "*.ipynb"))
	require.NoError(t, err)
	require.NotEmpty(t, paths, "notebooks/ holds no notebook")

	env := []string{"STRATA_SIZE=smoke"}
	if own := slices.ContainsFunc(os.Environ(), func(v string) bool { return ownSetting.MatchString(v) }); own {
		env = append(env, prepare(t, root)...)
	} else { // what another test looks at is copied: a notebook may train
		folder, _ := reproduced(t)
		work := t.TempDir()
		require.NoError(t, os.CopyFS(work, os.DirFS(folder)))
		env = append(env, "STRATA_RUNS="+filepath.Join(work, "runs"), "STRATA_FIGURES="+filepath.Join(work, "figures"))
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".ipynb")
		t.Run(name, func(t *testing.T) {
			nb, err := notebook.Load(path)
			require.NoError(t, err)
			assert.False(t, nb.HasOutputs(), "committed notebooks carry no outputs")
			result, err := notebook.Execute(t.Context(), nb, notebook.Options{
				Gonb: kernel, Env: env,
				OnCell: func(i, n int, seconds float64) { t.Logf("cell %d of %d: %.1f s", i, n, seconds) },
			})
			require.NoError(t, err)
			assert.True(t, result.Notebook.HasOutputs())
		})
	}
}

// ownSetting is a variable by which somebody turns the notebooks to images, runs, figures or a backend of their own.
var ownSetting = regexp.MustCompile(`^(STRATA_(DATA|RUNS|FIGURES)|GOMLX_BACKEND)=.`)

// prepare makes the results that the notebooks read, for they draw and do not train, of the user's own images, and says
// where. The user's runs and figures are left alone unless asked for.
func prepare(t *testing.T, root string) (env []string) {
	t.Helper()
	for _, name := range []string{"STRATA_RUNS", "STRATA_FIGURES"} {
		if os.Getenv(name) == "" {
			env = append(env, name+"="+t.TempDir())
		}
	}
	cmd := exec.CommandContext(t.Context(), buildStrata(t), "reproduce", "all", "--size", "smoke")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", cmd, output)
	return env
}

// The tests below are of the runner itself, on the notebooks of
// testdata/notebooks.

// execute runs a fixture in a TMPDIR of its own, and checks that neither a
// process, nor a file, nor a goroutine is left, however the notebook ended.
func execute(t *testing.T, ctx context.Context, name string, options notebook.Options) (*notebook.Result, error) {
	t.Helper()
	root, kernel := gonb(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	// Cells must compile from what go.mod pins, without the network.
	options.Gonb, options.Env = kernel, append(options.Env, "GOPROXY=off")
	nb, err := notebook.Load(filepath.Join(root, "tests", "testdata", "notebooks", name+".ipynb"))
	require.NoError(t, err)
	goroutines := runtime.NumGoroutine()

	result, failed := notebook.Execute(ctx, nb, options)

	assert.False(t, nb.HasOutputs(), "the notebook given is not changed")
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	assert.Empty(t, left, "files left")
	// Not assert.Eventually, which asks in a goroutine of its own.
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", goroutines, n, stacks[:runtime.Stack(stacks, true)])
	}
	return result, failed
}

func TestRunnerSucceeds(t *testing.T) {
	var cells []int
	result, err := execute(t, t.Context(), "ok", notebook.Options{
		Env: []string{"STRATA_TEST_MARKER=seen"},
		OnCell: func(i, n int, seconds float64) {
			assert.Equal(t, 6, n)
			assert.Positive(t, seconds)
			cells = append(cells, i)
		},
	})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3, 4, 5, 6}, cells)
	assert.Len(t, result.Seconds, 6)

	outputs := map[int][]notebook.Output{}
	for _, c := range result.Notebook.Cells {
		outputs[c.ExecutionCount] = c.Outputs
	}
	streams := func(cell int) (stdout, stderr string) {
		for _, o := range outputs[cell] {
			if o.Name == "stdout" {
				stdout += o.Text
			} else {
				stderr += o.Text
			}
		}
		return stdout, stderr
	}
	stdout, stderr := streams(2)
	assert.Equal(t, "twice 21 is 42\n", stdout)
	assert.Equal(t, "and this is a warning\n", stderr)

	require.Len(t, outputs[3], 1)
	var encoded string
	require.NoError(t, json.Unmarshal(outputs[3][0].Data["image/png"], &encoded))
	picture, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	config, err := png.DecodeConfig(bytes.NewReader(picture))
	require.NoError(t, err)
	assert.Positive(t, config.Width)

	stdout, _ = streams(4)
	experiment := os.Getenv("GOEXPERIMENT")
	if experiment == "" {
		experiment = "simd"
	}
	assert.Equal(t, "experiment "+experiment+" marker seen\n", stdout)
	stdout, _ = streams(5)
	assert.Equal(t, "shell lines work\n", stdout)
	stdout, _ = streams(6)
	assert.Contains(t, stdout, "--- PASS: TestDouble")

	// The executed copy is a notebook too.
	path := filepath.Join(t.TempDir(), "ok.ipynb")
	require.NoError(t, result.Notebook.Save(path))
	again, err := notebook.Load(path)
	require.NoError(t, err)
	assert.Equal(t, len(result.Notebook.Cells), len(again.Cells))
	assert.True(t, again.HasOutputs())
}

// TestRunnerFails: every way to fail is reported with the cell and the reason,
// and the cell after it is not executed.
func TestRunnerFails(t *testing.T) {
	for name, c := range map[string]struct {
		cell    int
		line    string
		reason  string // all of it
		details string // a part
	}{
		"shell_line":    {3, "!echo about to fail", "a shell line failed: exit status 1", "about to fail"},
		"bash_cell":     {2, "%%bash", `"%%bash" failed: exit status 5`, "about to fail"},
		"unknown_magic": {2, "%frobnicate all", `"%frobnicate" unknown or not implemented yet.`, ""},
		// GoNB translates positions a piece of the pipe at a time, and leaves one that is cut in two as it is: any frame will do.
		"panics": {3, "func explode(at int) { panic(fmt.Sprintf(\"boom at %d\", at)) ...", "panic: boom at 7", "Cell [3] Line "},
		"exits":  {2, `log.Fatal("out of paint")`, "", "out of paint"},
		"compile_error": {2, `var answer int = "forty-two"`,
			`does not compile: cannot use "forty-two" (untyped string constant) as int value in variable declaration`, "Cell[2]: Line 2"},
		"failing_test": {2, `func TestBand(t *testing.T) { t.Error("AUROC 12 outside [50,...`,
			"TestBand failed: AUROC 12 outside [50, 60]", "--- FAIL: TestBand"},
		"dead_kernel": {3, "!kill -9 $PPID", "the kernel died (signal: killed)", "kill -9 $PPID"},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := execute(t, t.Context(), name, notebook.Options{})
			var failed *notebook.CellError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, name+".ipynb", failed.Notebook)
			assert.Equal(t, c.cell, failed.Cell)
			assert.Equal(t, c.line, failed.Line)
			if c.reason != "" {
				assert.Equal(t, c.reason, failed.Reason)
			}
			assert.Contains(t, failed.Details, c.details)
			first, _, _ := strings.Cut(err.Error(), "\n")
			assert.Contains(t, first, "notebook "+name+".ipynb, code cell "+strconv.Itoa(c.cell)+" (")
			require.NotNil(t, result, "what was executed so far is kept")
			assert.Len(t, result.Seconds, c.cell)
		})
	}
}

func TestRunnerEndsEndlessLoop(t *testing.T) {
	// Another notebook first: with a cold cache the loop's cell would spend the
	// timeout on compiling the standard library.
	_, err := execute(t, t.Context(), "panics", notebook.Options{})
	require.Error(t, err)
	const timeout = 5 * time.Second
	started := time.Now()
	result, err := execute(t, t.Context(), "endless_loop", notebook.Options{CellTimeout: timeout})
	var failed *notebook.CellError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, 2, failed.Cell)
	assert.Equal(t, "did not end within 5s and was killed", failed.Reason)
	assert.Contains(t, failed.Details, "round and round")
	assert.Less(t, time.Since(started), 3*timeout)
	assert.True(t, result.Notebook.HasOutputs())
}

// TestRunnerIsStopped: cancelling ends an endless cell at once.
func TestRunnerIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the user pressed Ctrl-C")
	var cancelled time.Time
	_, err := execute(t, ctx, "endless_loop", notebook.Options{OnCell: func(i, n int, _ float64) {
		time.AfterFunc(time.Second, func() { cancelled = time.Now(); cancel(stopped) })
	}})
	require.ErrorIs(t, err, stopped)
	assert.Less(t, time.Since(cancelled), 5*time.Second)
	var failed *notebook.CellError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, 2, failed.Cell)
}

// TestRunnerKillsWhatCellsLeft: a process that a cell left in the background
// ends with the kernel.
func TestRunnerKillsWhatCellsLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	_, err := execute(t, t.Context(), "left_behind", notebook.Options{Env: []string{"STRATA_TEST_PID=" + file}})
	var failed *notebook.CellError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, 3, failed.Cell, "the cell that starts it succeeds")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return !alive(pid) }, 5*time.Second, 10*time.Millisecond)
}

// alive reports whether the process runs. One that is dead but that nobody
// waited for (containers often lack a reaper) does not.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return runtime.GOOS != "linux" // no /proc elsewhere
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
