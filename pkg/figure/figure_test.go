package figure

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

func TestSaveWritesBothFormatsAtPrintSize(t *testing.T) {
	oneColumnFigures := []string{"fig2b", "fig2c", "fig2d", "fig3c", "fig3d"}
	for _, entry := range All() {
		if testing.Short() && entry.Name != "fig1a" && entry.Name != "figS2" {
			continue // one of each width; the resolution of print takes its time
		}
		t.Run(entry.Name, func(t *testing.T) {
			width := twoColumns
			if slices.Contains(oneColumnFigures, entry.Name) {
				width = oneColumn
			}
			checkSaved(t, entry, width)
		})
	}
}

// checkSaved asks that a figure is there in both formats and at its width on paper.
func checkSaved(t *testing.T, entry Entry, width vg.Length) {
	t.Helper()
	figure, err := entry.Draw(opened(t))
	require.NoError(t, err)
	assert.Equal(t, entry.Name, figure.Name)
	assert.NotEmpty(t, figure.Caption)
	assert.NotContains(t, figure.Caption, "\n")

	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	paths, err := figure.Save(dir)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, entry.Name+".png"), filepath.Join(dir, entry.Name+".svg")}, paths)

	data, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	config, err := png.DecodeConfig(bytes.NewReader(data))
	require.NoError(t, err)
	assert.InDelta(t, width.Dots(dpi), config.Width, 1.01) // whole pixels

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2, "nothing temporary stays behind")
}

// goldenDPI keeps the goldens small; every line and letter is there.
const goldenDPI = 60

// TestGoldens compares every figure of testdata/results with its golden; -update rewrites them. Look at them before you
// commit them.
func TestGoldens(t *testing.T) {
	for _, entry := range All() {
		t.Run(entry.Name, func(t *testing.T) {
			figure, err := entry.Draw(opened(t))
			require.NoError(t, err)
			var drawn bytes.Buffer
			require.NoError(t, figure.png(&drawn, goldenDPI))
			path := filepath.Join("testdata", "goldens", entry.Name+".png")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, drawn.Bytes(), 0o644))
				return
			}
			golden, err := os.ReadFile(path)
			require.NoError(t, err, "go test ./pkg/figure -update writes it")
			if !alikePictures(t, drawn.Bytes(), golden) {
				now := filepath.Join(os.TempDir(), "strata-"+entry.Name+".png")
				require.NoError(t, os.WriteFile(now, drawn.Bytes(), 0o644))
				t.Errorf("%s is not its golden any more: compare %s with it; go test ./pkg/figure -update accepts it",
					entry.Name, now)
			}
		})
	}
}

// alikePictures says whether no value of a pixel differs by more than other processors round.
func alikePictures(t *testing.T, a, b []byte) bool {
	t.Helper()
	var pictures [2]image.Image
	for i, text := range [][]byte{a, b} {
		var err error
		pictures[i], err = png.Decode(bytes.NewReader(text))
		require.NoError(t, err)
	}
	if pictures[0].Bounds() != pictures[1].Bounds() {
		return false
	}
	for y := range pictures[0].Bounds().Dy() {
		for x := range pictures[0].Bounds().Dx() {
			p, q := color.NRGBAModel.Convert(pictures[0].At(x, y)).(color.NRGBA),
				color.NRGBAModel.Convert(pictures[1].At(x, y)).(color.NRGBA)
			for _, d := range []int{int(p.R) - int(q.R), int(p.G) - int(q.G), int(p.B) - int(q.B)} {
				if max(d, -d) > 4 {
					return false
				}
			}
		}
	}
	return true
}

// A figure is a function of the files that it names, and equal files give equal bytes.
func TestFiguresReadWhatTheyName(t *testing.T) {
	for _, entry := range All() {
		t.Run(entry.Name, func(t *testing.T) { checkReads(t, entry) })
	}
}

