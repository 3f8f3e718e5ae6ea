package report

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"strata/pkg/figure"
	"strata/pkg/result"
)

// sign is how a verdict looks without colour.
func sign(v result.Verdict) string {
	return map[result.Verdict]string{
		result.Holds: "●", result.Open: "◐", result.DoesNotHold: "○", result.NotMeasured: "–"}[v]
}

// of are the conditions of a claim.
func of(id string, conditions []result.Condition) []result.Condition {
	return slices.DeleteFunc(slices.Clone(conditions), func(c result.Condition) bool { return c.ID != id })
}

// conditionText is a condition in a line: "ratio - raw, points: 99.01 [98.5, 99.4] > 30".
func conditionText(c result.Condition) string {
	if c.Verdict == result.NotMeasured {
		return fmt.Sprintf("%s %s %s", c.Condition, c.Comparison, value(c.Bound))
	}
	return fmt.Sprintf("%s: %s [%s, %s] %s %s",
		c.Condition, value(c.Value), value(c.Low), value(c.High), c.Comparison, value(c.Bound))
}

// remark is a claim's note without the conditions in numbers, which are shown by themselves.
func remark(note string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(note, "; "), inNumbers.MatchString), "; ")
}

// inNumbers is how a condition in a note begins: "0.9634 [0.9597, 0.9669] > 0.95 holds".
var inNumbers = regexp.MustCompile(`^-?[0-9][0-9.e+-]* \[`)

// measuredOn is what a claim was measured on.
func measuredOn(c result.Claim) string {
	parts := []string{c.Data, "size " + c.Size, c.Network}
	if c.Steps != "" {
		parts = append(parts, "steps "+c.Steps)
	}
	parts = append(parts, counted(c.Seeds, "seed"), counted(c.Images, "image"))
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// counted is a number of things, "" for none.
func counted(n int, what string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// PrintClaims writes claims, and the conditions that they rest on, for a terminal or a log.
func PrintClaims(w io.Writer, claims []result.Claim, conditions ...result.Condition) {
	for _, c := range claims {
		verdict := strings.ToUpper(string(c.Verdict))
		fmt.Fprintf(w, "\n%-18s %s (%s)\n", c.ID, c.Text, c.Where)
		if c.Verdict == result.NotMeasured {
			fmt.Fprintf(w, "  %-13s  %s; paper %s; holds if %s\n", verdict, c.Note, c.Paper, c.Predicate)
			continue
		}
		fmt.Fprintf(w, "  %-13s  %s: %.4g [%.4g, %.4g]; paper %s; holds if %s\n",
			verdict, c.Measured, c.Value, c.Low, c.High, c.Paper, c.Predicate)
		for _, condition := range of(c.ID, conditions) {
			fmt.Fprintf(w, "  %-13s  %s\n", condition.Verdict, conditionText(condition))
		}
		if c.Note != "" {
			fmt.Fprintf(w, "  %-13s  %s\n", "", c.Note)
		}
		fmt.Fprintf(w, "  %-13s  %s\n", "", measuredOn(c))
	}
}

// ClaimsMarkdown is claims, and the conditions that they rest on, as a table for notebooks and reports. It has few
// columns: what a claim was measured on stands under it, where a page that is narrow has room.
func ClaimsMarkdown(claims []result.Claim, conditions ...result.Condition) string {
	var b strings.Builder
	b.WriteString("| claim | paper | here, with the 95 % interval | verdict |\n|---|---|---|---|\n")
	const line, small, normal = "\x00", "\x01", "\x02" // elements of HTML, until the text is escaped
	for _, c := range claims {
		under := "holds if " + c.Predicate
		here := c.Note
		if c.Verdict != result.NotMeasured {
			under += line + "measured on " + measuredOn(c)
			value, interval := figure.Rounded(c)
			here = fmt.Sprintf("%s: **%s** %s", c.Measured, value, interval)
			if said := remark(c.Note); said != "" {
				here += " (" + said + ")"
			}
			for _, condition := range of(c.ID, conditions) {
				here += line + sign(condition.Verdict) + " " + conditionText(condition)
			}
		}
		fmt.Fprintf(&b, "| **%s** %s (%s)%s%s%s%s | %s | %s | **%s** |\n",
			c.ID, c.Text, c.Where, line, small, under, normal, c.Paper, here, c.Verdict)
	}
	return strings.NewReplacer("<", "&lt;", line, "<br>", small, "<small>", normal, "</small>").Replace(b.String())
}
