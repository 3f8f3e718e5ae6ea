package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// results writes a folder in which Table 1's CIFAR10 Glow raw cells and two claims were measured.
func results(t *testing.T) string {
	t.Helper()
	printed, err := result.PaperCells()
	require.NoError(t, err)
	nan := math.NaN()
	var cells []result.Cell
	for _, c := range printed {
		cell := result.Unmeasured(c, "demo", "glow-smooth-from-general is not trained")
		if c.Table == "1" && c.In == "CIFAR10" && !c.IsMean() && c.InModel() == "Glow" && c.Score == "raw" {
			values := map[string]float64{"SVHN": 10, "CIFAR100": 70, "LSUN": 20}
			cell.Measured, cell.Low, cell.High = values[c.Out], values[c.Out]-1, values[c.Out]+1
			cell.Seeds, cell.InSet, cell.OutSet, cell.StandsFor, cell.Note = 1, "shapes_in", "x",
				"shapes_in for CIFAR-10", ""
		}
		cells = append(cells, cell)
	}
	baseline := result.Unmeasured(result.PaperCell{Value: nan, Std: nan,
		Place: result.Place{Table: "baselines", In: "CIFAR10", Out: "SVHN", Score: "png_size"}}, "demo", "")
	baseline.Measured, baseline.Low, baseline.High = 3, 2, 4
	cells = append(cells, baseline)
	claims, err := result.DeclaredClaims()
	require.NoError(t, err)
	for i, verdict := range []result.Verdict{result.DoesNotHold, result.Open} {
		c := &claims[i]
		c.Verdict, c.Value, c.Low, c.High, c.Measured = verdict, 0.5, 0.4, 0.6, "ratio <b>"
		c.Data, c.Size, c.Seeds, c.Images = "shapes_in, digits", "demo", 3, 1
	}
	folder := filepath.Join(t.TempDir(), "procedural-demo")
	require.NoError(t, result.Begin(folder))
	require.NoError(t, result.Write(folder, cells))
	require.NoError(t, result.Write(folder, claims))
	require.NoError(t, result.Write(folder, []result.Condition{
		{ID: claims[0].ID, Condition: "peak <smooth> / in", Value: 0.5, Low: 0.4, High: 0.6, Comparison: ">", Bound: 1,
			Verdict: result.DoesNotHold, Seeds: 3},
		{ID: claims[0].ID, Condition: "mode of smooth", Value: 0, Low: 0, High: 0, Comparison: "<", Bound: 1,
			Verdict: result.Holds, Seeds: 3}}))
	require.NoError(t, result.Write(folder, []result.ClaimAtStep(nil)))
	require.NoError(t, result.Write(folder, []result.Run{
		{Configuration: "glow-in", Seed: 1, ID: "glow-shapes", Network: "Glow L3", Set: "shapes_in", Steps: 500,
			Rate: 0.001, LastValue: 5.2},
		{Configuration: "glow-near", Seed: 1, Rate: nan, LastValue: nan, Problem: "glow-near is not trained"}}))
	require.NoError(t, result.WriteManifest(folder, result.Manifest{Size: "demo", Seeds: []uint64{1, 2, 3}}))
	return folder
}

func written(t *testing.T, folders ...string) (md, html string, claims []claimRow) {
	t.Helper()
	report, err := Read(folders)
	require.NoError(t, err)
	out := t.TempDir()
	require.NoError(t, report.Write(out))
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		return string(text)
	}
	claims, err = result.ReadFile[claimRow](filepath.Join(out, "claims.csv"))
	require.NoError(t, err)
	return read("report.md"), read("index.html"), claims
}

