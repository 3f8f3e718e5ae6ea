package matlab_test

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"strata/pkg/imageset/format/matlab"
)

// The labels of a file like SVHN's.
func ExampleRead() {
	file, err := os.Open("testdata/svhn_compressed.mat")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	var labels bytes.Buffer
	err = matlab.Read(file, func(h matlab.Header) (io.Writer, error) {
		fmt.Println(h.Name, h.Shape, "bytes a value:", h.Width)
		switch {
		case h.Name != "y":
			return nil, nil // not wanted
		case h.Width != 1 || h.Len() > 1<<20: // before memory is spent on it
			return nil, fmt.Errorf("y: expected at most a million bytes")
		}
		return &labels, nil
	})
	fmt.Println(labels.Bytes(), err)
	// Output:
	// X [32 32 3 5] bytes a value: 1
	// y [5 1] bytes a value: 1
	// [1 9 10 2 3] <nil>
}
