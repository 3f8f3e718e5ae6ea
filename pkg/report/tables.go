package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/figure"
	"strata/pkg/result"
)

// TableFiles are the paper's tables of a results folder as files: tables/tableN.md to read and tables/tableN.csv to
// compute with, for figure.WriteAll.
func TableFiles(folder string) ([]figure.Document, error) {
	r, err := readFolder(folder)
	if err != nil {
		return nil, err
	}
	var documents []figure.Document
	for _, t := range r.Tables {
		numbers, err := t.CSV()
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		name := filepath.Join("tables", "table"+t.Name)
		documents = append(documents, figure.Document{Name: name, Caption: t.Caption,
			Files: []figure.TextFile{{Name: name + ".md", Text: []byte(r.tableMarkdown(t))},
				{Name: name + ".csv", Text: numbers}},
			Sources: []string{result.FileOf[result.Cell]()}})
	}
	return documents, nil
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
	if said := t.LeftOut(); said != "" {
		text += " " + said
	}
	if len(reasons) > 0 {
		text += " Not run: " + strings.Join(reasons, "; ") + "."
	}
	return text
}

// LeftOut says what becomes of images without a finite likelihood in means of bits/dim. An AUROC counts them lowest, and needs
// no word; a mean has no place for them, and is of the others. Claims are stricter, and judge no such mean.
func (t Table) LeftOut() string {
	bits, images := false, 0
	for _, row := range t.Rows {
		for _, c := range row.Cells {
			if isBits(c.Cell) {
				bits, images = true, images+c.Cell.NonFinite
			}
		}
	}
	if !bits {
		return ""
	}
	return fmt.Sprintf("Bits/dim are means over the images whose log-likelihood is finite; of all cells together %d are left "+
		"out. A claim on bits/dim is judged only where none is.", images)
}

// tableMarkdown is a table by itself, with what its signs and letters mean.
func (r Result) tableMarkdown(t Table) string {
	return fmt.Sprintf("# Table %s: %s\n\n%s\n%s\n\nResults: %s.\n",
		t.Name, t.Caption, t.Markdown(), r.Explanation(t), r.Name)
}

// tableRow is a cell of a table as numbers: the paper's value, ours with its 95 % interval, and how they agree.
type tableRow struct {
	In         string  `csv:"in_dist"`
	Out        string  `csv:"out_dist"`
	Column     string  `csv:"column"`
	Paper      float64 `csv:"paper"`
	PaperStd   float64 `csv:"paper_std"`
	Value      float64 `csv:"value"`
	Low        float64 `csv:"low"`
	High       float64 `csv:"high"`
	StdSeeds   float64 `csv:"std_seeds"`
	Seeds      int     `csv:"seeds"`
	Agreement  string  `csv:"agreement"`
	InSet      string  `csv:"in_set"`
	OutSet     string  `csv:"out_set"`
	GeneralSet string  `csv:"general_set"`
	StandsFor  string  `csv:"stands_for"`
	Network    string  `csv:"network"`
	Steps      string  `csv:"steps"`
	Size       string  `csv:"size"`
	Note       string  `csv:"note"`
}

// CSV is the table as numbers, a line a cell.
func (t Table) CSV() ([]byte, error) {
	var rows []tableRow
	for _, row := range t.Rows {
		for i, v := range row.Cells {
			if v.Agreement == Nothing {
				continue
			}
			c := v.Cell
			rows = append(rows, tableRow{In: row.In, Out: row.Out, Column: t.Columns[i],
				Paper: c.Value, PaperStd: c.Std, Value: c.Measured, Low: c.Low, High: c.High,
				StdSeeds: c.StdSeeds, Seeds: c.Seeds, Agreement: string(v.Agreement),
				InSet: c.InSet, OutSet: c.OutSet, GeneralSet: c.GeneralSet, StandsFor: c.StandsFor,
				Network: c.Network, Steps: c.Steps, Size: c.Size, Note: c.Note})
		}
	}
	return result.Encode(rows)
}
