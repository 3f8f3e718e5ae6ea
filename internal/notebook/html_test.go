package notebook

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHTML(t *testing.T) {
	raw := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return text
	}
	nb := &Notebook{Cells: []Cell{
		{Type: "markdown", Source: "# Title\n\n$a_1 * b_2$ and [next](02_more.ipynb), [code](../pkg/x.go)\n\n$$\\ln p(x) " +
			"= \\sum_i c_i$$\n\n| a | b |\n|---|---|\n| 1 | 2 |"},
		{Type: "code", Source: "%%\nshow(1 < 2)", Outputs: []Output{
			{Type: "stream", Name: "stdout", Text: "a <b>"},
			{Type: "display_data", Data: map[string]json.RawMessage{"image/png": raw("aGk=\n")}},
			{Type: "display_data", Data: map[string]json.RawMessage{"text/markdown": raw([]string{"*cap", "tion*"})}},
			{Type: "display_data", Data: map[string]json.RawMessage{"text/html": raw("<progress value=1>")},
				Metadata: raw(map[string]string{"display_id": "x"})},
			{Type: "display_data", Data: map[string]json.RawMessage{"text/html": raw("<progress value=2>")},
				Metadata: raw(map[string]string{"display_id": "x"})},
		}},
		{Type: "code", Source: "!*plumbing", Metadata: json.RawMessage(`{"jupyter": {"source_hidden": true}}`),
			Outputs: []Output{{Type: "stream", Name: "stdout", Text: "its output"}}},
	}}
	var page bytes.Buffer
	require.NoError(t, nb.HTML(&page, "a & b"))
	text := page.String()
	for _, want := range []string{"<title>a &amp; b</title>", "<h1>Title</h1>", "<math", `href="02_more.html"`,
		`href="../pkg/x.go"`, "<td>2</td>", "show(1 &lt; 2)", "a &lt;b&gt;",
		`src="data:image/png;base64,aGk="`, "<em>caption</em>", "value=2"} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "FORMULA")
	assert.NotContains(t, text, "value=1", "what was redrawn is gone")
	assert.NotContains(t, text, "plumbing", "a folded cell")
	assert.Contains(t, text, "its output")
	nb.Cells[1].Outputs = []Output{{Type: "display_data", Data: map[string]json.RawMessage{"text/plain": raw(5)}}}
	assert.ErrorContains(t, nb.HTML(&page, "x"), "cell 2: an output that is no text")
}

// Every formula of the project's notebooks can be drawn.
func TestHTMLOfTheNotebooks(t *testing.T) {
	paths, err := filepath.Glob("../../notebooks/*.ipynb")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		nb, err := Load(path)
		require.NoError(t, err)
		var page bytes.Buffer
		require.NoError(t, nb.HTML(&page, filepath.Base(path)))
		if dir := os.Getenv("STRATA_TEST_PAGES"); dir != "" { // to look at them
			require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)+".html"), page.Bytes(), 0o644))
		}
		assert.NotContains(t, page.String(), "FORMULA")
	}
}
