package figure

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
)

// table is a CSV file with a header. Every row has as many fields as the header.
type table struct {
	path    string
	columns map[string]int // place of a column, counted from 0
	rows    [][]string
	lines   []int // line of a row in the file, counted from 1
}

// again is what to do about every damaged file: results are derived, so nobody should repair one by hand.
const again = "delete the file and evaluate again (strata reproduce)"

// readTable reads path, which must have the columns named.
func readTable(path string, required ...string) (*table, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("figure: %s is missing: name a folder that strata reproduce wrote, or reproduce again", path)
	}
	if err != nil {
		return nil, fmt.Errorf("figure: %w", err)
	}
	defer file.Close()
	return parseTable(path, file, required...)
}

// parseTable reads a table from r; path is for errors.
func parseTable(path string, r io.Reader, required ...string) (*table, error) {
	reader := csv.NewReader(r)
	header, err := reader.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("figure: %s is empty, a header was expected: %s", path, again)
	}
	if err != nil {
		return nil, malformed(path, err, nil)
	}
	t := &table{path: path, columns: map[string]int{}}
	for i, name := range header {
		if before, twice := t.columns[name]; twice {
			return nil, fmt.Errorf("figure: %s, line 1: columns %d and %d are both named %q: %s", path, before+1, i+1, name, again)
		}
		t.columns[name] = i
	}
	for _, name := range required {
		if !t.has(name) {
			return nil, fmt.Errorf("figure: %s, line 1: no column %q among %s: %s", path, name, strings.Join(header, ","), again)
		}
	}
	for {
		row, err := reader.Read()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, malformed(path, err, row)
		}
		line, _ := reader.FieldPos(0)
		t.rows, t.lines = append(t.rows, row), append(t.lines, line)
	}
}

// malformed says in our words what encoding/csv says in its own.
func malformed(path string, err error, row []string) error {
	var parse *csv.ParseError
	switch {
	case !errors.As(err, &parse):
		return fmt.Errorf("figure: %s: %w", path, err)
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("figure: %s, line %d, column %d: the row ends here, the header has another number of columns: %s",
			path, parse.StartLine, len(row), again)
	default:
		return fmt.Errorf("figure: %s, line %d, character %d: %w: %s", path, parse.Line, parse.Column, parse.Err, again)
	}
}

func (t *table) has(column string) bool {
	_, ok := t.columns[column]
	return ok
}

// text returns a field that must not be empty.
func (t *table) text(row int, column string) (string, error) {
	value := t.rows[row][t.columns[column]]
	if value == "" {
		return "", t.wrong(row, column, "is empty")
	}
	return value, nil
}

// largest is far beyond every number of a result, and small enough that no difference or width overflows.
const largest = 1e100

// number returns a field that must be a finite number.
func (t *table) number(row int, column string) (float64, error) {
	field := t.rows[row][t.columns[column]]
	value, err := strconv.ParseFloat(field, 64)
	if err != nil || math.IsNaN(value) || math.Abs(value) > largest {
		return 0, t.wrong(row, column, "is %q, which is not a number within \u00B1%v", field, largest)
	}
	return value, nil
}

// wrong is an error at a field.
func (t *table) wrong(row int, column, format string, args ...any) error {
	return fmt.Errorf("figure: %s, line %d, column %d (%s) %s: %s",
		t.path, t.lines[row], t.columns[column]+1, column, fmt.Sprintf(format, args...), again)
}
