package output

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"

	"strata/pkg/detector"
)

// writeCSV writes path, score, p_value and anomalous, then the single scores, then notes and what is wrong with a file. Scores are higher
// for more in-distribution, and score alone is higher for more unusual. A file that cannot be read has no numbers.
func writeCSV(to io.Writer, d *detector.Detector, summary detector.Summary, all *spill, _ *gallery) error {
	table := csv.NewWriter(to)
	header := []string{"path", "score", "p_value", "anomalous"}
	for _, s := range d.Scores() {
		header = append(header, s.Name)
	}
	if err := table.Write(append(header, "notes", "error")); err != nil {
		return err
	}
	err := all.each(func(_ int, r row) error {
		fields := make([]string, 0, len(header)+2)
		if r.Err != "" {
			fields = append(fields, r.Path)
			for range len(header) {
				fields = append(fields, "")
			}
			return table.Write(append(fields, r.Err))
		}
		fields = append(fields, r.Path, number(r.Score, 6), number(r.PValue, 6), strconv.FormatBool(r.PValue <= summary.Threshold))
		for _, v := range r.Scores {
			fields = append(fields, number(v, 8))
		}
		return table.Write(append(fields, strings.Join(r.Notes, "; "), ""))
	})
	table.Flush()
	if err != nil {
		return err
	}
	return table.Error()
}

func number(v float64, digits int) string { return strconv.FormatFloat(v, 'g', digits, 64) }

// Line is an image in JSON, of JSON Lines and of the server's answers. Numbers that are not finite, which JSON has no word for, are null.
type Line struct {
	Path      string              `json:"path"`
	Score     *float64            `json:"score,omitempty"`
	PValue    *float64            `json:"p_value,omitempty"`
	Anomalous *bool               `json:"anomalous,omitempty"`
	Scores    map[string]*float64 `json:"scores,omitempty"`
	PValues   map[string]*float64 `json:"p_values,omitempty"`
	Windows   int                 `json:"windows,omitempty"`
	Notes     []string            `json:"notes,omitempty"`
	Error     string              `json:"error,omitempty"`
}

// LineOf says a result of scores; p-values up to threshold are unusual.
func LineOf(r detector.Result, scores []detector.Score, threshold float64) Line {
	if r.Err != nil {
		return Line{Path: r.Path, Error: r.Err.Error()}
	}
	anomalous := r.PValue <= threshold
	l := Line{Path: r.Path, Score: finite(r.Score), PValue: finite(r.PValue), Anomalous: &anomalous, Windows: r.Windows, Notes: r.Notes,
		Scores: map[string]*float64{}, PValues: map[string]*float64{}}
	for j, s := range scores {
		l.Scores[s.Name], l.PValues[s.Name] = finite(r.Scores[j]), finite(r.PValues[j])
	}
	return l
}

// writeJSONL writes an object a line, with the p-value of each score too.
func writeJSONL(to io.Writer, d *detector.Detector, summary detector.Summary, all *spill, _ *gallery) error {
	names := d.Scores()
	buffered := bufio.NewWriter(to)
	encoder := json.NewEncoder(buffered)
	err := all.each(func(_ int, r row) error {
		return encoder.Encode(LineOf(r.result(), names, summary.Threshold))
	})
	if err != nil {
		return err
	}
	return buffered.Flush()
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
