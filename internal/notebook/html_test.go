package notebook

import (
	"bytes"
	"encoding/json"
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
			{Type: "display_data", Data: map[string]json.RawMessage{"text/html": raw("<b>value=1</b>")},
				Metadata: raw(map[string]string{"display_id": "x"})},
			{Type: "display_data", Data: map[string]json.RawMessage{"text/html": raw("<b>value=2</b>")},
				Metadata: raw(map[string]string{"display_id": "x"})},
			{Type: "display_data", Data: map[string]json.RawMessage{"text/html": raw("<progress value=3>")}},
		}},
		{Type: "code", Source: "!*plumbing", Metadata: json.RawMessage(`{"jupyter": {"source_hidden": true}}`),
			Outputs: []Output{{Type: "stream", Name: "stdout", Text: "its output"}}},
	}}
	var page bytes.Buffer
	require.NoError(t, nb.HTML(&page))
	text := page.String()
	for _, want := range []string{"<h1>Title</h1>", "<math", `href="02_more.ipynb"`,
		`href="../pkg/x.go"`, "<td>2</td>", "<code>show(1 &lt; 2)</code>", "a &lt;b&gt;",
		`src="data:image/png;base64,aGk="`, "<em>caption</em>", "value=2"} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "FORMULA")
	assert.NotContains(t, text, "value=1", "what was redrawn is gone")
	assert.NotContains(t, text, "plumbing", "a folded cell")
	assert.Contains(t, text, "its output")
	assert.NotContains(t, text, "progress", "a bar is of the moment")
	assert.NotContains(t, text, "%%")
	nb.Cells[1].Outputs = []Output{{Type: "display_data", Data: map[string]json.RawMessage{"text/plain": raw(5)}}}
	assert.ErrorContains(t, nb.HTML(&page), "cell 2: an output that is no text")
}

// What Jupyter folds, and what Jupyter Book's tags hide, a reader of the page is not shown.
func TestHTMLHides(t *testing.T) {
	for metadata, want := range map[string][2]bool{
		`{}`:                                               {true, true},
		`{"jupyter": {"source_hidden": true}}`:             {false, true},
		`{"jupyter": {"outputs_hidden": true}}`:            {true, false},
		`{"tags": ["hide-input"]}`:                         {false, true},
		`{"tags": ["other", "remove-output"]}`:             {true, false},
		`{"tags": ["hide-cell"], "collapsed": "whatever"}`: {false, false},
	} {
		nb := &Notebook{Cells: []Cell{{Type: "code", Source: "%%\nmake()", Metadata: json.RawMessage(metadata),
			Outputs: []Output{{Type: "stream", Name: "stdout", Text: "made"}}}}}
		var page bytes.Buffer
		require.NoError(t, nb.HTML(&page))
		shown := [2]bool{bytes.Contains(page.Bytes(), []byte("make()")), bytes.Contains(page.Bytes(), []byte("made"))}
		assert.Equal(t, want, shown, metadata)
	}
	nb := &Notebook{Cells: []Cell{{Type: "code", Metadata: json.RawMessage(`{"tags": 1}`)}}}
	assert.ErrorContains(t, nb.HTML(&bytes.Buffer{}), "cell 1: metadata")
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
		require.NoError(t, nb.HTML(&page))
		assert.NotContains(t, page.String(), "FORMULA")
	}
}
