package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	htmltemplate "html/template"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"strata/internal/markup"
	"strata/pkg/figure"
	"strata/pkg/result"
)

//go:embed argument.md
var argumentText string

// Argument is the paper's argument on one page, as HTML: each step with its claims as they are in all results side by
// side, and with charts of the first results. docs is the module's folder of that name, which its links count from.
func (r *Report) Argument(docs string) (string, error) {
	if len(r.Results) == 0 || r.Results[0].folder == "" {
		return "", fmt.Errorf("report: there are no results to argue with: strata reproduce makes them")
	}
	titles, err := result.ClaimTitles()
	if err != nil {
		return "", err
	}
	page, err := template.New("argument").Funcs(template.FuncMap{
		"counts":    func() string { return r.counts(docs) },
		"claims":    func(ids ...string) (string, error) { return r.sideBySide(titles, ids) },
		"failed":    func() (string, error) { return r.failed(titles) },
		"reports":   func() string { return r.links(docs) },
		"galleries": func() string { return r.galleries(docs) },
		"figure": func(name string) (string, error) {
			d, err := r.Results[0].chart(name)
			if err != nil {
				return "", err
			}
			var text bytes.Buffer
			err = layout.ExecuteTemplate(&text, "drawing", d)
			return text.String(), err
		},
	}).Parse(argumentText)
	if err != nil {
		return "", fmt.Errorf("argument: %w", err)
	}
	var text bytes.Buffer
	if err := page.Execute(&text, nil); err != nil {
		return "", fmt.Errorf("argument: %w", err)
	}
	return markup.HTML(text.String())
}

// link leads to a file of the results. Whoever makes pages puts the page of the results in the place of the manifest.
func (r Result) link(docs, file string) string {
	path := filepath.Join(r.folder, file)
	if seen, err := filepath.Rel(docs, path); err == nil {
		path = seen
	}
	return filepath.ToSlash(path)
}

// links are those to all results.
func (r *Report) links(docs string) string {
	var all []string
	for _, of := range r.Results {
		all = append(all, fmt.Sprintf("[%s](%s)", lower(of.Heading()), of.link(docs, result.ManifestFile)))
	}
	return strings.Join(all, ", ")
}

// galleries are the pages of all figures of the results that have one, a line each.
func (r *Report) galleries(docs string) string {
	var text strings.Builder
	for _, of := range r.Results {
		if of.Gallery != "" {
			fmt.Fprintf(&text, "- [every figure and table of %s](%s)\n", lower(of.Heading()), of.link(docs, of.Gallery))
		}
	}
	return text.String()
}

// lower begins with a small letter.
func lower(text string) string { return strings.ToLower(text[:1]) + text[1:] }

// counts are the verdicts of all results.
func (r *Report) counts(docs string) string {
	verdicts := []result.Verdict{result.Holds, result.Open, result.DoesNotHold, result.NotMeasured}
	var b strings.Builder
	b.WriteString(`<table class="counts"><tr><th>the paper's claims</th>`)
	for _, v := range verdicts {
		fmt.Fprintf(&b, "<th>%s</th>", v)
	}
	b.WriteString("</tr>\n")
	for _, of := range r.Results {
		fmt.Fprintf(&b, `<tr><td><a href="%s">%s</a></td>`, html.EscapeString(of.link(docs, result.ManifestFile)),
			of.Heading())
		for _, v := range verdicts {
			n := 0
			for _, c := range of.Claims {
				if c.Verdict == v {
					n++
				}
			}
			fmt.Fprintf(&b, `<td class="number %s">%d</td>`, class(v), n)
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n")
	for _, of := range r.Results {
		fmt.Fprintf(&b, "<p class=\"key\"><b>%s</b>, %s</p>\n", of.Heading(), html.EscapeString(of.About()))
	}
	return b.String()
}

// sideBySide are claims as they are in all results that measured one of them.
func (r *Report) sideBySide(titles map[string]string, ids []string) (string, error) {
	results := slices.DeleteFunc(slices.Clone(r.Results), func(of Result) bool {
		return !slices.ContainsFunc(of.Claims, func(c result.Claim) bool {
			return slices.Contains(ids, c.ID) && c.Verdict != result.NotMeasured
		})
	})
	var b strings.Builder
	b.WriteString(`<table class="claims"><tr><th>claim</th><th>paper</th>`)
	for _, of := range results {
		fmt.Fprintf(&b, "<th>%s</th>", lower(of.Heading()))
	}
	b.WriteString("</tr>\n")
	for _, id := range ids {
		declared, err := r.Results[0].claim(id)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "<tr><td><b>%s</b> %s</td><td>%s</td>", id, html.EscapeString(titles[id]),
			html.EscapeString(declared.Paper))
		for _, of := range results {
			c, err := of.claim(id)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, `<td class="%s">%s %s<br><span class="value">%s</span></td>`, class(c.Verdict), sign(c.Verdict), c.Verdict,
				html.EscapeString(figure.Here(c)))
		}
		b.WriteString("</tr>\n")
	}
	return b.String() + "</table>", nil
}

