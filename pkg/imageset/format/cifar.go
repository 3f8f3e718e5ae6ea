package format

import (
	"archive/tar"
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// cifarLayout says what a record of a CIFAR binary is, label bytes, then the
// red, green and blue plane of a 32x32 image, and what the files are called.
type cifarLayout struct {
	labelBytes int // the last of them is the label: CIFAR-100 puts the coarse one first
	classes    []string
	namesFile  string // class names, one a line
	files      map[string]*regexp.Regexp
	// The same in the pickles.
	pickles   map[string]*regexp.Regexp
	labelKey  string
	namesKeys [2]string // file and key of the class names
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
		files: map[string]*regexp.Regexp{Train: regexp.MustCompile(`^data_batch_([1-9]\d*)\.bin$`),
			Test: regexp.MustCompile(`^test_batch\.bin$`)},
		pickles: map[string]*regexp.Regexp{Train: regexp.MustCompile(`^data_batch_([1-9]\d*)$`),
			Test: regexp.MustCompile(`^test_batch$`)},
		labelKey:  "labels",
		namesKeys: [2]string{"batches.meta", "label_names"},
	}
	cifar100 = cifarLayout{
		labelBytes: 2,
		classes:    numbered(100),
		namesFile:  "fine_label_names.txt",
		files:      map[string]*regexp.Regexp{Train: regexp.MustCompile(`^train\.bin$`), Test: regexp.MustCompile(`^test\.bin$`)},
		pickles:    map[string]*regexp.Regexp{Train: regexp.MustCompile(`^train$`), Test: regexp.MustCompile(`^test$`)},
		labelKey:   "fine_labels",
		namesKeys:  [2]string{"meta", "fine_label_names"},
	}
)

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

func isCIFAR10File(name string) bool  { return cifar10.has(name) }
func isCIFAR100File(name string) bool { return cifar100.has(name) }

func (l cifarLayout) has(name string) bool {
	for _, split := range []string{Train, Test} {
		if l.files[split].MatchString(name) || l.pickles[split].MatchString(name) {
			return true
		}
	}
	return false
}

// cifarFiles are CIFAR's files in one place, binaries or pickles, by name.
type cifarFiles struct {
	where   string // the folder or archive, for errors
	layout  cifarLayout
	options Options
	names   []string
	size    func(name string) (int64, error)
	content func(name string) ([]byte, error)
}

// path is how an error names a file.
func (f cifarFiles) path(name string) string { return filepath.Join(f.where, name) }

// of returns the names of a split's files in order, and whether they are pickles: the binaries where both are there. A gap among
// numbered files is an error: a set that silently lacks 10,000 images is another set.
func (f cifarFiles) of(split string) (names []string, pickles bool, err error) {
	for _, pattern := range []*regexp.Regexp{f.layout.files[split], f.layout.pickles[split]} {
		found, last := map[int]string{}, 0
		for _, name := range f.names {
			match := pattern.FindStringSubmatch(name)
			switch len(match) {
			case 1:
				found[1], last = name, 1
			case 2:
				n, err := strconv.Atoi(match[1])
				if err != nil {
					return nil, false, fmt.Errorf("%s: the number of %s is too large", f.where, name)
				}
				found[n], last = name, max(last, n)
			}
		}
		for n := 1; n <= len(found); n++ {
			if found[n] == "" {
				return nil, false, fmt.Errorf("%s: %s is missing, though %s is there", f.where,
					strings.Replace(found[last], strconv.Itoa(last), strconv.Itoa(n), 1), found[last])
			}
			names = append(names, found[n])
		}
		if len(names) > 0 {
			return names, pickles, nil
		}
		pickles = true
	}
	return nil, false, nil
}

func (f cifarFiles) splits() ([]Split, error) {
	var found []Split
	for _, split := range []string{Train, Test} {
		names, pickles, err := f.of(split)
		if err != nil {
			return nil, err
		}
		images := 0
		for _, name := range names {
			size, err := f.size(name)
			if err != nil {
				return nil, err
			}
			record := int64(f.layout.labelBytes + cifarPixels)
			if pickles {
				record = cifarPixels // with labels and file names, a few bytes an image more
			}
			images += int(size / record)
		}
		if len(names) > 0 {
			found = append(found, Split{split, images})
		}
	}
	return found, nil
}

