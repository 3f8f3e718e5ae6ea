package format

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// idxFolder is a folder with the four files of MNIST or of a set that took its
// format. The test split is called t10k there.
type idxFolder struct {
	dir     string
	options Options
}

var idxPrefixes = map[string][]string{Train: {"train"}, Test: {"t10k", "test"}}

// The two spellings in circulation, each plain or gzipped.
var (
	idxImageNames = []string{"-images-idx3-ubyte", "-images.idx3-ubyte"}
	idxLabelNames = []string{"-labels-idx1-ubyte", "-labels.idx1-ubyte"}
)

func isIDXImages(name string) bool {
	name = strings.TrimSuffix(name, ".gz")
	for _, ending := range idxImageNames {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// path returns the split's file with one of the endings, the unpacked one where
// both are there, or "".
func (f idxFolder) path(split string, endings []string) string {
	for _, prefix := range idxPrefixes[split] {
		for _, ending := range endings {
			for _, packed := range []string{"", ".gz"} {
				path := filepath.Join(f.dir, prefix+ending+packed)
				if _, err := os.Stat(path); err == nil {
					return path
				}
			}
		}
	}
	return ""
}

func (f idxFolder) splits() ([]Split, error) {
	var found []Split
	for _, split := range []string{Train, Test} {
		path := f.path(split, idxImageNames)
		if path == "" {
			continue
		}
		dims, err := idxHeaderOf(path)
		if err != nil {
			return nil, err
		}
		found = append(found, Split{split, dims[0]})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: expected train-images-idx3-ubyte[.gz] or t10k-images-idx3-ubyte[.gz]", f.dir)
	}
	return found, nil
}

func (f idxFolder) read(split string, target Target) (*Images, error) {
	path := f.path(split, idxImageNames)
	dims, pixels, err := readIDXFile(path, 3, f.options.Limits)
	if err != nil {
		return nil, err
	}
	labelPath := f.path(split, idxLabelNames)
	if labelPath == "" {
		return nil, fmt.Errorf("%s: has no labels beside it: expected %s%s[.gz]", path, idxPrefixes[split][0], idxLabelNames[0])
	}
	labelDims, labels, err := readIDXFile(labelPath, 1, f.options.Limits)
	if err != nil {
		return nil, err
	}
	if labelDims[0] != dims[0] {
		return nil, fmt.Errorf("%s: offset 4: %d labels for the %d images of %s", labelPath, labelDims[0], dims[0], filepath.Base(path))
	}
	to, err := target(Shape{dims[0], dims[1], dims[2], 1})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := to.WriteAt(pixels, 0); err != nil {
		return nil, err
	}
	images := &Images{Height: dims[1], Width: dims[2], Channels: 1, Labels: make([]int32, len(labels)), History: AsDistributed}
	classes := 10 // also where a split happens to lack the last digits
	for i, label := range labels {
		images.Labels[i] = int32(label)
		classes = max(classes, int(label)+1)
	}
	for i := range classes {
		images.Classes = append(images.Classes, strconv.Itoa(i))
	}
	return images, nil
}

// openIDX returns the file's bytes, unpacked where its name ends in .gz.
func openIDX(path string) (io.Reader, io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err // names the path
	}
	var r io.Reader = bufio.NewReaderSize(file, 1<<16)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			file.Close()
			return nil, nil, fmt.Errorf("%s: offset 0: expected gzip: %w", path, err)
		}
	}
	return r, file, nil
}

// where names the file in an error; offsets in a .gz count unpacked bytes.
func where(path string) string {
	if strings.HasSuffix(path, ".gz") {
		return path + " (unpacked)"
	}
	return path
}

func idxHeaderOf(path string) ([]int, error) {
	r, closer, err := openIDX(path)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	dims, err := readIDXHeader(r, 3)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where(path), err)
	}
	return dims, nil
}

func readIDXFile(path string, axes int, limits Limits) (dims []int, data []byte, err error) {
	r, closer, err := openIDX(path)
	if err != nil {
		return nil, nil, err
	}
	defer closer.Close()
	if dims, data, err = readIDX(r, axes, limits); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", where(path), err)
	}
	return dims, data, nil
}

// readIDX reads an IDX array of unsigned bytes: two zero bytes, the type 8, the
// number of axes, each axis' length as big-endian uint32, the bytes.
func readIDX(r io.Reader, axes int, limits Limits) (dims []int, data []byte, err error) {
	if dims, err = readIDXHeader(r, axes); err != nil {
		return nil, nil, err
	}
	one := []int{1, 1, 1}
	copy(one, dims)
	size, err := sizeOf(one[0], one[1], one[2], 1, limits)
	if err != nil {
		return nil, nil, fmt.Errorf("offset 4: %w", err)
	}
	start := int64(4 + 4*axes)
	if data, err = readExactly(r, size, start); err != nil {
		return nil, nil, err
	}
	if err = expectEnd(r, start+int64(size)); err != nil {
		return nil, nil, err
	}
	return dims, data, nil
}

func readIDXHeader(r io.Reader, axes int) ([]int, error) {
	header, err := readExactly(r, 4+4*axes, 0)
	if err != nil {
		return nil, err
	}
	want := []byte{0, 0, 8, byte(axes)}
	if string(header[:4]) != string(want) {
		return nil, fmt.Errorf("offset 0: expected the IDX magic % x (unsigned bytes, %d axes), found % x", want, axes, header[:4])
	}
	dims := make([]int, axes)
	for i := range dims {
		dims[i] = int(binary.BigEndian.Uint32(header[4+4*i:]))
	}
	return dims, nil
}
