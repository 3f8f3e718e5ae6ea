package slurm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strata/internal/slurm/slurmtest"

	"github.com/stretchr/testify/require"
)

func ExampleOptions_Script() {
	options := Options{Folder: "/shared/runs/slurm", Env: []string{"STRATA_RUNS=/shared/runs"},
		Sbatch: []string{"--time=60"}}
	fmt.Print(options.Script(Job{
		Name: "glow-smooth", Command: "strata reproduce glow-smooth --seed $SLURM_ARRAY_TASK_ID", Tasks: 3}))
	// Output:
	// #!/bin/bash
	// #SBATCH --job-name=strata-glow-smooth
	// #SBATCH --array=0-2
	// #SBATCH --output="/shared/runs/slurm/glow-smooth-%a.log"
	// #SBATCH --open-mode=append
	// #SBATCH --requeue
	// #SBATCH --kill-on-invalid-dep=yes
	// #SBATCH --signal=TERM@120
	// #SBATCH --time=60
	//
	// export STRATA_RUNS='/shared/runs'
	//
	// # srun, because the time limit's warning is sent to a job's steps. A stopped command has saved all: the task goes
	// # back into the queue. scancel ends this script too, so what a person cancels stays away.
	// srun --ntasks=1 strata reproduce glow-smooth --seed $SLURM_ARRAY_TASK_ID
	// code=$?
	// if [ $code -eq 130 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 100 ]; then
	//   scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" && sleep 60
	// fi
	// exit $code
}

func TestQuote(t *testing.T) {
	for _, text := range []string{"plain", "two words", "it's", `$HOME "x" \ * ;`, ""} {
		out, err := exec.Command("bash", "-c", "printf %s "+Quote(text)).Output()
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	}
}

// Jobs come behind those that they are made from, seed by seed; a failed seed takes its own followers along and no
// others; the last job comes in any case; a stopped task goes on where it was.
func TestSubmit(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Slurm cluster; not with -short")
	}
	folder := slurmtest.Start(t)
	options := Options{Folder: folder, Env: []string{"NOTES=" + filepath.Join(folder, "notes"), "QUOTED=it's $HOME"},
		Sbatch: []string{"--time=5"}}
	note := func(text string) string { return `echo "` + text + `" >> "$NOTES"` }
	bash := func(script string) string { return "bash -c " + Quote(script) }
	jobs := []Job{
		{Name: "parent", Tasks: 3, Command: bash(`sleep 1; [ $SLURM_ARRAY_TASK_ID != 1 ] && ` +
			note(`parent $SLURM_ARRAY_TASK_ID`))},
		{Name: "child", Tasks: 3, After: []string{"parent"}, Command: bash(note(`child $SLURM_ARRAY_TASK_ID $QUOTED`))},
		// Stopped the first time, as by its time limit.
		{Name: "stopped", Tasks: 1, Command: bash(note(`stopped ${SLURM_RESTART_COUNT:-0}`) +
			`; echo in the log; [ ${SLURM_RESTART_COUNT:-0} -gt 0 ] || exit 130`)},
		{Name: "last", Tasks: 1, AtLast: true, Command: bash(note("last"))},
	}
	submitted, err := Submit(context.Background(), jobs, options)
	require.NoError(t, err)
	require.Len(t, submitted, len(jobs))
	slurmtest.Wait(t, 2*time.Minute)

	text, err := os.ReadFile(filepath.Join(folder, "notes"))
	require.NoError(t, err)
	notes := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.ElementsMatch(t, []string{"parent 0", "parent 2", "child 0 it's $HOME", "child 2 it's $HOME", "stopped 0",
		"stopped 1", "last"}, notes)
	place := func(note string) int {
		for i, n := range notes {
			if strings.HasPrefix(n, note) {
				return i
			}
		}
		return -1
	}
	require.Less(t, place("parent 0"), place("child 0"))
	require.Less(t, place("parent 2"), place("child 2"))
	require.Equal(t, len(notes)-1, place("last"))
	log, err := os.ReadFile(options.Log("stopped", 0))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(log), "in the log"), string(log))
}

// A task that its time limit stops is told before, and goes on; one that a person cancels does not come back.
func TestTimeLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Slurm cluster; not with -short")
	}
	folder := slurmtest.Start(t)
	options := Options{Folder: folder, Env: []string{"NOTES=" + filepath.Join(folder, "notes")},
		Sbatch: []string{"--time=1"}}
	stop := `trap "echo told >> \"$NOTES\"; exit 130" TERM; ` +
		`echo "start ${SLURM_RESTART_COUNT:-0}" >> "$NOTES"; [ ${SLURM_RESTART_COUNT:-0} -gt 0 ] || ` +
		`while :; do sleep 0.1; done`
	_, err := Submit(context.Background(), []Job{{Name: "limited", Tasks: 1, Command: "bash -c " + Quote(stop)}}, options)
	require.NoError(t, err)
	slurmtest.Wait(t, 4*time.Minute)
	text, err := os.ReadFile(filepath.Join(folder, "notes"))
	require.NoError(t, err)
	require.Equal(t, "start 0\ntold\nstart 1\n", string(text))

	cancelled, err := Submit(context.Background(), []Job{{Name: "cancelled", Tasks: 1, Command: "bash -c " + Quote(stop)}},
		options)
	require.NoError(t, err)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if text, _ = os.ReadFile(filepath.Join(folder, "notes")); strings.Count(string(text), "start 0") == 2 {
			break
		}
	}
	require.NoError(t, cancel(cancelled))
	slurmtest.Wait(t, 2*time.Minute)
	text, err = os.ReadFile(filepath.Join(folder, "notes"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), "start 1"), "it came back: %s", text)
}

// What Slurm refuses leaves nothing in its queue.
func TestSubmitRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Slurm cluster; not with -short")
	}
	folder := slurmtest.Start(t)
	jobs := []Job{{Name: "good", Tasks: 1, Command: "sleep 60"}, {Name: "bad", Tasks: 100000, Command: "true"}}
	_, err := Submit(context.Background(), jobs, Options{Folder: folder})
	require.ErrorContains(t, err, "job bad: sbatch")
	slurmtest.Wait(t, 30*time.Second)
}

func TestCheck(t *testing.T) {
	job := Job{Name: "a", Tasks: 1, Command: "true"}
	for want, refused := range map[string]struct {
		jobs    []Job
		options Options
	}{
		"is not absolute":        {[]Job{job}, Options{Folder: "runs"}},
		"holds a line break":     {[]Job{job}, Options{Folder: "/runs", Sbatch: []string{"--x\nrm"}}},
		"not its own":            {[]Job{job, job}, Options{Folder: "/runs"}},
		"which is not before it": {[]Job{{Name: "b", After: []string{"a"}}, job}, Options{Folder: "/runs"}},
	} {
		_, err := Submit(context.Background(), refused.jobs, refused.options)
		require.ErrorContains(t, err, want)
	}
}
