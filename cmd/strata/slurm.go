package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strata/internal/slurm"
	"strata/pkg/runs"
)

// submit hands what is missing of a schedule to Slurm. Every job runs this program on the same folders: the runs are where
// they would be without Slurm, and either way goes on with what the other began.
func (c reproduceCommand) submit(e *environment, engine *runs.Engine, schedule *runs.Schedule, figures string) error {
	if c.Stage != "all" {
		return fmt.Errorf("--slurm hands on all stages: leave --stage away")
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	store, err := filepath.Abs(engine.Runs)
	if err != nil {
		return err
	}
	options := slurm.Options{
		Folder: filepath.Join(store, "slurm", time.Now().UTC().Format("20060102-150405")),
		Env:    []string{"STRATA_RUNS=" + store, "STRATA_FIGURES=" + figures},
		Sbatch: c.Sbatch,
	}
	if engine.Data != "" {
		data, err := filepath.Abs(engine.Data)
		if err != nil {
			return err
		}
		options.Env = append(options.Env, "STRATA_DATA="+data)
	}
	for _, name := range []string{"GOMLX_BACKEND", "XLA_FLAGS"} {
		if value, ok := os.LookupEnv(name); ok {
			options.Env = append(options.Env, name+"="+value)
		}
	}
	jobs := c.jobs(program, schedule)
	if c.DryRun {
		for _, job := range jobs {
			after := strings.Join(job.After, " ")
			if job.AtLast {
				after = "all"
			}
			fmt.Fprintf(e.out, "\n# %s.sbatch, %d tasks, after: %s\n%s", job.Name, job.Tasks, after, options.Script(job))
		}
		return nil
	}
	submitted, err := slurm.Submit(e.ctx, jobs, options)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.out)
	for _, job := range submitted {
		fmt.Fprintf(e.out, "job %s  %s, %d tasks\n", job.ID, job.Name, job.Tasks)
	}
	fmt.Fprintf(e.out, "\nscripts and logs in %s; squeue --me shows the queue, scancel ends a job, and this command run again goes on "+
		"with what is missing\n", options.Folder)
	return nil
}

// jobs are a job array for each configuration that lacks a run, all seeds in it, and one that evaluates at last.
func (c reproduceCommand) jobs(program string, schedule *runs.Schedule) []slurm.Job {
	command := func(targets []string, seeds, seed, stage string) string {
		words := []string{slurm.Quote(program), "reproduce"}
		words = append(words, targets...)
		words = append(words, "--size", c.Size, "--seeds", seeds, "--seed", seed, "--stage", stage)
		if c.Precision != "" && c.Precision != "float32" {
			words = append(words, "--precision", c.Precision)
		}
		flag := func(name, set string) {
			if set != "" {
				words = append(words, name, slurm.Quote(set))
			}
		}
		flag("--in", c.In)
		flag("--general", c.General)
		for _, set := range c.Out {
			flag("--out", set)
		}
		return strings.Join(words, " ")
	}
	var jobs []slurm.Job
	there := map[string]bool{}
	missing, _ := schedule.Missing()
	for _, run := range missing {
		configuration := run.Configuration
		if there[configuration.Name] {
			continue // another seed of it
		}
		there[configuration.Name] = true
		job := slurm.Job{Name: configuration.Name, Tasks: c.Seeds,
			Command: command([]string{configuration.Name}, "1", fmt.Sprintf("$((%d + %s))", c.Seed, slurm.TaskVariable), "train")}
		for _, id := range configuration.Needs() {
			if there[id] {
				job.After = append(job.After, id)
			}
		}
		jobs = append(jobs, job)
	}
	return append(jobs, slurm.Job{Name: "evaluate", Tasks: 1, AtLast: true,
		Command: command(c.Targets, fmt.Sprint(c.Seeds), fmt.Sprint(c.Seed), "evaluate")})
}
