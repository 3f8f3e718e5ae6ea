package runs

import (
	"os"
	"testing"
)

// testCache holds the drawn sets of the package's tests: drawing them takes seconds each, for every engine anew.
var testCache string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if testCache, err = os.MkdirTemp("", "strata-cache-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(testCache)
		os.Setenv("STRATA_CACHE", testCache) // for the examples, which are of a package of their own
		return m.Run()
	}())
}
