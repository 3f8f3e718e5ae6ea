package imageset

import (
	"fmt"
	"os"
	"syscall"
)

// Unload gives back the memory that the pages of a mapped set take in this process, where somebody has walked through
// it and will not soon again.
// They are read from the file again when they are wanted. What is in memory stays as it is.
func (s *Set) Unload() {
	if s.mapping != nil {
		syscall.Madvise(s.mapping, syscall.MADV_DONTNEED) // a hint: that it was not taken does no harm
	}
}

// walked is how many bytes of images are walked through before their pages are given back.
const walked = 64 << 20

// Walk yields all images once, in order. Of a mapped set no more is in memory at a time than was there before and walked bytes.
func (s *Set) Walk(yield func(i int, image []uint8) bool) {
	every := max(1, walked/s.ImageSize())
	defer s.Unload()
	for i := range s.Len() {
		if i%every == every-1 {
			s.Unload()
		}
		if !yield(i, s.Image(i)) {
			return
		}
	}
}

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