// checkReads asks that a figure is the same where there is nothing but the files that it names.
func checkReads(t *testing.T, entry Entry) {
	t.Helper()
	alone := t.TempDir()
	for _, file := range entry.Files {
		text, err := os.ReadFile(filepath.Join(results, file))
		require.NoError(t, err)
		writeFile(t, alone, file, string(text))
	}
	var drawn [2]bytes.Buffer
	for i, dir := range []string{results, alone} {
		from, err := Open(dir)
		require.NoError(t, err)
		figure, err := entry.Draw(from)
		require.NoError(t, err)
		require.NoError(t, figure.png(&drawn[i], goldenDPI))
		require.NoError(t, figure.SVG(&drawn[i]))
	}
	assert.True(t, bytes.Equal(drawn[0].Bytes(), drawn[1].Bytes()))
}

func TestFiguresSayWhatTheyShow(t *testing.T) {
	inAndSmooth := []string{"in: shapes_in", "smooth: digits"}
	for name, want := range map[string][]string{
		"fig1":  {">A</text>", ">B</text>", ">C</text>", "Glow of general", "smooth, peak 0.", "paper: mean 0.26"},
		"fig2":  {">D</text>", "natural images, approximated by general", "Glow of in, finetuned from general"},
		"fig3":  {">D</text>", "ln p raised", "Mixed latents", "c3, smooth"},
		"fig1a": {"smooth, peak 0.", "digits", "general, peak 0.", "grey levels"},
		"fig1b": append([]string{"Glow of general", "Glow of in", "Glow of smooth", "\u03C1 = ",
			"10\u00B3 nats"}, inAndSmooth...),
		"fig1c": {"Network types, trained on in", "local", "dense", "regular", "Regular Glows, last scale",
			"same", "trained on", "paper: mean 0.26"},
		"fig2a": {"natural images, approximated by general", "shapes_in", "leaves", "class "},
		"fig2b": append([]string{"Glows of in and of general", "Glows of in and of smooth", " over all",
			"general: leaves"}, inAndSmooth...),
		"fig2c": append([]string{"Glow of in, finetuned from general", "Glow of general",
			"AUROC vs smooth: "}, inAndSmooth...),
		"fig2d": append([]string{"Ratio, without outlier loss", "Ratio, with the outlier loss",
			"ratio (nats, asinh scale)"}, inAndSmooth...),
		"fig3a": append([]string{"z1, z2 of", "decoded", "ln p, nats"}, inAndSmooth...),
		"fig3b": append([]string{"ln p raised"}, inAndSmooth...),
		"fig3c": append([]string{"c1 + c2, in"}, inAndSmooth...),
		"fig3d": append([]string{"c3, smooth"}, inAndSmooth...),
		"figS1": append([]string{"amplitude", "phase", "result"}, inAndSmooth...),
		"figS2": {"from scratch", "finetuned from general", "smooth vs in", "near vs far", "AUROC (%)",
			"epochs"},
		"figS3":        {"trained on in", "trained on near", "trained on smooth", "bits/dim"},
		"figS4":        {"finetuned from own", "finetuned from general", "in vs smooth"},
		"figS5":        {"4x4", "Diff\u2020", "with labels", "without labels", "guessing", "in vs near", "near vs in", "paper"},
		"figS6":        {"margin loss", "outlier loss (Eq. 2)", "in vs smooth"},
		"figS7":        {"log-likelihood", "ratio to the", "last scale, c3"},
		"figS8":        {"log-likelihood", "ratio to the", "last scale, c3"},
		"table2":       {"in vs smooth", "last scale (4x4)", "ratio to PNG", "paper", "AUROC (%)"},
		"sets":         {"grey_smooth", "digits_grey", "mri_one"},
		"augmentation": {"general", "leaves"},
		"kernel": {"box (d1 17.9, lap/d1 2.69)", "chroma bicubic (d1 13.9, lap/d1 2.23)", "chroma of general",
			"raw likelihood", "cycles an image", ">smooth</text>", ">faces</text>"},
		"claims_over_steps": {"does not hold", "open", "D2", "steps of training"},
	} {
		text := svg(t, name, results)
		for _, w := range want {
			assert.Contains(t, text, w, name)
		}
	}
}

