// Package score turns log-likelihoods into anomaly scores (digest §6) and keeps them in score files, one row an image.
// Higher scores are more in-distribution, everywhere.
//
//	raw log-likelihood   ln p_in(x)
//	last scale           c_L of the in-distribution model (paper §4)
//	ratio                ln p_in(x) - ln p_general(x) (paper §3), also scale by scale
//	complexity           ln p_in(x) + the size of the image's PNG in nats (Serra et al.)
package score

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/google/renameio/v2"
)

// Table holds scores of images, one row an image: which set and which image of it, then one value a column.
type Table struct {
	Columns []string
	Rows    []Row
}

// Row is one image.
type Row struct {
	// Role is the part that the set plays, "in", "smooth", ...; "" where there is none.
	Role, Set string
	// Index is the image's place in the split of its set that was scored: test, where nothing says otherwise.
	Index  int
	Values []float64
}

// Column returns the values of a column in the rows that keep says yes to; a nil keep takes all.
func (t *Table) Column(name string, keep func(Row) bool) ([]float64, error) {
	at := slices.Index(t.Columns, name)
	if at < 0 {
		return nil, fmt.Errorf("score table has no column %q; it has %v", name, t.Columns)
	}
	var values []float64
	for _, row := range t.Rows {
		if keep == nil || keep(row) {
			values = append(values, row.Values[at])
		}
	}
	return values, nil
}

// AddColumn appends a column of one value a row.
func (t *Table) AddColumn(name string, values []float64) error {
	if len(values) != len(t.Rows) {
		return fmt.Errorf("column %s has %d values for %d images", name, len(values), len(t.Rows))
	}
	t.Columns = append(t.Columns, name)
	for i := range t.Rows {
		t.Rows[i].Values = append(t.Rows[i].Values, values[i])
	}
	return nil
}

// Ratio is a - b row by row: the log-ratio of two models' likelihoods, or of two contributions of one scale.
func Ratio(a, b []float64) ([]float64, error) {
	if len(a) != len(b) {
		return nil, fmt.Errorf("ratio of %d and %d log-likelihoods", len(a), len(b))
	}
	ratio := make([]float64, len(a))
	for i := range a {
		ratio[i] = a[i] - b[i]
	}
	return ratio, nil
}

// Round is the table with its values rounded to so many significant digits.
func (t *Table) Round(digits int) *Table {
	rounded := &Table{Columns: t.Columns, Rows: slices.Clone(t.Rows)}
	for i := range rounded.Rows {
		values := slices.Clone(rounded.Rows[i].Values)
		for j, v := range values {
			values[j], _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
		}
		rounded.Rows[i].Values = values
	}
	return rounded
}

// Write saves the table as CSV: role, set, index, then the columns. The file appears whole or not at all.
func (t *Table) Write(path string) error {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Write(append([]string{"role", "set", "index"}, t.Columns...))
	for _, row := range t.Rows {
		record := []string{row.Role, row.Set, strconv.Itoa(row.Index)}
		for _, v := range row.Values {
			record = append(record, strconv.FormatFloat(v, 'g', -1, 64))
		}
		w.Write(record)
	}
	w.Flush()
	if err := renameio.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("score file: %w", err)
	}
	return nil
}

// Read reads a score file; what is wrong with it is said with file, line and column.
func Read(path string) (*Table, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("score file: %w", err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("score file %s: %w", path, err)
	}
	if len(records) == 0 || len(records[0]) < 4 || !slices.Equal(records[0][:3], []string{"role", "set", "index"}) {
		return nil, fmt.Errorf("score file %s, line 1: expected role,set,index and at least one score; write it with strata score", path)
	}
	t := &Table{Columns: records[0][3:]}
	for i, record := range records[1:] {
		row := Row{Role: record[0], Set: record[1]}
		if row.Index, err = strconv.Atoi(record[2]); err != nil {
			return nil, fmt.Errorf("score file %s, line %d, column index: %q is no whole number", path, i+2, record[2])
		}
		for j, field := range record[3:] {
			v, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return nil, fmt.Errorf("score file %s, line %d, column %s: %q is no number", path, i+2, t.Columns[j], field)
			}
			row.Values = append(row.Values, v)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// Highest are the places of the n highest of some values, all of them where there are fewer, the highest first; of equal ones the first.
func Highest(values []float64, n int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return order[:min(n, len(order))]
}
