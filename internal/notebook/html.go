package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"strata/internal/markup"
)

// HTML writes the notebook as the body of a page: what its cells say and show, in their order. Pictures are inside of
// it, formulas are MathML, which browsers draw themselves, and interactive outputs keep their scripts. Cells keep to
// themselves what their metadata says.
func (nb *Notebook) HTML(w io.Writer) error {
	var page bytes.Buffer
	for i, c := range nb.Cells {
		hidden, err := c.hidden()
		if err != nil {
			return fmt.Errorf("notebook %s: cell %d: %w", nb.name(), i+1, err)
		}
		switch c.Type {
		case "markdown":
			if hidden.source {
				continue
			}
			text, err := markup.HTML(c.Source)
			if err != nil {
				return fmt.Errorf("notebook %s: cell %d: %w", nb.name(), i+1, err)
			}
			page.WriteString(text)
		case "code":
			if !hidden.source {
				fmt.Fprintf(&page, "<pre class=\"code\"><code>%s</code></pre>\n", html.EscapeString(shownSource(c.Source)))
			}
			if hidden.outputs {
				continue
			}
			for _, o := range latest(c.Outputs) {
				text, err := o.html()
				if err != nil {
					return fmt.Errorf("notebook %s: cell %d: %w", nb.name(), i+1, err)
				}
				page.WriteString(text)
			}
		}
	}
	_, err := w.Write(page.Bytes())
	return err
}

// shownSource is a cell's source without the lines that ask GoNB for a main function: they say nothing to a reader.
func shownSource(source string) string {
	var kept []string
	for line := range strings.Lines(source) {
		if strings.TrimSpace(line) != "%%" {
			kept = append(kept, line)
		}
	}
	return strings.TrimSpace(strings.Join(kept, ""))
}

// hidden says what of a cell a reader is not shown.
type hidden struct{ source, outputs bool }

// hidden reads it from the metadata: what Jupyter itself folds, and the tags of Jupyter Book.
func (c Cell) hidden() (hidden, error) {
	var m struct {
		Tags    []string
		Jupyter struct {
			Source  bool `json:"source_hidden"`
			Outputs bool `json:"outputs_hidden"`
		}
	}
	if len(c.Metadata) > 0 {
		if err := json.Unmarshal(c.Metadata, &m); err != nil {
			return hidden{}, fmt.Errorf("metadata: %w", err)
		}
	}
	has := func(tag string) bool { return slices.Contains(m.Tags, tag) }
	return hidden{
		source:  m.Jupyter.Source || has("hide-input") || has("remove-input") || has("hide-cell") || has("remove-cell"),
		outputs: m.Jupyter.Outputs || has("hide-output") || has("remove-output") || has("hide-cell") || has("remove-cell"),
	}, nil
}

// latest leaves of outputs that were redrawn in their place the last state. Bars of progress go: they were of the moment.
func latest(outputs []Output) []Output {
	last := map[string]int{}
	display := func(o Output) string {
		var m struct {
			ID string `json:"display_id"`
		}
		json.Unmarshal(o.Metadata, &m) // without one it is no such output
		return m.ID
	}
	for i, o := range outputs {
		if id := display(o); id != "" {
			last[id] = i
		}
	}
	var kept []Output
	for i, o := range outputs {
		if id := display(o); (id == "" || last[id] == i) && !o.isProgress() {
			kept = append(kept, o)
		}
	}
	return kept
}

// isProgress says whether an output is a bar that tells how far a cell is.
func (o Output) isProgress() bool {
	text, err := textOf(o.Data["text/html"])
	return err == nil && strings.Contains(text, "<progress")
}

func (o Output) html() (string, error) {
	switch o.Type {
	case "stream":
		return fmt.Sprintf("<pre class=\"%s\">%s</pre>\n", html.EscapeString(o.Name), html.EscapeString(o.Text)), nil
	case "error":
		return fmt.Sprintf("<pre class=\"stderr\">%s: %s</pre>\n", html.EscapeString(o.Ename), html.EscapeString(o.Evalue)),
			nil
	}
	for _, mime := range []string{"text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"} {
		raw, ok := o.Data[mime]
		if !ok {
			continue
		}
		text, err := textOf(raw)
		if err != nil {
			return "", err
		}
		switch mime {
		case "text/html", "image/svg+xml":
			return "<div class=\"output\">" + text + "</div>\n", nil
		case "image/png":
			return fmt.Sprintf("<div class=\"output\"><img alt=\"figure\" src=\"data:image/png;base64,%s\"></div>\n",
				strings.Join(strings.Fields(text), "")), nil
		case "text/markdown":
			text, err := markup.HTML(text)
			return "<div class=\"output\">" + text + "</div>\n", err
		}
		return fmt.Sprintf("<pre>%s</pre>\n", html.EscapeString(text)), nil
	}
	return "", nil
}

// textOf is a value of the notebook format: a text, or its lines.
func textOf(raw json.RawMessage) (string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		return text, nil
	}
	var lines []string
	if err := json.Unmarshal(raw, &lines); err != nil {
		return "", fmt.Errorf("an output that is no text: %w", err)
	}
	return strings.Join(lines, ""), nil
}