// Paper and measurement stand side by side: 10 against 8.8 agrees, 70 against 51.7 has the direction, 20 against 69.3
// disagrees.
func TestCellsAreCompared(t *testing.T) {
	md, html, claims := written(t, results(t))
	require.Contains(t, md, strings.ReplaceAll("● 8.8 / **10.0**<br>[9.0, 11.0] <sup>a</sup>", " ", "\u00a0"),
		"in two lines that do not break")
	require.Contains(t, md, strings.ReplaceAll("◐ 51.7 / **70.0**", " ", "\u00a0"))
	require.Contains(t, md, strings.ReplaceAll("○ 69.3 / **20.0**", " ", "\u00a0"))
	require.Contains(t, md, "- a: shapes_in for CIFAR-10")
	require.Contains(t, md, "– 98.3 / not run")
	require.Contains(t, html, "6 of 9 cells of this mean are missing")
	require.Contains(t, html, "glow-smooth-from-general is not trained", "a cell that was not run says why")
	require.Contains(t, html, `class="cell disagrees"`)
	require.Contains(t, html, "ratio &lt;b&gt;", "text is escaped")
	require.NotContains(t, html, "http", "needs no network")
	for _, text := range []string{md, html} {
		require.Contains(t, text, "over 3 distinct cells. 1 agree, 1 in the same direction, 1 disagree; 168 more not run.")
	}
	require.Len(t, claims, declared(t))
	for i, verdict := range []result.Verdict{result.DoesNotHold, result.Open, result.NotMeasured} {
		require.Equal(t, verdict, claims[i].Verdict)
		require.Equal(t, "procedural-demo", claims[i].Results)
	}
	require.Contains(t, md, "0 hold, 1 open, 1 do not, 34 not measured")
	require.Contains(t, md, "ratio &lt;b>: **0.50** [0.40, 0.60]<br>○ peak &lt;smooth> / in: 0.5 [0.4, 0.6] > 1<br>● mode of smooth: 0 "+
		"[0, 0] &lt; 1 |")
	require.Contains(t, html, "○ peak &lt;smooth&gt; / in: 0.5 [0.4, 0.6] &gt; 1")
	require.Contains(t, html, `<td class="verdict open">◐ open</td>`)
	require.Contains(t, html, "shapes_in, digits; size demo; 3 seeds; 1 image<")
	require.Contains(t, md, "| glow-in | 1 | glow-shapes | Glow L3 | shapes_in |  | 500 |")
	require.Contains(t, md, "| glow-near | 1 |  |  |", "nothing is known of a run that is not there")
	require.Contains(t, md, "| glow-near is not trained |")
}

// A mean is that of the cells that the paper's is one of, and only if all of them were measured.
func TestMeans(t *testing.T) {
	cell := func(in, out string, value float64) result.Cell {
		return result.Cell{PaperCell: result.PaperCell{Place: result.Place{Table: "4", In: in, Out: out}},
			Measured: value}
	}
	all := func(result.Cell) bool { return true }
	of := []result.Cell{cell("a", "x", 10), cell("a", "y", 20), cell("b", "x", 90), cell("a", "Mean", math.NaN()),
		cell("Mean", "Mean", math.NaN())}
	require.Equal(t, 15., mean(of[3], of, all).Measured)
	require.Equal(t, 40., mean(of[4], of, all).Measured)
	of[1].Measured = math.NaN()
	got := mean(of[3], of, all)
	require.False(t, got.IsMeasured())
	require.Equal(t, "1 of 2 cells of this mean are missing", got.Note)
}

// declared is the number of claims.
func declared(t *testing.T) int {
	t.Helper()
	claims, err := result.DeclaredClaims()
	require.NoError(t, err)
	return len(claims)
}

// With nothing run the report still holds all tables and all claims.
func TestNothingRun(t *testing.T) {
	md, html, claims := written(t)
	require.Len(t, claims, declared(t))
	for _, table := range result.PaperTables() {
		require.Contains(t, md, "### Table "+table+":")
		require.Contains(t, html, ">Table "+table+":")
	}
	require.Contains(t, md, "No table cell was measured: 180 not run.")
	require.Contains(t, md, "0 hold, 0 open, 0 do not, 36 not measured")
	require.Contains(t, md, "” 75.8", "quoted")
}

// Claims over the steps of training are drawn in the page and told in the text; damaged ones are an error, absent ones
// are not.
func TestClaimsOverSteps(t *testing.T) {
	folder := results(t)
	md, html, _ := written(t, folder)
	require.NotContains(t, md, "over the steps")
	require.Equal(t, 1, strings.Count(html, "data:image/svg&#43;xml"), "the scorecard")
	require.NoError(t, result.Write(folder, []result.ClaimAtStep{
		{ID: "D2", Measured: "AUROC <of> the ratio, %", Steps: 50, Run: "glow-in-from-general", Value: 56.5, Low: 51,
			High: 62, Verdict: result.DoesNotHold, Images: 400},
		{ID: "D2", Measured: "AUROC <of> the ratio, %", Steps: 100, Run: "glow-in-from-general", Value: 80, Low: 75,
			High: 85, Verdict: result.Holds, Images: 400},
		{ID: "L8", Measured: "least Spearman ρ", Steps: 200, Run: "glow-general", Value: 0.93, Low: 0.9, High: 0.95,
			Verdict: result.Open, Images: 400},
	}))
	md, html, _ = written(t, folder)
	require.Contains(t, md, "50: 56.5, 100: 80 ✓")
	require.Contains(t, md, "200: 0.93 ?")
	require.Contains(t, md, "Last verdicts of those that change: D2 holds.")
	require.Equal(t, 2, strings.Count(html, "data:image/svg&#43;xml"))
	require.Contains(t, html, "Last verdicts of those that change: D2 holds.")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "claims_over_steps.csv"), []byte("x"), 0o644))
	_, err := Read([]string{folder})
	require.ErrorContains(t, err, "claims_over_steps.csv")
}

