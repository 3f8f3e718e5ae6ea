package show

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/figure"
	"strata/pkg/folders"
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

// A page carries all that it shows: no address of anything elsewhere.
func TestPagesWorkOffline(t *testing.T) {
	tiles := &imageset.Set{Height: 2, Width: 2, Channels: 1, Pixels: make([]uint8, 8)}
	page, err := Scatter("x1", "ln p", "c<3", []Point{{1, 2, "shapes", 7}, {3, 4, "digits", 8}}, tiles)
	require.NoError(t, err)
	assert.Contains(t, page, "data:image/png;base64,")
	assert.Equal(t, 2, strings.Count(page, `"Index":`))
	assert.Contains(t, page, "c&lt;3")
	_, err = Scatter("x1", "a", "b", nil, tiles)
	assert.ErrorContains(t, err, "0 points for 2 images")
	slide, err := Slider("x2", []string{"a", "b<c"},
		[]image.Image{image.NewGray(image.Rect(0, 0, 4, 4)), image.NewGray(image.Rect(0, 0, 4, 4))})
	require.NoError(t, err)
	assert.Contains(t, slide, "b&lt;c")
	for _, text := range []string{page, slide, fill(lossPage, map[string]string{"ID": "x3"})} {
		assert.NotContains(t, text, "{{")
		for _, address := range []string{"src=\"http", "href=", "fetch(", "import "} {
			assert.NotContains(t, text, address)
		}
	}
	_, err = Slider("x", nil, nil)
	assert.Error(t, err)
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
