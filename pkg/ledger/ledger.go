// Package ledger keeps the paper's claims beside what was measured here: one row a claim, with interval, data, size,
// network and verdict, whatever the verdict is. It reads and writes claims.csv and knows no model.
package ledger

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"strata/experiments"

	"github.com/goccy/go-yaml"
	"github.com/google/renameio/v2"
)

// Claim is a row.
type Claim struct {
	// ID is that of the project's list of claims, "D1", with the variant behind it, "D1 (from scratch)".
	ID, Where, Text, Paper string
	// Measured says what Value is; Low and High are its 95 % interval.
	Measured         string
	Value, Low, High float64
	Predicate        string
	Verdict          Verdict
	// Data, Size, Network and Steps say what it was measured on, Images on how many.
	Data, Size, Network, Steps string
	Images                     int
	// Note is what else was seen, what was tried, or why nothing was measured.
	Note string
}

// Verdict is what became of a claim.
type Verdict string

// The verdicts.
const (
	Holds       Verdict = "holds"
	DoesNotHold Verdict = "does not hold"
	NotMeasured Verdict = "not measured"
)

// Judge is the verdict on a claim that was measured.
func Judge(holds bool) Verdict {
	if holds {
		return Holds
	}
	return DoesNotHold
}

// Declared are all of the paper's claims (experiments/claims.yaml), not measured.
func Declared() ([]Claim, error) {
	text, err := experiments.Files.ReadFile("claims.yaml")
	if err != nil {
		return nil, err
	}
	var rows []struct{ ID, Where, Claim, Paper, Predicate string }
	if err := yaml.UnmarshalWithOptions(text, &rows, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("experiments/claims.yaml: %w", err)
	}
	var claims []Claim
	for _, r := range rows {
		nan := math.NaN()
		claims = append(claims, Claim{ID: r.ID, Where: r.Where, Text: r.Claim, Paper: r.Paper, Predicate: r.Predicate, Verdict: NotMeasured, Value: nan, Low: nan, High: nan})
	}
	return claims, nil
}

// Reasons says of every claim that does not hold why, as far as that is known (experiments/reasons.yaml): a line a claim.
func Reasons(claims []Claim) ([]string, error) {
	text, err := experiments.Files.ReadFile("reasons.yaml")
	if err != nil {
		return nil, err
	}
	var known []struct {
		Claims  []string
		In, Why string
	}
	if err := yaml.UnmarshalWithOptions(text, &known, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("experiments/reasons.yaml: %w", err)
	}
	var lines []string
	for _, c := range claims {
		if c.Verdict != DoesNotHold {
			continue
		}
		why := "no reason is recorded for these sets."
		for _, r := range known {
			if slices.Contains(r.Claims, c.ID) && strings.Contains(c.Data, r.In) {
				why = r.Why
				break
			}
		}
		if c.Size == "smoke" {
			why = "size smoke trains for seconds: its numbers say nothing of the paper."
		}
		lines = append(lines, c.ID+": "+why)
	}
	return lines, nil
}

var header = []string{"id", "where", "claim", "paper", "measured", "value", "low", "high", "predicate", "verdict", "data", "size", "network", "steps", "images", "note"}

// File is the name of the ledger in a results folder.
const File = "claims.csv"

// Write saves the ledger in a results folder; the file appears whole or not at all.
func Write(folder string, claims []Claim) error {
	rows := [][]string{header}
	for _, c := range claims {
		rows = append(rows, []string{c.ID, c.Where, c.Text, c.Paper, c.Measured, number(c.Value), number(c.Low), number(c.High),
			c.Predicate, string(c.Verdict), c.Data, c.Size, c.Network, c.Steps, strconv.Itoa(c.Images), c.Note})
	}
	return writeRows("ledger", filepath.Join(folder, File), rows)
}

