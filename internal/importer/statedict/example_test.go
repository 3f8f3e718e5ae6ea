package statedict_test

import (
	"fmt"
	"strings"

	"strata/internal/importer/statedict"
)

func ExampleRead() {
	tensors, err := statedict.Read("testdata/plain.pt")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range tensors[:2] {
		fmt.Println(t.Name, t.Shape, t.DType, t.Data)
	}

	_, err = statedict.Read("testdata/model.pt")
	refused, advice, _ := strings.Cut(err.Error(), "; ")
	_, refused, _ = strings.Cut(refused, "refused: ")
	fmt.Println(refused)
	fmt.Println(advice)
	// Output:
	// weight [2 3] float32 [0 1 2 3 4 5]
	// transposed [2 3] float32 [0 1 2 3 4 5]
	// it wants Python's torch.nn.modules.container.Sequential, and only tensors and plain values are read, no code is run
	// save the state dict alone: torch.save(model.state_dict(), "weights.pt")
}