func (f cifarFiles) read(split string, target Target) (*Images, error) {
	names, pickles, err := f.of(split)
	if err != nil {
		return nil, err
	}
	images := &Images{Height: cifarSide, Width: cifarSide, Channels: 3, History: AsDistributed}
	if images.Classes, err = f.classNames(pickles); err != nil {
		return nil, err
	}
	parse := parseCIFAR
	if pickles {
		parse = parseCIFARPickle
	}
	total := int64(0)
	for _, name := range names {
		size, err := f.size(name)
		if err != nil {
			return nil, err
		}
		total += size // with labels a little more than the pixels
	}
	pixels := make([]uint8, 0, total)
	for _, name := range names {
		data, err := f.content(name)
		if err != nil {
			return nil, err
		}
		if pixels, err = parse(data, f.layout, images, pixels, f.options.Limits); err != nil {
			return nil, fmt.Errorf("%s: %w", f.path(name), err)
		}
	}
	to, err := target(Shape{len(images.Labels), cifarSide, cifarSide, 3})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.where, err)
	}
	_, err = to.WriteAt(pixels, 0)
	return images, err
}

// classNames reads the file of names that comes with the set, where it is there.
func (f cifarFiles) classNames(pickles bool) ([]string, error) {
	name := f.layout.namesFile
	if pickles {
		name = f.layout.namesKeys[0]
	}
	if !slices.Contains(f.names, name) {
		return f.layout.classes, nil
	}
	data, err := f.content(name)
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(data))
	if pickles {
		if names, err = pickledNames(data, f.layout.namesKeys[1], f.options.Limits); err != nil {
			return nil, fmt.Errorf("%s: %w", f.path(name), err)
		}
	}
	if len(names) != len(f.layout.classes) {
		return nil, fmt.Errorf("%s: %d names: expected %d", f.path(name), len(names), len(f.layout.classes))
	}
	return names, nil
}

// cifarFolder is CIFAR's unpacked archive.
type cifarFolder struct {
	dir     string
	layout  cifarLayout
	options Options
}

func (c cifarFolder) files() (cifarFiles, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return cifarFiles{}, err // names the path
	}
	f := cifarFiles{where: c.dir, layout: c.layout, options: c.options}
	for _, e := range entries {
		f.names = append(f.names, e.Name())
	}
	f.size = func(name string) (int64, error) {
		info, err := os.Stat(f.path(name))
		if err != nil {
			return 0, err // names the path
		}
		return info.Size(), nil
	}
	f.content = func(name string) ([]byte, error) {
		size, err := f.size(name)
		if err != nil {
			return nil, err
		}
		if size > c.options.Limits.FileBytes {
			return nil, tooLarge(f.path(name), size, c.options.Limits)
		}
		return os.ReadFile(f.path(name)) // the error names the path
	}
	return f, nil
}

func tooLarge(file string, size int64, limits Limits) error {
	return fmt.Errorf("%s: %d bytes: expected at most %d", file, size, limits.FileBytes)
}

func (c cifarFolder) splits() ([]Split, error) {
	f, err := c.files()
	if err != nil {
		return nil, err
	}
	return f.splits()
}

func (c cifarFolder) read(split string, target Target) (*Images, error) {
	f, err := c.files()
	if err != nil {
		return nil, err
	}
	return f.read(split, target)
}

// cifarArchive is CIFAR as it is distributed, a .tar.gz.
type cifarArchive struct {
	path    string
	layout  cifarLayout
	options Options
}

// files lists the archive and keeps the contents that keep says, as a .tar.gz can only be read from the front.
func (c cifarArchive) files(keep func(name string) bool) (cifarFiles, error) {
	sizes, contents := map[string]int64{}, map[string][]byte{}
	f := cifarFiles{where: c.path, layout: c.layout, options: c.options}
	err := readTarGz(c.path, c.options.Limits, func(name string, size int64, r io.Reader) error {
		name = path.Base(name)
		if _, twice := sizes[name]; twice {
			return fmt.Errorf("entry %q: is there twice", name)
		}
		f.names, sizes[name] = append(f.names, name), size
		if !keep(name) {
			return nil
		}
		if size > c.options.Limits.FileBytes {
			return tooLarge(name, size, c.options.Limits)
		}
		data, err := readExactly(r, int(size), 0)
		contents[name] = data
		return err
	})
	f.size = func(name string) (int64, error) { return sizes[name], nil }
	f.content = func(name string) ([]byte, error) { return contents[name], nil }
	return f, err
}

