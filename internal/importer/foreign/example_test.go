package foreign_test

import (
	"fmt"
	"strings"

	"strata/internal/importer/foreign"
	"strata/internal/importer/statedict"
	"strata/pkg/glow"
)

func ExampleLoad() {
	w, err := foreign.Load("../../../tests/testdata/foreign/lu.pt")
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := glow.New(w.Config)
	fmt.Println(w.Format, "->", model, len(w.Values), err)
	// Output: y0ast/Glow-PyTorch -> Glow (conditioned) L3 K2 H8 102 <nil>
}

func ExampleConvert() {
	_, err := foreign.Convert([]statedict.Tensor{{Name: "conv1.weight"}})
	what, known, _ := strings.Cut(err.Error(), ": ")
	fmt.Println(what)
	fmt.Println(known)
	// Output:
	// 1 tensors, the first called ["conv1.weight"]
	// these are not the names of y0ast/Glow-PyTorch, rosinality/glow-pytorch, strata
}
