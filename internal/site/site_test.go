package site

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dot is a picture of one colour inside of a page.
func dot(t *testing.T, level uint8) string {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 2, 2))
	picture.SetGray(0, 0, color.Gray{Y: level})
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, picture))
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes())
}

// written writes three pages below a folder with a file beside, and gives the folder of the pages and its texts.
func written(t *testing.T) (root, folder string, read func(name string) string) {
	t.Helper()
	root = t.TempDir()
	folder = filepath.Join(root, "docs", "pages")
	for _, name := range []string{"notebooks/a.ipynb", "figures/README.md"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte("x"), 0o644))
	}
	svg := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte("<svg/>"))
	require.NoError(t, Write(folder, []Page{
		{Name: Home, Body: `<h1>Start &amp; <i>end</i></h1><h2>Same</h2><h2>Same</h2><h3 id="mine" data-contents="Mine">Mine at length</h3>` +
			`<img src="` + dot(t, 1) + `"><img alt="s" src="` + svg + `"><a href="#same-2">here</a> ` +
			`<a href="https://x.org">out</a>`},
		{Name: "a", Group: "Notebooks", Source: filepath.Join(root, "notebooks", "a.ipynb"),
			Body: `<h1>A</h1><a href="b.ipynb#x">b</a><a href="../figures/README.md">f</a><table><tr><td>1</td></tr></table>` +
				`<img src="` + dot(t, 1) + `">`},
		{Name: "b", Group: "Notebooks", Source: filepath.Join(root, "notebooks", "b.ipynb"),
			Body: `<h2 id="x">X</h2><script>s.src="` + dot(t, 2) + `";if(1<2)f()</script>`},
	}))
	return root, folder, func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		return string(text)
	}
}

func TestWrite(t *testing.T) {
	_, folder, read := written(t)
	require.NoError(t, Check(folder))
	home, a, b := read("index.html"), read("a.html"), read("b.html")
	require.Contains(t, home, "<title>Start &amp; end</title>")
	for _, want := range []string{`<h2 id="same">Same</h2><h2 id="same-2">`, `<a href="#same-2">Same</a>`,
		`<li class="level3"><a href="#mine">Mine</a>`, `rel="next" href="a.html"`, `href="https://x.org"`} {
		require.Contains(t, home, want)
	}
	require.NotContains(t, home, `rel="prev"`)
	for _, want := range []string{`href="b.html#x"`, `href="../../figures/README.md"`, `<div class="wide"><table>`,
		`rel="prev" href="index.html"`, `<p class="group">Notebooks</p>`, `<a href="a.html" aria-current="page">A</a>`} {
		require.Contains(t, a, want)
	}
	require.Contains(t, b, `";if(1<2)f()</script>`, "scripts stay as they are")
	files, err := filepath.Glob(filepath.Join(folder, "pictures", "*"))
	require.NoError(t, err)
	require.Len(t, files, 3, "a picture on two pages is one file")
	for _, text := range []string{home, a, b} {
		require.NotContains(t, text, "data:image")
	}
}

// Pages take the place of those before, and leave alone what is not theirs.
func TestWriteAgain(t *testing.T) {
	root, folder, _ := written(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".gitignore"), []byte("*\n"), 0o644))
	require.NoError(t, Write(folder, []Page{{Name: Home, Body: "<h1>New</h1>"}}))
	require.NoFileExists(t, filepath.Join(folder, "a.html"))
	require.NoDirExists(t, filepath.Join(folder, "pictures"))
	require.FileExists(t, filepath.Join(folder, ".gitignore"))
	entries, err := os.ReadDir(filepath.Dir(folder))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside")

	require.ErrorContains(t, Write(folder, []Page{{Name: Home, Body: `<h1>Bad</h1><a href="none.html">x</a>`}}),
		"none.html leads nowhere")
	text, err := os.ReadFile(filepath.Join(folder, "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(text), "New", "the pages before are still there")
	require.ErrorContains(t, Write(root, []Page{{Name: Home, Body: "<h1>New</h1>"}}), "name a folder of their own")
	require.ErrorContains(t, Write(folder, []Page{{Name: "a", Body: "<h1>New</h1>"}}), "called index")
	require.ErrorContains(t, Write(folder, []Page{{Name: Home,
		Body: `<h1>A</h1><img src="data:image/png;base64,aGk=">`}}), "no PNG")
}

// What Check is for, one damage after the other.
func TestCheck(t *testing.T) {
	for damage, want := range map[string]struct{ file, old, new, problem string }{
		"link":      {"a.html", "../../figures/README.md", "../figures/README.md", "leads nowhere"},
		"anchor":    {"a.html", "b.html#x", "b.html#y", "b.html#y leads to no place"},
		"picture":   {"a.html", `src="pictures/`, `src="pictures/0`, "leads nowhere"},
		"script":    {"b.html", `s.src="pictures/`, `s.src="pictures/0`, "leads nowhere"},
		"network":   {"a.html", `src="pictures/`, `src="https://x.org/`, "it loads https://x.org/"},
		"style":     {"a.html", "<table>", `<table style="background:url(//x.org/y)">`, "it loads //x.org/y"},
		"path":      {"b.html", "if(1<2)", "/home/somebody/x ", "the path /home/somebody/x"},
		"file":      {"a.html", "../../figures/README.md", "file:///x", "an address of one machine"},
		"previous":  {"b.html", `rel="prev" href="a.html"`, `rel="prev" href="index.html"`, "previous leads to"},
		"next":      {"a.html", `rel="next" href="b.html"`, `rel="next" href="index.html"`, "was passed"},
		"end":       {"a.html", `rel="next" href="b.html"`, ``, "b.html: no next leads there"},
		"twice":     {"index.html", `id="same-2"`, `id="same"`, `two elements are called "same"`},
		"no longer": {"a.html", `<a href="b.html#x">`, `<form action="x">`, "action of form"},
	} {
		t.Run(damage, func(t *testing.T) {
			_, folder, read := written(t)
			text := strings.Replace(read(want.file), want.old, want.new, 1)
			require.NotEqual(t, text, read(want.file))
			require.NoError(t, os.WriteFile(filepath.Join(folder, want.file), []byte(text), 0o644))
			require.ErrorContains(t, Check(folder), want.problem)
		})
	}
	_, folder, _ := written(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pictures", "0.png"), nil, 0o644))
	require.ErrorContains(t, Check(folder), "no page shows it")
	require.ErrorContains(t, Check(t.TempDir()), "no pages")
}

func TestAlone(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, Alone(&page, "a <b>", "<h1>A</h1>"))
	require.Contains(t, page.String(), "<title>a &lt;b&gt;</title>")
	require.Contains(t, page.String(), "--ink:")
	require.NotContains(t, page.String(), "style.css")
}

func TestSlug(t *testing.T) {
	for text, want := range map[string]string{"Fig. 1A: what": "fig-1a-what", "§3": "3", "–": "", "a_b": "a_b"} {
		require.Equal(t, want, Slug(text))
	}
}