// claim is one of the results' by its id.
func (r Result) claim(id string) (result.Claim, error) {
	i := slices.IndexFunc(r.Claims, func(c result.Claim) bool { return c.ID == id })
	if i < 0 {
		return result.Claim{}, fmt.Errorf("%s have no claim %s", r.Name, id)
	}
	return r.Claims[i], nil
}

// failed says of all results what does not hold there, and why.
func (r *Report) failed(titles map[string]string) (string, error) {
	var b strings.Builder
	for _, of := range r.Results {
		reasons, err := of.Reasons()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "### On %s\n\n", lower(of.Heading()))
		if len(reasons) == 0 {
			b.WriteString("Nothing fails.\n\n")
		}
		for _, reason := range reasons {
			var named []string
			for _, id := range reason.IDs {
				named = append(named, fmt.Sprintf("**%s** %s", id, titles[id]))
			}
			fmt.Fprintf(&b, "- %s.<br>%s\n", strings.Join(named, "; "), html.EscapeString(reason.Why))
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

// Reasons are why claims do not hold, each once.
func (r Result) Reasons() ([]result.Reason, error) { return result.Reasons(r.Claims) }

// Heading is what people call the sets of the results, with the size where a report has several of these sets.
func (r Result) Heading() string {
	name, ok := map[string]string{"real": "The real sets", "procedural": "The drawn sets"}[r.Manifest.Family]
	if !ok {
		name = "The sets of " + r.Manifest.Family
	}
	if r.oneOfSizes {
		name += ", size " + r.Manifest.Size
	}
	return name
}

// About says in a sentence what the results are of.
func (r Result) About() string {
	var sets []string
	for _, role := range []string{"in", "near", "smooth", "general", "far", "faces"} {
		set := r.Manifest.Roles[role]
		if set == "" {
			continue
		}
		said := role + " " + set
		if role == set {
			said = role
		}
		if paper := r.Manifest.StandsFor[set]; paper != "" {
			said += " (for " + paper + ")"
		}
		sets = append(sets, said)
	}
	if len(sets) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s; size %s, %s, %s.", r.Name, strings.Join(sets, ", "), r.Manifest.Size,
		counted(len(r.Manifest.Seeds), "seed"), counted(trainedConfigurations(r.Runs), "configuration"))
}

// drawing is a chart inside of a page.
type drawing struct {
	Name, Caption string
	Width         int // in the page's pixels
	Source        htmltemplate.URL
}

// onPage is how wide a figure of the paper's two columns is on a page, in pixels.
const onPage = 960

// chart draws a figure of the results that shows no image: those of real sets may not leave the machine that they lie
// on, and a chart may.
func (r Result) chart(name string) (drawing, error) {
	entries := figure.All()
	i := slices.IndexFunc(entries, func(e figure.Entry) bool { return e.Name == name })
	if i < 0 {
		return drawing{}, fmt.Errorf("no figure is called %s", name)
	}
	if slices.ContainsFunc(entries[i].Files, isPicture) {
		return drawing{}, fmt.Errorf("%s shows images and is no chart: pages of results have charts only", name)
	}
	results, err := figure.Open(r.folder)
	if err != nil {
		return drawing{}, err
	}
	f, err := entries[i].Draw(results)
	if err != nil {
		return drawing{}, err
	}
	var svg bytes.Buffer
	if err := f.SVG(&svg); err != nil {
		return drawing{}, err
	}
	return drawing{Name: name, Caption: f.Caption, Width: int(f.Columns() / 2 * onPage),
		Source: htmltemplate.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg.Bytes()))}, nil
}

// isPicture says whether a file of a results folder is a sheet of images.
func isPicture(file string) bool {
	return filepath.Dir(file) == filepath.Dir(result.SheetPath("", "any"))
}
