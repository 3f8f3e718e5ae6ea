package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"strata/internal/notebook"
	"strata/internal/site"
	"strata/pkg/figure"
	"strata/pkg/folders"
	"strata/pkg/progress"
	"strata/pkg/report"
	"strata/pkg/result"

	"golang.org/x/sync/errgroup"
)

type pagesCommand struct {
	Results string `help:"Results that the notebooks show (default: the newest)." placeholder:"FOLDER"`
	Out     string `help:"Folder for the pages (default: pages in STRATA_FIGURES)." placeholder:"DIR"`
	Drawn   bool   `help:"Show no image that strata did not draw, so that anybody may have the pages."`
	Again   bool   `help:"Take what notebooks showed the last time on these results, where their cells are the same." xor:"notebooks"`
	Reports bool   `help:"Write the argument and the reports anew, and leave the notebooks' pages as they are." xor:"notebooks"`
}

func (pagesCommand) Help() string {
	return `Examples:
  strata pages
  strata pages --drawn --results figures/results/procedural-quick --out docs/pages

Executes the notebooks, several at a time, through the GoNB kernel, on results of strata
reproduce (default: STRATA_RESULTS, or those below STRATA_FIGURES/results that were completed last), and writes a folder
of pages that one can click through: the paper's argument with what was measured (index.html), a report of each of
STRATA_FIGURES/results, and a page a notebook, with contents, previous and next. They need neither a server nor the
network. Executed copies of the notebooks are kept in notebooks/executed/. A notebook that fails is shown as far as it
came, and the exit code is 1. After other results only the reports need to be written anew: --reports.

Git ignores the pages, unless --drawn says that anybody may have them: then notebooks see no image set but those that
strata draws, and results with pictures of others are refused.`
}

func (c pagesCommand) Run(e *environment) error {
	root, err := folders.Root()
	if err != nil {
		return err
	}
	out, err := c.folder()
	if err != nil {
		return err
	}
	if !c.Drawn {
		if err := hide(out); err != nil {
			return err
		}
	}
	show := c.notebooks
	if c.Reports {
		show = func(_ *environment, root string) ([]site.Page, error) { return writtenNotebooks(root, out) }
	}
	shown, failed := show(e, root)
	if e.ctx.Err() != nil {
		return e.ctx.Err()
	}
	if failed != nil && shown == nil {
		return failed
	}
	reports, err := reportPages(root)
	if err != nil {
		return errors.Join(failed, err)
	}
	if err := site.Write(out, append(reports, shown...)); err != nil {
		return errors.Join(failed, err)
	}
	fmt.Fprintf(e.out, "%d pages: %s\n", len(reports)+len(shown), filepath.Join(out, site.Home+".html"))
	return failed
}

// notebooks are the notebooks' pages, executed.
func (c pagesCommand) notebooks(e *environment, root string) ([]site.Page, error) {
	results, err := finished(c.Results)
	if err != nil {
		return nil, err
	}
	books := books{results: results, executed: filepath.Join(root, "notebooks", "executed"), again: c.Again}
	if err := result.Ignored(books.executed); err != nil { // pictures of anybody's images
		return nil, err
	}
	if c.Drawn {
		remove, err := books.onlyDrawn()
		if err != nil {
			return nil, err
		}
		defer remove()
	}
	if books.kernel, err = notebook.EnsureTools(e.ctx, root); err != nil {
		return nil, err
	}
	return books.pages(e, filepath.Join(root, "notebooks"))
}

// writtenNotebooks are the notebooks' pages as they are in a folder of pages.
func writtenNotebooks(root, out string) ([]site.Page, error) {
	paths, err := notebooksIn(filepath.Join(root, "notebooks"))
	if err != nil {
		return nil, err
	}
	var pages []site.Page
	for _, path := range paths {
		page, err := site.Read(out, notebookName(path))
		if err != nil {
			return nil, fmt.Errorf("--reports leaves the notebooks' pages as they are: %w. Do without it to execute the notebooks", err)
		}
		page.Group, page.Source = notebooksGroup, path
		pages = append(pages, page)
	}
	return pages, nil
}

