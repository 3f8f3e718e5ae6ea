package figure_test

import (
	"fmt"
	"os"
	"path/filepath"

	"strata/pkg/figure"
)

func ExampleTable2() {
	results, err := os.MkdirTemp("", "results")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(results)
	rows := "model,score,role,set,auroc,low,high\n" +
		"in_finetuned,full,smooth,digits,0.08,0.07,0.09\n" +
		"in_finetuned,c3,smooth,digits,0.93,0.92,0.94\n"
	if err := os.WriteFile(filepath.Join(results, "table2.csv"), []byte(rows), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	drawn, err := figure.Table2(results)
	if err != nil {
		fmt.Println(err)
		return
	}
	paths, err := drawn.Save(results)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range paths {
		fmt.Println(filepath.Base(path))
	}
	// Output:
	// table2.png
	// table2.svg
}
