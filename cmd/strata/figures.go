package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"strata/internal/notebook"
	"strata/pkg/figure"
	"strata/pkg/folders"
	"strata/pkg/progress"
	"strata/pkg/report"
	"strata/pkg/result"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"
)

type figuresCommand struct {
	Results     string `help:"Results folder (default: STRATA_RESULTS, or the one below STRATA_FIGURES/results that was completed last)." placeholder:"FOLDER"`
	Out         string `help:"Folder for figures, tables, README.md and index.csv (default: STRATA_FIGURES)." placeholder:"DIR"`
	NoNotebooks bool   `help:"Draw only, and execute no notebook."`
}

func (figuresCommand) Help() string {
	return `Examples:
  strata figures
  strata figures --results figures/results/procedural-quick --out /tmp/figures --no-notebooks

Draws every figure of the paper (fig1a to figS8, .png and .svg) and writes every table (tables/, .md and .csv) from what strata reproduce measured, with README.md, the page of them all, and index.csv: which files each comes from, with their sha256. A panel without data says so. Where STRATA_FIGURES/results has a README.md with marks for it, all results there are laid beside each other between them: how near each is to the paper. It trains nothing; make figures reproduces first. Then it executes the notebooks, several at a time, through the GoNB kernel, on the same results where a notebook's parameter names no others; executed copies are kept in notebooks/executed/, and pages that need no Jupyter in notebooks/ beside the figures. If anything cannot be drawn or executed the exit code is 1.`
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
	out := figures
	if c.Out != "" {
		if out, err = filepath.Abs(c.Out); err != nil { // what is written names its files from here
			return err
		}
	}
	var count int
	tables, err := report.TableFiles(results)
	if err != nil {
		return err
	}
	drawn, err := figure.Open(results)
	if err != nil {
		return err
	}
	if err := figure.WriteAll(drawn, out, tables, func(string) { count++ }); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%d figures and tables of %s in %s\n", count, results, out)
	if err := report.UpdateReadme(filepath.Join(figures, "results")); err != nil {
		return err
	}
	if c.NoNotebooks {
		return nil
	}
	root, err := folders.Root()
	if err != nil {
		return err
	}
	kernel, err := notebook.EnsureTools(e.ctx, root)
	if err != nil {
		return err
	}
	return executeNotebooks(e, kernel, filepath.Join(root, "notebooks"), results, filepath.Join(out, "notebooks"))
}

// results is the folder to draw from.
func (c figuresCommand) results() (string, error) {
	if c.Results == "" {
		return folders.Results("")
	}
	if _, err := os.Stat(filepath.Join(c.Results, result.ManifestFile)); err != nil {
		return "", fmt.Errorf("--results %s: no finished results there (no %s): strata reproduce writes them", c.Results, result.ManifestFile)
	}
	return filepath.Abs(c.Results)
}

// executeNotebooks runs every notebook of a folder on a results folder and writes each as a page, several at a time: a notebook compiles and
// links one cell after the other, much of it on one core. What fails does not stop the others.
func executeNotebooks(e *environment, kernel, folder, results, pages string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.ipynb"))
	if err != nil {
		return err
	}
	books, cells := make([]*notebook.Notebook, len(paths)), 0
	for i, path := range paths {
		if books[i], err = notebook.Load(path); err != nil {
			return err
		}
		cells += books[i].CodeCells()
	}
	bar := progress.New(e.err, "notebooks", cells)
	var mutex sync.Mutex
	executed := 0
	var group errgroup.Group
	group.SetLimit(min(runtime.NumCPU(), 4))
	failed := make([]error, len(paths))
	for i, nb := range books {
		group.Go(func() error {
			if e.ctx.Err() != nil {
				return nil
			}
			started, name := time.Now(), strings.TrimSuffix(filepath.Base(paths[i]), ".ipynb")
			page, err := execute(e.ctx, nb, kernel, name, results, pages, func() {
				mutex.Lock() // cells are counted in the order in which they are told
				defer mutex.Unlock()
				executed++
				bar.Set(executed, "cells, "+name)
			})
			line := fmt.Sprintf("%s: %.0f s, %s", name, time.Since(started).Seconds(), page)
			if err != nil {
				failed[i] = err
				line += ", failed"
			}
			bar.Log(line)
			return nil
		})
	}
	group.Wait() // its functions keep their errors
	bar.Done("cells")
	if e.ctx.Err() != nil {
		return e.ctx.Err()
	}
	var names []string
	var first error
	for i, err := range failed {
		if err != nil {
			names, first = append(names, filepath.Base(paths[i])), cmp.Or(first, err)
		}
	}
	if first != nil {
		return fmt.Errorf("%d of %d notebooks failed (%s); pages in %s show where. The first: %w", len(names), len(paths), strings.Join(names, ", "), pages, first)
	}
	fmt.Fprintf(e.out, "%d notebooks executed: pages in %s\n", len(paths), pages)
	return nil
}

// execute runs a notebook on the tables in a results folder, keeps the executed copy and a page of it, and says where.
func execute(ctx context.Context, nb *notebook.Notebook, kernel, name, results, pages string, onCell func()) (string, error) {
	ran, err := notebook.Execute(ctx, nb, notebook.Options{
		Gonb: kernel, Dir: filepath.Dir(nb.Path), Env: []string{"STRATA_RESULTS=" + results},
		OnCell: func(int, int, float64) { onCell() },
	})
	if ran == nil || ran.Notebook == nil {
		return "not started", err
	}
	executed := filepath.Join(filepath.Dir(nb.Path), "executed")
	if mkdirErr := errors.Join(result.Ignored(executed), result.Ignored(pages)); mkdirErr != nil { // pictures of anybody's images
		return "not saved", mkdirErr
	}
	copied := filepath.Join(executed, name+"-"+filepath.Base(results)+".ipynb")
	if saveErr := ran.Notebook.Save(copied); saveErr != nil {
		return "not saved", saveErr
	}
	page, pageErr := writePage(ran.Notebook, pages, name)
	if err == nil {
		err = pageErr
	}
	return page, err
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
