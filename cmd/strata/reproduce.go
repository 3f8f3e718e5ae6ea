package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"strata/pkg/experiment"
	"strata/pkg/folders"
	"strata/pkg/notebook"
	"strata/pkg/progress"
)

type reproduceCommand struct {
	Section string `arg:"" help:"Section of the paper, section2."`
	Size    string `help:"Network and budget: ${sizes}." enum:"${sizes}" default:"demo" env:"STRATA_SIZE"`
	Seed    uint64 `help:"Seed of the runs." default:"1"`
	roleFlags
}

func (reproduceCommand) Help() string {
	return `Example: STRATA_DATA=../shared/data strata reproduce section2 --size smoke

Trains the runs that are missing (those there are shared), scores the test images, writes the tables to STRATA_FIGURES/SECTION/IN-SIZE/ and prints the claims. A run that was cut off is gone on with.`
}

func (c reproduceCommand) Run(e *environment) error {
	_, err := c.reproduce(e)
	return err
}

// reproduce returns the folder of the section's tables.
func (c reproduceCommand) reproduce(e *environment) (string, error) {
	engine, err := e.engine(true)
	if err != nil {
		return "", err
	}
	size, err := experiment.LoadSize(c.Size)
	if err != nil {
		return "", err
	}
	roles, err := c.roles(engine)
	if err != nil {
		return "", err
	}
	plan, err := experiment.NewPlan(c.Section, size, roles, c.Seed)
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
		folder, err := reproduceCommand{Section: section, Size: c.Size, Seed: c.Seed, roleFlags: c.roleFlags}.reproduce(e)
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
