package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/experiment"
	"strata/pkg/folders"
	"strata/pkg/ledger"
	"strata/pkg/notebook"
	"strata/pkg/progress"
)

type reproduceCommand struct {
	Targets []string `arg:"" help:"table1 to table4, tableS1 to tableS4, fig1 to fig3, figS1 to figS8, fashion, mri, section2, a configuration (R01), or all."`
	Size    string   `help:"Network and budget: ${sizes}." enum:"${sizes}" default:"demo" env:"STRATA_SIZE"`
	Seeds   int      `help:"Number of seeds: SEED, SEED+1, ..." default:"1"`
	Seed    uint64   `help:"First seed." default:"1"`
	DryRun  bool     `help:"Show the plan and how long it will take, and train nothing."`
	Stage   string   `help:"train: without the tables; evaluate: the tables of what is trained; or all." enum:"all,train,evaluate" default:"all"`
	Slurm   bool     `help:"Hand the plan to Slurm: a job array a run, a task a seed, and the tables at last."`
	Sbatch  []string `help:"Option of sbatch for every job, repeatable: --sbatch=--partition=gpu." placeholder:"OPTION" sep:"none"`
	roleFlags
}

func (reproduceCommand) Help() string {
	return `Examples:
  STRATA_DATA=../shared/data strata reproduce table2 table3 --size demo --dry-run
  strata reproduce all --size smoke
  strata reproduce R11 --size small --seeds 3
  strata reproduce all --size paper --seeds 3 --slurm --sbatch=--gres=gpu:1 --sbatch=--time=24:00:00

Trains the runs that are missing, each once and in the order in which they are made from each other; scores the test images; and writes cells.csv (the paper's table cells), claims.csv (its claims) and runs.csv (where each number comes from) to STRATA_FIGURES/results/IN-SIZE/. Ctrl-C or a kill loses little: run it again and it goes on. A run that fails is reported and does not take the others along; the exit code is then 1.`
}

func (c reproduceCommand) Run(e *environment) error {
	if c.Seeds < 1 {
		return fmt.Errorf("--seeds %d: at least 1", c.Seeds)
	}
	configurations, err := experiment.LoadConfigurations()
	if err != nil {
		return err
	}
	wanted, err := configurations.For(c.Targets...)
	if err != nil {
		return err
	}
	engine, schedule, err := c.schedule(e, wanted)
	if err != nil {
		return err
	}
	schedule.Print(e.out)
	figures, err := folders.Figures()
	if err != nil {
		return err
	}
	switch {
	case c.Slurm:
		return c.submit(e, engine, schedule, figures)
	case c.DryRun:
		return nil
	}
	if c.Stage != "evaluate" {
		if err := engine.TrainAll(e.ctx, schedule); err != nil {
			return err
		}
	}
	if c.Stage == "train" {
		return schedule.Failures()
	}
	evaluation, err := engine.Evaluate(schedule)
	if err != nil {
		return err
	}
	folder := schedule.ResultsFolder(figures)
	cells, claims, err := evaluation.Write(e.ctx, folder)
	if err != nil {
		return err
	}
	ledger.Print(e.out, claims)
	measured := 0
	for _, cell := range cells {
		if cell.IsMeasured() && cell.Table != "baselines" {
			measured++
		}
	}
	fmt.Fprintf(e.out, "\n%d of the paper's table cells measured; results in %s; strata report shows them\n", measured, folder)
	// A section's notebook reads tables of its own.
	for _, target := range c.Targets {
		if slices.Contains(experiment.SectionNames(), target) {
			if _, err := (figuresCommand{Size: c.Size, Seed: c.Seed, roleFlags: c.roleFlags}).section(e, target); err != nil {
				return err
			}
		}
	}
	return schedule.Failures()
}

func (c reproduceCommand) schedule(e *environment, wanted experiment.Configurations) (*experiment.Engine, *experiment.Schedule, error) {
	engine, size, roles, err := c.open(e, c.Size)
	if err != nil {
		return nil, nil, err
	}
	var seeds []uint64
	for i := range c.Seeds {
		seeds = append(seeds, c.Seed+uint64(i))
	}
	schedule, err := engine.Schedule(wanted, size, roles, seeds)
	return engine, schedule, err
}

type figuresCommand struct {
	Size string `help:"Network and budget: ${sizes}." enum:"${sizes}" default:"demo" env:"STRATA_SIZE"`
	Seed uint64 `help:"Seed of the runs." default:"1"`
	roleFlags
}

func (figuresCommand) Help() string {
	return `Example: strata figures --size smoke

What make figures runs: strata reproduce for every section, then its notebook through the GoNB kernel. Executed copies of the notebooks are kept in notebooks/executed/.`
}

func (c figuresCommand) Run(e *environment) error {
	root, err := folders.Root()
	if err != nil {
		return err
	}
	kernel, err := notebook.EnsureTools(e.ctx, root)
	if err != nil {
		return err
	}
	for _, section := range experiment.SectionNames() {
		folder, err := c.section(e, section)
		if err != nil {
			return err
		}
		if err := execute(e, kernel, root, section, folder, c.Size); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "figures in %s\n", folder)
	}
	return nil
}

// section computes the tables of a section and returns their folder.
func (c figuresCommand) section(e *environment, name string) (string, error) {
	engine, size, roles, err := c.open(e, c.Size)
	if err != nil {
		return "", err
	}
	plan, err := experiment.NewPlan(name, size, roles, c.Seed)
	if err != nil {
		return "", err
	}
	figures, err := folders.Figures()
	if err != nil {
		return "", err
	}
	folder := plan.Folder(figures)
	results, err := engine.Reproduce(e.ctx, plan, folder)
	if err != nil {
		return "", err
	}
	results.PrintClaims(e.out)
	fmt.Fprintf(e.out, "\ntables in %s\n", folder)
	return folder, nil
}

// execute runs a section's notebook on the tables in folder.
func execute(e *environment, kernel, root, section, folder, size string) error {
	path := filepath.Join(root, "notebooks", section+".ipynb")
	nb, err := notebook.Load(path)
	if err != nil {
		return err
	}
	var bar *progress.Bar
	result, err := notebook.Execute(e.ctx, nb, notebook.Options{
		Gonb: kernel, Dir: filepath.Dir(path),
		Env: []string{"STRATA_RESULTS=" + folder, "STRATA_SIZE=" + size},
		OnCell: func(i, n int, _ float64) {
			if bar == nil {
				bar = progress.New(e.err, "notebook "+section, n)
			}
			bar.Set(i, "cells")
		},
	})
	if bar != nil {
		bar.Done("cells")
	}
	if result != nil && result.Notebook != nil {
		executed := filepath.Join(root, "notebooks", "executed")
		if mkdirErr := os.MkdirAll(executed, 0o755); mkdirErr != nil {
			return mkdirErr
		}
		name := strings.Join([]string{section, filepath.Base(folder)}, "-") + ".ipynb"
		if saveErr := result.Notebook.Save(filepath.Join(executed, name)); saveErr != nil {
			return saveErr
		}
		fmt.Fprintf(e.out, "executed notebook: %s\n", filepath.Join(executed, name))
	}
	return err
}