// The numbers printed must be those of the files, not of what is drawn: the extreme images count although the axis
// leaves them out.
func TestPrintedNumbersCountEveryImage(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "scores.csv", "role,set,index,glow-in-from-general\n"+
		"in,a,0,1\nin,a,1,2\nin,a,2,3\nin,a,3,4\nsmooth,b,0,-3000000\nsmooth,b,1,2.5\nsmooth,b,2,5\nsmooth,b,3,6\n")
	figure, err := byName("fig2c", dir)
	require.NoError(t, err)
	assert.Contains(t, figure.Caption, "1 of 8 values are not finite and count lowest.")
	// Pairs won by "in" of 16: all 4 against the failed image, 2 against 2.5: 6/16.
	text := svg(t, "fig2c", dir)
	assert.Contains(t, text, "AUROC vs smooth: 37.5 [")
	assert.Contains(t, text, "AUROC vs general: no images")
	assert.Contains(t, text, "1 of 8 images beyond, 1 not finite")
}

// A run, a role or a sheet that is missing is said in the panel and in the caption, and the rest is drawn.
func TestWhatIsMissingIsSaid(t *testing.T) {
	dir := copied(t)
	edit(t, dir, "pixel_differences.csv", without("role", "smooth"))
	renamed(t, dir, "scores.csv", "glow-smooth", "glow-in-from-general", "glow-in-outlier-loss", "glow-in/c3")
	edit(t, dir, "correlations.csv", without("a", "patch-in", "glow-general/c3", "glow-smooth/c3", "glow-in/c3"))
	edit(t, dir, "curves.csv", without("configuration", "glow-in-from-general", "glow-in-from-itself",
		"glow-in-outlier-loss", "glow-in-margin-loss", "glow-near", "glow-near-from-general"))
	edit(t, dir, "cells.csv", func(header, row []string) []string {
		if row[0] == "2" && row[2] == "LSUN" || row[0] == "1" {
			row[slices.Index(header, "value")], row[slices.Index(header, "note")] = "", "no set plays the role far"
		}
		return row
	})
	edit(t, dir, "kernel.csv", without("kernel", "box"))
	for _, sheet := range []string{"sets", "mixed", "climbed", "fourier", "top_glow-in-from-general",
		"top_glow-in-outlier-loss", "augmentation"} {
		require.NoError(t, os.Remove(filepath.Join(dir, "pictures", sheet+".csv")))
	}
	for name, want := range map[string]struct{ caption, drawn string }{
		"fig1":  {"Not in the results: smooth. Glow of smooth is not drawn", "not drawn:"},
		"fig2":  {"Not drawn: A, D.", "the results have no pictures/sets"},
		"fig3":  {"Not drawn: A, B, C, D.", "the finetuned Glow of in is not trained"},
		"fig1a": {"Not in the results: smooth.", "not in the results: smooth"},
		"fig1b": {"Glow of smooth is not drawn: scores.csv lacks the Glow of smooth.", "not drawn:"},
		"fig1c": {"Not measured: patch-in", "not drawn:"},
		"fig2a": {"the results have no pictures/sets", "not drawn:"},
		"fig2b": {"Glows of in and of smooth is not drawn: scores.csv lacks the Glow of smooth.", "not drawn:"},
		"fig2c": {"Glow of in, finetuned from general is not drawn: scores.csv lacks the finetuned Glow of in.",
			"not drawn:"},
		"fig2d": {"scores.csv lacks the Glow of in with the outlier loss.", "not drawn:"},
		"fig3a": {"the finetuned Glow of in is not trained", "not drawn:"},
		"fig3b": {"the finetuned Glow of in is not trained", "not drawn:"},
		"fig3c": {"is not drawn: scores.csv lacks c3 of the Glow of in, the Glow of smooth", "not drawn:"},
		"fig3d": {"is not drawn: scores.csv lacks c3 of the Glow of in", "not drawn:"},
		"figS1": {"the finetuned Glow of in is not trained", "not drawn:"},
		"figS2": {"not trained: finetuned from general", "not trained: finetuned"},
		"figS3": {"trained on near is not drawn: not in curves.csv: from scratch, finetuned from general.",
			"not drawn:"},
		"figS4":        {"in vs smooth is not drawn", "not drawn:"},
		"figS5":        {"Not measured: faces, further.", "paper"},
		"figS6":        {"in vs smooth is not drawn: not in curves.csv: margin loss, outlier loss", "not drawn:"},
		"figS7":        {"the finetuned Glow of in or the Glow of general is not trained", "not drawn:"},
		"figS8":        {"with the outlier loss or the Glow of general is not trained", "not drawn:"},
		"table2":       {"in vs far is not drawn: no set plays the role far.", "not drawn:"},
		"sets":         {"no pictures/sets", "not drawn:"},
		"augmentation": {"no pictures/augmentation", "not drawn:"},
		"kernel": {"Not measured: the luma by box. Not measured: the chroma by box. Not trained: the Glow of general by box.",
			"bicubic (d1"},
	} {
		figure, err := byName(name, dir)
		require.NoError(t, err, name)
		assert.Contains(t, figure.Caption, want.caption, name)
		assert.Contains(t, svg(t, name, dir), want.drawn, name)
		require.NoError(t, figure.png(&bytes.Buffer{}, goldenDPI), name)
	}
}

