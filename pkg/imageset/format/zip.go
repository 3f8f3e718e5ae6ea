package format

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// zipTree is a zip of pictures.
type zipTree struct {
	path    string
	options Options
}

func (z zipTree) splits() ([]Split, error) {
	archive, t, err := z.open()
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	return t.splits(), nil
}

func (z zipTree) read(split string, target Target) (*Images, error) {
	archive, t, err := z.open()
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	return t.read(split, target)
}

// open lists the archive. Its entries can be read until it is closed.
func (z zipTree) open() (io.Closer, *tree, error) {
	archive, err := zip.OpenReader(z.path)
	if err != nil && !(errors.Is(err, zip.ErrInsecurePath) && archive != nil) { // listZip names the entry
		return nil, nil, fmt.Errorf("%s: not a readable zip: %w", z.path, err)
	}
	entries, err := listZip(&archive.Reader, z.options.Limits)
	if err == nil {
		var t *tree
		if t, err = newTree(z.path, entries, z.options); err == nil {
			return archive, t, nil
		}
	}
	archive.Close()
	return nil, nil, fmt.Errorf("%s: %w", z.path, err)
}

// listZip returns the archive's files. Names that leave the archive, links,
// repeated names and encrypted entries are refused: no honest set has them.
func listZip(archive *zip.Reader, limits Limits) ([]entry, error) {
	if len(archive.File) > limits.Entries {
		return nil, fmt.Errorf("%d entries: expected at most %d", len(archive.File), limits.Entries)
	}
	entries := make([]entry, 0, len(archive.File))
	seen := make(map[string]bool, len(archive.File))
	for _, file := range archive.File {
		name := file.Name
		switch {
		case !filepath.IsLocal(name) || strings.Contains(name, `\`):
			return nil, fmt.Errorf("entry %q: the name is not a plain path inside the archive, with / between folders", name)
		case strings.HasSuffix(name, "/"):
			continue
		case ignoredPath(name):
			continue
		case !file.Mode().IsRegular():
			return nil, fmt.Errorf("entry %q: expected a file, found a link or device", name)
		case file.Flags&1 != 0:
			return nil, fmt.Errorf("entry %q: is encrypted", name)
		case seen[name]:
			return nil, fmt.Errorf("entry %q: is there twice", name)
		}
		seen[name] = true
		entries = append(entries, entry{name: name, open: func() (io.ReadCloser, error) { return file.Open() }})
	}
	return entries, nil
}
