package site

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// linked is a picture of a site's folder, as a page names it.
var linked = regexp.MustCompile(pictures + `/[0-9a-f]+\.(png|svg)`)

// Read gives a page of a folder that Write wrote, to be written again beside others: its body, with its pictures inside of it.
// Name, Group and Source are for the caller to fill in as they were.
func Read(folder, name string) (Page, error) {
	path := filepath.Join(folder, name+extension)
	text, err := os.ReadFile(path)
	if err != nil {
		return Page{}, err
	}
	whole, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		return Page{}, fmt.Errorf("%s: %w", path, err)
	}
	var body strings.Builder
	found := false
	for n := range whole.Descendants() {
		if n.DataAtom != atom.Main || attribute(n, "id") != "content" {
			continue
		}
		found = true
		for c := range n.ChildNodes() {
			if err := html.Render(&body, c); err != nil {
				return Page{}, fmt.Errorf("%s: %w", path, err)
			}
		}
		break
	}
	if !found {
		return Page{}, fmt.Errorf("%s is no page that strata pages wrote", path)
	}
	var failed error
	loaded := linked.ReplaceAllStringFunc(body.String(), func(file string) string {
		picture, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(file)))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", path, err))
			return file
		}
		kind := "png"
		if strings.HasSuffix(file, ".svg") {
			kind = "svg+xml"
		}
		return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(picture)
	})
	return Page{Name: name, Body: strings.TrimSpace(loaded), Written: true}, failed
}
