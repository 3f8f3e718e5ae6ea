package result

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A few cells looked up in the paper's text.
func TestPaperCells(t *testing.T) {
	cells, err := PaperCells()
	require.NoError(t, err)
	count := map[string]int{}
	for _, c := range cells {
		count[c.Table]++
		require.False(t, math.IsNaN(c.Value))
		require.NotEmpty(t, c.InModel(), c)
	}
	for _, table := range PaperTables() {
		require.NotZero(t, count[table], table)
	}
	find := func(table, in, out, score, general string, supervised bool) PaperCell {
		for _, c := range cells {
			if c.Table == table && c.In == in && c.Out == out && c.Score == score && c.General == general &&
				c.Supervised() == supervised && c.InModel() == "Glow" {
				return c
			}
		}
		t.Fatalf("no cell %s %s %s", table, in, out)
		return PaperCell{}
	}
	require.Equal(t, 8.8, find("1", "CIFAR10", "SVHN", "raw", "none", false).Value)
	require.Equal(t, 93.9, find("1", "CIFAR10", "SVHN", "diff", "Tiny-Glow", false).Value)
	require.Equal(t, 88.3, find("4", "CIFAR10", "CIFAR100", "raw_4x4", "none", true).Value)
	require.Equal(t, 1.4, find("S2", "CIFAR10", "SVHN", "raw_4x4", "none", false).Std)
}

func TestPaperTablesNameTheLine(t *testing.T) {
	top := "table,in_dist,out_dist,setting,score,general_model,loss,value,std\n"
	_, err := decode[printed]("x.csv", []byte(top+"1,a,b,c,raw,none,none,many,\n"))
	require.ErrorContains(t, err, `x.csv, line 2, column value: "many" is no number`)
	_, err = decode[printed]("x.csv", []byte(top+"1,a,b,c,raw,none,none,5,\n1,a,b,c,raw,none,none,,\n"))
	require.ErrorContains(t, err, "x.csv, line 3, column value: is empty")
	_, err = decode[printed]("x.csv", []byte("a,b\n"))
	require.ErrorContains(t, err, "x.csv, line 1")
}

func ExamplePaperCells() {
	cells, err := PaperCells()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cells[0].Table, cells[0].In, cells[0].Out, cells[0].InModel(), cells[0].Value)
	// Output: 1 SVHN CIFAR10 Glow 98.3
}