func TestDamagedCellsAreNamed(t *testing.T) {
	folder := results(t)
	path := filepath.Join(folder, "cells.csv")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), ",10,9,11,", ",ten,9,11,", 1)), 0o644))
	_, err = Read([]string{folder})
	require.ErrorContains(t, err, `column value: "ten" is no number`)
	require.ErrorContains(t, err, path)
}

func ExampleRead() {
	report, err := Read(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(report.Results[0].Tables), "tables,", report.Results[0].Verdicts())
	// Output: 8 tables, 0 hold, 0 open, 0 do not, 36 not measured
}

// Every cell of the paper has its place, and every table a header as wide as its rows.
func TestTablesHoldEveryCell(t *testing.T) {
	printed, err := result.PaperCells()
	require.NoError(t, err)
	count := map[string]int{}
	for _, c := range printed {
		count[c.Table]++
	}
	read, err := Read(nil)
	require.NoError(t, err)
	for _, table := range read.Results[0].Tables {
		shown := 0
		for _, row := range table.Rows {
			for _, c := range row.Cells {
				if c.Agreement != Nothing {
					shown++
				}
			}
		}
		require.Equal(t, count[table.Name], shown, "table %s: two cells on one column", table.Name)
		require.NotContains(t, table.Columns, "")
		width := 0
		for _, line := range strings.Split(table.Markdown(), "\n") {
			if !strings.HasPrefix(line, "|") {
				continue
			}
			if width == 0 {
				width = strings.Count(line, "|")
			}
			require.Equal(t, width, strings.Count(line, "|"), "table %s: %s", table.Name, line)
		}
	}
}

// A folder that is not complete, or of another schema, is refused.
func TestIncompleteFoldersAreRefused(t *testing.T) {
	folder := results(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "results.json"), []byte(`{"schema": 9}`), 0o644))
	_, err := Read([]string{folder})
	require.ErrorContains(t, err, "written by a newer strata")
	require.NoError(t, result.Begin(folder))
	_, err = Read([]string{folder})
	require.ErrorContains(t, err, "not complete")
	folder = results(t)
	require.NoError(t, os.Remove(filepath.Join(folder, "conditions.csv")))
	_, err = Read([]string{folder})
	require.ErrorContains(t, err, "conditions.csv")
}

// Where two sizes of the same sets stand side by side, the size tells them apart.
func TestHeadingsTellSizesApart(t *testing.T) {
	parent := t.TempDir()
	r, err := Read([]string{nearFolder(t, parent, "real", "demo", 2000, 3, ""), nearFolder(t, parent, "real", "long", 3000, 9, ""),
		nearFolder(t, parent, "procedural", "quick", 300, 0, "")})
	require.NoError(t, err)
	require.Equal(t, "The real sets, size demo", r.Results[0].Heading())
	require.Equal(t, "The real sets, size long", r.Results[1].Heading())
	require.Equal(t, "The drawn sets", r.Results[2].Heading())
	r.Results[1].Manifest.Roles = map[string]string{"in": "cifar10"}
	require.Equal(t, "real-long: in cifar10; size long, 1 seed, 2 configurations.", r.Results[1].About())
}

// Letters come in the order of their list, whichever of a cell's sets each stands for.
func TestLettersAreInOrder(t *testing.T) {
	r := &Result{Marks: []Mark{{"a", "digits for SVHN"}, {"b", "shapes_in for CIFAR-10"}}}
	v := r.view(result.Cell{PaperCell: result.PaperCell{Value: 8.8, Std: math.NaN()}, Measured: 9, Low: 8, High: 10,
		StandsFor: "shapes_in for CIFAR-10; digits for SVHN; leaves for 80 Million Tiny Images"})
	require.Equal(t, "abc", v.Marks)
}
