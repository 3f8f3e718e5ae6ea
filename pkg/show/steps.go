package show

import (
	_ "embed" // pages
	"fmt"
	"html"
	"image/color"
	"maps"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"strata/pkg/figure"
	"strata/pkg/result"
)

// Steps shows how well the ratio to the general Glow tells the own set from the others while configurations are
// trained, with a slider over the steps: a line is a configuration against a set of outliers, and a table says what it
// is at the step. What no run was looked at for is left out, and said.
func Steps(configurations ...string) {
	defer gonbui.Sync()
	points, err := result.Read[result.CurvePoint](resultsFolder())
	must(err)
	page, absent := steps(gonbui.UniqueId(), points, configurations)
	if page != "" {
		gonbui.DisplayHTML(page)
	}
	if len(absent) > 0 {
		gonbui.DisplayMarkdown(fmt.Sprintf("*Not shown: %s, not trained.*", strings.Join(absent, ", ")))
	}
}

// stepLine is what was seen of a configuration against a set of outliers.
type stepLine struct {
	Configuration, Role string
	Points              []stepPoint
}

// stepPoint is a mean over seeds at a step, with the interval where there is one seed.
type stepPoint struct {
	Step             int
	Value, Low, High float64
	seeds            float64
}

// dashes tell configurations apart, colours roles.
var dashes = []string{"", "6 4", "2 3", "8 3 2 3"}

func steps(id string, points []result.CurvePoint, configurations []string) (page string, absent []string) {
	lines, last := stepLines(points, configurations)
	var shown, roles []string
	for _, c := range configurations {
		if !slices.ContainsFunc(lines, func(l stepLine) bool { return l.Configuration == c }) {
			absent = append(absent, c)
			continue
		}
		shown = append(shown, c)
	}
	if len(lines) == 0 {
		return "", absent
	}
	for _, l := range lines {
		if !slices.Contains(roles, l.Role) {
			roles = append(roles, l.Role)
		}
	}
	const left, right, top, bottom = 56.0, 590.0, 12.0, 250.0
	x := func(step int) float64 { return left + (right-left)*float64(step)/float64(last) }
	y := func(percent float64) float64 { return bottom - (bottom-top)*percent/100 }
	var drawing, legend, table strings.Builder
	for percent := 0.0; percent <= 100; percent += 25 {
		fmt.Fprintf(&drawing, `<path d="M%.0f %.1fH%.0f" stroke="#ddd"/><text x="%.0f" y="%.1f" font-size="12" `+
			`text-anchor="end">%.0f</text>`, left, y(percent), right, left-7, y(percent)+4, percent)
	}
	fmt.Fprintf(&drawing, `<path d="M%.0f %.1fH%.0f" stroke="#777" stroke-dasharray="2 3"/>`, left, y(50), right)
	for _, tick := range figure.Ticks.Ticks(0, float64(last)) {
		fmt.Fprintf(&drawing, `<text x="%.1f" y="%.0f" font-size="12" text-anchor="middle">%s</text>`, x(int(tick.Value)),
			bottom+18, html.EscapeString(tick.Label))
	}
	fmt.Fprintf(&drawing, `<text x="%.0f" y="%.0f" font-size="13" text-anchor="middle">steps of training</text>`+
		`<text x="14" y="%.0f" font-size="13" text-anchor="middle" transform="rotate(-90 14 %.0f)">`+
		`AUROC of the ratio, %%</text>`, (left+right)/2, bottom+38, (top+bottom)/2, (top+bottom)/2)
	for _, l := range lines {
		var path strings.Builder
		for i, p := range l.Points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x(p.Step), y(p.Value))
		}
		fmt.Fprintf(&drawing, `<path d="%s" fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`, path.String(),
			hex(figure.RoleColor(l.Role)), dashes[slices.Index(shown, l.Configuration)%len(dashes)])
	}
	for _, role := range roles {
		fmt.Fprintf(&legend, `<span style="margin-right:14px"><span style="color:%s">&#9632;</span> %s</span>`,
			hex(figure.RoleColor(role)), html.EscapeString(role))
	}
	table.WriteString("<tr><th></th><th>at step</th>")
	for _, role := range roles {
		fmt.Fprintf(&table, "<th>against %s</th>", html.EscapeString(role))
	}
	table.WriteString("</tr>")
	for i, c := range shown {
		fmt.Fprintf(&table, `<tr><td><svg width="34" height="8"><path d="M0 4H34" stroke="#333" stroke-width="2" `+
			`stroke-dasharray="%s"/></svg> %s</td><td class="at"></td>%s</tr>`, dashes[i%len(dashes)], html.EscapeString(c),
			strings.Repeat(`<td class="value"></td>`, len(roles)))
	}
	return fill(stepsPage, map[string]string{"ID": id, "DRAWING": drawing.String(), "LEGEND": legend.String(),
		"TABLE": table.String(), "LINES": encoded(lines), "CONFIGURATIONS": encoded(shown),
		"ROLES": encoded(roles), "LAST": fmt.Sprint(last),
		"LEFT": fmt.Sprint(left), "RIGHT": fmt.Sprint(right), "TOP": fmt.Sprint(top), "BOTTOM": fmt.Sprint(bottom)}), absent
}

// stepLines are the AUROCs of the ratio of configurations, in their order, as means over the seeds that were looked at
// at a step; last is the latest step of all.
func stepLines(points []result.CurvePoint, configurations []string) (lines []stepLine, last int) {
	for _, c := range configurations {
		var roles []string
		seen := map[string]map[int]stepPoint{}
		for _, p := range points {
			if p.Configuration != c || p.Metric != result.AUROCRatio || p.Role == "mean" {
				continue
			}
			if seen[p.Role] == nil {
				seen[p.Role], roles = map[int]stepPoint{}, append(roles, p.Role)
			}
			at := seen[p.Role][p.Step]
			at.Step, at.seeds = p.Step, at.seeds+1
			at.Value += (p.Value - at.Value) / at.seeds
			at.Low, at.High = p.Low, p.High
			if at.seeds > 1 {
				at.Low, at.High = at.Value, at.Value
			}
			seen[p.Role][p.Step] = at
			last = max(last, p.Step)
		}
		for _, role := range roles {
			line := stepLine{Configuration: c, Role: role}
			for _, step := range slices.Sorted(maps.Keys(seen[role])) {
				line.Points = append(line.Points, seen[role][step])
			}
			lines = append(lines, line)
		}
	}
	return lines, last
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

//go:embed pages/steps.html
var stepsPage string
