package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/figure"
	"strata/pkg/ledger"

	"github.com/google/renameio/v2"
)

// IndexFile says of every figure and table what it was drawn from.
const IndexFile = "index.csv"

var indexHeader = []string{"figure", "files", "results", "result_files", "sha256", "caption"}

// WriteFigures draws every figure and writes every table of a results folder to another folder: NAME.png and NAME.svg, tables/tableN.md and
// tables/tableN.csv, and at last index.csv, a line each: its files, the results folder, the files of that which it comes from with their
// sha256, space-separated, and the caption. What cannot be drawn is an error at the end; the others are there, and no index. drawn, if not
// nil, is told each.
func WriteFigures(results, folder string, drawn func(name string)) error {
	index := [][]string{indexHeader}
	var problems []error
	add := func(name, caption string, files, sources []string) {
		hashes := make([]string, len(sources))
		for i, s := range sources {
			text, err := os.ReadFile(filepath.Join(results, s))
			if err != nil {
				problems = append(problems, err)
				continue
			}
			sum := sha256.Sum256(text)
			hashes[i] = hex.EncodeToString(sum[:])
		}
		index = append(index, []string{name, strings.Join(files, " "), relative(folder, results), strings.Join(sources, " "), strings.Join(hashes, " "), caption})
		if drawn != nil {
			drawn(name)
		}
	}
	for _, entry := range figure.All() {
		f, err := entry.Draw(results)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", entry.Name, err))
			continue
		}
		paths, err := f.Save(folder)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		var sources []string
		for _, s := range entry.Files {
			// Pictures of runs that are not there have no sheet, and the figure says so.
			if _, err := os.Stat(filepath.Join(results, s)); !errors.Is(err, fs.ErrNotExist) {
				sources = append(sources, s)
			}
		}
		files := make([]string, len(paths))
		for i, path := range paths {
			files[i] = relative(folder, path)
		}
		add(entry.Name, f.Caption, files, sources)
	}
	read, err := Read([]string{results})
	if err != nil {
		problems = append(problems, err)
	} else {
		result := read.Results[0]
		if err := os.MkdirAll(filepath.Join(folder, "tables"), 0o755); err != nil {
			return err
		}
		for _, table := range result.Tables {
			files := []string{filepath.Join("tables", "table"+table.Name+".md"), filepath.Join("tables", "table"+table.Name+".csv")}
			for i, text := range [][]byte{[]byte(result.tableMarkdown(table)), table.CSV()} {
				if err := renameio.WriteFile(filepath.Join(folder, files[i]), text, 0o644); err != nil {
					problems = append(problems, fmt.Errorf("table %s: %w", table.Name, err))
				}
			}
			add("tables/table"+table.Name, table.Caption, files, []string{ledger.CellsFile})
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	for _, row := range index[1:] { // nothing may be absent, whatever became of the writing
		for _, file := range strings.Fields(row[1]) {
			if info, err := os.Stat(filepath.Join(folder, file)); err != nil || info.Size() == 0 {
				return fmt.Errorf("%s is absent after drawing: %s", row[0], file)
			}
		}
	}
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(index); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(folder, IndexFile), text.Bytes(), 0o644)
}

// relative is a path as it is seen from a folder, where that can be said.
func relative(folder, path string) string {
	if r, err := filepath.Rel(folder, path); err == nil {
		return r
	}
	return path
}

// Explanation says what the signs and letters of a table mean, and why cells were not run.
func (r Result) Explanation(t Table) string {
	text := Legend
	for _, m := range r.Marks {
		text += fmt.Sprintf(" %s: %s.", m.Letter, m.Text)
	}
	var reasons []string
	for _, row := range t.Rows {
		for _, c := range row.Cells {
			if c.Agreement == NotRun && !slices.Contains(reasons, c.Cell.Note) {
				reasons = append(reasons, c.Cell.Note)
			}
		}
	}
	if len(reasons) > 0 {
		text += " Not run: " + strings.Join(reasons, "; ") + "."
	}
	return text
}

// tableMarkdown is a table by itself, with what its signs and letters mean.
func (r Result) tableMarkdown(t Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Table %s: %s\n\n%s\n%s\n\nResults: %s.\n", t.Name, t.Caption, t.Markdown(), r.Explanation(t), r.Name)
	return b.String()
}

// CSV is the table as numbers: a line a cell, with the paper's value, ours with its 95 % interval, and how they agree.
func (t Table) CSV() []byte {
	exact := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Write([]string{"in_dist", "out_dist", "column", "paper", "paper_std", "value", "low", "high", "std_seeds", "seeds", "agreement", "in_set", "out_set", "general_set", "stands_for",
		"network", "steps", "size", "note"})
	for _, row := range t.Rows {
		for i, v := range row.Cells {
			if v.Agreement == Nothing {
				continue
			}
			c := v.Cell
			w.Write([]string{row.In, row.Out, t.Columns[i], exact(c.Value), exact(c.Std), exact(c.Measured), exact(c.Low), exact(c.High), exact(c.StdSeeds), strconv.Itoa(c.Seeds), string(v.Agreement),
				c.InSet, c.OutSet, c.GeneralSet, c.StandsFor, c.Network, c.Steps, c.Size, c.Note})
		}
	}
	w.Flush()
	return text.Bytes()
}
