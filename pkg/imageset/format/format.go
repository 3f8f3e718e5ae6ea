// Package format reads image sets from disk as their authors distribute them, one reader a file: CIFAR's binaries and pickles
// (cifar.go, cifarpickle.go), SVHN's MATLAB files (svhn.go), IDX (idx.go), LSUN's LMDB (lsun.go), 80 Million Tiny Images
// (tinyimages.go), BRATS (mri.go), NumPy arrays (numpy.go), Downsampled ImageNet (imagenet32.go), and zips and folders of
// pictures, those of CelebA and Tiny ImageNet among them (zip.go, folder.go, tree.go, decode.go).
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

	"strata/pkg/imageset/resample"
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
	Zip        Kind = "zip"        // zip of pictures
	Folder     Kind = "folder"     // folder of pictures
	IDX        Kind = "idx"        // folder of MNIST's files
	CIFAR10    Kind = "cifar10"    // folder or .tar.gz of data_batch_N.bin and test_batch.bin, or of the pickles without .bin
	CIFAR100   Kind = "cifar100"   // folder or .tar.gz of train.bin and test.bin, or of the pickles
	SVHN       Kind = "svhn"       // folder of train_32x32.mat and test_32x32.mat
	LSUN       Kind = "lsun"       // folder of CATEGORY_val_lmdb and CATEGORY_train_lmdb
	TinyImages Kind = "tinyimages" // folder of tiny_images.bin
	MRI        Kind = "mri"        // folder of NIfTI volumes, or of slices as pictures
	NumPy      Kind = "numpy"      // one .npy array of images, or a folder with one
	ImageNet32 Kind = "imagenet32" // folder of train_data_batch_N[.npz] and val_data[.npz]
)

// Images is what a reader returns: one split.
type Images struct {
	Height, Width, Channels int
	Pixels                  []uint8  // NHWC; nil where they went elsewhere
	Labels                  []int32  // one an image, an index into Classes; nil where there are none
	Classes                 []string // names of the labels, the same for both splits
	// History says what happened to the pixels on the way, as far as the files tell: codec and resizing. Sets that differ in
	// it should not be compared.
	History string
	// Places are the images' numbers in a file of which a part was chosen, nil where all came in the files' order.
	Places []int
}

// Histories of sets that come at the size in which they are used and without loss, in files of their own kind or as pictures: what was
// done to them before is not known here, and is the same for everybody.
const (
	AsDistributed = "as distributed"
	AsStored      = "as stored"
)

// Shape is how many images of which size a split has.
type Shape struct{ Images, Height, Width, Channels int }

// Bytes is what the pixels take.
func (s Shape) Bytes() int64 {
	return int64(s.Images) * int64(s.Height) * int64(s.Width) * int64(s.Channels)
}

// Target gives the place for a split's pixels once their shape is known: NHWC, image i at i times the bytes of one. Readers
// write from several goroutines. Called again, what was written before is void.
type Target func(Shape) (io.WriterAt, error)

// Split names a part of a set and how many images it promises. The number comes
// from names, headers and file sizes; only Read proves it.
type Split struct {
	Name   string
	Images int
}

// Limits bound what a file can make a reader allocate or do.
type Limits struct {
	Entries    int   // entries of an archive or folder
	EntryBytes int64 // bytes of one unpacked PNG, JPEG or WebP file
	FileBytes  int64 // bytes of one unpacked file that is read whole: a pickle, a batch of a tar
	Side       int   // height and width of an image, pixels
	Voxels     int   // of one MRI volume
	PixelBytes int64 // bytes of all pixels of a split
}

// DefaultLimits hold every set of the paper with room to spare: the largest,
// all 80 Million Tiny Images, takes 244 GB.
var DefaultLimits = Limits{Entries: 4 << 20, EntryBytes: 64 << 20, FileBytes: 1 << 30, Side: 4096, Voxels: 1 << 28, PixelBytes: 1 << 39}

// MemoryBytes is the most that Source.Read holds in memory.
const MemoryBytes = 16 << 30

