package format_test

import (
	"fmt"

	"strata/pkg/imageset/format"
)

func ExampleFind() {
	_, err := format.Find("no_such_set.zip", format.Options{})
	fmt.Println(err)
	// Output: stat no_such_set.zip: no such file or directory
}
