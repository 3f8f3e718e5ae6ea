package show

import (
	_ "embed" // pages
	"fmt"
	"html"
	"image"
	"strings"
)

// Switches are choices between two things, and a picture of what each combination of them gives.
type Switches struct {
	Names   []string  // of the switches: "z1"
	Choices [2]string // what each switch chooses between: "the shapes"
	// First is the combination that is shown at the start. Switch i takes its second choice where bit i is set.
	First int
	// Pictures and Labels are those of the combinations, two to the number of switches.
	Pictures []image.Image
	Labels   []string
	// Sources are pictures of the two choices.
	Sources [2]image.Image
	// Result says what the pictures are.
	Result string
}

// Page is a page with the switches, the two sources, and below them the picture of what is chosen. id is unique in the
// notebook.
func (s Switches) Page(id string) (string, error) {
	if n := 1 << len(s.Names); len(s.Pictures) != n || len(s.Labels) != n || s.First < 0 || s.First >= n {
		return "", fmt.Errorf("%d pictures and %d labels for %d switches, the first is %d: expected %d of each",
			len(s.Pictures), len(s.Labels), len(s.Names), s.First, n)
	}
	var rows, images strings.Builder
	for i, name := range s.Names {
		fmt.Fprintf(&rows, `<div><b>%s</b> of`, html.EscapeString(name))
		for choice, of := range s.Choices {
			checked := ""
			if s.First>>i&1 == choice {
				checked = " checked"
			}
			fmt.Fprintf(&rows, ` <label><input type="radio" name="%s-%d" value="%d"%s>%s</label>`, id, i, choice, checked,
				html.EscapeString(of))
		}
		rows.WriteString("</div>")
	}
	for i, picture := range s.Pictures {
		uri, err := dataURI(picture)
		if err != nil {
			return "", err
		}
		hidden := ` style="display:none"`
		if i == s.First {
			hidden = ""
		}
		fmt.Fprintf(&images, `<img class="combined" src="%s" alt="%s"%s>`, uri, html.EscapeString(s.Labels[i]), hidden)
	}
	var sources [2]string
	for i, picture := range s.Sources {
		var err error
		if sources[i], err = dataURI(picture); err != nil {
			return "", err
		}
	}
	return fill(switchesPage, map[string]string{"ID": id, "ROWS": rows.String(), "IMAGES": images.String(),
		"A": html.EscapeString(s.Choices[0]), "B": html.EscapeString(s.Choices[1]), "SOURCEA": sources[0],
		"SOURCEB": sources[1], "RESULT": html.EscapeString(s.Result), "LABEL": html.EscapeString(s.Labels[s.First]),
		"LABELS": encoded(s.Labels)}), nil
}

//go:embed pages/switches.html
var switchesPage string