// Options are the choices that files leave open. The zero value is the paper's way, or what comes closest to it where the
// paper does not say.
type Options struct {
	Limits Limits // zero is DefaultLimits
	// Side brings pictures to Side x Side, by resample.Fit. 0 is 32 for sets of larger pictures (LSUN, CelebA, Tiny ImageNet,
	// any folder) and keeps a folder of SPLIT/CLASS/NAME as it is.
	Side int
	// Kernel is what Side resizes by, "" for the paper's bilinear.
	Kernel resample.Kernel
	// Chroma is what Side resizes the chroma by, "" for Kernel (resample.FitWithChroma).
	Chroma resample.Kernel
	// Faces are how many of CelebA's images are its test split, the first ones; 0 is the paper's 60,000 (S5.1), the code used 120,000.
	Faces  int
	Tiny   Tiny
	Slices Slices
}

// Validate refuses choices that cannot be.
func (o Options) Validate() error {
	if o.Side < 0 || o.Faces < 0 {
		return fmt.Errorf("side %d and faces %d: expected 0 or more", o.Side, o.Faces)
	}
	if err := o.Kernel.Validate(); err != nil {
		return err
	}
	if err := o.Chroma.Validate(); err != nil {
		return fmt.Errorf("chroma: %w", err)
	}
	if err := o.Tiny.Validate(); err != nil {
		return err
	}
	return o.Slices.Validate()
}

func (o Options) withDefaults() Options {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	if o.Faces == 0 {
		o.Faces = 60_000
	}
	o.Tiny, o.Slices = o.Tiny.withDefaults(), o.Slices.withDefaults()
	return o
}

// side is what pictures of a set of larger ones are brought to.
func (o Options) side() int {
	if o.Side > 0 {
		return o.Side
	}
	return paperSide
}

// paperSide is the height and width of all of the paper's images.
const paperSide = 32

// A Source is a set found on disk and not read yet.
type Source struct {
	Path string
	Kind Kind
	// Options are those that it was found with, defaults filled in.
	Options Options
	reader  reader
}

// reader is what one storage format does.
type reader interface {
	splits() ([]Split, error)
	// read sends the pixels of a split to where target says and returns the rest. Target's writer must not be used after it
	// returned.
	read(split string, target Target) (*Images, error)
}

// Splits returns the splits that the source has, train before test, without
// decoding images.
func (s *Source) Splits() ([]Split, error) { return s.reader.splits() }

// Read decodes the split "train" or "test" into memory. A split that the source does not
// have is an error that names those it has.
func (s *Source) Read(split string) (*Images, error) {
	var pixels memory
	images, err := s.ReadTo(split, func(shape Shape) (io.WriterAt, error) {
		if shape.Bytes() > MemoryBytes {
			return nil, fmt.Errorf("%d images take %d MiB, more than the %d that are held in memory", shape.Images,
				shape.Bytes()>>20, int64(MemoryBytes)>>20)
		}
		pixels = make(memory, shape.Bytes())
		return pixels, nil
	})
	if err != nil {
		return nil, err
	}
	images.Pixels = pixels
	return images, nil
}

// ReadTo is Read with the pixels going where target says.
func (s *Source) ReadTo(split string, target Target) (*Images, error) {
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
	return s.reader.read(split, target)
}

// memory is pixels in memory as a target.
type memory []uint8

// WriteAt copies p; the readers stay within the shape that they announced.
func (m memory) WriteAt(p []byte, at int64) (int, error) { return copy(m[at:], p), nil }

// Find says what kind of set lies at path: a .zip, a .npy or a folder. The content
// of a folder may lie one folder deeper, where it is the only one, as unpacked
// archives often have it.
func Find(path string, options Options) (*Source, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	options = options.withDefaults()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err // names the path
	}
	if info.IsDir() {
		return findInFolder(path, options)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".zip":
		return &Source{Path: path, Kind: Zip, Options: options, reader: zipTree{path, options}}, nil
	case ".npy":
		return &Source{Path: path, Kind: NumPy, Options: options, reader: numpyArray{path, options}}, nil
	}
	return nil, fmt.Errorf("%s: not an image set: expected a .zip, a .npy or a folder", path)
}

