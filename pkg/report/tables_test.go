package report

import (
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// figureResults is the small results folder that pkg/figure's tests draw from.
const figureResults = "../figure/testdata/results"

func TestTableFiles(t *testing.T) {
	documents, err := TableFiles(figureResults)
	require.NoError(t, err)
	require.Len(t, documents, len(result.PaperTables()))
	text := map[string]string{}
	for i, d := range documents {
		require.Equal(t, "tables/table"+result.PaperTables()[i], d.Name)
		require.NotEmpty(t, d.Caption)
		require.Equal(t, []string{"cells.csv"}, d.Sources)
		require.Len(t, d.Files, 2)
		for _, f := range d.Files {
			text[f.Name] = string(f.Text)
		}
	}
	require.Contains(t, text["tables/tableS2.md"], "# Table S2: As Table 4")
	require.Contains(t, text["tables/tableS2.md"], "shapes_in for CIFAR-10")
	lines := strings.Split(text["tables/table2.csv"], "\n")
	require.True(t, strings.HasPrefix(lines[0], "in_dist,out_dist,column,paper,paper_std,value,"), lines[0])
	require.Regexp(t, `^CIFAR10,SVHN,raw full,8.8,,[\d.]+,.*,(agrees|same direction|disagrees),shapes_in,digits,`,
		lines[1])
	_, err = TableFiles(t.TempDir())
	require.ErrorContains(t, err, "not complete")
}

// A mean of bits/dim is of the images with a finite likelihood: the table says of how many others it is not, and one of
// AUROCs, which counts these lowest, says nothing.
func TestLeftOutOfBits(t *testing.T) {
	cell := func(score string, notFinite int) View {
		return View{Cell: result.Cell{PaperCell: result.PaperCell{Place: result.Place{Score: score}}, NonFinite: notFinite}}
	}
	const score = "bpd_noisy_single_sample"
	bits := Table{Rows: []Row{{Cells: []View{cell(score, 2), {}}}, {Cells: []View{cell(score, 3)}}}}
	require.Contains(t, bits.LeftOut(), "together 5 are left out")
	require.Contains(t, Result{}.Explanation(bits), bits.LeftOut())
	require.Empty(t, Table{Rows: []Row{{Cells: []View{cell("raw", 2)}}}}.LeftOut())
}

// Rows name the set that was measured where it is not the paper's.
func TestOtherSetsAreNamed(t *testing.T) {
	require.Empty(t, otherName("CIFAR10", "cifar10"))
	require.Empty(t, otherName("Tiny-Imagenet", "tinyimagenet"))
	require.Equal(t, "scenes", otherName("LSUN", "scenes"))
	table := Table{Columns: []string{"raw"}, Rows: []Row{{In: "CIFAR10", Out: "LSUN", OutSet: "scenes"}}}
	require.Contains(t, table.Markdown(), "| CIFAR10 | LSUN (scenes) |")
}
