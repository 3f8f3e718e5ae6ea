package format

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"strata/internal/importer/npy"
	"strata/internal/importer/pickle"
)

// imageNet32 is a folder, or some folders side by side, of Downsampled ImageNet at 32x32 (Chrabaszcz et al. 2017):
// train_data_batch_N and val_data, each an .npz or a pickle with data, N rows of three planes, and labels from 1.
type imageNet32 struct {
	dir     string
	options Options
}

var imageNet32Files = map[string]*regexp.Regexp{
	Train: regexp.MustCompile(`^train_data_batch_([1-9]\d{0,3})(\.npz)?$`),
	Test:  regexp.MustCompile(`^val_data(\.npz)?$`),
}

const imageNet32Classes = 1000

func isImageNet32File(name string) bool {
	return imageNet32Files[Train].MatchString(name) || imageNet32Files[Test].MatchString(name)
}

// files are a split's, in the order of their numbers.
func (f imageNet32) files(split string) ([]string, error) {
	candidates, err := filepath.Glob(filepath.Join(f.dir, "*"))
	if err != nil {
		return nil, err
	}
	below, err := filepath.Glob(filepath.Join(f.dir, "*", "*"))
	if err != nil {
		return nil, err
	}
	found, last := map[int]string{}, 0
	for _, path := range append(candidates, below...) {
		match := imageNet32Files[split].FindStringSubmatch(filepath.Base(path))
		if info, err := os.Stat(path); match == nil || err != nil || info.IsDir() {
			continue
		}
		n := 1
		if split == Train {
			n, _ = strconv.Atoi(match[1]) // the pattern lets nothing else pass
		}
		if other := found[n]; other != "" {
			return nil, fmt.Errorf("%s: both %s and %s are there: keep one", f.dir, other, path)
		}
		found[n], last = path, max(last, n)
	}
	var paths []string
	for n := 1; n <= len(found); n++ {
		if found[n] == "" {
			return nil, fmt.Errorf("%s: train_data_batch_%d is missing, though %s is there", f.dir, n, found[last])
		}
		paths = append(paths, found[n])
	}
	return paths, nil
}

