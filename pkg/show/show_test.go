package show

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/figure"
	"strata/pkg/folders"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/result"
)

func TestUnknownNames(t *testing.T) {
	nothing, err := figure.Open(t.TempDir())
	require.NoError(t, err)
	_, _, err = drawn(nothing, "fig9")
	assert.ErrorContains(t, err, `no figure "fig9": choose of fig1, fig1a`)
	_, err = claims(t.TempDir(), nil)
	assert.Error(t, err, "no results there")
	assert.NotEmpty(t, figure.All())
}

// A notebook's parameter chooses the results, and a wrong one says which there are.
func TestFrom(t *testing.T) {
	t.Cleanup(func() { From("") })
	figures := t.TempDir()
	t.Setenv("STRATA_FIGURES", figures)
	for _, name := range []string{"procedural-demo", "procedural-smoke"} {
		complete(t, filepath.Join(figures, "results", name))
	}
	From("procedural-demo")
	folder, err := folders.Results(from)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(figures, "results", "procedural-demo"), folder)
	From(filepath.Join(figures, "results", "procedural-smoke"))
	folder, err = folders.Results(from)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(figures, "results", "procedural-smoke"), folder)
	From("shapes_in-paper")
	_, err = folders.Results(from)
	assert.ErrorContains(t, err, "there are: procedural-demo, procedural-smoke")
}

// complete makes a results folder with nothing in it.
func complete(t *testing.T, folder string) {
	t.Helper()
	require.NoError(t, result.Begin(folder))
	require.NoError(t, result.WriteManifest(folder, result.Manifest{Size: "demo"}))
}

// Results says what a folder holds: verdicts, and which set plays which role for which of the paper's.
func TestResults(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "procedural-demo")
	require.NoError(t, result.Begin(folder))
	require.NoError(t, result.Write(folder,
		[]result.Claim{{ID: "L1", Verdict: result.Holds}, {ID: "L2", Verdict: result.Open},
			{ID: "L3", Verdict: result.Open}, {ID: "L4", Verdict: result.DoesNotHold},
			{ID: "V1", Verdict: result.NotMeasured}}))
	require.NoError(t, result.Write(folder,
		[]result.Condition{{ID: "L2", Condition: "a - b", Value: 1, Low: -1, High: 3, Comparison: ">",
			Verdict: result.Open}}))
	require.NoError(t, result.Write(folder,
		[]result.Subset{{Set: "shapes_in", Split: "test", Images: 200}, {Set: "shapes_in", Split: "test", Images: 1000},
			{Set: "shapes_in", Split: "train", Images: 8000}, {Set: "phantom", Split: "train", Images: 100}}))
	require.NoError(t, result.WriteManifest(folder, result.Manifest{Size: "demo", Seeds: []uint64{1, 2},
		Roles:     map[string]string{"in": "shapes_in", "mri_all": "phantom"},
		StandsFor: map[string]string{"shapes_in": "CIFAR-10"}}))
	text, err := results(folder)
	require.NoError(t, err)
	assert.Contains(t, text, "Results in `procedural-demo`, size demo, seeds 1 2. Of the paper's claims 1 hold there, "+
		"2 are open, 1 do not hold, not measured: 1.")
	assert.Contains(t, text, "| in | shapes_in | 1000 | CIFAR-10 |")
	assert.NotContains(t, text, "phantom", "it was not scored")
	text, err = claims(folder, []string{"L2"})
	require.NoError(t, err)
	assert.Contains(t, text, "◐ a - b: 1 [-1, 3] > 0")
	_, err = claims(folder, []string{"L9"})
	assert.ErrorContains(t, err, `no claim "L9"`)
	_, err = results(t.TempDir())
	assert.ErrorContains(t, err, "not complete")
}

// scores are of 30 images in the in-distribution set and 30 smooth ones that score higher.
func scores() *result.Scores {
	t := &result.Scores{Columns: []string{"log_likelihood", "png_bytes"}}
	for i := range 30 {
		t.Rows = append(t.Rows, result.ScoreRow{Role: "in", Set: "shapes", Index: i, Values: []float64{float64(i), 1}},
			result.ScoreRow{Role: "out", Set: "digits", Index: i, Values: []float64{100 + float64(i), 1}})
	}
	return t
}

