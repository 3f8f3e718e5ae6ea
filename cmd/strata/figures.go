package main

import (
	"fmt"
	"os"
	"path/filepath"

	"strata/pkg/figure"
	"strata/pkg/folders"
	"strata/pkg/report"
	"strata/pkg/result"
)

type figuresCommand struct {
	Results string `help:"Results folder (default: STRATA_RESULTS, or the one below STRATA_FIGURES/results that was completed last)." placeholder:"FOLDER"`
	Out     string `help:"Folder for figures, tables, README.md and index.csv (default: STRATA_FIGURES)." placeholder:"DIR"`
}

func (figuresCommand) Help() string {
	return `Examples:
  strata figures
  strata figures --results figures/results/procedural-quick --out /tmp/figures

Draws every figure of the paper (fig1a to figS8, .png and .svg) and writes every table (tables/, .md and .csv) from what strata reproduce measured, with README.md, the page of them all, and index.csv: which files each comes from, with their sha256. A panel without data says so. Where STRATA_FIGURES/results has a README.md with marks for it, all results there are laid beside each other between them: how near each is to the paper. It trains nothing; make figures reproduces first. If anything cannot be drawn the exit code is 1. strata pages makes pages of the results and the notebooks.`
}

func (c figuresCommand) Run(e *environment) error {
	figures, err := folders.Figures()
	if err != nil {
		return err
	}
	results, err := finished(c.Results)
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
	return report.UpdateReadme(filepath.Join(figures, "results"))
}

// finished is the results folder of a flag, or the one that folders choose, which must be complete.
func finished(flag string) (string, error) {
	if flag == "" {
		return folders.Results("")
	}
	if _, err := os.Stat(filepath.Join(flag, result.ManifestFile)); err != nil {
		return "", fmt.Errorf("--results %s: no finished results there (no %s): strata reproduce writes them", flag, result.ManifestFile)
	}
	return filepath.Abs(flag)
}
