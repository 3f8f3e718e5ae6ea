package output

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"
	"strata/pkg/imageset/intake"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

func TestMain(m *testing.M) {
	os.Setenv("GOMLX_BACKEND", "go")
	os.Exit(m.Run())
}

func ExampleWrite() {
	d, err := detectortest.Make(1, nil)
	if err != nil {
		panic(err)
	}
	defer d.Close()
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	if err := os.WriteFile(filepath.Join(folder, "noise.png"), detectortest.PNG(detectortest.Noisy(1, 32, 32, 1)), 0o644); err != nil {
		panic(err)
	}
	summary, err := Write(context.Background(), d, detector.Options{}, []string{folder}, []string{filepath.Join(folder, "report.html"),
		filepath.Join(folder, "scores.csv")})
	fmt.Println(summary.Anomalous, err)
	// Output: 1 <nil>
}

func ExampleLineOf() {
	result := detector.Result{Path: "a.png", Score: 2.5, PValue: 0.01, Scores: []float64{math.Inf(-1)}, PValues: []float64{0.01}}
	line := LineOf(result, detector.Scores(detector.Glow)[:1], 0.05)
	text, err := json.Marshal(line.Scores) // which JSON has no word for
	fmt.Println(*line.Anomalous, string(text), err)
	// Output: true {"log_likelihood":null} <nil>
}

// hostile are names that would break a table or a page that does not escape them.
var hostile = []string{`<script>alert(1)</script>.png`, `"quoted", with comma.png`, "two\nlines.png", `a'b&amp;c.png`, "=cmd.png"}

func written(t *testing.T, o detector.Options, files map[string][]byte, names ...string) (folder string, outputs []string,
	summary detector.Summary) {
	t.Helper()
	d := detectortest.New(t, 3, nil)
	folder = detectortest.Folder(t, files)
	for _, name := range names {
		outputs = append(outputs, filepath.Join(t.TempDir(), name))
	}
	summary, err := Write(context.Background(), d, o, []string{folder}, outputs)
	require.NoError(t, err)
	return folder, outputs, summary
}

func TestTablesAndPage(t *testing.T) {
	files := map[string][]byte{"noisy.png": detectortest.PNG(detectortest.Noisy(1, 50, 60, 3)), "bad<i>.png": []byte("no picture")}
	for i, name := range hostile {
		files[strings.ReplaceAll(name, "/", "")] = detectortest.PNG(detectortest.Good(i, 40, 40, 3))
	}
	folder, outputs, summary := written(t, detector.Options{}, files, "scores.csv", "scores.jsonl", "report.html")
	require.Equal(t, 6, summary.Images)

	text, err := os.ReadFile(outputs[0])
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"path", "score", "p_value", "anomalous", "log_likelihood", "ratio", "last_scale", "last_scale_ratio",
		"complexity", "typicality",
		"latent_fit", "notes", "error"}, rows[0])
	require.Len(t, rows, 8)
	require.Equal(t, filepath.Join(folder, "noisy.png"), rows[1][0], "most unusual first")
	require.Equal(t, "true", rows[1][3])
	last := rows[7]
	require.Equal(t, filepath.Join(folder, "bad<i>.png"), last[0])
	require.Equal(t, strings.Repeat(",", 10), strings.Join(last[1:12], ","))
	require.Contains(t, last[12], "is no PNG")
	paths := map[string]bool{}
	for _, row := range rows[1:] {
		paths[filepath.Base(row[0])] = true
	}
	for name := range files {
		require.True(t, paths[name], name)
	}

	text, err = os.ReadFile(outputs[1])
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	require.Len(t, lines, 7)
	for i, l := range lines {
		var got Line
		require.NoError(t, json.Unmarshal(l, &got))
		require.Equal(t, rows[i+1][0], got.Path, "the order of the table")
		if i < 6 {
			require.Equal(t, rows[i+1][1], number(*got.Score, 6))
			require.Len(t, got.Scores, 7)
			require.Len(t, got.PValues, 7)
		} else {
			require.Nil(t, got.Score)
			require.Contains(t, got.Error, "is no PNG")
		}
	}

	page, err := os.ReadFile(outputs[2])
	require.NoError(t, err)
	checkPage(t, page)
	for name := range files {
		require.Contains(t, visible(t, page), name)
	}
	require.Contains(t, string(page), "1 of 6 images is unusual")
	require.Contains(t, visible(t, page), "The detector: a Glow L3 K1 H8, finetuned")
	require.Contains(t, visible(t, page), "does not add up to a score.")
	require.NotContains(t, visible(t, page), "PixelCNN")
	require.Equal(t, 6, strings.Count(string(page), "<article"))
	require.Equal(t, 12, strings.Count(string(page), `src="data:image/`))
}

