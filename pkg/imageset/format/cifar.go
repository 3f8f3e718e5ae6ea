package format

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cifarLayout says what a record of a CIFAR binary is: label bytes, then the
// red, green and blue plane of a 32x32 image.
type cifarLayout struct {
	labelBytes int // the last of them is the label: CIFAR-100 puts the coarse one first
	classes    []string
	namesFile  string // class names, one a line
	train      func(dir string) ([]string, error)
	test       string
}

const (
	cifarSide   = 32
	cifarPlane  = cifarSide * cifarSide
	cifarPixels = 3 * cifarPlane
)

var (
	cifar10 = cifarLayout{
		labelBytes: 1,
		classes:    []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
		namesFile:  "batches.meta.txt",
		train:      cifar10Batches,
		test:       "test_batch.bin",
	}
	cifar100 = cifarLayout{
		labelBytes: 2,
		classes:    numbered(100),
		namesFile:  "fine_label_names.txt",
		train:      func(string) ([]string, error) { return []string{"train.bin"}, nil },
		test:       "test.bin",
	}
)

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

func isCIFAR10File(name string) bool {
	_, ok := cifar10Batch(name)
	return ok || name == cifar10.test
}

func isCIFAR100File(name string) bool { return name == "train.bin" || name == cifar100.test }

// cifar10Batch returns N of data_batch_N.bin.
func cifar10Batch(name string) (int, bool) {
	rest, ok := strings.CutPrefix(name, "data_batch_")
	if !ok {
		return 0, false
	}
	rest, ok = strings.CutSuffix(rest, ".bin")
	n, err := strconv.Atoi(rest)
	return n, ok && err == nil && n > 0
}

// cifar10Batches returns data_batch_1.bin to data_batch_N.bin. A gap among them
// is an error: a set that silently lacks 10,000 images is another set.
func cifar10Batches(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err // names the path
	}
	found, last := map[int]string{}, 0
	for _, e := range entries {
		if n, ok := cifar10Batch(e.Name()); ok {
			found[n], last = e.Name(), max(last, n)
		}
	}
	var names []string
	for n := 1; n <= len(found); n++ {
		if found[n] == "" {
			return nil, fmt.Errorf("%s: data_batch_%d.bin is missing, though data_batch_%d.bin is there", dir, n, last)
		}
		names = append(names, found[n])
	}
	return names, nil
}

// cifarFolder is a folder of CIFAR binaries.
type cifarFolder struct {
	dir    string
	layout cifarLayout
	limits Limits
}

// files returns the paths of a split, none where it is absent.
func (f cifarFolder) files(split string) ([]string, error) {
	names := []string{f.layout.test}
	if split == Train {
		var err error
		if names, err = f.layout.train(f.dir); err != nil {
			return nil, err
		}
	}
	var paths []string
	for _, name := range names {
		path := filepath.Join(f.dir, name)
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

func (f cifarFolder) splits() ([]Split, error) {
	var found []Split
	for _, split := range []string{Train, Test} {
		paths, err := f.files(split)
		if err != nil {
			return nil, err
		}
		images := 0
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				return nil, err // names the path
			}
			images += int(info.Size()) / (f.layout.labelBytes + cifarPixels)
		}
		if len(paths) > 0 {
			found = append(found, Split{split, images})
		}
	}
	return found, nil
}

func (f cifarFolder) read(split string) (*Images, error) {
	classes, err := f.classNames()
	if err != nil {
		return nil, err
	}
	images := &Images{Height: cifarSide, Width: cifarSide, Channels: 3, Classes: classes}
	paths, err := f.files(split)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if err := f.appendFile(images, path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return images, nil
}

func (f cifarFolder) appendFile(images *Images, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return readCIFAR(bufio.NewReaderSize(file, 1<<16), f.layout, images, f.limits)
}

// classNames reads the file of names that comes with the set, where it is there.
func (f cifarFolder) classNames() ([]string, error) {
	path := filepath.Join(f.dir, f.layout.namesFile)
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return f.layout.classes, nil
	}
	if err != nil {
		return nil, err // names the path
	}
	names := strings.Fields(string(data))
	if len(names) != len(f.layout.classes) {
		return nil, fmt.Errorf("%s: %d names: expected %d, one a line", path, len(names), len(f.layout.classes))
	}
	return names, nil
}

// readCIFAR appends the records of r to images, planes turned into HWC.
func readCIFAR(r io.Reader, layout cifarLayout, images *Images, limits Limits) error {
	record := make([]byte, layout.labelBytes+cifarPixels)
	for offset := int64(0); ; offset += int64(len(record)) {
		got, err := io.ReadFull(r, record)
		switch {
		case err == io.EOF && offset == 0:
			return fmt.Errorf("empty: expected records of %d bytes", len(record))
		case err == io.EOF:
			return nil
		case err == io.ErrUnexpectedEOF:
			return fmt.Errorf("truncated at offset %d: the record that starts at %d has %d of %d bytes", offset+int64(got), offset, got, len(record))
		case err != nil:
			return fmt.Errorf("offset %d: %w", offset+int64(got), err)
		}
		label := record[layout.labelBytes-1]
		if int(label) >= len(layout.classes) {
			return fmt.Errorf("offset %d: label %d: expected 0 to %d, so this is no CIFAR-%d file or it is damaged",
				offset+int64(layout.labelBytes-1), label, len(layout.classes)-1, len(layout.classes))
		}
		if _, err := sizeOf(len(images.Labels)+1, cifarSide, cifarSide, 3, limits); err != nil {
			return fmt.Errorf("offset %d: %w", offset, err)
		}
		images.Labels = append(images.Labels, int32(label))
		planes := record[layout.labelBytes:]
		images.Pixels = append(images.Pixels, planes...)
		image := images.Pixels[len(images.Pixels)-cifarPixels:]
		for i := range cifarPlane {
			image[3*i], image[3*i+1], image[3*i+2] = planes[i], planes[cifarPlane+i], planes[2*cifarPlane+i]
		}
	}
}
