// Package slurm hands a plan to a Slurm scheduler (22.05 and newer): one job array a run, one task a seed, each behind
// those that it is made from. What is computed where, and in which order, is Slurm's business; what a task has done
// lies in the run store, so that a task that is requeued goes on where it was.
package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// ExitStopped is the exit code by which a command says that it was stopped and has saved all: its task is put back into
// the queue, where it goes on. It is strata's, too.
const ExitStopped = 130

// grace is how many seconds before its time limit a task is told to stop.
const grace = 120

// maxRestarts ends a task that is stopped again and again before it gets anywhere.
const maxRestarts = 100

// TaskVariable is the environment variable that tells a command its task, 0 to Tasks-1.
const TaskVariable = "SLURM_ARRAY_TASK_ID"

// Job is a job array to be.
type Job struct {
	// Name is the job's, its script's and its log's.
	Name string
	// Command is a line of bash; Quote makes its words.
	Command string
	// Tasks are how many times it is run, each with its own TaskVariable; at least 1.
	Tasks int
	// After are the names of earlier jobs. Task i starts when task i of each has succeeded, and never if one has failed
	// (aftercorr, the afterok of arrays): a failed seed does not take the other seeds along.
	After []string
	// AtLast starts the job when all earlier jobs have ended, however they did (afterany), in the place of After.
	AtLast bool
}

// Options are one for all jobs of a plan.
type Options struct {
	// Folder receives scripts and logs; it lies on a file system that all nodes share.
	Folder string
	// Env are variables, NAME=VALUE, that the commands get.
	Env []string
	// Sbatch are more options of sbatch: --partition=gpu, --gres=gpu:1, --time=12:00:00.
	Sbatch []string
}

// Submitted is a job in the queue.
type Submitted struct {
	Job
	ID     string // Slurm's
	Script string // path
}

// Log is where task i of the job writes.
func (o Options) Log(job string, task int) string {
	return filepath.Join(o.Folder, fmt.Sprintf("%s-%d.log", job, task))
}

// Script is what a job runs. Its dependencies are not in it: they are Slurm's ids, which sbatch is told.
func (o Options) Script(job Job) string {
	var s strings.Builder
	s.WriteString("#!/bin/bash\n")
	for _, option := range append([]string{
		"--job-name=strata-" + job.Name,
		fmt.Sprintf("--array=0-%d", max(1, job.Tasks)-1),
		`--output="` + strings.ReplaceAll(filepath.Join(o.Folder, job.Name), "%", "%%") + `-%a.log"`,
		"--open-mode=append", // a requeued task goes on in its log
		"--requeue",
		"--kill-on-invalid-dep=yes",
		fmt.Sprintf("--signal=TERM@%d", grace),
	}, o.Sbatch...) {
		s.WriteString("#SBATCH " + option + "\n")
	}
	s.WriteString("\n")
	for _, v := range o.Env {
		name, value, _ := strings.Cut(v, "=")
		s.WriteString("export " + name + "=" + Quote(value) + "\n")
	}
	fmt.Fprintf(&s, `
# srun, because the time limit's warning is sent to a job's steps. A stopped command has saved all: the task goes
# back into the queue. scancel ends this script too, so what a person cancels stays away.
srun --ntasks=1 %s
code=$?
if [ $code -eq %d ] && [ "${SLURM_RESTART_COUNT:-0}" -lt %d ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${%s}" && sleep 60
fi
exit $code
`, job.Command, ExitStopped, maxRestarts, TaskVariable)
	return s.String()
}

// Quote makes a word of bash of a text.
func Quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Submit writes the scripts and hands them to sbatch. Either all jobs are queued or none: where one is refused, those
// before it are cancelled.
func Submit(ctx context.Context, jobs []Job, options Options) ([]Submitted, error) {
	if err := check(jobs, options); err != nil {
		return nil, err
	}
	for _, program := range []string{"sbatch", "scancel"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s is not on PATH: submit from a login node of the cluster: %w", program, err)
		}
	}
	if err := os.MkdirAll(options.Folder, 0o755); err != nil {
		return nil, err
	}
	var done []Submitted
	for _, job := range jobs {
		s := Submitted{Job: job, Script: filepath.Join(options.Folder, job.Name+".sbatch")}
		err := renameio.WriteFile(s.Script, []byte(options.Script(job)), 0o755)
		if err == nil {
			args := []string{"--parsable"}
			if on := dependency(job, done); on != "" {
				args = append(args, "--dependency="+on)
			}
			s.ID, err = sbatch(ctx, append(args, s.Script)...)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("job %s: %w", job.Name, err), cancel(done))
		}
		done = append(done, s)
	}
	return done, nil
}

func check(jobs []Job, options Options) error {
	if !filepath.IsAbs(options.Folder) {
		return fmt.Errorf("slurm: folder %q is not absolute", options.Folder)
	}
	for _, text := range append(slices.Clone(options.Sbatch), options.Folder) {
		if strings.ContainsAny(text, "\n\r") {
			return fmt.Errorf("slurm: %q holds a line break", text)
		}
	}
	var names []string
	for _, job := range jobs {
		if job.Name == "" || strings.ContainsAny(job.Name, "/%\n ") || slices.Contains(names, job.Name) {
			return fmt.Errorf("slurm: job name %q is not a file's, or not its own", job.Name)
		}
		for _, name := range job.After {
			if !slices.Contains(names, name) {
				return fmt.Errorf("slurm: job %s comes after %s, which is not before it", job.Name, name)
			}
		}
		names = append(names, job.Name)
	}
	return nil
}

// dependency is what sbatch is told: the ids of the jobs that one comes after.
func dependency(job Job, before []Submitted) string {
	kind, ids := "aftercorr", ""
	if job.AtLast {
		kind = "afterany"
	}
	for _, b := range before {
		if job.AtLast || slices.Contains(job.After, b.Name) {
			ids += ":" + b.ID
		}
	}
	if ids == "" {
		return ""
	}
	return kind + ids
}

func sbatch(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "sbatch", args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("sbatch %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	id, _, _ := strings.Cut(strings.TrimSpace(string(out)), ";") // ID;CLUSTER on some sites
	return id, nil
}

func cancel(jobs []Submitted) error {
	if len(jobs) == 0 {
		return nil
	}
	var ids []string
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	if out, err := exec.Command("scancel", ids...).CombinedOutput(); err != nil {
		return fmt.Errorf("jobs %s are still queued: scancel: %w: %s", strings.Join(ids, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
