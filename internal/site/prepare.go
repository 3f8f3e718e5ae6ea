package site

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// heading is an entry of a page's contents.
type heading struct {
	Level    int
	ID, Text string
}

// shortName is the attribute of a heading with what contents call it, where that is shorter.
const shortName = "data-contents"

// prepare makes a page's body fit for a folder: headings get anchors, links lead from the folder, pictures become files
// of it, and tables scroll by themselves where they are too wide.
func prepare(p Page, folder string, pages []Page, kept *store) (*shown, error) {
	nodes, err := html.ParseFragment(strings.NewReader(p.Body),
		&html.Node{Type: html.ElementNode, Data: "main", DataAtom: atom.Main})
	if err != nil {
		return nil, err
	}
	body := &html.Node{Type: html.DocumentNode}
	for _, n := range nodes {
		body.AppendChild(n)
	}
	page := &shown{}
	ids := map[string]bool{}
	for n := range body.Descendants() {
		if id := attribute(n, "id"); id != "" {
			ids[id] = true
		}
	}
	var tables []*html.Node
	for n := range body.Descendants() {
		if n.Type == html.TextNode {
			// A script's text is its own; a browser that reads it loads what it names.
			if n.Parent != nil && n.Parent.DataAtom == atom.Script {
				if n.Data, err = kept.unload(n.Data); err != nil {
					return nil, err
				}
			}
			continue
		}
		if n.Namespace == "math" { // whose writer has its attributes in no order: a page that did not change would look changed
			slices.SortFunc(n.Attr, func(a, b html.Attribute) int { return cmp.Compare(a.Key, b.Key) })
		}
		for i, a := range n.Attr {
			switch a.Key {
			case "src", "href", "poster":
				if n.Attr[i].Val, err = kept.unload(a.Val); err != nil {
					return nil, err
				}
				if n.Attr[i].Val == a.Val {
					n.Attr[i].Val = p.link(a.Val, folder, pages)
				}
			}
		}
		switch n.DataAtom {
		case atom.H1, atom.H2, atom.H3:
			level, text := int(n.Data[1]-'0'), plain(n)
			id := attribute(n, "id")
			if id == "" {
				id = free(Slug(text), ids)
				n.Attr = append(n.Attr, html.Attribute{Key: "id", Val: id})
			}
			if level == 1 && page.Title == "" {
				page.Title = text
			} else {
				page.Contents = append(page.Contents, heading{max(level, 2), id, cmp.Or(attribute(n, shortName), text)})
			}
		case atom.Table:
			if attribute(n.Parent, "class") != "wide" {
				tables = append(tables, n)
			}
		}
	}
	if page.Title == "" {
		page.Title = p.Name
	}
	for _, t := range tables { // not while they are walked
		around := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div,
			Attr: []html.Attribute{{Key: "class", Val: "wide"}}}
		t.Parent.InsertBefore(around, t)
		t.Parent.RemoveChild(t)
		around.AppendChild(t)
	}
	var text strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&text, n); err != nil {
			return nil, err
		}
	}
	page.Body = template.HTML(text.String())
	return page, nil
}

// link is where a link of a page leads from a folder: to the page that was made of its file, or to that file.
func (p Page) link(to, folder string, pages []Page) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path == "" || filepath.IsAbs(u.Path) || p.Source == "" || p.Written {
		return to
	}
	path := filepath.Join(filepath.Dir(p.Source), filepath.FromSlash(u.Path))
	for _, other := range pages {
		if other.Source != "" && filepath.Clean(other.Source) == path {
			u.Path = other.Name + extension
			return u.String()
		}
	}
	if seen, err := filepath.Rel(folder, path); err == nil {
		u.Path = filepath.ToSlash(seen)
	}
	return u.String()
}

// attribute is an attribute of an element, "" where it has none.
func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			return a.Val
		}
	}
	return ""
}

// plain is the text of an element, without the sources of its formulas.
func plain(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := range n.ChildNodes() {
			if c.Data != "annotation" {
				walk(c)
			}
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// free is an anchor that no element of the page has.
func free(id string, taken map[string]bool) string {
	if id == "" {
		id = "section"
	}
	name := id
	for i := 2; taken[name]; i++ {
		name = fmt.Sprintf("%s-%d", id, i)
	}
	taken[name] = true
	return name
}

// inside is a picture that a text carries inside of it.
var inside = regexp.MustCompile(`data:image/(png|svg\+xml);base64,([A-Za-z0-9+/=]+)`)

// unload takes the pictures out of a text and names their files instead.
func (s *store) unload(text string) (string, error) {
	var failed error
	text = inside.ReplaceAllStringFunc(text, func(found string) string {
		match := inside.FindStringSubmatch(found)
		picture, err := base64.StdEncoding.DecodeString(match[2])
		if err != nil && failed == nil {
			failed = fmt.Errorf("a picture that is no base64: %w", err)
		}
		kind := ".png"
		if match[1] != "png" {
			kind = ".svg"
		}
		name, err := s.add(picture, kind)
		if err != nil && failed == nil {
			failed = err
		}
		return pictures + "/" + name
	})
	return text, failed
}
