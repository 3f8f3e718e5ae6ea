// Package format reads image sets from disk, one reader a file: zips and
// folders of PNG and JPEG (zip.go, folder.go, tree.go, decode.go), IDX (idx.go)
// and CIFAR binaries (cifar.go).
//
// Find looks at what lies under a path and returns a Source; nothing is decoded
// until Source.Read. Files are taken for what they may be, truncated, renamed or
// made to harm: a length field is never trusted with an allocation, a picture's
// size is read before its pixels are, and every error names the file and the
// offset or entry in it.
package format

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The splits that a set can have.
const (
	Train = "train"
	Test  = "test"
)

// Kind says how a set is stored.
type Kind string

// The kinds that Find recognises.
const (
	Zip      Kind = "zip"      // zip of PNG or JPEG, SPLIT/CLASS/NAME
	Folder   Kind = "folder"   // folder of the same layout
	IDX      Kind = "idx"      // folder of MNIST's files
	CIFAR10  Kind = "cifar10"  // folder of data_batch_N.bin and test_batch.bin
	CIFAR100 Kind = "cifar100" // folder of train.bin and test.bin
)

// Images is what a reader returns: one split, in the file's own size.
type Images struct {
	Height, Width, Channels int
	Pixels                  []uint8  // NHWC
	Labels                  []int32  // one an image, an index into Classes
	Classes                 []string // names of the labels, the same for both splits
}

// Split names a part of a set and how many images it promises. The number comes
// from names, headers and file sizes; only Read proves it.
type Split struct {
	Name   string
	Images int
}

// Limits bound what a file can make a reader allocate or do.
type Limits struct {
	Entries    int   // entries of an archive or folder
	EntryBytes int64 // bytes of one unpacked PNG or JPEG file
	Side       int   // height and width of an image, pixels
	PixelBytes int64 // bytes of all pixels of a split
}

// DefaultLimits hold every set of the paper with room to spare: the largest,
// 1.25 million Tiny Images, takes 3.8 GB.
var DefaultLimits = Limits{Entries: 4 << 20, EntryBytes: 64 << 20, Side: 4096, PixelBytes: 16 << 30}

// A Source is a set found on disk and not read yet.
type Source struct {
	Path   string
	Kind   Kind
	reader reader
}

// reader is what one storage format does.
type reader interface {
	splits() ([]Split, error)
	read(split string) (*Images, error)
}

// Splits returns the splits that the source has, train before test, without
// decoding images.
func (s *Source) Splits() ([]Split, error) { return s.reader.splits() }

// Read decodes the split "train" or "test". A split that the source does not
// have is an error that names those it has.
func (s *Source) Read(split string) (*Images, error) {
	have, err := s.reader.splits()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(have, func(h Split) bool { return h.Name == split }) {
		var names []string
		for _, h := range have {
			names = append(names, h.Name)
		}
		return nil, fmt.Errorf("%s: no split %q: it has %s", s.Path, split, strings.Join(names, ", "))
	}
	return s.reader.read(split)
}

// Find says what kind of set lies at path, a .zip file or a folder. The content
// of a folder may lie one folder deeper, where it is the only one, as unpacked
// archives often have it.
func Find(path string) (*Source, error) { return find(path, DefaultLimits) }

func find(path string, limits Limits) (*Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err // names the path
	}
	if !info.IsDir() {
		if !strings.EqualFold(filepath.Ext(path), ".zip") {
			return nil, fmt.Errorf("%s: not an image set: expected a .zip or a folder", path)
		}
		return &Source{Path: path, Kind: Zip, reader: zipTree{path, limits}}, nil
	}
	return findInFolder(path, limits)
}

func findInFolder(path string, limits Limits) (*Source, error) {
	dir := path
	for depth := 0; ; depth++ {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err // names the path
		}
		var visible []os.DirEntry
		for _, e := range entries {
			switch name := e.Name(); {
			case ignored(name):
				continue
			case isIDXImages(name):
				return &Source{Path: path, Kind: IDX, reader: idxFolder{dir, limits}}, nil
			case isCIFAR10File(name):
				return &Source{Path: path, Kind: CIFAR10, reader: cifarFolder{dir, cifar10, limits}}, nil
			case isCIFAR100File(name):
				return &Source{Path: path, Kind: CIFAR100, reader: cifarFolder{dir, cifar100, limits}}, nil
			case e.IsDir() && (name == Train || name == Test):
				return &Source{Path: path, Kind: Folder, reader: folderTree{dir, limits}}, nil
			}
			visible = append(visible, e)
		}
		if depth == 0 && len(visible) == 1 && visible[0].IsDir() {
			dir = filepath.Join(dir, visible[0].Name())
			continue
		}
		return nil, fmt.Errorf("%s: not an image set: expected train/CLASS/NAME.png or test/CLASS/NAME.png, MNIST's train-images-idx3-ubyte[.gz], or CIFAR's data_batch_1.bin or train.bin", dir)
	}
}

// ignored reports whether an operating system left the file there unasked:
// hidden files and those of Finder and Explorer.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX" || name == "Thumbs.db" || name == "desktop.ini"
}

// sizeOf checks the number and size of images against the limits and returns
// the bytes that their pixels take. All arguments may come straight from a
// header.
func sizeOf(n, height, width, channels int, limits Limits) (int, error) {
	if height < 1 || width < 1 || height > limits.Side || width > limits.Side {
		return 0, fmt.Errorf("images of %dx%d pixels: expected sides from 1 to %d", height, width, limits.Side)
	}
	one := int64(height) * int64(width) * int64(channels)
	if n < 0 || int64(n) > limits.PixelBytes/one {
		return 0, fmt.Errorf("%d images of %dx%dx%d take more than the %d MiB that a split may have", n, height, width, channels, limits.PixelBytes>>20)
	}
	return int(int64(n) * one), nil
}

// readExactly reads n bytes. Memory grows with what really arrives, so that a
// lying length field cannot allocate much more than the file holds. at is the
// offset of the first byte, for the error.
func readExactly(r io.Reader, n int, at int64) ([]byte, error) {
	const first = 1 << 20
	data := make([]byte, 0, min(n, first))
	for len(data) < n {
		if len(data) == cap(data) {
			grown := make([]byte, len(data), min(n, 2*cap(data)))
			copy(grown, data)
			data = grown
		}
		got, err := io.ReadFull(r, data[len(data):cap(data)])
		data = data[:len(data)+got]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("truncated at offset %d: expected %d more bytes", at+int64(len(data)), n-len(data))
		}
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", at+int64(len(data)), err)
		}
	}
	return data, nil
}

// expectEnd is an error unless r has no more bytes. For compressed data it is
// also what makes the reader check the checksum.
func expectEnd(r io.Reader, at int64) error {
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n == 1:
		return fmt.Errorf("offset %d: expected the end of the file, found more bytes", at)
	case err != io.EOF:
		return fmt.Errorf("offset %d: %w", at, err)
	}
	return nil
}
