package figure_test

import (
	"fmt"
	"os"
	"path/filepath"

	"strata/pkg/figure"
)

func ExampleFig1A() {
	folder, err := os.MkdirTemp("", "figures")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	results, err := figure.Open("testdata/results")
	if err != nil {
		fmt.Println(err)
		return
	}
	drawn, err := figure.Fig1A(results)
	if err != nil {
		fmt.Println(err)
		return
	}
	paths, err := drawn.Save(folder)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range paths {
		fmt.Println(filepath.Base(path))
	}
	// Output:
	// fig1a.png
	// fig1a.svg
}
