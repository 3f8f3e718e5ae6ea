package report

import (
	"regexp"
	"strings"

	"strata/pkg/result"
)

// Notebooks show tables as Markdown, which has no colours: a sign in each cell says how it stands to the paper's.
var (
	signed  = regexp.MustCompile(`<td>(●|◐|○|\?|–|”)[\s\x{00A0}]`)
	verdict = regexp.MustCompile(`<td>(?:<strong>)?(holds|open|does not hold|not measured)(?:</strong>)?</td>`)
)

// Coloured gives the cells of tables in a page that begin with a sign of agreement, or are a verdict, the class that
// they have in the pages of a report: the same tables look alike wherever they are shown.
func Coloured(html string) string {
	html = signed.ReplaceAllStringFunc(html, func(found string) string {
		for _, a := range []Agreement{Agrees, Direction, Disagrees, Open, NotRun, Quoted} {
			if rest, ok := strings.CutPrefix(found, "<td>"+a.Symbol()); ok {
				return `<td class="cell ` + a.Class() + `">` + a.Symbol() + rest
			}
		}
		return found
	})
	return verdict.ReplaceAllStringFunc(html, func(found string) string {
		v := result.Verdict(verdict.FindStringSubmatch(found)[1])
		return `<td class="verdict ` + class(v) + `">` + sign(v) + " " + string(v) + "</td>"
	})
}