func TestAUROC(t *testing.T) {
	text, err := aurocs(scores(), nil)
	require.NoError(t, err)
	assert.Regexp(t, `\| log_likelihood \| 0.0 \[0.0, `, text)
	assert.NotContains(t, text, "png_bytes", "is no score")
	assert.Contains(t, text, "Of 100 pairs of an image of shapes and one of digits, `log_likelihood` ranks 0 right.")
	_, err = aurocs(&result.Scores{Rows: []result.ScoreRow{{Role: "in", Set: "a"}}}, nil)
	assert.ErrorContains(t, err, "no in-distribution set or no other")
}

// One modality against the others, by the ratio that a cell adds; a file that is not there is no failure of the
// notebook.
func TestScoresOfOtherFiles(t *testing.T) {
	t.Cleanup(func() { From("") })
	folder := t.TempDir()
	complete(t, folder)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "scores_mri.csv"),
		[]byte("role,set,index,glow-mri-one,glow-general\n"+
			"mri_one,t1,0,5,1\nmri_one,t1,1,6,1\nmri_others,t2,0,7,9\nmri_others,t2,1,8,9\n"), 0o644))
	From(folder)
	table := ScoresOf("scores_mri.csv")
	Ratio(table, "glow-mri-one", "glow-general")
	text, err := aurocs(table, []string{"glow-mri-one", "glow-mri-one - glow-general"})
	require.NoError(t, err)
	assert.Regexp(t, `\| glow-mri-one \| 0.0 .*\n\| glow-mri-one - glow-general \| 100.0`, text)
	assert.NotContains(t, text, "| glow-general")
	_, err = aurocs(table, []string{"glow-ninth"})
	assert.ErrorContains(t, err, `no column "glow-ninth"`)

	AUROC(table, "glow-mri-all", "glow-mri-one - glow-mri-all")
	assert.Equal(t, []string{"glow-mri-all", "glow-mri-one - glow-mri-all"},
		untrained(table, "glow-mri-one", "glow-mri-all", "glow-mri-one - glow-mri-all", "c9"),
		"runs that are not there; a wrong name is an error")
	Ratio(table, "glow-mri-one", "glow-mri-all")
	assert.NotContains(t, table.Columns, "glow-mri-one - glow-mri-all")
	Histogram(table, "glow-mri-all")
	assert.Panics(t, func() { Scores() }, "every results folder has them")
	assert.Panics(t, func() { ScoresOf("scores_gray.csv") })

	absent := ScoresOf("scores_grey.csv")
	assert.Nil(t, absent)
	Ratio(absent, "glow-grey-in", "glow-grey-smooth")
	AUROC(absent)
	Histogram(absent, "glow-grey-in")
}

func TestHistogram(t *testing.T) {
	file, err := histogram(scores(), "log_likelihood")
	require.NoError(t, err)
	_, err = png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	far := scores() // one image of 400 far off does not take the axis
	for i := range 340 {
		far.Rows = append(far.Rows, result.ScoreRow{Role: "in", Set: "shapes", Index: i,
			Values: []float64{float64(i), 1}})
	}
	far.Rows[0].Values = []float64{-3e6, 1}
	file, err = histogram(far, "log_likelihood")
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	far.Rows[0].Values = []float64{3, 1}
	file, err = histogram(far, "log_likelihood")
	require.NoError(t, err)
	near, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	assert.Less(t, differing(picture, near), 0.03, "share of pixels")
	_, err = histogram(scores(), "ratio")
	assert.ErrorContains(t, err, `no column "ratio"`)
}

