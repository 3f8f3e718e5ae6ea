package site

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Check holds a folder of pages to what Write promises: every link and picture leads to something that is there, no
// page loads anything from elsewhere or says an absolute path, previous and next make one chain from home through every
// page, and no picture lies there for nothing. It tells all that is wrong.
func Check(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*"+extension))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no pages", folder)
	}
	c := checker{folder: folder, pages: map[string]*parsed{}, seen: map[string]bool{}}
	for _, file := range files {
		if err := c.read(filepath.Base(file)); err != nil {
			return err
		}
	}
	for _, name := range c.names() {
		c.page(name)
	}
	c.chain()
	c.orphans()
	return errors.Join(c.problems...)
}

type checker struct {
	folder   string
	pages    map[string]*parsed // by file
	seen     map[string]bool    // pictures that a page shows
	problems []error
}

// parsed is a page as a browser has it.
type parsed struct {
	text       string
	document   *html.Node
	ids        map[string]bool
	prev, next []string
}

func (c *checker) names() []string {
	var names []string
	for name := range c.pages {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *checker) read(name string) error {
	text, err := os.ReadFile(filepath.Join(c.folder, name))
	if err != nil {
		return err
	}
	document, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p := &parsed{text: string(text), document: document, ids: map[string]bool{}}
	c.pages[name] = p
	for n := range document.Descendants() {
		if id := attribute(n, "id"); id != "" {
			if p.ids[id] {
				c.wrong(name, "two elements are called %q", id)
			}
			p.ids[id] = true
		}
		if n.DataAtom != atom.Link {
			continue
		}
		switch attribute(n, "rel") {
		case "prev":
			p.prev = append(p.prev, attribute(n, "href"))
		case "next":
			p.next = append(p.next, attribute(n, "href"))
		}
	}
	return nil
}

func (c *checker) wrong(page, format string, values ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s: "+format, append([]any{page}, values...)...))
}

var (
	// absolute is a path of somebody's machine.
	absolute = regexp.MustCompile(`(?:^|[\s"'=(>:;,\x60])` +
		`(/(?:(?:home|root|work|usr|var|opt|mnt|private|Users)/|tmp/(?:go|Test))[^\s"'<]*)`)
	// loads is what a style or a script names to be loaded: an address of the network.
	loads = regexp.MustCompile(`(?i)(?:url\(|@import|\bfetch\(|\.src\s*=|\bimport\(|from\s)\s*["']?` +
		`((?:https?:)?//[^\s"')]+)`)
	// painted are pictures that a script names.
	painted = regexp.MustCompile(pictures + `/[0-9a-f]+\.(?:png|svg)`)
)

// page looks at all that a page names.
func (c *checker) page(name string) {
	p := c.pages[name]
	for _, found := range absolute.FindAllStringSubmatch(p.text, -1) {
		c.wrong(name, "it says the path %s of one machine", found[1])
	}
	for n := range p.document.Descendants() {
		if n.Type == html.TextNode && (n.Parent.DataAtom == atom.Script || n.Parent.DataAtom == atom.Style) {
			for _, found := range loads.FindAllStringSubmatch(n.Data, -1) {
				c.wrong(name, "it loads %s", found[1])
			}
			for _, found := range painted.FindAllString(n.Data, -1) {
				c.leads(name, found, true)
			}
		}
		for _, a := range n.Attr {
			switch a.Key {
			case "href":
				c.leads(name, a.Val, n.DataAtom != atom.A)
			case "src", "poster", "data":
				if n.DataAtom != atom.Input {
					c.leads(name, a.Val, true)
				}
			case "srcset", "action", "formaction", "background":
				c.wrong(name, "%s of %s is nothing that pages have", a.Key, n.Data)
			case "style":
				for _, found := range loads.FindAllStringSubmatch(a.Val, -1) {
					c.wrong(name, "it loads %s", found[1])
				}
			}
		}
	}
}

// leads says what is wrong with an address; resource is what a browser loads unasked.
func (c *checker) leads(page, address string, resource bool) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		c.wrong(page, "%v", err)
		return
	case u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "mailto" || u.Host != "":
		if resource {
			c.wrong(page, "it loads %s", address)
		}
		return
	case u.Scheme == "data" && resource:
		return
	case u.Scheme != "" || strings.HasPrefix(u.Path, "/"):
		c.wrong(page, "%s is an address of one machine", address)
		return
	}
	target := page
	if u.Path != "" {
		target = filepath.Clean(filepath.FromSlash(u.Path))
		if _, err := os.Stat(filepath.Join(c.folder, target)); err != nil {
			c.wrong(page, "%s leads nowhere", address)
			return
		}
	}
	c.seen[target] = true
	if other := c.pages[target]; other != nil && u.Fragment != "" && !other.ids[u.Fragment] {
		c.wrong(page, "%s leads to no place of its page", address)
	}
}

// chain follows next from home and comes through every page once, and previous back.
func (c *checker) chain() {
	passed := map[string]bool{}
	before := ""
	for name := Home + extension; name != ""; {
		p := c.pages[name]
		if p == nil || passed[name] {
			c.wrong(before, "next leads to %s, which is no page or was passed", name)
			return
		}
		passed[name] = true
		if before != strings.Join(p.prev, " ") {
			c.wrong(name, "previous leads to %q, not to %q", strings.Join(p.prev, " "), before)
		}
		before, name = name, strings.Join(p.next, " ")
	}
	for _, name := range c.names() {
		if !passed[name] {
			c.wrong(name, "no next leads there")
		}
	}
}

// orphans are pictures that no page shows.
func (c *checker) orphans() {
	files, err := filepath.Glob(filepath.Join(c.folder, pictures, "*"))
	if err != nil {
		c.problems = append(c.problems, err)
	}
	for _, file := range files {
		if name := filepath.Join(pictures, filepath.Base(file)); !c.seen[name] {
			c.wrong(name, "no page shows it")
		}
	}
}
