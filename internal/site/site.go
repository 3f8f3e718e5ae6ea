// Package site writes pages that one can click through: a folder of static HTML with one stylesheet, which needs
// neither a server nor the network. Every page has its contents, a way home, and the pages before and after it.
// Pictures that pages carry inside of them become files that they share. Check holds a folder to all of that, and Write
// leaves none that it would refuse:
//
//	err := site.Write("docs/pages", []site.Page{{Name: site.Home, Body: "<h1>Start</h1>"}, {Name: "more", Body: text}})
package site

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Home is the name of the first page.
const Home = "index"

const (
	styleFile = "style.css"
	pictures  = "pictures" // the folder of the pictures
	extension = ".html"
)

// Page is one of a site's pages.
type Page struct {
	// Name is that of its file, without .html.
	Name string
	// Group is what it stands under in the list of all pages.
	Group string
	// Body is what stands in it, as HTML. Its first h1 is its title, or else Name is; its h2 and h3 are its contents.
	Body string
	// Source is the file that it was made of, or would lie beside: the links of Body count from its folder, and links
	// of other pages to it lead to the page.
	Source string
	// Written says that Body is of a page that Write wrote, as Read gives it: its links lead from the folder already.
	Written bool
}

//go:embed style.css
var style string

//go:embed page.html
var pageText string

//go:embed alone.html
var aloneText string

var (
	layout = template.Must(template.New("page").Parse(pageText))
	single = template.Must(template.New("alone").Parse(aloneText))
)

// shown is a page as its template sees it.
type shown struct {
	Title, File string
	Style       template.CSS // of a page that stands alone
	Body        template.HTML
	Contents    []heading
	Groups      []group
	Prev, Next  *shown
	Home        bool
}

// group is a part of the list of all pages.
type group struct {
	Title string
	Pages []entry
}

type entry struct {
	Title, File string
	Current     bool
}

// Alone writes a single page that needs no other file: its style and its pictures are inside of it.
func Alone(w io.Writer, title, body string) error {
	return single.Execute(w, shown{Title: title, Style: template.CSS(style), Body: template.HTML(body)})
}

// Write writes pages in their order to a folder, in the place of the pages that an earlier call wrote there. They are
// written beside it and checked before they take its name, so that a reader finds all of the old pages or all of the
// new ones.
func Write(folder string, pages []Page) (err error) {
	if err := replaceable(folder); err != nil {
		return err
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	// Beside the folder, where relative links lead to the same files.
	beside, err := os.MkdirTemp(filepath.Dir(folder), filepath.Base(folder)+".new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(beside)) }()
	if err := os.Chmod(beside, 0o755); err != nil {
		return err
	}
	if err := write(beside, pages); err != nil {
		return err
	}
	if err := Check(beside); err != nil {
		return fmt.Errorf("these pages would not hold together, and %s is left as it is: %w", folder, err)
	}
	return swap(beside, folder)
}

// swap gives fresh pages the name of the old ones, whose own git settings stay.
func swap(fresh, old string) error {
	settings, err := os.ReadFile(filepath.Join(old, ignoreFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(fresh, ignoreFile), settings, 0o644)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	gone := fresh + ".old"
	if err := os.Rename(old, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, old); err != nil {
		return errors.Join(err, os.Rename(gone, old))
	}
	return os.RemoveAll(gone)
}

const ignoreFile = ".gitignore"

// replaceable refuses a folder with anything in it that Write did not write: it would be gone.
func replaceable(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case e.IsDir() && name == pictures, !e.IsDir() && filepath.Ext(name) == extension, name == styleFile,
			name == ignoreFile:
		default:
			return fmt.Errorf("%s holds %s, which is none of the pages: name a folder of their own", folder, name)
		}
	}
	return nil
}

// write writes all files of the pages to a folder.
func write(folder string, pages []Page) error {
	if len(pages) == 0 || pages[0].Name != Home {
		return fmt.Errorf("the first page is called %s", Home)
	}
	all := make([]*shown, len(pages))
	kept := newStore()
	for i, p := range pages {
		body, err := prepare(p, folder, pages, kept)
		if err != nil {
			return fmt.Errorf("page %s: %w", p.Name, err)
		}
		all[i] = body
		all[i].File, all[i].Home = p.Name+extension, i == 0
		if i > 0 {
			all[i].Prev, all[i-1].Next = all[i-1], all[i]
		}
	}
	for i := range all {
		all[i].Groups = groups(pages, all, i)
		var text bytes.Buffer
		if err := layout.Execute(&text, all[i]); err != nil {
			return fmt.Errorf("page %s: %w", pages[i].Name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, all[i].File), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(folder, styleFile), []byte(style), 0o644); err != nil {
		return err
	}
	return kept.write(folder)
}

// groups are all pages as one of them lists them.
func groups(pages []Page, all []*shown, current int) []group {
	var list []group
	for i, p := range pages {
		at := slices.IndexFunc(list, func(g group) bool { return g.Title == p.Group })
		if at < 0 {
			at = len(list)
			list = append(list, group{Title: p.Group})
		}
		list[at].Pages = append(list[at].Pages, entry{all[i].Title, all[i].File, i == current})
	}
	return list
}

// Slug is a text as the name of a file or an anchor: "Fig. 1A: what" is "fig-1a-what".
func Slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