// notebooksGroup is what the notebooks' pages stand under.
const notebooksGroup = "Notebooks"

func notebooksIn(folder string) ([]string, error) {
	return filepath.Glob(filepath.Join(folder, "*.ipynb"))
}

func notebookName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".ipynb") }

// folder is where the pages go.
func (c pagesCommand) folder() (string, error) {
	if c.Out != "" {
		return filepath.Abs(c.Out)
	}
	figures, err := folders.Figures()
	return filepath.Join(figures, "pages"), err
}

// hide makes a folder that git ignores for pages that may show anybody's images. Pages that git may have already are
// left alone: ignored or not, it would go on to follow them.
func hide(out string) error {
	_, pages := os.Stat(filepath.Join(out, site.Home+".html"))
	_, ignored := os.Stat(filepath.Join(out, ".gitignore"))
	if pages == nil && ignored != nil {
		return fmt.Errorf("%s holds pages that git does not ignore: name another folder for these, "+
			"which may show anybody's images, or add --drawn", out)
	}
	return result.Ignored(out)
}

// reportPages are the paper's argument, and a report of each of the results that there are: those of other people's
// sets first, since the paper is about them.
func reportPages(root string) ([]site.Page, error) {
	read, err := readReport(nil)
	if err != nil {
		return nil, err
	}
	figures, err := folders.Figures()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(read.Results, func(a, b report.Result) int {
		rank := map[string]int{"real": 0, "procedural": 1}
		of := func(r report.Result) int {
			if n, ok := rank[r.Manifest.Family]; ok {
				return n
			}
			return 2
		}
		return cmp.Compare(of(a), of(b))
	})
	for i, r := range read.Results {
		if read.Results[i].Gallery, err = gallery(figures, r.Name); err != nil {
			return nil, err
		}
	}
	docs := filepath.Join(root, "docs")
	argument, err := read.Argument(docs)
	if err != nil {
		return nil, err
	}
	pages := []site.Page{{Name: site.Home, Body: argument, Source: filepath.Join(docs, site.Home+".md")}}
	for _, r := range read.Results {
		body, err := r.HTML()
		if err != nil {
			return nil, err
		}
		pages = append(pages, site.Page{Name: "results-" + site.Slug(r.Name), Group: "Results", Body: body,
			Source: filepath.Join(figures, "results", r.Name, result.ManifestFile)})
	}
	return pages, nil
}

// gallery is the page of all figures that were drawn from results, seen from their folder: of the figures' folder or of
// one below it. "" says that there is none.
func gallery(figures, results string) (string, error) {
	folder := filepath.Join(figures, "results", results)
	indices, err := filepath.Glob(filepath.Join(figures, "*", figure.IndexFile))
	if err != nil {
		return "", err
	}
	for _, index := range append([]string{filepath.Join(figures, figure.IndexFile)}, indices...) {
		rows, err := result.ReadFile[figure.IndexRow](index)
		if err != nil || len(rows) == 0 || filepath.Join(filepath.Dir(index), rows[0].Results) != folder {
			continue
		}
		return filepath.Rel(folder, filepath.Join(filepath.Dir(index), figure.ReadmeFile))
	}
	return "", nil
}

// books executes notebooks and makes pages of them.
type books struct {
	kernel   string
	results  string
	executed string // the folder of the executed copies
	again    bool   // take what lies there
	env      []string
}

// onlyDrawn keeps from the notebooks all images that strata did not draw. The copies of such an execution lie apart:
// others may show anybody's images.
func (b *books) onlyDrawn() (remove func(), err error) {
	others, err := result.OthersPictures(b.results)
	if err != nil {
		return nil, err
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("--drawn: %s holds pictures of images that strata did not draw (%s): "+
			"name other results, or do without --drawn", b.results, strings.Join(others, ", "))
	}
	none, err := os.MkdirTemp("", "strata-no-data-")
	if err != nil {
		return nil, err
	}
	b.env = append(b.env, "STRATA_DATA="+none)
	b.executed = filepath.Join(b.executed, "drawn")
	return func() { os.RemoveAll(none) }, nil
}

