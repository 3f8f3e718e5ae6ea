package format

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"strata/pkg/imageset/format/lmdb"
)

// lsun is a folder of LSUN's LMDB environments, CATEGORY_val_lmdb and CATEGORY_train_lmdb, whose values are WebP files. The paper's
// test images are the validation sets of the ten scene categories (digest §6.2); train is what is unpacked of the others.
type lsun struct {
	dir     string
	options Options
}

var lsunFolder = regexp.MustCompile(`^([a-z_]+)_(val|train)_lmdb$`)

// environments are a split's, by category.
func (l lsun) environments(split string) (categories, paths []string, err error) {
	entries, err := os.ReadDir(l.dir) // sorted by name
	if err != nil {
		return nil, nil, err // names the path
	}
	for _, e := range entries {
		match := lsunFolder.FindStringSubmatch(e.Name())
		if match == nil || (match[2] == "val") != (split == Test) {
			continue
		}
		categories = append(categories, match[1])
		paths = append(paths, filepath.Join(l.dir, e.Name(), "data.mdb"))
	}
	return categories, paths, nil
}

// openLMDB opens an environment; the caller closes the file.
func openLMDB(path string) (*lmdb.File, io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err // names the path
	}
	info, err := file.Stat()
	var env *lmdb.File
	if err == nil {
		env, err = lmdb.Open(file, info.Size())
	}
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return env, file, nil
}

func (l lsun) splits() ([]Split, error) {
	var found []Split
	for _, split := range []string{Train, Test} {
		_, paths, err := l.environments(split)
		if err != nil {
			return nil, err
		}
		images := 0
		for _, path := range paths {
			env, file, err := openLMDB(path)
			if err != nil {
				return nil, err
			}
			images += int(min(env.Entries, 1<<40))
			file.Close()
		}
		if len(paths) > 0 {
			found = append(found, Split{split, images})
		}
	}
	return found, nil
}

// stored is where an image lies in the environments.
type stored struct {
	category int
	value    lmdb.Value
}

func (l lsun) read(split string, target Target) (*Images, error) {
	categories, paths, err := l.environments(split)
	if err != nil {
		return nil, err
	}
	limits, side := l.options.Limits, l.options.side()
	var values []stored
	for i, path := range paths {
		env, file, err := openLMDB(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		before := len(values)
		err = env.Each(func(_ []byte, value lmdb.Value) error {
			if len(values)-before == limits.Entries {
				return fmt.Errorf("offset %d: more than %d entries", value.Offset, limits.Entries)
			}
			values = append(values, stored{i, value})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s: offset 0: no entries in %v", l.dir, paths)
	}
	first, err := headerOf(values[0].value, limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", paths[values[0].category], err)
	}
	shape := Shape{len(values), side, side, 3}
	total, err := sizeOf(len(values), side, side, 3, limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.dir, err)
	}
	to, err := target(shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.dir, err)
	}
	images := &Images{Height: side, Width: side, Channels: 3, Labels: make([]int32, len(values)), Classes: slices.Clone(categories)}
	size := total / len(values)
	var seen codecs
	i, err := Each(len(values), func() func(int) error {
		var d decoder
		pixels := make([]uint8, size)
		return func(i int) error {
			images.Labels[i] = int32(values[i].category)
			if err := d.decode(entryOf(values[i].value, limits), pixels, shape, true, l.options); err != nil {
				return err
			}
			seen.note(d.codec)
			_, err := to.WriteAt(pixels, int64(i)*int64(size))
			return err
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: offset %d: entry %d: %w", paths[values[i].category], values[i].value.Offset, i, err)
	}
	images.History = seen.history(first, side, l.options)
	return images, nil
}

// entryOf is a value as a picture file.
func entryOf(value lmdb.Value, limits Limits) entry {
	return entry{open: func() (io.ReadCloser, error) {
		data, err := value.Read(limits.EntryBytes)
		return io.NopCloser(bytes.NewReader(data)), err
	}}
}

func headerOf(value lmdb.Value, limits Limits) (header, error) {
	var d decoder
	h, err := d.header(entryOf(value, limits), limits)
	if err != nil {
		return h, fmt.Errorf("offset %d: %w", value.Offset, err)
	}
	return h, nil
}
