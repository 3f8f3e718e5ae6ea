package show

import (
	"bytes"
	_ "embed" // pages
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/png"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
)

// What is interactive here is one piece of HTML that carries its data: it works without the network and without a
// kernel, in a notebook that somebody exported to HTML too. Where scripts are not run, the first state stays visible.
// Pages are black on white, whatever the notebook's own colours are.

// Slider is a page with a slider over pictures of one size; the last one is shown first. id is unique in the notebook.
func Slider(id string, labels []string, pictures []image.Image) (string, error) {
	if len(labels) != len(pictures) || len(pictures) == 0 {
		return "", fmt.Errorf("%d labels for %d pictures", len(labels), len(pictures))
	}
	var images strings.Builder
	for i, p := range pictures {
		uri, err := dataURI(p)
		if err != nil {
			return "", err
		}
		hidden := ` style="display:none"`
		if i == len(pictures)-1 {
			hidden = ""
		}
		fmt.Fprintf(&images, `<img src="%s" alt="%s"%s>`, uri, html.EscapeString(labels[i]), hidden)
	}
	last := len(pictures) - 1
	return fill(sliderPage, map[string]string{"ID": id, "IMAGES": images.String(), "LABELS": encoded(labels),
		"LAST": fmt.Sprint(last), "LABEL": html.EscapeString(labels[last])}), nil
}

// OutlierLoss shows the paper's outlier loss (Eq. 2) over the log-ratio d of an outlier, lambda softplus(d/T), and its
// slope, with a slider for the temperature T. The paper takes T = 1000 and lambda = 6000.
func OutlierLoss() {
	defer gonbui.Sync()
	gonbui.DisplayHTML(fill(lossPage, map[string]string{"ID": gonbui.UniqueId()}))
}

// dataURI is a picture inside of a page.
func dataURI(p image.Image) (string, error) {
	var file bytes.Buffer
	if err := png.Encode(&file, p); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes()), nil
}

// encoded is a value for a page's script: names, and numbers that are finite.
func encoded(v any) string {
	text, err := json.Marshal(v)
	must(err)
	return string(text)
}

// fill puts values in the place of {{NAME}}.
func fill(page string, values map[string]string) string {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "{{"+name+"}}", value)
	}
	return strings.NewReplacer(pairs...).Replace(page)
}

//go:embed pages/slider.html
var sliderPage string

//go:embed pages/loss.html
var lossPage string