// pages executes every notebook of a folder, several at a time: a notebook compiles and links one cell after the other,
// much of it on one core. What fails does not stop the others, and has a page as far as it came.
func (b books) pages(e *environment, folder string) ([]site.Page, error) {
	paths, err := notebooksIn(folder)
	if err != nil {
		return nil, err
	}
	loaded, cells := make([]*notebook.Notebook, len(paths)), 0
	for i, path := range paths {
		if loaded[i], err = notebook.Load(path); err != nil {
			return nil, err
		}
		cells += loaded[i].CodeCells()
	}
	bar := progress.New(e.err, "notebooks", cells)
	var mutex sync.Mutex
	done := 0
	var group errgroup.Group
	group.SetLimit(min(runtime.NumCPU(), 4))
	pages, failed := make([]site.Page, len(paths)), make([]error, len(paths))
	for i, nb := range loaded {
		group.Go(func() error {
			if e.ctx.Err() != nil {
				return nil
			}
			started, name := time.Now(), notebookName(paths[i])
			ran, err := b.execute(e.ctx, nb, name, func() {
				mutex.Lock() // cells are counted in the order in which they are told
				defer mutex.Unlock()
				done++
				bar.Set(done, "cells, "+name)
			})
			var body strings.Builder
			if ran != nil {
				err = cmp.Or(err, ran.HTML(&body))
			}
			pages[i] = site.Page{Name: name, Group: notebooksGroup, Body: report.Coloured(body.String()), Source: paths[i]}
			line := fmt.Sprintf("%s: %.0f s", name, time.Since(started).Seconds())
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
	var names []string
	var first error
	for i, err := range failed {
		if err != nil {
			names, first = append(names, filepath.Base(paths[i])), cmp.Or(first, err)
		}
	}
	pages = slices.DeleteFunc(pages, func(p site.Page) bool { return p.Body == "" }) // not even started
	if first != nil {
		return pages, fmt.Errorf("%d of %d notebooks failed (%s); their pages show where. The first: %w",
			len(names), len(paths), strings.Join(names, ", "), first)
	}
	return pages, nil
}

// execute runs a notebook on the results and keeps the executed copy, under another name where it failed. It gives what
// was executed, where anything was.
func (b books) execute(ctx context.Context, nb *notebook.Notebook, name string, onCell func()) (*notebook.Notebook,
	error) {
	copied := filepath.Join(b.executed, name+"-"+filepath.Base(b.results))
	if b.again {
		if before := outputsOf(copied+".ipynb", nb); before != nil {
			for range nb.CodeCells() {
				onCell()
			}
			return before, nil
		}
	}
	ran, err := notebook.Execute(ctx, nb, notebook.Options{
		Gonb: b.kernel, Dir: filepath.Dir(nb.Path), Env: append(slices.Clone(b.env), "STRATA_RESULTS="+b.results),
		OnCell: func(int, int, float64) { onCell() },
	})
	switch {
	case ran == nil || ran.Notebook == nil:
		return nil, err
	case ctx.Err() != nil: // nothing to look at, and the copy of before is whole
		return ran.Notebook, err
	case err != nil:
		return ran.Notebook, errors.Join(err, ran.Notebook.Save(copied+"-failed.ipynb"))
	}
	if err := os.Remove(copied + "-failed.ipynb"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ran.Notebook, err
	}
	return ran.Notebook, ran.Notebook.Save(copied + ".ipynb")
}

// outputsOf is a notebook with the outputs that an executed copy of it has; nil where that is not there or is of other
// cells.
func outputsOf(copied string, nb *notebook.Notebook) *notebook.Notebook {
	executed, err := notebook.Load(copied)
	if err != nil || len(executed.Cells) != len(nb.Cells) {
		return nil
	}
	shown := nb.Strip()
	for i, c := range executed.Cells {
		if c.Type != nb.Cells[i].Type || c.Source != nb.Cells[i].Source {
			return nil
		}
		shown.Cells[i].Outputs, shown.Cells[i].ExecutionCount = c.Outputs, c.ExecutionCount
	}
	return shown
}
