//go:build !unix

package imageset

import (
	"fmt"
	"os"
)

// mapFile reads the file where it cannot be mapped.
func mapFile(path string, size int64) ([]uint8, error) {
	data, err := os.ReadFile(path)
	if err == nil && int64(len(data)) != size {
		err = fmt.Errorf("%s: %d bytes: expected %d", path, len(data), size)
	}
	return data, err
}