// splits counts by the files' sizes: a row has 3072 bytes, and label, mean and headers are few beside them. Packed files promise more
// than their size.
func (f imageNet32) splits() ([]Split, error) {
	var found []Split
	for _, split := range []string{Train, Test} {
		paths, err := f.files(split)
		if err != nil {
			return nil, err
		}
		images := 0
		for _, path := range paths {
			n, err := f.count(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			images += n
		}
		if len(paths) > 0 {
			found = append(found, Split{split, images})
		}
	}
	return found, nil
}

// count is how many images a file promises: an .npz by its header, a pickle by its size.
func (f imageNet32) count(path string) (int, error) {
	if filepath.Ext(path) != ".npz" {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return int(info.Size() / (cifarPixels + 2)), nil
	}
	archive, data, _, err := openNPZ(path)
	if err != nil {
		return 0, err
	}
	defer archive.Close()
	array, r, err := openArray(data)
	if err != nil {
		return 0, err
	}
	r.Close()
	if len(array.Shape) == 0 || array.Shape[0] < 0 {
		return 0, fmt.Errorf("entry %q: offset 10: shape %v: expected rows of %d values", data.Name, array.Shape, cifarPixels)
	}
	return array.Shape[0], nil
}

func (f imageNet32) read(split string, target Target) (*Images, error) {
	paths, err := f.files(split)
	if err != nil {
		return nil, err
	}
	images := &Images{Height: paperSide, Width: paperSide, Channels: 3, Classes: numbered(imageNet32Classes), History: AsDistributed}
	// The number of images is known when the labels are: they are small and come first.
	var counts []int
	for _, path := range paths {
		labels, err := f.labels(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		counts = append(counts, len(labels))
		images.Labels = append(images.Labels, labels...)
	}
	shape := Shape{len(images.Labels), paperSide, paperSide, 3}
	if _, err := sizeOf(shape.Images, paperSide, paperSide, 3, f.options.Limits); err != nil {
		return nil, fmt.Errorf("%s: %w", f.dir, err)
	}
	to, err := target(shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.dir, err)
	}
	at := int64(0)
	for i, path := range paths {
		if err := f.pixels(path, counts[i], &planesWriter{to: to, at: at}); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		at += int64(counts[i]) * cifarPixels
	}
	return images, nil
}

// planesWriter turns images of three planes into HWC.
type planesWriter struct {
	to     io.WriterAt
	at     int64
	pixels []uint8
}

func (w *planesWriter) add(planes []uint8) error {
	w.pixels = appendPlanes(w.pixels[:0], planes)
	_, err := w.to.WriteAt(w.pixels, w.at)
	w.at += int64(len(planes))
	return err
}

// labels are a file's, from 0.
func (f imageNet32) labels(path string) ([]int32, error) {
	var numbers []int
	if filepath.Ext(path) == ".npz" {
		archive, _, labels, err := openNPZ(path)
		if err != nil {
			return nil, err
		}
		defer archive.Close()
		if numbers, err = readIntegers(labels, f.options.Limits); err != nil {
			return nil, err
		}
	} else {
		batch, err := f.batch(path)
		if err != nil {
			return nil, err
		}
		list, ok := pickle.Integers(batch["labels"])
		if !ok {
			return nil, fmt.Errorf("offset 0: its labels are %T: expected a list of numbers", batch["labels"])
		}
		numbers = list
	}
	labels := make([]int32, len(numbers))
	for i, n := range numbers {
		if n < 1 || n > imageNet32Classes {
			return nil, fmt.Errorf("labels, number %d: label %d: expected 1 to %d", i, n, imageNet32Classes)
		}
		labels[i] = int32(n - 1)
	}
	return labels, nil
}

func (f imageNet32) batch(path string) (map[string]any, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > f.options.Limits.FileBytes {
		return nil, tooLarge(path, info.Size(), f.options.Limits)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return unpickleBatch(data, f.options.Limits)
}

// pixels sends a file's n images to w.
func (f imageNet32) pixels(path string, n int, w *planesWriter) error {
	if filepath.Ext(path) != ".npz" {
		batch, err := f.batch(path)
		if err != nil {
			return err
		}
		planes, rows, err := planesOf(batch, cifarPixels)
		if err == nil && rows != n {
			err = fmt.Errorf("offset 0: %d images and %d labels", rows, n)
		}
		for i := 0; err == nil && i < n; i++ {
			err = w.add(planes[i*cifarPixels:][:cifarPixels])
		}
		return err
	}
	archive, data, _, err := openNPZ(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	array, r, err := openArray(data)
	if err != nil {
		return err
	}
	defer r.Close()
	if len(array.Shape) != 2 || array.Shape[0] != n || array.Shape[1] != cifarPixels || array.Type != "|u1" || array.Fortran {
		return fmt.Errorf("entry %q: offset 10: an array of shape %v, type %s: expected %d rows, one a label, of %d values of |u1",
			data.Name, array.Shape, array.Type, n, cifarPixels)
	}
	row := make([]uint8, cifarPixels)
	for i := range n {
		if got, err := io.ReadFull(r, row); err != nil {
			return fmt.Errorf("entry %q: truncated at offset %d: %w", data.Name, array.Header+i*cifarPixels+got, err)
		}
		if err := w.add(row); err != nil {
			return err
		}
	}
	if err := expectEnd(r, int64(array.Header)+int64(n)*cifarPixels); err != nil {
		return fmt.Errorf("entry %q: %w", data.Name, err)
	}
	return nil
}

// openNPZ finds data and labels in an archive of arrays.
func openNPZ(path string) (archive *zip.ReadCloser, data, labels *zip.File, err error) {
	archive, err = zip.OpenReader(path)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("offset 0: not a readable .npz: %w", err)
	}
	for _, entry := range []struct {
		name string
		to   **zip.File
	}{{"data.npy", &data}, {"labels.npy", &labels}} {
		i := slices.IndexFunc(archive.File, func(f *zip.File) bool { return f.Name == entry.name })
		if i < 0 {
			archive.Close()
			return nil, nil, nil, fmt.Errorf("offset 0: holds no %s: expected data.npy and labels.npy", entry.name)
		}
		*entry.to = archive.File[i]
	}
	return archive, data, labels, nil
}

// openArray reads an entry's header.
func openArray(file *zip.File) (npy.Array, io.ReadCloser, error) {
	r, err := file.Open()
	if err != nil {
		return npy.Array{}, nil, fmt.Errorf("entry %q: offset 0: %w", file.Name, err)
	}
	array, err := npy.ReadHeader(r)
	if err != nil {
		r.Close()
		return array, nil, fmt.Errorf("entry %q: %w", file.Name, err)
	}
	return array, r, nil
}

// readIntegers reads an entry of one axis of whole numbers.
func readIntegers(file *zip.File, limits Limits) ([]int, error) {
	array, r, err := openArray(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	value, width := array.Integer()
	n, ok := array.Len(limits.Entries)
	if value == nil || !ok || len(array.Shape) != 1 {
		return nil, fmt.Errorf("entry %q: offset 10: an array of shape %v, type %s: expected a list of at most %d whole numbers", file.Name,
			array.Shape, array.Type, limits.Entries)
	}
	data, err := readExactly(r, n*width, int64(array.Header))
	if err == nil {
		err = expectEnd(r, int64(array.Header+n*width))
	}
	if err != nil {
		return nil, fmt.Errorf("entry %q: %w", file.Name, err)
	}
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = value(data[i*width:])
	}
	return numbers, nil
}