// The networks may have seen a square of a picture that is none: on the page both are as wide and as high, so that one lies on the other.
func TestCardIsAsThePicture(t *testing.T) {
	view := &detector.View{Picture: &intake.Picture{Height: 30, Width: 60, Channels: 1, Pixels: make([]uint8, 1800)},
		Heat: &detector.Heat{Height: 32, Width: 32, Values: make([]float32, 1024)}}
	c, err := cardOf(row{Path: "wide.png"}, view, []float64{0, 1}, detector.Summary{}, nil)
	require.NoError(t, err)
	require.Equal(t, []int{detector.ViewSide, detector.ViewSide / 2}, []int{c.Width, c.Height})
	var text bytes.Buffer
	require.NoError(t, pageTemplate.Execute(&text, page{Cards: []card{c}}))
	require.Equal(t, 2, strings.Count(text.String(), `width="128" height="64" src="data:image/png`))
}

// What is said of the heat map is that of the kind of network.
func TestPageOfPixelCNN(t *testing.T) {
	d := detectortest.New(t, 1, detectortest.PixelCNN(1))
	folder := detectortest.Folder(t, map[string][]byte{"good.png": detectortest.PNG(detectortest.Good(1, 40, 40, 1))})
	out := filepath.Join(t.TempDir(), "report.html")
	_, err := Write(context.Background(), d, detector.Options{}, []string{folder}, []string{out})
	require.NoError(t, err)
	page, err := os.ReadFile(out)
	require.NoError(t, err)
	checkPage(t, page)
	text := strings.Join(strings.Fields(visible(t, page)), " ")
	require.Contains(t, text, "The detector: a PixelCNN++ R1 F1 M1, finetuned for 0 steps on 700 good images; grey,")
	require.Contains(t, text, "The general PixelCNN++: nothing, for tests.")
	require.Contains(t, text, "it adds up to the ratio of the window")
	require.NotContains(t, text, "latent")
	require.NotContains(t, text, "Glow")
}

// checkPage sees that a page needs nothing beside itself and runs nothing.
func checkPage(t *testing.T, page []byte) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	require.NoError(t, err)
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			require.NotContains(t, []string{"script", "iframe", "object", "embed", "link", "b i", "form"}, n.Data)
			for _, a := range n.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
				if a.Key == "src" || a.Key == "href" {
					require.Regexp(t, regexp.MustCompile(`^data:image/(png|jpeg);base64,`), a.Val)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	require.NotContains(t, string(page), "http://")
	require.NotContains(t, string(page), "ZgotmplZ")
}

// visible is a page's text.
func visible(t *testing.T, page []byte) string {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	require.NoError(t, err)
	var text strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return text.String()
}

// A page shows the most unusual of many, whatever their order, and tells of the rest; the false-discovery rate's
// threshold, known at the end, holds in all outputs.
func TestManyImages(t *testing.T) {
	files := map[string][]byte{}
	for i := range 230 {
		files[fmt.Sprintf("good%03d.png", i)] = detectortest.PNG(detectortest.Good(40_000+i, 32, 32, 3))
	}
	for i := range 20 {
		files[fmt.Sprintf("%d-noisy.png", i)] = detectortest.PNG(detectortest.Noisy(i, 32, 32, 3))
	}
	_, outputs, summary := written(t, detector.Options{Rate: 0.2, FalseDiscoveries: true}, files, "report.html", "scores.csv")
	page, err := os.ReadFile(outputs[0])
	require.NoError(t, err)
	require.Equal(t, shown, strings.Count(string(page), "<article"))
	require.Contains(t, string(page), "(the first 200 of 250)")
	require.Equal(t, summary.Anomalous, strings.Count(string(page), `<article class="unusual"`))
	require.GreaterOrEqual(t, summary.Anomalous, 20)
	text := visible(t, page)
	require.Less(t, strings.Index(text, "-noisy.png"), strings.Index(text, "/good"), "most unusual first")
	table, err := os.ReadFile(outputs[1])
	require.NoError(t, err)
	require.Equal(t, summary.Anomalous, strings.Count(string(table), ",true,"))
}

