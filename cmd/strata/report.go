package main

import (
	"cmp"
	"fmt"
	"path/filepath"

	"strata/pkg/folders"
	"strata/pkg/report"
)

type reportCommand struct {
	Out     string   `required:"" help:"Folder for report.md, index.html and claims.csv." placeholder:"DIR"`
	Results []string `help:"Result folders (default: all of STRATA_FIGURES/results)." placeholder:"FOLDER"`
}

func (reportCommand) Help() string {
	return `Example: strata report --out report

Lays what strata reproduce measured beside the paper: every table cell by cell, coloured and signed by agreement, and every claim with its verdict. index.html needs no other file and no network. Without results all of it stands there as not run.`
}

func (c reportCommand) Run(e *environment) error {
	r, err := readReport(c.Results)
	if err != nil {
		return err
	}
	if err := r.Write(c.Out); err != nil {
		return err
	}
	for _, result := range r.Results {
		fmt.Fprintln(e.out, cmp.Or(result.Name, "nothing was run yet"))
		for _, line := range append(result.Summary.Lines(), "Claims: "+result.Verdicts()+".") {
			fmt.Fprintln(e.out, " ", line)
		}
	}
	fmt.Fprintf(e.out, "%s\n", filepath.Join(c.Out, "index.html"))
	return nil
}

// readReport reads results folders, or all of STRATA_FIGURES/results.
func readReport(results []string) (*report.Report, error) {
	if len(results) == 0 {
		figures, err := folders.Figures()
		if err != nil {
			return nil, err
		}
		found, err := filepath.Glob(filepath.Join(figures, "results", "*", "claims.csv"))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			results = append(results, filepath.Dir(f))
		}
	}
	return report.Read(results)
}