// Pixels of pictures are squares of whole dots: none is mixed with its neighbour.
func TestPicturesAreNotSmoothed(t *testing.T) {
	sheet, err := opened(t).sheet("top_glow-in-from-general")
	require.NoError(t, err)
	figure, err := FigS7(opened(t))
	require.NoError(t, err)
	g := figure.page.(gallery)
	var drawn bytes.Buffer
	require.NoError(t, figure.PNG(&drawn))
	picture, err := png.Decode(&drawn)
	require.NoError(t, err)
	left, top := int(math.Round(float64(onDots(galleryLabel)/dot))), picture.Bounds().Dy()
	_, height := g.size()
	top -= int(math.Round(float64(onDots(height-margin) / dot)))
	tile := sheet.At(0, 0)
	for y := range sheet.Height * g.dots {
		for x := range sheet.Width * g.dots {
			at := 3 * (y/g.dots*sheet.Width + x/g.dots)
			want := color.NRGBA{R: tile.RGB[at], G: tile.RGB[at+1], B: tile.RGB[at+2], A: 255}
			require.Equal(t, want, color.NRGBAModel.Convert(picture.At(left+x, top+y)), "dot %d, %d", x, y)
		}
	}
}

// Whatever numbers a valid file holds, a figure comes out: single images, constants, huge values, several sets a role,
// unknown roles.
func TestOddValuesAreDrawn(t *testing.T) {
	for name, rows := range map[string]string{
		"one image":     "in,a,0,1,1,1,1\n",
		"constant":      "in,a,0,5,5,5,5\nin,a,1,5,5,5,5\nsmooth,b,0,5,5,5,5\n",
		"huge":          "in,a,0,1e99,-1e99,1e99,-1e99\nsmooth,b,0,-1e99,1e99,1,2\n",
		"huge constant": "in,a,0,1e99,1e99,1e99,1e99\nsmooth,b,0,1e99,1e99,0,0\n",
		"tiny":          "in,a,0,5e-324,0,5e-324,0\nsmooth,b,0,0,5e-324,0,5e-324\n",
		"all failed":    "in,a,0,1,-3000000,-3000000,-3000000\nsmooth,b,0,1,-3000000,-3000000,-3000000\n",
		"two sets":      "smooth,a,0,1,2,3,4\nsmooth,b,0,4,3,2,1\nin,c,0,1,1,2,2\n",
		"unknown role":  "near,a,0,1,2,3,4\n",
		"long set name": "in," + strings.Repeat("name", 50) + ",0,1,2,3,4\nsmooth,<&>,0,2,3,4,5\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, "scores.csv", "role,set,index,pseudo_in,glow-in,glow-general,glow-in-from-general\n"+rows)
			for _, name := range []string{"fig1b", "fig2b", "fig2c", "fig2d", "fig3c"} {
				text := svg(t, name, dir)
				assert.NotContains(t, text, "NaN", name)
				assert.NotContains(t, text, "Inf", name)
			}
		})
	}
	dir := t.TempDir()
	writeFile(t, dir, "pixel_differences.csv", "role,set,centre,density\nin,a,-1,0\nin,a,1,0\n")
	assert.NotContains(t, svg(t, "fig1a", dir), "NaN", "a density of 0 everywhere")
	require.NoError(t, result.Write(dir, []result.CurvePoint{
		{Configuration: glowIn, Seed: 1, Epoch: 5, Metric: result.BitsPerDim, Role: "in", Value: 4},
		{Configuration: glowInFromGeneral, Seed: 1, Epoch: 5, Metric: result.BitsPerDim, Role: "in", Value: 4}}))
	assert.NotContains(t, svg(t, "figS3", dir), "NaN", "a single look")
	require.NoError(t, result.Write(dir, []result.Correlation{{A: patchIn, B: glowIn, Spearman: -1, SpearmanLow: -1,
		SpearmanHigh: -1}}))
	assert.Contains(t, svg(t, "fig1c", dir), "\u22121.00")
}

