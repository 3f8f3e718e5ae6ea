package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// frameworks are what ratios are to: to the better of their forms.
var frameworks = []struct {
	name  string
	forms []string
}{{"PyTorch", []string{torchEager, torchCompiled}}, {"JAX", []string{jaxUnrolled, jaxScanned}}}

// report is all that was measured, and on what.
type report struct {
	Machine      measuredOn    `json:"machine"`
	Threads      int           `json:"threads"`
	Rounds       int           `json:"rounds"`
	Backends     []string      `json:"backends"`
	Measurements []measurement `json:"measurements"`
}

// file is a new name in the folder: the day and the host, and a number where there is one of that day.
func (r *report) file(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	name := filepath.Join(folder, r.Machine.Date.Format("2006-01-02")+"-"+r.Machine.Host)
	for n := 1; ; n++ {
		path := name + ".json"
		if n > 1 {
			path = fmt.Sprintf("%s-%d.json", name, n)
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return path, nil
		} else if err != nil {
			return "", err
		}
	}
}

// write writes the results, and the tables beside them as .md.
func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(path, ".json")+".md", []byte(r.tables()), 0o644)
}

// tables are the results for people, in Markdown.
func (r *report) tables() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "# strata beside its peers, %s\n\n", m.Date.Format("2006-01-02"))
	fmt.Fprintf(&b, "%s, %d cores, %s, %s, on %s; load %.2f at the start. %d threads each, float32, %d rounds.\n", m.CPU, m.Cores, m.Memory,
		m.Kernel, m.Host, m.Load, r.Threads, r.Rounds)
	fmt.Fprintf(&b, "strata %s; %s%s%s.\n", m.Commit, m.Go, listed(m.Modules), listed(m.Environment))
	if versions := r.versions(); versions != "" {
		fmt.Fprintf(&b, "Peers: %s.\n", versions)
	}
	competitors := r.competitors()

	b.WriteString("\n## Time of a step\n\nMilliseconds: the median over the rounds of each process's median step, in parentheses the " +
		"smallest and largest of these.\n" + "A ratio is strata's time over that of the better form of a peer, below 1 where strata is " +
		"faster; in parentheses those of single rounds.\n" +
		"`~` is multiplied from a part, `!` was measured while others used more than a twentieth of the machine.\n\n")
	head := append([]string{"case", "images"}, competitors...)
	for _, c := range competitors {
		if strings.HasPrefix(c, ours) {
			for _, f := range frameworks {
				if slices.ContainsFunc(f.forms, func(form string) bool { return slices.Contains(competitors, form) }) {
					head = append(head, c+" / "+f.name)
				}
			}
		}
	}
	rows := [][]string{head}
	for _, name := range r.cases() {
		row := []string{name, fmt.Sprint(r.images(name))}
		for _, c := range competitors {
			row = append(row, r.time(name, c))
		}
		for _, c := range competitors {
			if strings.HasPrefix(c, ours) {
				for _, f := range frameworks {
					if slices.Contains(head, c+" / "+f.name) {
						row = append(row, r.ratio(name, c, f.forms...))
					}
				}
			}
		}
		rows = append(rows, row)
	}
	b.WriteString(table(rows))

	single := func(title string, cell func(first measurement, all []measurement) string) {
		b.WriteString(title)
		rows := [][]string{append([]string{"case"}, competitors...)}
		for _, name := range r.cases() {
			row := []string{name}
			for _, c := range competitors {
				text := ""
				if all := r.of(name, c); len(all) > 0 {
					text = cell(all[0], all)
				}
				row = append(row, text)
			}
			rows = append(rows, row)
		}
		b.WriteString(table(rows))
	}
	single("\n## Ready\n\nSeconds until the first step was done in the first round, when nothing is compiled yet: from before the "+
		"network is built, and in\nparentheses from the start of the process, imports included.\n\n",
		func(first measurement, _ []measurement) string {
			return fmt.Sprintf("%.1f (%.1f)", first.ReadyS, first.ProcessS)
		})
	single("\n## Memory\n\nMiB that the process held at most (VmHWM); in parentheses what it held before it built anything.\n\n",
		func(_ measurement, all []measurement) string {
			peaks, imports := []float64{}, []float64{}
			for _, m := range all {
				peaks, imports = append(peaks, m.PeakMB), append(imports, m.ImportMB)
			}
			if median(imports) == 0 {
				return fmt.Sprintf("%.0f", median(peaks))
			}
			return fmt.Sprintf("%.0f (%.0f)", median(peaks), median(imports))
		})

	failed := ""
	for _, m := range r.Measurements {
		if m.Error != "" {
			failed += fmt.Sprintf("- %s, %s: %s\n", m.Case, m.Competitor, m.Error)
		}
	}
	if failed != "" {
		b.WriteString("\n## What did not run\n\n" + failed)
	}
	return b.String()
}

