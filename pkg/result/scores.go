package result

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/google/renameio/v2"
)

// The score files of a results folder: the paper's colour sets, the grey ones and the slices.
const (
	ScoresFile     = "scores.csv"
	GreyScoresFile = "scores_grey.csv"
	MRIScoresFile  = "scores_mri.csv"
)

// PNGBytes is the column of an image's size as PNG, bytes.
const PNGBytes = "png_bytes"

// ScaleColumn is the column of what a scale contributes to ln p under a configuration, counted from 1: "glow-in/c3".
// The column of ln p itself has the configuration's name; both are in nats.
func ScaleColumn(configuration string, scale int) string {
	return fmt.Sprintf("%s/c%d", configuration, scale)
}

// PseudoColumn is the column of the pixel-difference pseudo-log-likelihood under the density of a role's training
// images, nats.
func PseudoColumn(role string) string { return "pseudo_" + role }

// Scores are scores of images, one row an image: which set and which image of it, then one value a column.
type Scores struct {
	Columns []string
	Rows    []ScoreRow
}

// ScoreRow is one image.
type ScoreRow struct {
	// Role is the part that the set plays, "in", "smooth", ...; "" where there is none.
	Role, Set string
	// Index is the image's place in the split of its set that was scored: test, where nothing says otherwise.
	Index  int
	Values []float64
}

// Column returns the values of a column in the rows that keep says yes to; a nil keep takes all.
func (s *Scores) Column(name string, keep func(ScoreRow) bool) ([]float64, error) {
	at := slices.Index(s.Columns, name)
	if at < 0 {
		return nil, fmt.Errorf("score table has no column %q; it has %v", name, s.Columns)
	}
	values := make([]float64, 0, len(s.Rows))
	for _, row := range s.Rows {
		if keep == nil || keep(row) {
			values = append(values, row.Values[at])
		}
	}
	return values, nil
}

// AddColumn appends a column of one value a row.
func (s *Scores) AddColumn(name string, values []float64) error {
	if len(values) != len(s.Rows) {
		return fmt.Errorf("column %s has %d values for %d images", name, len(values), len(s.Rows))
	}
	s.Columns = append(s.Columns, name)
	for i := range s.Rows {
		s.Rows[i].Values = append(s.Rows[i].Values, values[i])
	}
	return nil
}

// Round is the table with its values rounded to so many significant digits.
func (s *Scores) Round(digits int) *Scores {
	rounded := &Scores{Columns: s.Columns, Rows: slices.Clone(s.Rows)}
	for i := range rounded.Rows {
		values := slices.Clone(rounded.Rows[i].Values)
		for j, v := range values {
			values[j], _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
		}
		rounded.Rows[i].Values = values
	}
	return rounded
}

// scorePlace are the columns in front of the scores.
var scorePlace = []string{"role", "set", "index"}

// Write saves the table as CSV. The file appears whole or not at all.
func (s *Scores) Write(path string) error {
	if err := renameio.WriteFile(path, s.Encode(), 0o644); err != nil {
		return fmt.Errorf("score file: %w", err)
	}
	return nil
}

// Encode is the table as Write saves it: role, set, index, then the columns, with every digit.
func (s *Scores) Encode() []byte {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Write(slices.Concat(scorePlace, s.Columns))
	for _, row := range s.Rows {
		record := []string{row.Role, row.Set, strconv.Itoa(row.Index)}
		for _, v := range row.Values {
			record = append(record, strconv.FormatFloat(v, 'g', -1, 64))
		}
		w.Write(record)
	}
	w.Flush()
	return text.Bytes()
}

// ReadScores reads a score file. A value need not be finite: what a model gave stands in the file.
func ReadScores(path string) (*Scores, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("score file: %w", err)
	}
	defer file.Close()
	wrong := func(line int, format string, args ...any) error {
		return fmt.Errorf("score file %s, line %d"+format, append([]any{path, line}, args...)...)
	}
	places := len(scorePlace)
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<16), 1<<20)
	lines.Scan() // of an empty file, nothing
	head, err := fieldsOf(lines.Bytes(), nil)
	if err == nil {
		err = lines.Err()
	}
	if err != nil {
		return nil, wrong(1, ": %w", err)
	}
	s := &Scores{}
	for _, name := range head {
		s.Columns = append(s.Columns, string(name))
	}
	if len(head) <= places || !slices.Equal(s.Columns[:places], scorePlace) {
		return nil, wrong(1, ": expected role,set,index and at least one score; write it with strata score")
	}
	s.Columns = s.Columns[places:]
	for i, name := range s.Columns {
		if before := slices.Index(s.Columns, name); before < i {
			return nil, wrong(1, ": columns %d and %d are both named %q", places+before+1, places+i+1, name)
		}
	}
	var all []float64 // room for the values of many rows, in the place of a slice a row
	record := head
	for line := 2; lines.Scan(); line++ {
		if len(lines.Bytes()) == 0 {
			continue // as CSV has it
		}
		if record, err = fieldsOf(lines.Bytes(), record[:0]); err != nil {
			return nil, wrong(line, ": %w", err)
		}
		if len(record) != len(head) {
			return nil, wrong(line, ": wrong number of fields: %d for %d columns", len(record), len(head))
		}
		var row ScoreRow
		if last := len(s.Rows) - 1; last >= 0 && s.Rows[last].Role == string(record[0]) && s.Rows[last].Set == string(record[1]) {
			row.Role, row.Set = s.Rows[last].Role, s.Rows[last].Set // or a paper's worth of rows would have names of their own
		} else {
			row.Role, row.Set = string(record[0]), string(record[1])
		}
		if row.Index, err = strconv.Atoi(string(record[2])); err != nil {
			return nil, wrong(line, ", column index: %q is no whole number", record[2])
		}
		if cap(all)-len(all) < len(s.Columns) {
			all = make([]float64, 0, 1024*len(s.Columns))
		}
		from := len(all)
		for j, field := range record[places:] {
			v, err := strconv.ParseFloat(string(field), 64)
			if err != nil {
				return nil, wrong(line, ", column %s: %q is no number", s.Columns[j], field)
			}
			all = append(all, v)
		}
		row.Values = all[from:len(all):len(all)]
		s.Rows = append(s.Rows, row)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("score file %s: %w", path, err)
	}
	return s, nil
}

// fieldsOf appends the fields of a line of CSV. Of lines without quotation marks, which are all but those of sets with
// strange names, it does so without a copy, which is much of the time of reading: learning curves at the paper's size
// have 40 million lines.
func fieldsOf(line []byte, fields [][]byte) ([][]byte, error) {
	if bytes.IndexByte(line, '"') < 0 {
		for {
			field, rest, more := bytes.Cut(line, []byte{','})
			fields = append(fields, field)
			if !more {
				return fields, nil
			}
			line = rest
		}
	}
	quoted, err := csv.NewReader(bytes.NewReader(line)).Read()
	for _, field := range quoted {
		fields = append(fields, []byte(field))
	}
	return fields, err
}
