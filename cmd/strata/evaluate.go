package main

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"strata/pkg/metric"
	"strata/pkg/result"
)

type evaluateCommand struct {
	File   string   `arg:"" help:"Score file of strata score."`
	In     string   `help:"In-distribution set (default: the rows of role in)." placeholder:"SET"`
	Scores []string `help:"Scores to evaluate (default: all that are scores)." placeholder:"SCORE"`
	CSV    bool     `name:"csv" help:"Print CSV instead of a table."`
}

func (evaluateCommand) Help() string {
	return `Example: strata evaluate scores.csv --scores log_likelihood,c3,ratio

AUROC with its 95 % interval (DeLong), average precision of in and out as positive class, and the false-positive rate where 95 % of in are accepted; in %. In-distribution is the positive class, higher scores are more in-distribution.`
}

// notScores are columns that are parts of scores.
var notScores = []string{"png_bytes", "general"}

func (c evaluateCommand) Run(e *environment) error {
	table, err := result.ReadScores(c.File)
	if err != nil {
		return err
	}
	isIn := func(row result.ScoreRow) bool { return row.Role == "in" }
	if c.In != "" {
		isIn = func(row result.ScoreRow) bool { return row.Set == c.In }
	}
	var others []string
	inImages := 0
	for _, row := range table.Rows {
		switch {
		case isIn(row):
			inImages++
		case !slices.Contains(others, row.Set):
			others = append(others, row.Set)
		}
	}
	if inImages == 0 || len(others) == 0 {
		return fmt.Errorf("%s has %d in-distribution images and %d other sets: both are needed; --in SET names the in-distribution",
			c.File, inImages, len(others))
	}
	names := c.Scores
	if len(names) == 0 {
		for _, column := range table.Columns {
			if !slices.Contains(notScores, column) {
				names = append(names, column)
			}
		}
	}
	rows := [][]string{{"score", "out", "auroc", "low", "high", "aupr_in", "aupr_out", "fpr95", "images_in", "images_out"}}
	for _, name := range names {
		in, err := table.Column(name, isIn)
		if err != nil {
			return err
		}
		for _, set := range others {
			out, err := table.Column(name, func(row result.ScoreRow) bool { return !isIn(row) && row.Set == set })
			if err != nil {
				return err
			}
			auroc, err := metric.AUROC(in, out)
			if err != nil {
				return fmt.Errorf("%s against %s: %w", name, set, err)
			}
			auprIn, err := metric.AUPRIn(in, out)
			if err != nil {
				return err
			}
			auprOut, err := metric.AUPROut(in, out)
			if err != nil {
				return err
			}
			fpr, err := metric.FPRAtTPR(in, out, 0.95)
			if err != nil {
				return err
			}
			record := []string{name, set}
			for _, v := range []float64{auroc.Value, auroc.Low, auroc.High, auprIn, auprOut, fpr} {
				record = append(record, fmt.Sprintf("%.1f", 100*v))
			}
			rows = append(rows, append(record, fmt.Sprint(len(in)), fmt.Sprint(len(out))))
		}
	}
	if c.CSV {
		return csv.NewWriter(e.out).WriteAll(rows)
	}
	aligned := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(aligned, strings.Join(row, "\t"))
	}
	return aligned.Flush()
}