// writeRows saves a table of a results folder; the file appears whole or not at all.
func writeRows(what, path string, rows [][]string) error {
	var text bytes.Buffer
	err := csv.NewWriter(&text).WriteAll(rows)
	if err == nil {
		err = renameio.WriteFile(path, text.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// readRows reads a table of a results folder without its header, which must be the expected one.
func readRows(what, path string, header []string) ([][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; strata reproduce writes it", what, err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", what, path, err)
	}
	if len(records) == 0 || !slices.Equal(records[0], header) {
		return nil, fmt.Errorf("%s %s, line 1: expected the columns %s; strata reproduce writes it", what, path, strings.Join(header, ","))
	}
	return records[1:], nil
}

// number is "" for what was not measured.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

func parseNumber(text string) (float64, error) {
	if text == "" {
		return math.NaN(), nil
	}
	return strconv.ParseFloat(text, 64)
}

// Read reads the ledger of a results folder; what is wrong with it is said with file, line and column.
func Read(folder string) ([]Claim, error) {
	path := filepath.Join(folder, File)
	rows, err := readRows("ledger", path, header)
	if err != nil {
		return nil, err
	}
	var claims []Claim
	for i, r := range rows {
		c := Claim{ID: r[0], Where: r[1], Text: r[2], Paper: r[3], Measured: r[4], Predicate: r[8], Verdict: Verdict(r[9]),
			Data: r[10], Size: r[11], Network: r[12], Steps: r[13], Note: r[15]}
		if c.Verdict != Holds && c.Verdict != DoesNotHold && c.Verdict != NotMeasured {
			return nil, fmt.Errorf("ledger %s, line %d, column verdict: %q is none", path, i+2, r[9])
		}
		for j, into := range map[int]*float64{5: &c.Value, 6: &c.Low, 7: &c.High} {
			if *into, err = parseNumber(r[j]); err != nil {
				return nil, fmt.Errorf("ledger %s, line %d, column %s: %q is no number", path, i+2, header[j], r[j])
			}
		}
		if c.Images, err = strconv.Atoi(r[14]); err != nil {
			return nil, fmt.Errorf("ledger %s, line %d, column images: %q is no whole number", path, i+2, r[14])
		}
		claims = append(claims, c)
	}
	return claims, nil
}

// Print writes the ledger for a terminal or a log.
func Print(w io.Writer, claims []Claim) {
	for _, c := range claims {
		verdict := strings.ToUpper(string(c.Verdict))
		fmt.Fprintf(w, "\n%-18s %s (%s)\n", c.ID, c.Text, c.Where)
		if c.Verdict == NotMeasured {
			fmt.Fprintf(w, "  %-13s  %s; paper %s; holds if %s\n", verdict, c.Note, c.Paper, c.Predicate)
			continue
		}
		fmt.Fprintf(w, "  %-13s  %s: %.4g [%.4g, %.4g]; paper %s; holds if %s\n", verdict, c.Measured, c.Value, c.Low, c.High, c.Paper, c.Predicate)
		if c.Note != "" {
			fmt.Fprintf(w, "  %-13s  %s\n", "", c.Note)
		}
		fmt.Fprintf(w, "  %-13s  %s; size %s; %s; steps %s; %d images\n", "", c.Data, c.Size, c.Network, c.Steps, c.Images)
	}
}

// Markdown is the ledger as a table for notebooks and reports.
func Markdown(claims []Claim) string {
	var b strings.Builder
	b.WriteString("| claim | where | paper | here | 95 % interval | holds if | verdict | network | images |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range claims {
		if c.Verdict == NotMeasured {
			fmt.Fprintf(&b, "| **%s** %s | %s | %s | %s | | %s | %s | | |\n", c.ID, c.Text, c.Where, c.Paper, c.Note, c.Predicate, c.Verdict)
			continue
		}
		measured := fmt.Sprintf("%s: %.4g", c.Measured, c.Value)
		if c.Note != "" {
			measured += " (" + c.Note + ")"
		}
		fmt.Fprintf(&b, "| **%s** %s | %s | %s | %s | %.4g to %.4g | %s | **%s** | %s | %d |\n",
			c.ID, c.Text, c.Where, c.Paper, measured, c.Low, c.High, c.Predicate, c.Verdict, strings.Trim(c.Network+"; "+c.Steps, "; "), c.Images)
	}
	return strings.ReplaceAll(b.String(), "<", "&lt;")
}

// band is where a measured value is expected at a size, for one set as in-distribution or, with set empty, for all.
type band struct {
	Claim string  `yaml:"claim"`
	Size  string  `yaml:"size"`
	Set   string  `yaml:"set"`
	Low   float64 `yaml:"low"`
	High  float64 `yaml:"high"`
	Why   string  `yaml:"why"`
}

// ErrNoBand says that nothing was measured before that some claims could be compared with.
var ErrNoBand = errors.New("no band of experiments/bands.yaml fits these claims")

// CheckBands compares a ledger with the bands of experiments/bands.yaml: what was measured before, give or take what other
// seeds and machines may change. It is no verdict on the paper; it notices when a change of the program moves a result. Every
// claim must also be a finite number within its interval. It returns the bands that were checked.
func CheckBands(claims []Claim) (checked []string, err error) {
	text, err := experiments.Files.ReadFile("bands.yaml")
	if err != nil {
		return nil, err
	}
	var bands []band
	if err := yaml.UnmarshalWithOptions(text, &bands, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("experiments/bands.yaml: %w", err)
	}
	if len(claims) == 0 {
		return nil, errors.New("the ledger is empty")
	}
	var problems []error
	for _, c := range claims {
		if c.Verdict == NotMeasured {
			continue
		}
		if !(c.Low <= c.Value && c.Value <= c.High) || math.IsInf(c.Value, 0) {
			problems = append(problems, fmt.Errorf("%s: %g is not within its interval [%g, %g]", c.ID, c.Value, c.Low, c.High))
		}
		for _, b := range bands {
			if b.Claim != c.ID || b.Size != "" && b.Size != c.Size || b.Set != "" && !strings.Contains(c.Data, b.Set) {
				continue
			}
			line := fmt.Sprintf("%s: %.4g in [%g, %g] (%s)", c.ID, c.Value, b.Low, b.High, b.Why)
			if !(c.Value >= b.Low && c.Value <= b.High) {
				problems = append(problems, errors.New("outside of its band: "+line))
			}
			checked = append(checked, line)
		}
	}
	if len(checked) == 0 && len(problems) == 0 {
		return nil, ErrNoBand
	}
	return checked, errors.Join(problems...)
}