func listed(pairs map[string]string) string {
	text := ""
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		text += ", " + key + " " + pairs[key]
	}
	return text
}

func (r *report) versions() string {
	all := map[string]bool{}
	for _, m := range r.Measurements {
		for name, version := range m.Versions {
			all[name+" "+version] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}

// cases and competitors are those of the results, in the order of the list of cases.
func (r *report) cases() []string {
	var names []string
	for _, c := range allCases() {
		if slices.ContainsFunc(r.Measurements, func(m measurement) bool { return m.Case == c.name }) {
			names = append(names, c.name)
		}
	}
	return names
}

func (r *report) competitors() []string {
	var mine, peers []string
	for _, m := range r.Measurements {
		if strings.HasPrefix(m.Competitor, ours) && !slices.Contains(mine, m.Competitor) {
			mine = append(mine, m.Competitor)
		}
	}
	for _, name := range []string{torchEager, torchCompiled, jaxUnrolled, jaxScanned} {
		if slices.ContainsFunc(r.Measurements, func(m measurement) bool { return m.Competitor == name }) {
			peers = append(peers, name)
		}
	}
	slices.Sort(mine)
	return append(mine, peers...)
}

// of are the rounds of a competitor in a case that gave a result.
func (r *report) of(name, competitor string) []measurement {
	var found []measurement
	for _, m := range r.Measurements {
		if m.Case == name && m.Competitor == competitor && m.Error == "" {
			found = append(found, m)
		}
	}
	return found
}

func (r *report) images(name string) int {
	for _, m := range r.Measurements {
		if m.Case == name && m.Error == "" {
			return m.Images
		}
	}
	return 0
}

func (r *report) time(name, competitor string) string {
	all := r.of(name, competitor)
	if len(all) == 0 {
		return ""
	}
	var medians []float64
	mark := ""
	for _, m := range all {
		medians = append(medians, m.MedianMS)
		if m.Extrapolated {
			mark = "~"
		}
	}
	text := fmt.Sprintf("%s%s (%s-%s)", mark, milliseconds(median(medians)), milliseconds(slices.Min(medians)),
		milliseconds(slices.Max(medians)))
	if r.disturbed(name, competitor) {
		text += " !"
	}
	return text
}

func (r *report) disturbed(name, competitor string) bool {
	return slices.ContainsFunc(r.of(name, competitor), func(m measurement) bool { return m.Others > disturbed })
}

// ratio is the time of one competitor over that of the better of some peers, over the rounds that both have.
func (r *report) ratio(name, competitor string, peers ...string) string {
	medianOf := func(c string) float64 {
		var all []float64
		for _, m := range r.of(name, c) {
			all = append(all, m.MedianMS)
		}
		return median(all)
	}
	best, mine := "", medianOf(competitor)
	for _, p := range peers {
		if v := medianOf(p); v > 0 && (best == "" || v < medianOf(best)) {
			best = p
		}
	}
	if best == "" || mine == 0 {
		return ""
	}
	var rounds []float64
	for _, m := range r.of(name, competitor) {
		for _, p := range r.of(name, best) {
			if p.Round == m.Round {
				rounds = append(rounds, m.MedianMS/p.MedianMS)
			}
		}
	}
	if len(rounds) == 0 {
		return fmt.Sprintf("%.2f", mine/medianOf(best))
	}
	text := fmt.Sprintf("%.2f (%.2f-%.2f)", mine/medianOf(best), slices.Min(rounds), slices.Max(rounds))
	if r.disturbed(name, competitor) || r.disturbed(name, best) {
		text += " !"
	}
	return text
}

// median of none is 0.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// milliseconds has three digits, and no fraction from 100 on.
func milliseconds(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// table is a Markdown table that is readable as it is; the first row is the head.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + " ")
		}
		b.WriteString("|\n")
	}
	line(rows[0])
	for _, w := range widths {
		b.WriteString("|" + strings.Repeat("-", w+2))
	}
	b.WriteString("|\n")
	for _, row := range rows[1:] {
		line(row)
	}
	return b.String()
}
