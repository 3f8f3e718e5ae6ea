package notebook

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bare is a notebook exactly as Jupyter writes it.
const bare = `{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "intro",
   "metadata": {},
   "source": [
    "# Title\n",
    "a < b & c"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "one",
   "metadata": {
    "tags": [
     "x"
    ]
   },
   "outputs": [],
   "source": [
    "ch := make(<-chan int)\n"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Go (gonb)",
   "language": "go",
   "name": "gonb"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`

func ExampleParse() {
	nb, err := Parse([]byte(`{"nbformat": 4, "nbformat_minor": 5, "metadata": {},
		"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": "fmt.Println(1)"}]}`))
	fmt.Println(err, len(nb.Cells), nb.Cells[0].Source, nb.HasOutputs())
	// Output: <nil> 1 fmt.Println(1) false
}

func TestEncodeKeepsJupytersBytes(t *testing.T) {
	nb, err := Parse([]byte(bare))
	require.NoError(t, err)
	assert.Equal(t, "# Title\na < b & c", nb.Cells[0].Source)
	data, err := nb.Encode()
	require.NoError(t, err)
	assert.Equal(t, bare, string(data))
}

func TestOutputsSurviveSaveAndLoad(t *testing.T) {
	nb, err := Parse([]byte(bare))
	require.NoError(t, err)
	nb.Cells[1].ExecutionCount = 3
	nb.Cells[1].Outputs = []Output{
		{Type: "stream", Name: "stdout", Text: "one\ntwo"},
		{Type: "display_data", Data: map[string]json.RawMessage{"image/png": json.RawMessage(`"aGk="`)},
			Metadata: json.RawMessage("{}")},
		{Type: "execute_result", ExecutionCount: 3, Data: map[string]json.RawMessage{}, Metadata: json.RawMessage("{}")},
		{Type: "error", Ename: "ERROR", Evalue: "", Traceback: []string{"a", "b"}},
	}
	path := filepath.Join(t.TempDir(), "new", "folder", "nb.ipynb")
	require.NoError(t, nb.Save(path))
	again, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, nb.Cells, again.Cells)
	assert.True(t, again.HasOutputs())

	// Outputs must not come back into the notebook that was loaded.
	again.Cells[0].Source = "changed"
	assert.ErrorContains(t, again.Save(path), "refusing to write outputs")
	link := filepath.Join(t.TempDir(), "link.ipynb")
	require.NoError(t, os.Symlink(path, link))
	assert.ErrorContains(t, again.Save(link), "refusing to write outputs")
	unchanged, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, "# Title\na < b & c", unchanged.Cells[0].Source)

	require.NoError(t, again.Strip().Save(path), "without outputs it may")
	stripped, err := Load(path)
	require.NoError(t, err)
	assert.False(t, stripped.HasOutputs())
	assert.Equal(t, "changed", stripped.Cells[0].Source)
	assert.True(t, again.HasOutputs(), "Strip returns a copy")
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ data, message string }{
		"no JSON":      {`{"cells": [}`, "byte 12"},
		"truncated":    {bare[:len(bare)/2], "no JSON at byte"},
		"wrong type":   {`{"nbformat": "four"}`, "nbformat is a string"},
		"old format":   {`{"nbformat": 3, "cells": []}`, "nbformat 3, expected 4"},
		"no cells":     {`{"nbformat": 4}`, "no cells"},
		"unknown cell": {`{"nbformat": 4, "cells": [{"cell_type": "heading", "source": ""}]}`, `cell 1 has type "heading"`},
		"same id twice": {`{"nbformat": 4, "cells": [{"cell_type": "raw", "id": "a", "source": ""}, ` +
			`{"cell_type": "raw", "id": "a", "source": ""}]}`, "cell 2 has the id"},
		"python": {`{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"name": "python3", "language": "python"}}}`,
			"only Go notebooks"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.data))
			assert.ErrorContains(t, err, c.message)
		})
	}
	_, err := Load(filepath.Join(t.TempDir(), "absent.ipynb"))
	assert.ErrorContains(t, err, "absent.ipynb")
}

// FuzzParse: no input makes Parse panic, and what it accepts is written in a
// form that it reads back as the same notebook.
func FuzzParse(f *testing.F) {
	f.Add([]byte(bare))
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"code","source":"x",` +
		`"outputs":[{"output_type":"stream","name":"stdout","text":"hi"}],"execution_count":1}]}`))
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"markdown","source":["a","b"],` +
		`"attachments":{"i.png":{"image/png":"aGk="}}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		nb, err := Parse(data)
		if err != nil {
			return
		}
		first, err := nb.Encode()
		require.NoError(t, err)
		again, err := Parse(first)
		require.NoError(t, err)
		second, err := again.Encode()
		require.NoError(t, err)
		assert.Equal(t, string(first), string(second))
	})
}
