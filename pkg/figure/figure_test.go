package figure

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSaveWritesBothFormatsAtPrintSize(t *testing.T) {
	results := syntheticResults(t, 40)
	widths := map[string]float64{"fig1a": 8.5}
	for _, entry := range All() {
		t.Run(entry.Name, func(t *testing.T) {
			figure, err := entry.Draw(results)
			require.NoError(t, err)
			assert.Equal(t, entry.Name, figure.Name)
			assert.NotEmpty(t, figure.Caption)
			assert.NotContains(t, figure.Caption, "not drawn")

			dir := filepath.Join(t.TempDir(), "not", "there", "yet")
			paths, err := figure.Save(dir)
			require.NoError(t, err)
			require.Equal(t, []string{filepath.Join(dir, entry.Name+".png"), filepath.Join(dir, entry.Name+".svg")}, paths)

			data, err := os.ReadFile(paths[0])
			require.NoError(t, err)
			config, err := png.DecodeConfig(bytes.NewReader(data))
			require.NoError(t, err)
			centimetres := widths[entry.Name]
			if centimetres == 0 {
				centimetres = 17
			}
			assert.InDelta(t, centimetres/2.54*300, config.Width, 1) // whole pixels

			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, left, 2, "nothing temporary stays behind")
		})
	}
}

func TestEqualFilesGiveEqualBytes(t *testing.T) {
	results := syntheticResults(t, 40)
	for _, entry := range All() {
		var first [2]bytes.Buffer
		for run := range 2 {
			figure, err := entry.Draw(results)
			require.NoError(t, err)
			var again [2]bytes.Buffer
			require.NoError(t, figure.PNG(&again[0]))
			require.NoError(t, figure.SVG(&again[1]))
			if run == 0 {
				first = again
				continue
			}
			assert.True(t, bytes.Equal(first[0].Bytes(), again[0].Bytes()), "%s.png", entry.Name)
			assert.True(t, bytes.Equal(first[1].Bytes(), again[1].Bytes()), "%s.svg", entry.Name)
		}
	}
}

func TestFiguresSayWhatTheyShow(t *testing.T) {
	results := syntheticResults(t, 200)
	legend := []string{"in: cifar10_q75", "smooth: colour_numbers_q75"}
	for name, want := range map[string][]string{
		"fig1a": {"smooth, peak 0.066", "colour_numbers_q75", "general, peak 0.028", "grey levels"},
		"fig1b": append([]string{"Glow of general", "Glow of in", "Glow of smooth", "\u03C1 = 0.9", "10\u00B3 nats"}, legend...),
		"fig2c": append([]string{"general: tinyimagenet32_q75", "AUROC vs smooth: ", "1 of them not finite"}, legend...),
		"fig2d": append([]string{"Ratio, in finetuned to general", "Ratio, in from scratch to general", "Last scale of in, finetuned", "(nats)"}, legend...),
		"table2": {"in vs smooth: colour_numbers_q75", "in vs far: dtd_part_q75", "AUROC (%)", "last scale (c3)", "ratio to PNG",
			"Glow of in, from scratch"},
	} {
		text := svg(t, name, results)
		for _, w := range want {
			assert.Contains(t, text, w, name)
		}
	}
}

