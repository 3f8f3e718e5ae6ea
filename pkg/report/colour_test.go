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

func TestArgument(t *testing.T) {
	r, err := Read([]string{figureResults})
	require.NoError(t, err)
	r.Results[0].Gallery = "../../README.md"
	html, err := r.Argument()
	require.NoError(t, err)
	for _, want := range []string{"The paradox</h2>", `href="../figures/results/results/results.json"`, "<math",
		`href="../figures/README.md"`, `<b>D2</b>`, "data:image/svg&#43;xml;base64,"} {
		require.Contains(t, html, want)
	}
	require.NotContains(t, html, "{{")
	_, err = Read(nil)
	require.NoError(t, err)
	_, err = (&Report{Results: []Result{{}}}).Argument()
	require.ErrorContains(t, err, "no results")
}

// Pages of results show charts and no image: those of somebody's sets may not go where the pages go.
func TestPagesHaveChartsOnly(t *testing.T) {
	r, err := Read([]string{figureResults})
	require.NoError(t, err)
	_, err = r.Results[0].chart("fig3a")
	require.ErrorContains(t, err, "shows images")
	_, err = r.Results[0].chart("fig99")
	require.ErrorContains(t, err, "no figure is called fig99")
	d, err := r.Results[0].chart("fig2c")
	require.NoError(t, err)
	require.Equal(t, 480, d.Width)
	require.NotEmpty(t, d.Caption)
}