// IsFile says by its name whether a file could be a set on its own.
func IsFile(name string) bool {
	ext := filepath.Ext(name)
	return strings.EqualFold(ext, ".zip") || strings.EqualFold(ext, ".npy")
}

// findInFolder goes by names: of what lies in the folder, then, where no set is told by its files' names, of the pictures and
// volumes anywhere below.
func findInFolder(path string, options Options) (*Source, error) {
	root, err := filepath.EvalSymlinks(path) // walking does not follow a link at its start
	if err != nil {
		return nil, err // names the path
	}
	dir := root
	for depth := 0; ; depth++ {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err // names the path
		}
		var visible []os.DirEntry
		for _, e := range entries {
			if ignored(e.Name()) {
				continue
			}
			visible = append(visible, e)
			kind, r, err := readerFor(root, dir, e, options)
			if err != nil {
				return nil, err
			}
			if r != nil {
				return &Source{Path: path, Kind: kind, Options: options, reader: r}, nil
			}
		}
		if depth == 0 && len(visible) == 1 && visible[0].IsDir() {
			dir = filepath.Join(dir, visible[0].Name())
			continue
		}
		if len(visible) == 1 && IsFile(visible[0].Name()) { // an archive in a folder of its own
			source, err := Find(filepath.Join(dir, visible[0].Name()), options)
			if err == nil {
				source.Path = path
			}
			return source, err
		}
		kind, r, err := readerBelow(root, dir, options)
		if err != nil {
			return nil, err
		}
		if r == nil {
			return nil, fmt.Errorf("%s: not an image set: expected pictures (train/CLASS/NAME.png or any others), or the files of MNIST, "+
				"CIFAR, SVHN, LSUN, "+
				"80 Million Tiny Images, BRATS, Downsampled ImageNet or a NumPy array, under the names that their authors gave them", dir)
		}
		return &Source{Path: path, Kind: kind, Options: options, reader: r}, nil
	}
}

// readerFor returns the reader that a file or folder in dir tells by its name, nil where it tells none.
func readerFor(root, dir string, e os.DirEntry, options Options) (Kind, reader, error) {
	name := e.Name()
	path := filepath.Join(dir, name)
	if e.IsDir() {
		switch {
		case lsunFolder.MatchString(name):
			return LSUN, lsun{dir, options}, nil
		case name == "cifar-10-batches-bin" || name == "cifar-10-batches-py":
			return CIFAR10, cifarFolder{path, cifar10, options}, nil
		case name == "cifar-100-binary" || name == "cifar-100-python":
			return CIFAR100, cifarFolder{path, cifar100, options}, nil
		case name == Train || name == Test: // pictures, volumes or arrays may lie below
			kind, r, err := readerBelow(root, dir, options)
			if r == nil && err == nil {
				kind, r = Folder, folderTree{dir, options}
			}
			return kind, r, err
		}
		return "", nil, nil
	}
	switch {
	case isIDXImages(name):
		return IDX, idxFolder{dir, options}, nil
	case isCIFAR10File(name):
		return CIFAR10, cifarFolder{dir, cifar10, options}, nil
	case isCIFAR100File(name):
		return CIFAR100, cifarFolder{dir, cifar100, options}, nil
	case name == "cifar-10-binary.tar.gz" || name == "cifar-10-python.tar.gz":
		return CIFAR10, cifarArchive{path, cifar10, options}, nil
	case name == "cifar-100-binary.tar.gz" || name == "cifar-100-python.tar.gz":
		return CIFAR100, cifarArchive{path, cifar100, options}, nil
	case name == svhnFiles[Train] || name == svhnFiles[Test]:
		return SVHN, svhn{dir, options}, nil
	case name == tinyImagesFile:
		return TinyImages, tinyImages{path, options}, nil
	case isImageNet32File(name):
		return ImageNet32, imageNet32{dir, options}, nil
	}
	return "", nil, nil
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
		return 0, fmt.Errorf("%d images of %dx%dx%d take more than the %d MiB that a split may have", n, height, width,
			channels, limits.PixelBytes>>20)
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