func TestRefusals(t *testing.T) {
	require.ErrorContains(t, Check([]string{"scores.xlsx"}), "expected a name that ends in .html, .csv or .jsonl")
	require.ErrorContains(t, Check([]string{filepath.Join(t.TempDir(), "absent", "a.csv")}), "no such file")
	d := detectortest.New(t, 1, nil)
	out := filepath.Join(t.TempDir(), "scores.csv")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Write(ctx, d, detector.Options{}, []string{t.TempDir()}, []string{out})
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, out, "nothing half-written")
}

// What is kept comes back sorted, numbers that are none of them last, and the gallery has the highest scores whatever their order.
func TestSpillAndGallery(t *testing.T) {
	s, err := newSpill()
	require.NoError(t, err)
	defer s.close()
	g := gallery{most: 3}
	scores := []float64{1, 5, 2, 5, 3, 0.5, 4}
	for i, score := range scores {
		r := detector.Result{Path: fmt.Sprint(i), Score: score, Scores: []float64{math.Inf(-1), math.NaN()}, PValues: []float64{0.5, 1}}
		if i == 2 {
			r = detector.Result{Path: "2", Err: errors.New("cut off")}
		}
		require.NoError(t, s.add(r))
		if r.Err == nil && g.wants(score) {
			g.add(score, i, &detector.View{Heat: &detector.Heat{Height: 1, Width: 1, Values: []float32{0}}})
		}
	}
	var order []string
	require.NoError(t, s.each(func(_ int, r row) error {
		order = append(order, r.Path)
		if r.Err == "" {
			require.True(t, math.IsInf(r.Scores[0], -1) && math.IsNaN(r.Scores[1]))
		}
		return nil
	}))
	require.Equal(t, []string{"1", "3", "6", "4", "0", "5", "2"}, order)
	require.Len(t, g.views, 3)
	for _, i := range []int{1, 3, 6} {
		require.Contains(t, g.views, i)
	}
	seen := 0
	require.NoError(t, s.each(func(int, row) error { seen++; return errStop }))
	require.Equal(t, 1, seen)
}

// A page keeps no heat map larger than it shows: 200 of pictures of 4096 a side were 13 GB. What is hot stays so, where it was, and the
// mean is the same.
func TestGalleryShrinks(t *testing.T) {
	h := &detector.Heat{Height: 300, Width: 1000, Values: make([]float32, 300*1000)}
	for y := 150; y < 200; y++ {
		for x := 800; x < 860; x++ {
			h.Values[y*1000+x] = 5
		}
	}
	g := gallery{most: 2}
	g.add(3, 7, &detector.View{Heat: h})
	small := g.views[7].Heat
	require.Equal(t, []int{38, 128, 38 * 128}, []int{small.Height, small.Width, len(small.Values)})
	mean := float32(0)
	for i, v := range small.Values {
		y, x := i/128, i%128
		mean += v / (38 * 128)
		if inside := y >= 20 && y < 25 && x >= 104 && x < 109; inside {
			require.EqualValues(t, 5, v)
		}
		if outside := y < 18 || y > 26 || x < 101 || x > 111; outside {
			require.Zero(t, v)
		}
	}
	require.InDelta(t, 5*50*60/300_000.0, mean, 0.001)

	tiny := &detector.Heat{Height: 32, Width: 128, Values: make([]float32, 32*128)}
	g.add(3, 8, &detector.View{Heat: tiny})
	require.Same(t, tiny, g.views[8].Heat)
	line := &detector.Heat{Height: 4000, Width: 3, Values: make([]float32, 12_000)}
	require.Len(t, shrunk(line).Values, 128)
}
