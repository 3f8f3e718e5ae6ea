package imageset

import (
	"fmt"
	"os"
	"syscall"
)

// mapFile maps a file of a known size into memory, for reading. It stays mapped until the process ends: it takes addresses, and
// memory only as long as nothing else wants it. Somebody who cuts the file off meanwhile ends the process.
func mapFile(path string, size int64) ([]uint8, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names the path
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size {
		return nil, fmt.Errorf("%s: %d bytes: expected %d", path, info.Size(), size)
	}
	data, err := syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be mapped into memory: %w", path, err)
	}
	return data, nil
}
