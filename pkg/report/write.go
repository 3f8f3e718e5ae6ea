package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"strata/internal/site"
	"strata/pkg/figure"
	"strata/pkg/result"

	"github.com/google/renameio/v2"
)

//go:embed result.html
var layoutText string

var layout = template.Must(template.New("result").Funcs(template.FuncMap{
	"legend":    func() string { return Legend + " " + LegendOfSummary },
	"baselines": baselineTitles,
	"value":     value,
	"rounded":   func(c result.Claim) string { value, _ := figure.Rounded(c); return value },
	"interval":  func(c result.Claim) string { _, interval := figure.Rounded(c); return interval },
	"measured":  func(c result.Claim) bool { return c.Verdict != result.NotMeasured },
	"class":     class,
	"sign":      sign,
	"condition": conditionText,
	"on":        measuredOn,
	"remark":    remark,
}).Parse(layoutText))

// class is a verdict's name in a page's style.
func class(v result.Verdict) string { return strings.ReplaceAll(string(v), " ", "-") }

func value(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// Write saves the report in a folder: report.md, index.html, which needs nothing else, and claims.csv. Each file
// appears whole or not at all.
func (r *Report) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var body strings.Builder
	for i, of := range r.Results {
		text, err := of.html(i)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		body.WriteString(text)
	}
	var html bytes.Buffer
	if err := site.Alone(&html, "strata: the paper's tables and claims", body.String()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for name, text := range map[string][]byte{"report.md": []byte(r.Markdown()), "index.html": html.Bytes()} {
		if err := renameio.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if err := result.WriteFile(filepath.Join(folder, "claims.csv"), r.claims()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// HTML is all that is shown of the results as the body of a page.
func (r Result) HTML() (string, error) { return r.html(0) }

// html is the same where the results are the i-th of several on a page.
func (r Result) html(i int) (string, error) {
	of := struct {
		Result
		Index    int
		Drawings []drawing
	}{Result: r, Index: i}
	for _, name := range []string{"scorecard", "claims_over_steps"} {
		if r.folder == "" || name == "claims_over_steps" && len(r.Courses) == 0 {
			continue
		}
		d, err := r.chart(name)
		if err != nil {
			return "", err
		}
		of.Drawings = append(of.Drawings, d)
	}
	var text strings.Builder
	err := layout.Execute(&text, of)
	return text.String(), err
}

// claimRow is a claim of one of several results.
type claimRow struct {
	Results string `csv:"results"`
	result.Claim
}

// claims are those of all results.
func (r *Report) claims() (rows []claimRow) {
	for _, of := range r.Results {
		for _, c := range of.Claims {
			rows = append(rows, claimRow{of.Name, c})
		}
	}
	return rows
}

// ConditionsOf are what a claim rests on.
func (r Result) ConditionsOf(c result.Claim) []result.Condition { return of(c.ID, r.Conditions) }

// RunTable is the runs as they are shown: a header, and a row a run.
func (r Result) RunTable() [][]string {
	rows := [][]string{{"configuration", "seed", "run", "network", "set", "stands for", "steps", "batch", "rate",
		"loss",
		"outliers", "last value", "not finite: images, updates, likelihoods", "computed on", "seconds", "finished",
		"unstated", "problem"}}
	for _, run := range r.Runs {
		row := []string{run.Configuration, strconv.FormatUint(run.Seed, 10), run.ID, run.Network, run.Set,
			run.StandsFor, strconv.Itoa(run.Steps), strconv.Itoa(run.Batch), value(run.Rate), run.Loss, run.Outliers,
			value(run.LastValue),
			fmt.Sprintf("%d, %d, %d", run.Dropped, run.Skipped, run.Replaced), run.Backend, strconv.Itoa(run.Seconds),
			run.Finished.Format("2006-01-02 15:04"), run.Unstated, run.Problem}
		if run.Problem != "" { // nothing else is known of it
			for i := 2; i < len(row)-2; i++ {
				row[i] = ""
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// Markdown is the report as text.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The paper's tables and claims, and what strata measured\n\n%s\n\n%s\n", Legend, LegendOfSummary)
	for _, r := range r.Results {
		name := r.Name
		if name == "" {
			name = "nothing was run yet"
		}
		fmt.Fprintf(&b, "\n## %s\n\n", name)
		for _, line := range append(r.Summary.Lines(), "Claims: "+r.Verdicts()+".") {
			fmt.Fprintf(&b, "%s\n\n", line)
		}
		for _, m := range r.Marks {
			fmt.Fprintf(&b, "- %s: %s\n", m.Letter, m.Text)
		}
		b.WriteString("\n" + ClaimsMarkdown(r.Claims, r.Conditions...))
		if len(r.Courses) > 0 {
			fmt.Fprintf(&b, "\n### Claims over the steps of training\n\n%s\n\n| claim | measured | value at step, ✓ "+
				"where it holds, ? where it is open |\n|---|---|---|\n", r.Caption)
			for _, c := range r.Courses {
				var course []string
				for _, m := range c.Steps {
					text := fmt.Sprintf("%d: %s", m.Steps, value(m.Value))
					text += map[result.Verdict]string{result.Holds: " ✓", result.Open: " ?"}[m.Verdict]
					course = append(course, text)
				}
				fmt.Fprintf(&b, "| **%s** | %s | %s |\n", c.ID, c.Measured, strings.Join(course, ", "))
			}
		}
		for _, t := range r.Tables {
			fmt.Fprintf(&b, "\n### Table %s: %s\n\n%s", t.Name, t.Caption, t.Markdown())
		}
		if len(r.Runs) > 0 {
			b.WriteString("\n### Runs\n\n")
			for i, row := range r.RunTable() {
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
		b.WriteString(" The last columns are AUROCs of what needs no model: mean brightness, size as PNG and as " +
			"JPEG, total variation.")
	}
	fmt.Fprintf(&b, "\n\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range t.Rows {
		cells := []string{named(row.In, row.InSet), named(row.Out, row.OutSet)}
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

// named is the paper's name of a set, with that of the set which was measured in its place.
func named(paper, set string) string {
	if set == "" {
		return paper
	}
	return paper + " (" + set + ")"
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