// The numbers printed must be those of the files, not of what is drawn: the extreme images count although the axis leaves them out.
func TestPrintedNumbersCountEveryImage(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "scores.csv", "role,set,index,in_finetuned\n"+
		"in,a,0,1\nin,a,1,2\nin,a,2,3\nin,a,3,4\nsmooth,b,0,-3000000\nsmooth,b,1,2.5\nsmooth,b,2,5\nsmooth,b,3,6\n")
	figure, err := Fig2C(dir)
	require.NoError(t, err)
	// Pairs won by "in" of 16: all 4 against the failed image, 2 against 2.5: 6/16.
	assert.Contains(t, figure.Caption, "AUROC in vs smooth: 37.5 [")
	assert.Contains(t, figure.Caption, "AUROC in vs general: no images")
	assert.Contains(t, svg(t, "fig2c", dir), "1 of 8 images beyond the axes, 1 of them not finite")
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	full := syntheticResults(t, 20)
	dir := t.TempDir()
	keep := func(name string, line func(string) bool) {
		data, err := os.ReadFile(filepath.Join(full, name))
		require.NoError(t, err)
		lines := strings.SplitAfter(string(data), "\n")
		kept := lines[0]
		for _, l := range lines[1:] {
			if line(l) {
				kept += l
			}
		}
		writeFile(t, dir, name, kept)
	}
	keep("pixel_differences.csv", func(l string) bool { return !strings.HasPrefix(l, "smooth") })
	keep("scores.csv", func(l string) bool { return true })
	keep("table2.csv", func(l string) bool { return !strings.HasPrefix(l, "in,") && !strings.Contains(l, ",ratio") })
	data, err := os.ReadFile(filepath.Join(dir, "scores.csv"))
	require.NoError(t, err)
	header, rest, _ := strings.Cut(string(data), "\n")
	// Renamed columns are unknown ones: the model of the smooth set and the finetuned one are not there.
	header = strings.ReplaceAll(strings.ReplaceAll(header, ",smooth,", ",x,"), ",in_finetuned", ",y")
	writeFile(t, dir, "scores.csv", header+"\n"+rest)

	for name, want := range map[string]struct{ caption, drawn string }{
		"fig1a":  {"Not in the results: smooth.", "not in the results: smooth"},
		"fig1b":  {"Glow of smooth is not drawn: scores.csv has no smooth.", "not drawn:"},
		"fig2c":  {"Glow of in, finetuned from general is not drawn: scores.csv has no in_finetuned.", "not drawn:"},
		"fig2d":  {"Last scale of in, finetuned is not drawn: scores.csv has no in_finetuned_c3.", "not drawn:"},
		"table2": {"Glow of in, from scratch is not drawn: table2.csv has no rows of model in.", "not in the table"},
	} {
		figure, err := byName(name, dir)
		require.NoError(t, err, name)
		assert.Contains(t, figure.Caption, want.caption, name)
		assert.Contains(t, svg(t, name, dir), want.drawn, name)
		require.NoError(t, figure.PNG(&bytes.Buffer{}), name)
	}
}

// Whatever numbers a valid file holds, a figure comes out: single images, constants, huge values, several sets a role, unknown roles.
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
			writeFile(t, dir, "scores.csv", "role,set,index,pseudo_in,in,general,in_finetuned\n"+rows)
			for _, name := range []string{"fig1b", "fig2c", "fig2d"} {
				text := svg(t, name, dir)
				assert.NotContains(t, text, "NaN", name)
				assert.NotContains(t, text, "Inf", name)
			}
		})
	}
	dir := t.TempDir()
	writeFile(t, dir, "pixel_differences.csv", "role,set,centre,density\nin,a,-1,0\nin,a,1,0\n")
	assert.NotContains(t, svg(t, "fig1a", dir), "NaN", "a density of 0 everywhere")
	writeFile(t, dir, "table2.csv", "model,score,role,set,auroc,low,high\nin,full,near,a,1,0,1\nin,full,near,b,0,0,0\nother,x,y,z,0,0,0\n")
	assert.Contains(t, svg(t, "table2", dir), "in vs near: b")
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
	for _, role := range []string{roleIn, roleSmooth, roleGeneral, roleFar, "any other"} {
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

func byName(name, results string) (*Figure, error) {
	for _, entry := range All() {
		if entry.Name == name {
			return entry.Draw(results)
		}
	}
	panic("no figure " + name)
}

func svg(t *testing.T, name, results string) string {
	t.Helper()
	figure, err := byName(name, results)
	require.NoError(t, err, name)
	var b bytes.Buffer
	require.NoError(t, figure.SVG(&b), name)
	require.NoError(t, xml.Unmarshal(b.Bytes(), new(any)), "%s.svg is XML", name)
	return b.String()
}
