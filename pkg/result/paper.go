package result

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/experiments"
)

// Place is where a number stands in the paper's tables.
type Place struct {
	// Table is "1" to "4" or "S1" to "S4". In and Out are the sets, "Mean" in a row of means.
	Table string `csv:"table"`
	In    string `csv:"in_dist"`
	Out   string `csv:"out_dist"`
	// Setting, Score, General and Loss say what was scored by what, in the words of the files; the methods read
	// Setting.
	Setting string `csv:"setting"`
	Score   string `csv:"score"`
	General string `csv:"general_model"`
	Loss    string `csv:"loss"`
}

// PaperCell is a number that the paper prints (experiments/paper/*.csv): an AUROC in percent, or bits/dim in Table S1.
type PaperCell struct {
	Place
	// Value is as printed, Std the standard deviation over seeds, NaN where the paper gives none.
	Value float64 `csv:"paper"`
	Std   float64 `csv:"paper_std"`
}

// Option is a part NAME=VALUE of Setting, "" where there is none.
func (p Place) Option(name string) string {
	for _, part := range strings.Split(p.Setting, ";") {
		if key, value, ok := strings.Cut(part, "="); ok && key == name {
			return value
		}
	}
	return ""
}

// InModel is the in-distribution model: Glow, PCNN, WRN-28-10, or classifier for quoted ones.
func (p Place) InModel() string { return p.Option("in_model") }

// ReportedBy is the work that the paper quotes the number from, "" for its own.
func (p Place) ReportedBy() string { return p.Option("reported_by") }

// Supervised says whether the model was trained with class labels.
func (p Place) Supervised() bool {
	return slices.Contains(strings.Split(p.Setting, ";"), "supervised")
}

// IsMean says whether the cell is a mean of others.
func (p Place) IsMean() bool { return p.In == "Mean" || p.Out == "Mean" }

// PaperTables are the paper's tables in its order.
func PaperTables() []string { return []string{"1", "2", "3", "4", "S1", "S2", "S3", "S4"} }

// printed is a row of the files of the paper's tables, which call the paper's value just that.
type printed struct {
	Place
	Value float64 `csv:"value"`
	Std   float64 `csv:"std"`
}

// check: the paper prints a number in every cell that it has.
func (printed) check(rows []printed) *problem {
	for i, r := range rows {
		if math.IsNaN(r.Value) {
			return &problem{i, "value", "is empty"}
		}
	}
	return nil
}

// PaperCells are the numbers of all tables in the order of the files.
func PaperCells() ([]PaperCell, error) {
	var all []PaperCell
	for _, table := range PaperTables() {
		name := "paper/table" + table + ".csv"
		text, err := experiments.Files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("no declaration experiments/%s", name)
		}
		rows, err := decode[printed]("experiments/"+name, text)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			all = append(all, PaperCell(r))
		}
	}
	return all, nil
}
