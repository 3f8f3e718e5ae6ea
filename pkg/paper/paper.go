// Package paper holds the numbers that the paper prints (experiments/paper/*.csv): what strata's own are laid beside.
package paper

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"strata/experiments"
)

// Cell is a number of one of the paper's tables: an AUROC in percent, or bits/dim in Table S1.
type Cell struct {
	// Table is "1" to "4" or "S1" to "S4". In and Out are the sets, "Mean" in a row of means.
	Table, In, Out string
	// Setting, Score, General and Loss say what was scored by what, in the words of the files; the methods read Setting.
	Setting, Score, General, Loss string
	// Value is as printed, Std the standard deviation over seeds, NaN where the paper gives none.
	Value, Std float64
}

// Option is a part NAME=VALUE of Setting, "" where there is none.
func (c Cell) Option(name string) string {
	for _, part := range strings.Split(c.Setting, ";") {
		if key, value, ok := strings.Cut(part, "="); ok && key == name {
			return value
		}
	}
	return ""
}

// InModel is the in-distribution model: Glow, PCNN, WRN-28-10, or classifier for quoted ones.
func (c Cell) InModel() string { return c.Option("in_model") }

// ReportedBy is the work that the paper quotes the number from, "" for its own.
func (c Cell) ReportedBy() string { return c.Option("reported_by") }

// Supervised says whether the model was trained with class labels.
func (c Cell) Supervised() bool {
	return slices.Contains(strings.Split(c.Setting, ";"), "supervised")
}

// IsMean says whether the cell is a mean of others.
func (c Cell) IsMean() bool { return c.In == "Mean" || c.Out == "Mean" }

// Tables are the paper's tables in its order.
func Tables() []string { return []string{"1", "2", "3", "4", "S1", "S2", "S3", "S4"} }

var header = []string{"table", "in_dist", "out_dist", "setting", "score", "general_model", "loss", "value", "std"}

// Cells are the numbers of all tables in the order of the files.
func Cells() ([]Cell, error) {
	var all []Cell
	for _, table := range Tables() {
		name := "paper/table" + table + ".csv"
		text, err := experiments.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		cells, err := parse("experiments/"+name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, cells...)
	}
	return all, nil
}

func parse(name string, text []byte) ([]Cell, error) {
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(records) == 0 || !slices.Equal(records[0], header) {
		return nil, fmt.Errorf("%s, line 1: expected the columns %s", name, strings.Join(header, ","))
	}
	var cells []Cell
	for i, r := range records[1:] {
		c := Cell{Table: r[0], In: r[1], Out: r[2], Setting: r[3], Score: r[4], General: r[5], Loss: r[6], Std: math.NaN()}
		if c.Value, err = strconv.ParseFloat(r[7], 64); err != nil {
			return nil, fmt.Errorf("%s, line %d, column value: %q is no number", name, i+2, r[7])
		}
		if r[8] != "" {
			if c.Std, err = strconv.ParseFloat(r[8], 64); err != nil {
				return nil, fmt.Errorf("%s, line %d, column std: %q is no number", name, i+2, r[8])
			}
		}
		cells = append(cells, c)
	}
	return cells, nil
}