// Under a figure stands what it shows, and once for every claim of it a sentence with this run's number.
func TestFigureSaysWhatItsClaimsAre(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, image.NewGray(image.Rect(0, 0, 4, 4))))
	shown := &figure.Figure{Caption: "Dots. L2 open (here ρ 0.79).", Shows: "Dots of a<b.", MeasuredOn: "Sets: in."}
	page, err := sized(file.Bytes(), shown, []result.Claim{{ID: "L2", Measured: "Spearman ρ", Paper: "ρ > 0.83",
		Predicate: "over > 0.83", Value: 0.79, Low: 0.75, High: 0.84, Verdict: result.Open}})
	require.NoError(t, err)
	assert.Contains(t, page, "Dots of a&lt;b.")
	assert.Equal(t, 1, strings.Count(page, "Here the Spearman ρ is 0.79 [0.75, 0.84]; the paper has more than 0.83: "))
	assert.Contains(t, page, "What is asked: over &gt; 0.83.")
	assert.Contains(t, page, "<b>Pixel differences rank images as Glows do (L2).</b>")
	assert.Contains(t, page, "Sets: in.")
	page, err = sized(file.Bytes(), &figure.Figure{Caption: "A toy."}, nil)
	require.NoError(t, err)
	assert.Contains(t, page, ">A toy.</p>", "a figure of somebody's own has a caption only")
}

func TestSame(t *testing.T) {
	require.NoError(t, same("x", 1, 1.05, 0.1))
	require.ErrorContains(t, same("x", 1, 1.2, 0.1), "x: by hand 1, the library 1.2; they should be within 0.1")
	require.Error(t, same("x", math.NaN(), math.NaN(), 1))
}

func TestValues(t *testing.T) {
	assert.Len(t, Values(scores(), "log_likelihood", "digits"), 30)
	assert.Len(t, Values(scores(), "log_likelihood", "in"), 30, "a role")
	assert.Len(t, Values(scores(), "log_likelihood", ""), 60)
	assert.Panics(t, func() { Values(scores(), "log_likelihood", "leaves") })
}

// A page carries all that it shows: no address of anything elsewhere.
func TestPagesWorkOffline(t *testing.T) {
	tiles := &imageset.Set{Height: 2, Width: 2, Channels: 1, Pixels: make([]uint8, 8)}
	points := []Point{{1, 2, "shapes", 7}, {3, 4, "digits", 8}}
	page, err := Scatter("x1", Axes{X: "ln p", Y: "c<3", Diagonal: true, Note: "so & so"}, points, tiles)
	require.NoError(t, err)
	assert.Contains(t, page, "data:image/png;base64,")
	assert.Equal(t, 2, strings.Count(page, `"Index":`))
	assert.Contains(t, page, `aria-label="c&lt;3 over ln p"`)
	assert.Contains(t, page, `"c\u003c3"`, "in the script")
	assert.Contains(t, page, "so &amp; so")
	assert.Contains(t, page, "diagonal = true")
	_, err = Scatter("x1", Axes{X: "a", Y: "b"}, nil, tiles)
	assert.ErrorContains(t, err, "0 points for 2 images")
	slide, err := Slider("x2", []string{"a", "b<c"},
		[]image.Image{image.NewGray(image.Rect(0, 0, 4, 4)), image.NewGray(image.Rect(0, 0, 4, 4))})
	require.NoError(t, err)
	assert.Contains(t, slide, "b&lt;c")
	gray := image.NewGray(image.Rect(0, 0, 4, 4))
	switches, err := Switches{Names: []string{"z1", "z2"}, Choices: [2]string{"a", "b<c"}, First: 2,
		Pictures: []image.Image{gray, gray, gray, gray}, Labels: []string{"0", "1", "2", "3"},
		Sources: [2]image.Image{gray, gray}}.Page("x4")
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(switches, "display:none"), "one of four is shown")
	assert.Regexp(t, `name="x4-0" value="0" checked>a.*name="x4-1" value="1" checked>b&lt;c`, switches)
	_, err = Switches{Names: []string{"z1"}, Pictures: []image.Image{gray}, Labels: []string{"0"}}.Page("x5")
	assert.ErrorContains(t, err, "1 pictures and 1 labels for 1 switches, the first is 0: expected 2 of each")
	moved, _ := steps("x6", looks(), []string{"glow-in"})
	flow, err := flowDrawing(3, 32, 32, 3, 32)
	require.NoError(t, err)
	for _, text := range []string{page, slide, switches, moved, flow, fill(lossPage, map[string]string{"ID": "x3"}),
		fill(mixturePage, map[string]string{"ID": "x7"})} {
		assert.NotContains(t, text, "{{")
		for _, address := range []string{"src=\"http", "href=", "fetch(", "import "} {
			assert.NotContains(t, text, address)
		}
	}
	_, err = Slider("x", nil, nil)
	assert.Error(t, err)
}

