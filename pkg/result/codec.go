package result

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/jszwec/csvutil"
)

// Row is a type of row that has a table of its own in a results folder.
type Row interface {
	// FileName is the table's name in the folder.
	FileName() string
}

// FileOf is the name of the table of a type of row.
func FileOf[T Row]() string { return (*new(T)).FileName() }

// Write saves the table of a type of row in a results folder. Without rows the file has its header.
func Write[T Row](folder string, rows []T) error {
	return NotWritten(WriteFile(filepath.Join(folder, FileOf[T]()), rows))
}

// Read reads the table of a type of row of a results folder.
func Read[T Row](folder string) ([]T, error) {
	if err := CheckSchema(folder); err != nil {
		return nil, err
	}
	rows, err := ReadFile[T](filepath.Join(folder, FileOf[T]()))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%w; %s", err, writesIt)
	case err != nil:
		return nil, fmt.Errorf("%w; %s", err, again)
	}
	return rows, nil
}

// WriteFile saves rows as a table at any path, for tables beside a score file.
func WriteFile[T any](path string, rows []T) error {
	text, err := Encode(rows)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return renameio.WriteFile(path, text, 0o644)
}

// ReadFile reads a table that WriteFile saved.
func ReadFile[T any](path string) ([]T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return decode[T](path, text)
}

// Encode is rows as WriteFile saves them.
func Encode[T any](rows []T) ([]byte, error) { return encode(rows, tableDigits) }

// Digits of a number in a table: six significant ones are more than any interval here resolves. Tiles keep all, since
// the pictures' values are compared with those that were computed.
const (
	tableDigits = 6
	allDigits   = -1
)

// minute is how times stand in a table, in UTC.
const minute = "2006-01-02 15:04"

// encode is the rows as CSV under a header. A number that was not measured, NaN, is an empty field.
func encode[T any](rows []T, digits int) ([]byte, error) {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	encoder := csvutil.NewEncoder(w)
	encoder.WithMarshalers(csvutil.NewMarshalers(
		csvutil.MarshalFunc(func(v float64) ([]byte, error) {
			if math.IsNaN(v) {
				return nil, nil
			}
			return strconv.AppendFloat(nil, v, 'g', digits, 64), nil
		}),
		csvutil.MarshalFunc(func(names []string) ([]byte, error) { return []byte(strings.Join(names, " ")), nil }),
		csvutil.MarshalFunc(func(t time.Time) ([]byte, error) {
			if t.IsZero() {
				return nil, nil
			}
			return t.UTC().AppendFormat(nil, minute), nil
		})))
	if err := encoder.EncodeHeader(*new(T)); err != nil {
		return nil, err
	}
	if err := encoder.Encode(rows); err != nil {
		return nil, err
	}
	w.Flush()
	return text.Bytes(), w.Error()
}

// unmarshalers are the inverse of what encode does.
var unmarshalers = csvutil.NewUnmarshalers(
	csvutil.UnmarshalFunc(func(text []byte, v *float64) (err error) {
		if len(text) == 0 {
			*v = math.NaN()
			return nil
		}
		if *v, err = strconv.ParseFloat(string(text), 64); err != nil {
			return fmt.Errorf("%q is no number", text)
		}
		return nil
	}),
	csvutil.UnmarshalFunc(func(text []byte, names *[]string) error {
		if len(text) > 0 {
			*names = strings.Fields(string(text))
		}
		return nil
	}),
	csvutil.UnmarshalFunc(func(text []byte, t *time.Time) (err error) {
		if len(text) == 0 {
			return nil
		}
		if *t, err = time.Parse(minute, string(text)); err != nil {
			return fmt.Errorf("%q is no time such as %s", text, minute)
		}
		return nil
	}))

// problem is what is wrong with a value of the right form: its row, counted from 0, its column, and what to say of it.
type problem struct {
	row          int
	column, says string
}

// checker is a type of row whose values must be more than well-formed: a correlation lies within -1 and 1.
type checker[T any] interface {
	// check finds the first problem among all rows of a table, nil if there is none.
	check(rows []T) *problem
}

// grown is a type of row that has gained columns, its last ones, since tables were written that people still have.
// These are read all the same, and what they lack is zero.
type grown interface{ gained() int }

// decode reads rows from CSV; path is for errors. The columns must be those of the type, in its order, perhaps without
// those that it has gained.
func decode[T any](path string, text []byte) ([]T, error) {
	reader := csv.NewReader(bytes.NewReader(text))
	want, err := csvutil.Header(*new(T), "csv")
	if err != nil {
		return nil, err
	}
	decoder, err := csvutil.NewDecoder(reader)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	first := want
	if g, ok := any(*new(T)).(grown); ok {
		first = want[:len(want)-g.gained()]
	}
	if err == io.EOF || !slices.Equal(decoder.Header(), want) && !slices.Equal(decoder.Header(), first) {
		said := fmt.Sprintf("%s, line 1: expected the columns %s", path, strings.Join(want, ","))
		if err == nil {
			said += differing(decoder.Header(), want)
		}
		return nil, errors.New(said)
	}
	decoder.WithUnmarshalers(unmarshalers)
	var rows []T
	var lines []int
	for {
		var row T
		err := decoder.Decode(&row)
		if err == io.EOF {
			break
		}
		var field *csvutil.DecodeError
		if errors.As(err, &field) {
			return nil, fmt.Errorf("%s, line %d, column %s: %s", path, field.Line, field.Field, inWords(field.Err))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		line, _ := reader.FieldPos(0)
		rows, lines = append(rows, row), append(lines, line)
	}
	if c, ok := any(*new(T)).(checker[T]); ok {
		if p := c.check(rows); p != nil {
			return nil, fmt.Errorf("%s, line %d, column %s: %s", path, lines[p.row], p.column, p.says)
		}
	}
	return rows, nil
}

// differing says which columns are missing and which are not known.
func differing(got, want []string) (said string) {
	for _, c := range want {
		if !slices.Contains(got, c) {
			said += fmt.Sprintf("; there is no %q", c)
		}
	}
	for _, c := range got {
		if !slices.Contains(want, c) {
			said += fmt.Sprintf("; %q is unknown", c)
		}
	}
	return said
}

// inWords is an error of a field without the language's words.
func inWords(err error) string {
	var wrong *csvutil.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err.Error()
	}
	what := wrong.Type.String()
	switch wrong.Type.Kind() {
	case reflect.Int, reflect.Int64:
		what = "whole number"
	case reflect.Uint64:
		what = "whole number of 0 or more"
	}
	return fmt.Sprintf("%q is no %s", wrong.Value, what)
}
