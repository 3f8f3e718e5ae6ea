package report

import (
	"testing"

	"github.com/stretchr/testify/require"

	"strata/internal/markup"
)

// Tables that notebooks show as Markdown look on a page as those of a report do.
func TestColoured(t *testing.T) {
	r, err := Read(nil)
	require.NoError(t, err)
	text := r.Results[0].Tables[0].Markdown() + "\n\n" + ClaimsMarkdown(someClaims) +
		"\n\n| a |\n|---|\n| ● |\n| holdsno |\n"
	html, err := markup.HTML(text)
	require.NoError(t, err)
	coloured := Coloured(html)
	for _, want := range []string{`<td class="cell not-run">–`, `<td class="verdict holds">● holds</td>`,
		`<td class="verdict does-not-hold">○ does not hold</td>`, `<td class="verdict not-measured">– not measured</td>`,
		"<td>●</td>", "<td>holdsno</td>"} {
		require.Contains(t, coloured, want)
	}
	v := View{Agreement: Direction, Paper: "8.8", Ours: "10.0"}
	html, err = markup.HTML("| a |\n|---|\n| " + v.markdown() + " |")
	require.NoError(t, err)
	require.Contains(t, Coloured(html), `<td class="cell same-direction">◐`)
}
