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
