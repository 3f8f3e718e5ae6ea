package figure

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallFolder is a results folder of three claims.
func smallFolder(t *testing.T) *Results {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "small-demo")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, result.WriteManifest(folder, result.Manifest{Family: "small", Size: "demo", Seeds: []uint64{1},
		Roles: map[string]string{"in": "shapes_in"}, StandsFor: map[string]string{"shapes_in": "CIFAR-10"}}))
	require.NoError(t, result.Write(folder, []result.Claim{
		{ID: "L2", Paper: "\u03C1 > 0.83", Measured: "least Spearman \u03C1", Value: 0.79, Low: 0.75, High: 0.83,
			Verdict: result.DoesNotHold, Seeds: 1},
		{ID: "D2", Paper: "93.9", Measured: "AUROC of the ratio, %", Value: 99, Low: 98, High: 100,
			Verdict: result.Holds, Seeds: 1},
		{ID: "Q1", Paper: "pictures", Verdict: result.NotMeasured}}))
	r, err := Open(folder)
	require.NoError(t, err)
	return r
}

// The page shows every figure with what became of its claims, links its tables, and no picture that stays here.
func TestReadmeIsAGallery(t *testing.T) {
	out := t.TempDir()
	w := writer{results: smallFolder(t), folder: out, index: []IndexRow{
		{Figure: "fig1", Files: []string{"fig1.png", "fig1.svg"}, Caption: "Of Figure 1."},
		{Figure: "fig1b", Files: []string{"fig1b.png"}},
		{Figure: "fig3", Files: []string{"ignored/fig3.png"}, Caption: "Mixed images. Sets: in shapes_in."},
		{Figure: "fig3a", Files: []string{"ignored/fig3a.png"}},
		{Figure: "fig3c", Files: []string{"fig3c.png", "fig3c.svg"}},
		{Figure: "figS7", Files: []string{"figS7.png"}},
		{Figure: "fig1a", Files: []string{"fig1a.png"}},
		{Figure: "figS8", Files: []string{"figS8.png"}},
		{Figure: "scorecard", Files: []string{"scorecard.png", "scorecard.svg"}, Caption: "3 claims."},
		{Figure: filepath.Join("tables", "table1"), Files: []string{"tables/table1.md", "tables/table1.csv"},
			Caption: "Ratios"},
	}, empty: map[string]string{"figS8": "Top images is not drawn: why.", "fig1a": "Neither."}}
	page, err := w.readme()
	require.NoError(t, err)
	text := string(page)
	for _, want := range []string{"Drawn by `strata figures` from [small-demo](",
		"Sets: in shapes_in (for CIFAR-10); size demo",
		"![All claims](scorecard.png)\n\n3 claims.\n", "![Figure 1](fig1.png)", "By themselves: [B](fig1b.png).",
		"- **L2** Pixel differences rank images as Glows do: paper \u03C1 > 0.83 / " +
			"here \u03C1 0.79 [0.75, 0.83] / does not hold\n",
		"Figure 3: it shows images that are not strata's own", "Mixed images.\n",
		"\n<img alt=\"Figure 3C\" src=\"fig3c.png\" width=\"400\">\n\n",
		"- **Q1** Constant images have the highest likelihood: paper pictures / here \u2013 / not measured\n",
		"### Table 1: Ratios\n\n[table1.md](tables/table1.md), [table1.csv](tables/table1.csv)\n",
		"paper 93.9 / here 99.0 [98.0, 100.0] % / holds\n"} {
		assert.Contains(t, text, want)
	}
	assert.Contains(t, text, "### Figure S8\n\nTop images is not drawn: why.\n")
	assert.NotContains(t, text, "figS8.png", "a picture that shows nothing")
	assert.NotContains(t, text, "ignored/")
	assert.NotContains(t, text, "shapes_in.\n", "the sets are said once")
	assert.Less(t, strings.Index(text, "scorecard.png"), strings.Index(text, "fig1.png"), "the scorecard is first")
	assert.Less(t, strings.Index(text, "figS7.png"), strings.Index(text, "table1.md"))
	again, err := w.readme()
	require.NoError(t, err)
	assert.Equal(t, text, string(again), "a function of the results")
}

// Every figure has its place on the page, by itself or within a whole one.
func TestReadmeHasEveryFigure(t *testing.T) {
	placed := map[string]bool{}
	for _, section := range readmeSections {
		for _, f := range section.figures {
			placed[f.id] = true
		}
	}
	for _, entry := range All() {
		assert.True(t, placed[entry.Name] || placed[entry.Name[:len(entry.Name)-1]], entry.Name)
	}
}

// checkLinks asks that every relative link of a page leads to a file.
func checkLinks(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	links := regexp.MustCompile(`\]\(([^()\s]+)\)`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, links)
	for _, found := range links {
		_, err := os.Stat(filepath.Join(filepath.Dir(page), found[1]))
		assert.NoError(t, err, found[1])
	}
}
