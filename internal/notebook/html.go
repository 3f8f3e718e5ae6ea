package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/wyatt915/treeblood"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	markdownhtml "github.com/yuin/goldmark/renderer/html"
)

// HTML writes the notebook as one page that needs nothing else: pictures are inside of it, formulas are MathML, which
// browsers draw themselves, and interactive outputs keep their scripts. Links to other notebooks lead to their pages.
func (nb *Notebook) HTML(w io.Writer, title string) error {
	var page bytes.Buffer
	fmt.Fprintf(&page, pageHead, html.EscapeString(title))
	for i, c := range nb.Cells {
		switch c.Type {
		case "markdown":
			text, err := markdown(c.Source)
			if err != nil {
				return fmt.Errorf("notebook %s: cell %d: %w", title, i+1, err)
			}
			page.WriteString(text)
		case "code":
			if !c.Folded() {
				fmt.Fprintf(&page, "<pre class=\"code\">%s</pre>\n", html.EscapeString(strings.TrimSpace(c.Source)))
			}
			for _, o := range latest(c.Outputs) {
				text, err := o.html()
				if err != nil {
					return fmt.Errorf("notebook %s: cell %d: %w", title, i+1, err)
				}
				page.WriteString(text)
			}
		}
	}
	page.WriteString("</body></html>\n")
	_, err := w.Write(page.Bytes())
	return err
}

// latest leaves of outputs that were redrawn in their place, as progress displays are, the last state.
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
		if id := display(o); id == "" || last[id] == i {
			kept = append(kept, o)
		}
	}
	return kept
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
				strings.TrimSpace(text)), nil
		case "text/markdown":
			text, err := markdown(text)
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

var (
	converter = goldmark.New(goldmark.WithExtensions(extension.GFM),
		goldmark.WithRendererOptions(markdownhtml.WithUnsafe()))
	formulas  = regexp.MustCompile(`(?s)\$\$(.+?)\$\$|\$([^$\s][^$\n]*?)\$`)
	links     = regexp.MustCompile(`href="([^"/:]+)\.ipynb"`)
	inFigures = "href=\"../figures/" // seen from notebooks/; pages lie in figures/notebooks/
)

// markdown converts a cell's text. Formulas are taken out first, as their underscores and stars are none of markdown's.
func markdown(text string) (string, error) {
	var converted []string
	var failed error
	text = formulas.ReplaceAllStringFunc(text, func(found string) string {
		match := formulas.FindStringSubmatch(found)
		math, err := treeblood.InlineStyle(strings.TrimSpace(match[2]), nil)
		if match[1] != "" {
			math, err = treeblood.DisplayStyle(strings.TrimSpace(match[1]), nil)
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("formula %s: %w", found, err)
		}
		converted = append(converted, math)
		return fmt.Sprintf("FORMULA%dX", len(converted)-1)
	})
	if failed != nil {
		return "", failed
	}
	var page bytes.Buffer
	if err := converter.Convert([]byte(text), &page); err != nil {
		return "", err
	}
	result := page.String()
	for i, math := range converted {
		result = strings.Replace(result, fmt.Sprintf("FORMULA%dX", i), math, 1)
	}
	return strings.ReplaceAll(links.ReplaceAllString(result, `href="$1.html"`), inFigures, `href="../`), nil
}

const pageHead = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%s</title><style>
body{font:16px/1.5 sans-serif;color:#222;max-width:76rem;margin:2rem auto;padding:0 1rem}
h1,h2,h3,p,ul,ol,pre,figure{max-width:60rem}
img,svg{max-width:100%%;height:auto}
table{border-collapse:collapse;font-size:13px;margin:1rem 0;display:block;overflow-x:auto}
td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top}
pre{overflow-x:auto;font-size:13px}
pre.code{background:#f5f5f5;padding:.6rem;border-left:3px solid #bbb}
pre.stderr{color:#a00}
math{font-size:1.1em} math[display=block]{margin:1rem 0}
</style></head><body>
`
