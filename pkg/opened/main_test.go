package opened

import (
	"os"
	"testing"
)

// testCache holds the drawn sets of the package's tests: drawing them takes seconds each.
var testCache string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if testCache, err = os.MkdirTemp("", "strata-cache-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(testCache)
		return m.Run()
	}())
}