// looks are those of two configurations, one of them of two seeds.
func looks() []result.CurvePoint {
	point := func(c string, seed uint64, step int, role string, value float64) result.CurvePoint {
		return result.CurvePoint{Configuration: c, Seed: seed, Step: step, Epoch: 1, Metric: result.AUROCRatio, Role: role,
			Value: value, Low: value - 1, High: value + 1}
	}
	return []result.CurvePoint{point("glow-in", 1, 60, "smooth", 90), point("glow-in", 1, 30, "smooth", 80),
		point("glow-in", 1, 60, "mean", 5), point("glow-near", 1, 120, "far", 60), point("glow-near", 2, 120, "far", 70),
		{Configuration: "glow-in", Seed: 1, Step: 60, Epoch: 1, Metric: result.BitsPerDim, Role: "in", Value: 4}}
}

func TestSteps(t *testing.T) {
	lines, last := stepLines(looks(), []string{"glow-near", "glow-in", "glow-far"})
	assert.Equal(t, 120, last)
	assert.Equal(t, []stepLine{
		{"glow-near", "far", []stepPoint{{120, 65, 65, 65, 2}}},
		{"glow-in", "smooth", []stepPoint{{30, 80, 79, 81, 1}, {60, 90, 89, 91, 1}}}}, lines,
		"in the order of their steps; the mean of two seeds has no interval")
	page, absent := steps("x", looks(), []string{"glow-in", "glow-far"})
	assert.Equal(t, []string{"glow-far"}, absent)
	assert.Contains(t, page, "against smooth")
	page, absent = steps("x", looks(), []string{"glow-far"})
	assert.Empty(t, page)
	assert.Equal(t, []string{"glow-far"}, absent)
}

// The drawing has the shapes of the Glow that it is of.
func TestFlowShapes(t *testing.T) {
	for _, c := range []glow.Config{{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 1, Hidden: 1},
		{Height: 64, Width: 16, Channels: 1, Scales: 4, K: 1, Hidden: 1}} {
		model, err := glow.New(c)
		require.NoError(t, err)
		shapes, err := flowShapes(tensor{c.Channels, c.Height, c.Width}, c.Scales)
		require.NoError(t, err)
		var sizes []int
		for _, s := range shapes {
			sizes = append(sizes, s.latent.size())
		}
		assert.Equal(t, model.LatentDims(), sizes)
	}
	drawing, err := flowDrawing(3, 32, 32, 3, 32)
	require.NoError(t, err)
	for _, want := range []string{"3×32×32", "12×16×16", "48×4×4", "1536 numbers", "32 steps"} {
		assert.Contains(t, drawing, want)
	}
	require.NoError(t, xml.Unmarshal([]byte(drawing), new(struct{})))
	_, err = flowDrawing(3, 6, 6, 2, 1)
	assert.ErrorContains(t, err, "cannot be squeezed at scale 2")
}

// differing is the share of pixels that differ between two pictures of one size.
func differing(a, b image.Image) float64 {
	bounds, n := a.Bounds(), 0
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			if a.At(x, y) != b.At(x, y) {
				n++
			}
		}
	}
	return float64(n) / float64(bounds.Dx()*bounds.Dy())
}

// Of a figure whose data the results lack there is a caption, and no empty picture above it.
func TestFigureThatIsNotDrawn(t *testing.T) {
	results, err := figure.Open(t.TempDir())
	require.NoError(t, err)
	file, f, err := drawn(results, "kernel")
	require.NoError(t, err)
	page, err := sized(file, f, nil)
	require.NoError(t, err)
	require.NotContains(t, page, "<img")
	require.Contains(t, page, "strata reproduce kernel")
}
