package report

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The argument is a page of its own, whose links lead to the results wherever they lie.
func TestArgument(t *testing.T) {
	r, err := Read([]string{figureResults})
	require.NoError(t, err)
	r.Results[0].Gallery = "../../README.md"
	docs, err := filepath.Abs("../../docs")
	require.NoError(t, err)
	r.Results[0].folder, err = filepath.Abs(figureResults)
	require.NoError(t, err)
	html, err := r.Argument(docs)
	require.NoError(t, err)
	for _, want := range []string{"The paradox</h2>", `href="../pkg/figure/testdata/results/results.json"`, "<math",
		`href="../pkg/figure/README.md"`, `<b>D2</b>`, "data:image/svg&#43;xml;base64,"} {
		require.Contains(t, html, want)
	}
	require.NotContains(t, html, "{{")
	_, err = (&Report{Results: []Result{{}}}).Argument(docs)
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