func (c cifarArchive) splits() ([]Split, error) {
	f, err := c.files(func(string) bool { return false })
	if err != nil {
		return nil, err
	}
	return f.splits()
}

func (c cifarArchive) read(split string, target Target) (*Images, error) {
	f, err := c.files(func(name string) bool {
		return c.layout.files[split].MatchString(name) || c.layout.pickles[split].MatchString(name) ||
			name == c.layout.namesFile || name == c.layout.namesKeys[0]
	})
	if err != nil {
		return nil, err
	}
	return f.read(split, target)
}

// maxPadding is the most that may follow a tar's end: it pads to its record, and some writers to a block of tape.
const maxPadding = 1 << 20

// readTarGz calls do with each regular file of an archive. Other entries than files and folders are an error.
func readTarGz(where string, limits Limits, do func(name string, size int64, r io.Reader) error) error {
	file, err := os.Open(where)
	if err != nil {
		return err // names the path
	}
	defer file.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(file, 1<<16))
	if err != nil {
		return fmt.Errorf("%s: offset 0: expected gzip: %w", where, err)
	}
	archive := tar.NewReader(z)
	for entries := 0; ; entries++ {
		header, err := archive.Next()
		if err == io.EOF {
			// The checksum stands at the end, behind what tar pads.
			if n, err := io.CopyN(io.Discard, z, maxPadding); err != io.EOF {
				return fmt.Errorf("%s: entry %d: after the end, %d bytes: %w", where, entries, n,
					cmp.Or(err, errors.New("expected the end of the file, found more")))
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: entry %d: %w", where, entries, err)
		}
		switch {
		case entries == limits.Entries:
			return fmt.Errorf("%s: more than %d entries", where, limits.Entries)
		case header.Typeflag == tar.TypeDir:
			continue
		case header.Typeflag != tar.TypeReg:
			return fmt.Errorf("%s: entry %q: expected a file, found a link or device", where, header.Name)
		}
		if err := do(header.Name, header.Size, archive); err != nil {
			return fmt.Errorf("%s: entry %q: %w", where, header.Name, err)
		}
	}
}

// parseCIFAR appends the records of a binary: their labels to images, their pixels, planes turned into HWC, to pixels.
func parseCIFAR(data []byte, layout cifarLayout, images *Images, pixels []uint8, limits Limits) ([]uint8, error) {
	record := layout.labelBytes + cifarPixels
	if len(data) == 0 {
		return nil, fmt.Errorf("offset 0: empty: expected records of %d bytes", record)
	}
	rest := len(data) % record
	for at := 0; at < len(data)-rest; at += record {
		if err := images.addCIFAR(int(data[at+layout.labelBytes-1]), layout, limits); err != nil {
			return nil, fmt.Errorf("offset %d: %w", at+layout.labelBytes-1, err)
		}
		pixels = appendPlanes(pixels, data[at+layout.labelBytes:][:cifarPixels])
	}
	if rest > 0 {
		return nil, fmt.Errorf("truncated at offset %d: the record that starts at %d has %d of %d bytes", len(data),
			len(data)-rest, rest, record)
	}
	return pixels, nil
}

// addCIFAR adds an image's label.
func (i *Images) addCIFAR(label int, layout cifarLayout, limits Limits) error {
	if label < 0 || label >= len(layout.classes) {
		return fmt.Errorf("label %d: expected 0 to %d, so this is no CIFAR-%d file or it is damaged", label,
			len(layout.classes)-1, len(layout.classes))
	}
	i.Labels = append(i.Labels, int32(label))
	_, err := sizeOf(len(i.Labels), cifarSide, cifarSide, 3, limits)
	return err
}

// appendPlanes appends an image of red, green and blue planes as HWC.
func appendPlanes(pixels, planes []uint8) []uint8 {
	n := len(planes) / 3
	for i := range n {
		pixels = append(pixels, planes[i], planes[n+i], planes[2*n+i])
	}
	return pixels
}
