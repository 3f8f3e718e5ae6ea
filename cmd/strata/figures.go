package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"strata/pkg/folders"
	"strata/pkg/notebook"
	"strata/pkg/progress"
	"strata/pkg/report"

	"github.com/google/renameio/v2"
)

type figuresCommand struct {
	Results     string `help:"Results folder (default: STRATA_RESULTS, or the one below STRATA_FIGURES/results that was completed last)." placeholder:"FOLDER"`
	Out         string `help:"Folder for figures, tables and index.csv (default: STRATA_FIGURES)." placeholder:"DIR"`
	NoNotebooks bool   `help:"Draw only, and execute no notebook."`
}

func (figuresCommand) Help() string {
	return `Examples:
  strata figures
  strata figures --results figures/results/shapes_in-demo --out /tmp/figures --no-notebooks

Draws every figure of the paper (fig1a to figS8, .png and .svg) and writes every table (tables/, .md and .csv) from what strata reproduce measured, and index.csv: which files each comes from, with their sha256. A panel without data says so. It trains nothing; make figures reproduces first. Then it executes the notebooks in the order of their names through the GoNB kernel, on the same results; executed copies are kept in notebooks/executed/, and pages that need no Jupyter in notebooks/ beside the figures. If anything cannot be drawn or executed the exit code is 1.`
}

func (c figuresCommand) Run(e *environment) error {
	figures, err := folders.Figures()
	if err != nil {
		return err
	}
	results, err := c.results()
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = figures
	}
	var count int
	if err := report.WriteFigures(results, out, func(string) { count++ }); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%d figures and tables of %s in %s\n", count, results, out)
	if c.NoNotebooks {
		return nil
	}
	return executeNotebooks(e, results, filepath.Join(out, "notebooks"))
}

// results is the folder to draw from.
func (c figuresCommand) results() (string, error) {
	if c.Results == "" {
		return folders.Results("results")
	}
	if _, err := os.Stat(filepath.Join(c.Results, "claims.csv")); err != nil {
		return "", fmt.Errorf("--results %s: no finished results there (no claims.csv): strata reproduce writes them", c.Results)
	}
	return filepath.Abs(c.Results)
}

// executeNotebooks runs every notebook of notebooks/, in the order of their names, on a results folder, and writes each as a page.
func executeNotebooks(e *environment, results, pages string) error {
	root, err := folders.Root()
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(root, "notebooks", "*.ipynb"))
	if err != nil {
		return err
	}
	kernel, err := notebook.EnsureTools(e.ctx, root)
	if err != nil {
		return err
	}
	for _, path := range paths { // Glob sorts
		if err := execute(e, kernel, path, results, pages); err != nil {
			return err
		}
	}
	return nil
}

// execute runs a notebook on the tables in a results folder, and keeps the executed copy and a page of it.
func execute(e *environment, kernel, path, results, pages string) error {
	nb, err := notebook.Load(path)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".ipynb")
	var bar *progress.Bar
	result, err := notebook.Execute(e.ctx, nb, notebook.Options{
		Gonb: kernel, Dir: filepath.Dir(path), Env: []string{"STRATA_RESULTS=" + results},
		OnCell: func(i, n int, _ float64) {
			if bar == nil {
				bar = progress.New(e.err, "notebook "+name, n)
			}
			bar.Set(i, "cells")
		},
	})
	if bar != nil {
		bar.Done("cells")
	}
	if result != nil && result.Notebook != nil {
		executed := filepath.Join(filepath.Dir(path), "executed")
		if mkdirErr := os.MkdirAll(executed, 0o755); mkdirErr != nil {
			return mkdirErr
		}
		copied := filepath.Join(executed, name+"-"+filepath.Base(results)+".ipynb")
		if saveErr := result.Notebook.Save(copied); saveErr != nil {
			return saveErr
		}
		page, pageErr := writePage(result.Notebook, pages, name)
		if pageErr != nil {
			return pageErr
		}
		fmt.Fprintf(e.out, "executed notebook: %s, as a page: %s\n", copied, page)
	}
	return err
}

// writePage writes a notebook with its outputs as a page.
func writePage(nb *notebook.Notebook, folder, name string) (path string, err error) {
	var page bytes.Buffer
	if err := nb.HTML(&page, name); err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(folder, name+".html")
	return path, renameio.WriteFile(path, page.Bytes(), 0o644)
}
