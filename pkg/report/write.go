package report

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"strata/pkg/ledger"

	"github.com/google/renameio/v2"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"legend":    func() string { return Legend },
	"baselines": baselineTitles,
	"value":     value,
	"measured":  func(c ledger.Claim) bool { return c.Verdict != ledger.NotMeasured },
	"class":     func(v ledger.Verdict) string { return strings.ReplaceAll(string(v), " ", "-") },
	"sign": func(v ledger.Verdict) string {
		return map[ledger.Verdict]string{ledger.Holds: "●", ledger.DoesNotHold: "○", ledger.NotMeasured: "–"}[v]
	},
}).Parse(pageText))

func value(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// Write saves the report in a folder: report.md, index.html, which needs nothing else, and claims.csv. Each file appears whole
// or not at all.
func (r *Report) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var html bytes.Buffer
	if err := page.Execute(&html, r); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for name, text := range map[string][]byte{"report.md": []byte(r.Markdown()), "index.html": html.Bytes(), "claims.csv": r.claims()} {
		if err := renameio.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// claims is the ledger of all results as CSV.
func (r *Report) claims() []byte {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Write([]string{"id", "paper", "value", "low", "high", "data", "size", "network", "steps", "verdict", "measured", "predicate", "claim", "where", "images", "note", "results"})
	for _, result := range r.Results {
		for _, c := range result.Claims {
			w.Write([]string{c.ID, c.Paper, value(c.Value), value(c.Low), value(c.High), c.Data, c.Size, c.Network, c.Steps, string(c.Verdict), c.Measured, c.Predicate, c.Text, c.Where,
				strconv.Itoa(c.Images), c.Note, result.Name})
		}
	}
	w.Flush()
	return text.Bytes()
}

// Markdown is the report as text.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString("# The paper's tables and claims, and what strata measured\n\n" + Legend + "\n")
	for _, result := range r.Results {
		name := result.Name
		if name == "" {
			name = "nothing was run yet"
		}
		fmt.Fprintf(&b, "\n## %s\n\nTable cells: %s. Claims: %s.\n\n", name, result.Agreements(), result.Verdicts())
		for _, m := range result.Marks {
			fmt.Fprintf(&b, "- %s: %s\n", m.Letter, m.Text)
		}
		b.WriteString("\n" + ledger.Markdown(result.Claims))
		if len(result.Moments) > 0 {
			fmt.Fprintf(&b, "\n### Claims over the steps of training\n\n%s\n\n| claim | measured | value at step, ✓ where it holds |\n|---|---|---|\n", result.Caption)
			for _, c := range result.Moments {
				var course []string
				for _, m := range c.Moments {
					text := fmt.Sprintf("%d: %s", m.Steps, value(m.Value))
					if m.Verdict == ledger.Holds {
						text += " ✓"
					}
					course = append(course, text)
				}
				fmt.Fprintf(&b, "| **%s** | %s | %s |\n", c.ID, c.Measured, strings.Join(course, ", "))
			}
		}
		for _, t := range result.Tables {
			fmt.Fprintf(&b, "\n### Table %s: %s\n\n%s", t.Name, t.Caption, t.Markdown())
		}
		if len(result.Runs) > 1 {
			b.WriteString("\n### Runs\n\n")
			for i, row := range result.Runs {
				fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(row, " | "), "<", "&lt;"))
				if i == 0 {
					b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
				}
			}
		}
	}
	return b.String()
}

// baselineTitles are the BaselineNames as columns.
func baselineTitles() (titles []string) {
	for _, name := range BaselineNames {
		titles = append(titles, strings.ReplaceAll(name, "_", " "))
	}
	return titles
}

// Markdown is the table, each cell the paper's value and ours.
func (t Table) Markdown() string {
	var b strings.Builder
	b.WriteString("Each cell: sign, the paper's value / **ours** [95 % interval] stand-ins.")
	head := append([]string{"in", "out"}, t.Columns...)
	if len(t.Rows) > 0 && t.Rows[0].Baselines != nil {
		head = append(head, baselineTitles()...)
		b.WriteString(" The last columns are AUROCs of what needs no model: mean brightness, size as PNG and as JPEG, total variation.")
	}
	fmt.Fprintf(&b, "\n\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range t.Rows {
		cells := []string{row.In, row.Out}
		for _, c := range row.Cells {
			cells = append(cells, c.markdown())
		}
		for _, c := range row.Baselines {
			cells = append(cells, strings.TrimSpace(c.Ours+" "+c.Agreement.Symbol()))
		}
		for len(cells) < len(head) {
			cells = append(cells, "")
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

func (v View) markdown() string {
	switch v.Agreement {
	case Nothing:
		return ""
	case NotRun:
		return fmt.Sprintf("– %s / not run", v.Paper)
	case Quoted:
		return "” " + v.Paper
	}
	text := fmt.Sprintf("%s %s / **%s**", v.Symbol(), v.Paper, v.Ours)
	if v.Interval+v.Marks != "" {
		text += "<br>" + v.Interval
	}
	if v.Marks != "" {
		text += " <sup>" + v.Marks + "</sup>"
	}
	return strings.ReplaceAll(text, " ", "\u00a0") // two lines, whatever the width
}