func TestNamesAreAllDifferent(t *testing.T) {
	seen := map[string]bool{}
	for _, entry := range All() {
		assert.False(t, seen[entry.Name], entry.Name)
		seen[entry.Name] = true
	}
}

func TestTicksAreRoundNumbersWithinTheAxis(t *testing.T) {
	for _, test := range []struct {
		lowest, highest float64
		want            []string
	}{
		{0, 1, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{0.01, 0.99, []string{"0.2", "0.4", "0.6", "0.8"}},
		{-1100, -380, []string{"\u22121000", "\u2212800", "\u2212600", "\u2212400"}},
		{-14.3, -3.1, []string{"\u221214", "\u221212", "\u221210", "\u22128", "\u22126", "\u22124"}},
		{-0.06, 0.07, []string{"\u22120.05", "0.00", "0.05"}},
		{-3e6, 1e6, []string{"\u22123e+06", "\u22122e+06", "\u22121e+06", "0", "1e+06"}},
	} {
		var labels []string
		for _, tick := range roundTicks(test.lowest, test.highest) {
			labels = append(labels, tick.Label)
			assert.GreaterOrEqual(t, tick.Value, test.lowest)
			assert.LessOrEqual(t, tick.Value, test.highest)
		}
		assert.Equal(t, test.want, labels)
	}
}

func TestRolesKeepTheirColours(t *testing.T) {
	colours := map[any]string{}
	for _, role := range []string{roleIn, roleSmooth, roleGeneral, roleFar, roleNear, roleFaces, roleFurther,
		"any other"} {
		c := RoleColor(role)
		assert.Empty(t, colours[c], "%s and %s", role, colours[c])
		colours[c] = role
	}
}

func TestBinnedIsADensityOfAllImages(t *testing.T) {
	heights, beyond := binned([]float64{0, 0.5, 1, 2, 4, 9}, 0, 4, 4)
	assert.Equal(t, 1, beyond)
	// Six images, bins of width 1; the highest edge belongs to the last bin.
	for i, images := range []float64{2, 1, 1, 1} {
		assert.InDelta(t, images/6, heights[i], 1e-15)
	}
}

func TestAxisRangeLeavesOutTheRareAndTheFailed(t *testing.T) {
	values := make([]float64, 1001)
	failed := make([]bool, len(values))
	for i := range values {
		values[i] = float64(i)
	}
	values[0], failed[0] = -3e6, true
	values[1] = -1e5 // one of a thousand
	lowest, highest := axisRange([][]float64{values}, [][]bool{failed})
	// 1,000 are left, ranks 4 and 995 of 0..999 are 5 and 996, and 3 % of 991 is added on both sides.
	assert.InDelta(t, 5-0.03*991, lowest, 1e-9)
	assert.InDelta(t, 996+0.03*991, highest, 1e-9)

	lowest, highest = axisRange([][]float64{{7}}, [][]bool{{false}})
	assert.Equal(t, [2]float64{6, 8}, [2]float64{lowest, highest})
	lowest, highest = axisRange(nil, nil)
	assert.Equal(t, [2]float64{0, 1}, [2]float64{lowest, highest})
}

func TestPeakIsTheHighestBinNearestZero(t *testing.T) {
	d := density{edges: edges([]float64{-3, -1, 1, 3}), heights: []float64{0.1, 0.2, 0.2, 0.2}}
	assert.Equal(t, []float64{-4, -2, 0, 2, 4}, d.edges)
	centre, height, _ := d.peak()
	assert.Equal(t, 0.2, height)
	assert.Equal(t, 1.0, math.Abs(centre))
}

func TestWrappedLinesFit(t *testing.T) {
	style := textStyle(sizeNote, ink)
	width := style.Width("mixed_numbers_b7")
	assert.Equal(t, []string{"mixed_numbers_", "b75 is long"}, wrapped("mixed_numbers_b75 is long", style, width))
	assert.Equal(t, []string{"a b c"}, wrapped(" a  b c ", style, width))
	for _, line := range wrapped(strings.Repeat("W", 99), style, width) {
		assert.LessOrEqual(t, style.Width(line), width)
	}
	assert.Len(t, wrapped("WW", style, 0), 2, "a letter a line at least")
}

// Panels of one figure share an axis, which zooms in on nothing: what is saturated looks so.
func TestPanelsShareAnAxis(t *testing.T) {
	panels := func(ranges ...[2]float64) (all []panel) {
		for _, r := range ranges {
			p := newPlot("", "")
			p.Y.Min, p.Y.Max = r[0], r[1]
			all = append(all, panel{plot: p})
		}
		return append(all, emptyPanel("", ""))
	}
	for _, test := range []struct {
		ranges   [][2]float64
		from, to float64
	}{
		{[][2]float64{{99.9, 100}, {60, 80}}, 40, 100},
		{[][2]float64{{99.9, 100}, {33, 80}}, 30, 100},
		{[][2]float64{{0, 0.2}}, 0, 100},
	} {
		all := panels(test.ranges...)
		sharedAUROC(all)
		for _, drawn := range all[:len(all)-1] {
			assert.Equal(t, [2]float64{test.from, test.to}, [2]float64{drawn.plot.Y.Min, drawn.plot.Y.Max}, "%+v", test)
		}
		assert.Equal(t, 1.0, all[len(all)-1].plot.Y.Max, "an empty panel stays as it is")
	}
	all := panels([2]float64{3.5, 4}, [2]float64{3.9, 4.5})
	sharedAxis(all, math.Inf(1), math.Inf(-1), 0.05)
	assert.InDelta(t, 3.45, all[1].plot.Y.Min, 1e-9)
	assert.InDelta(t, 4.55, all[0].plot.Y.Max, 1e-9)
}

// seen is a curve of one seed or more without intervals.
func seen(seeds ...map[float64]float64) curve {
	c := curve{}
	for i, values := range seeds {
		c[uint64(i)] = map[float64]look{}
		for epoch, v := range values {
			c[uint64(i)][epoch] = look{v, v, v}
		}
	}
	return c
}

func TestCurvesAreMeansOfAllSeeds(t *testing.T) {
	epochs, values := seen(map[float64]float64{2: 1, 4: 3, 6: 9}, map[float64]float64{2: 2, 4: 5}).mean()
	assert.Equal(t, []float64{2, 4}, epochs, "a seed that is not there yet would move the mean")
	assert.Equal(t, []float64{1.5, 4}, values)
}

func TestFinetuningPassesTheEndOfScratch(t *testing.T) {
	ended := seen(map[float64]float64{1: 4.2, 2: 4})
	less := func(a, b float64) bool { return a < b }
	for _, test := range []struct {
		tuned, ended     curve
		passed, compared bool
	}{
		{seen(map[float64]float64{0.5: 4.1, 1: 3.9}), ended, true, true},
		{seen(map[float64]float64{0.5: 4.1, 1: 4}), ended, false, true},
		{curve{}, ended, false, false},
		{ended, curve{}, false, false},
	} {
		passed, compared := passes(test.tuned, test.ended, less)
		assert.Equal(t, [2]bool{test.passed, test.compared}, [2]bool{passed, compared})
	}
}

func TestWidened(t *testing.T) {
	low, high := widened(2, 4, 10)
	assert.Equal(t, [2]float64{-2, 8}, [2]float64{low, high})
	low, high = widened(2, 4, 1)
	assert.Equal(t, [2]float64{2, 4}, [2]float64{low, high})
}

// Every claim has a panel, which marks its verdict at every step; the caption says which verdicts change.
func TestClaimsOverSteps(t *testing.T) {
	dir := t.TempDir()
	var steps []result.ClaimAtStep
	for _, id := range []string{"D1", "D2"} {
		for i, verdict := range []result.Verdict{result.DoesNotHold, result.Open, result.Holds, result.Holds} {
			if id == "D1" {
				verdict = result.Holds
			}
			steps = append(steps, result.ClaimAtStep{ID: id, Measured: "AUROC", Steps: 100 * (i + 1),
				Run: glowInFromGeneral, Value: 50, Low: 45, High: 55, Verdict: verdict})
		}
	}
	require.NoError(t, result.Write(dir, steps))
	figure, err := byName("claims_over_steps", dir)
	require.NoError(t, err)
	assert.Contains(t, figure.Caption, "2 claims over the steps")
	assert.Contains(t, figure.Caption, "Last verdicts of those that change: D2 holds.")
	panels := figure.page.(page).panels
	require.Len(t, panels, 2)
	assert.Equal(t, "The raw likelihood prefers smooth", strings.Split(panels[0].title, "\n")[0])
	assert.Equal(t, [2]float64{0, 100}, [2]float64{panels[1].plot.Y.Min, panels[1].plot.Y.Max}, "one axis a unit")
	assert.Equal(t, 400.0, panels[1].plot.X.Max)
	drawn := svg(t, "claims_over_steps", dir)
	assert.Contains(t, drawn, ">D2</text>")
	assert.NotContains(t, drawn, "threshold", "these rows have none")
	assert.NotContains(t, figure.Caption, "threshold")

	for i := range steps {
		steps[i].Comparison, steps[i].Bound = ">", 70
	}
	steps[0].Comparison, steps[1].Bound = "", 130
	require.NoError(t, result.Write(dir, steps))
	figure, err = byName("claims_over_steps", dir)
	require.NoError(t, err)
	assert.Contains(t, figure.Caption, "A line is the threshold of the condition that decides")
	assert.Equal(t, "do not hold", became(result.DoesNotHold, 2))
	panels = figure.page.(page).panels
	assert.Equal(t, [2]float64{0, 100}, [2]float64{panels[0].plot.Y.Min, panels[0].plot.Y.Max}, "no AUROC lies beyond")
	assert.Contains(t, svg(t, "claims_over_steps", dir), ">side of the threshold where it holds</text>")
}

// The line of a threshold spans a step's surroundings, on the axis alone, and what holds is shaded up or down from it.
func TestThresholdsOverSteps(t *testing.T) {
	line := claimLine{{Steps: 100, Comparison: ">", Bound: 70}, {Steps: 200, Comparison: "<=", Bound: 20},
		{Steps: 300, Comparison: ">", Bound: 130}}
	lines, areas := thresholdsOf(line)
	assert.Equal(t, []string{"0,70 150,70", "150,20 250,20"}, lines)
	assert.Equal(t, []string{"0,70 150,70 150,100 0,100", "149.5,20 250,20 250,0 149.5,0",
		"249.5,100 400,100 400,100 249.5,100"}, areas)

	line[1].Comparison = "" // decided by another quantity there: pieces of a threshold would mislead
	lines, areas = thresholdsOf(line)
	assert.Empty(t, lines)
	assert.Empty(t, areas)
}

// thresholdsOf are the lines and areas of a claim's thresholds, on axes of 400 steps and 100 points.
func thresholdsOf(line claimLine) (lines, areas []string) {
	var recorded recorder.Canvas
	c := draw.NewCanvas(&recorded, 400, 100)
	same := func(v float64) vg.Length { return vg.Length(v) }
	line.thresholds(c, same, same)
	for _, action := range recorded.Actions {
		switch a := action.(type) {
		case *recorder.Stroke:
			lines = append(lines, pointsOf(a.Path))
		case *recorder.Fill:
			areas = append(areas, pointsOf(a.Path))
		}
	}
	return lines, areas
}

// pointsOf are the points of a path.
func pointsOf(path vg.Path) string {
	var points []string
	for _, part := range path {
		if part.Type != vg.CloseComp {
			points = append(points, fmt.Sprintf("%g,%g", part.Pos.X, part.Pos.Y))
		}
	}
	return strings.Join(points, " ")
}
